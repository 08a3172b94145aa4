"""Identifiers: text to octets and back."""

import pytest

from evpnd.model.ids import (
    format_ip,
    format_mac,
    format_rd,
    format_route_target,
    is_link_local,
    is_tenant_ip,
    parse_asn,
    parse_ip,
    parse_mac,
    parse_rd,
    parse_route_target,
    parse_vni,
)


def test_mac_text_is_read_in_both_usual_forms() -> None:
    mac = b"\2\0\0\0\0\1"

    assert parse_mac("02:00:00:00:00:01") == parse_mac("02-00-00-00-00-01") == mac
    assert format_mac(mac) == "02:00:00:00:00:01"


@pytest.mark.parametrize("text", ["02:00:00:00:00", "02:00-00:00:00:01", "x", ""])
def test_what_is_no_mac_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="MAC address"):
        parse_mac(text)


@pytest.mark.parametrize("raw", [0, 1 << 24, -1])
def test_a_vni_has_24_bits_and_is_not_zero(raw: int) -> None:
    with pytest.raises(ValueError, match="VNI"):
        parse_vni(raw)


@pytest.mark.parametrize(
    ("text", "octets"),
    [
        ("65000:10100", "0002fde800002774"),
        ("4200000001:10100", "0202fa56ea012774"),
        ("10.0.0.1:7", "01020a0000010007"),
    ],
)
def test_route_targets_go_both_ways(text: str, octets: str) -> None:
    assert parse_route_target(text).hex() == octets
    assert format_route_target(bytes.fromhex(octets)) == text


@pytest.mark.parametrize(
    "text", ["4200000001:65536", "10.0.0.1:65536", "65000:4294967296", "65000", "a:b"]
)
def test_a_route_target_that_does_not_fit_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=text.split(":", maxsplit=1)[0]):
        parse_route_target(text)


@pytest.mark.parametrize(
    ("text", "asn"),
    [("65001", 65001), ("1.0", 65536), ("64086.59905", 4200000001), ("0.65001", 65001)],
)
def test_as_numbers_are_read_plain_and_in_asdot(text: str, asn: int) -> None:
    assert parse_asn(text) == asn
    assert parse_rd(f"{text}:9") == parse_rd(f"{asn}:9")
    assert parse_route_target(f"{text}:9") == parse_route_target(f"{asn}:9")


@pytest.mark.parametrize(
    "text", ["4294967296", "1.65536", "65536.1", "1.2.3", "1.", ".1", "x", "", "-1"]
)
def test_what_is_no_as_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="AS"):
        parse_asn(text)


@pytest.mark.parametrize(
    ("text", "link_local"),
    [
        ("fe80::1", True),
        ("febf::1", True),
        ("fec0::1", False),
        ("fe7f::1", False),
        ("169.254.0.1", True),
        ("169.255.0.1", False),
    ],
)
def test_link_local_addresses(text: str, link_local: bool) -> None:
    assert is_link_local(parse_ip(text)) is link_local


@pytest.mark.parametrize("text", ["10.0.0.1:100", "65000:7", "4200000001:9"])
def test_route_distinguishers_go_both_ways(text: str) -> None:
    assert format_rd(parse_rd(text)) == text


def test_an_rd_of_an_unknown_type_is_shown_as_octets() -> None:
    assert format_rd(bytes.fromhex("000300010002ffff")) == "0x000300010002ffff"


def test_an_address_with_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        parse_ip("fe80::1%eth0")
    assert format_ip(parse_ip("2001:DB8::0:1")) == "2001:db8::1"
    assert format_ip(parse_ip("::ffff:a00:9")) == "::ffff:10.0.0.9"
    assert format_ip(parse_ip("::a00:9")) == "::a00:9"


@pytest.mark.parametrize(
    ("text", "usable"),
    [
        ("192.0.2.1", True),
        ("2001:db8::1", True),
        ("169.254.1.1", False),
        ("fe80::1", False),
        ("255.255.255.255", False),
        ("127.0.0.1", False),
        ("0.0.0.0", False),
    ],
)
def test_addresses_of_a_link_or_a_host_are_no_tenants(text: str, usable: bool) -> None:
    assert is_tenant_ip(parse_ip(text)) is usable
