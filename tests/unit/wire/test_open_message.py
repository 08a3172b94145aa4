"""OPEN messages: what is read, what is passed over, what is refused and how."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evpnd.wire.open_message import (
    GracefulRestart,
    OpenError,
    OpenMessage,
    check_open,
    decode_open,
)

EVPN = bytes.fromhex("0104 00190046")
ASN4 = bytes.fromhex("4104 fa56ea01")
HEAD = bytes.fromhex("04 fde8 005a 0a0000fe")


def parameter(capabilities: bytes) -> bytes:
    return bytes([2, len(capabilities)]) + capabilities


def opening(*capabilities: bytes, head: bytes = HEAD) -> bytes:
    parameters = b"".join(map(parameter, capabilities))
    return head + bytes([len(parameters)]) + parameters


def extended(*capabilities: bytes, length: int = 255) -> bytes:
    parameters = b"".join(
        b"\2" + len(each).to_bytes(2, "big") + each for each in capabilities
    )
    return HEAD + bytes([length, 255]) + len(parameters).to_bytes(2, "big") + parameters


def refused(body: bytes) -> tuple[int, bytes]:
    with pytest.raises(OpenError) as raised:
        decode_open(body)
    assert raised.value.reason
    return raised.value.subcode, raised.value.data


def test_the_fixed_part_and_no_capability() -> None:
    assert decode_open(HEAD + b"\0") == OpenMessage(
        asn=65000,
        asn4=False,
        hold_time=90,
        router_id=bytes([10, 0, 0, 254]),
        families=(),
        restart=None,
        route_refresh=False,
        enhanced_refresh=False,
    )


@pytest.mark.parametrize("together", [False, True])
def test_capabilities_in_one_parameter_or_in_many(*, together: bool) -> None:
    ipv4 = bytes.fromhex("0104 00010001")
    some = (ipv4, EVPN, b"\x02\x00", bytes.fromhex("4006 8078 00194680"), b"\x46\x00")
    message = decode_open(opening(b"".join(some)) if together else opening(*some))

    assert message.families == ((1, 1), (25, 70))
    assert message.restart == GracefulRestart(8, 120, {(25, 70): 0x80})
    assert message.route_refresh
    assert message.enhanced_refresh


def test_the_capability_gives_the_as_of_four_octets() -> None:
    message = decode_open(opening(ASN4, head=b"\x04\x5b\xa0" + HEAD[3:]))

    assert (message.asn, message.asn4) == (4200000001, True)


def test_of_several_graceful_restarts_the_last_one_counts() -> None:
    first, last = bytes.fromhex("4002 0078"), bytes.fromhex("4006 0005 00194600")

    assert decode_open(opening(first, last)).restart == GracefulRestart(
        0, 5, {(25, 70): 0}
    )


@pytest.mark.parametrize(
    "capability",
    [
        "4504 00194603",  # ADD-PATH
        "4503 001946",
        "4707 00194680 00012c",  # long-lived graceful restart (RFC 9494)
        "4903 ff4142",  # a host name that is too short
        "0600",  # extended messages
        "0500",
        "8000",
        "b700",
        "ff00",
        "0000",
    ],
)
def test_capabilities_that_are_of_no_use_are_passed_over(capability: str) -> None:
    octets = bytes.fromhex(capability)

    assert decode_open(opening(EVPN, octets)) == decode_open(opening(EVPN))


def test_extended_lengths_are_read_whatever_the_short_one_says() -> None:
    long = b"\x49\xff" + bytes(255)
    message = decode_open(extended(EVPN, long, long))

    assert message.families == ((25, 70),)
    assert decode_open(extended(EVPN, length=1)).families == ((25, 70),)


@pytest.mark.parametrize(
    "body",
    [
        HEAD,
        HEAD + b"\x01",
        HEAD + b"\0\0",
        HEAD + b"\xff" + parameter(EVPN),
        HEAD + b"\x07" + parameter(EVPN),
        HEAD + b"\x09" + parameter(EVPN),
        HEAD + b"\x08\x02\x07" + EVPN,
        HEAD + b"\x08\x02\x06\x01\x05\0\x19\0\x46",
        HEAD + b"\x03\x02\x01\x01",
        HEAD + b"\x01\x02",
        HEAD + b"\xff\xff",
        HEAD + b"\xff\xff\x00",
        HEAD + b"\xff\xff\x00\x09" + parameter(EVPN),
        opening(b"\x01\x03\0\x19\0"),
        opening(b"\x41\x02\xfd\xe8"),
        opening(b"\x40\x01\0"),
        opening(b"\x40\x05\0\x78\0\x19\x46"),
    ],
)
def test_lengths_that_cannot_be_are_malformed(body: bytes) -> None:
    assert refused(body) == (0, b"")


def test_what_else_is_wrong_has_a_subcode_of_its_own() -> None:
    assert refused(b"\x03" + HEAD[1:] + b"\0") == (1, b"\0\x04")
    assert refused(HEAD + b"\x03\x01\x01\x00") == (4, b"")
    assert refused(opening(ASN4)) == (2, b"")


@given(st.binary(max_size=64), st.sampled_from([b"", HEAD, HEAD + b"\xff\xff"]))
def test_any_octets_are_read_or_refused(octets: bytes, head: bytes) -> None:
    with contextlib.suppress(OpenError):
        decode_open(head + octets)


def check(body: bytes, *, expected: int = 65000, local_id: int = 0x0A000001) -> None:
    check_open(
        decode_open(body),
        expected_asn=expected,
        local_asn=65000,
        local_id=local_id.to_bytes(4, "big"),
    )


def test_a_peer_that_is_meant_is_accepted() -> None:
    check(opening(EVPN))
    # RFC 6286: identifiers are unique within an AS only.
    other = b"\x04\xfd\xf2" + HEAD[3:]
    check(opening(EVPN, head=other), expected=65010, local_id=0x0A0000FE)


@pytest.mark.parametrize(
    ("body", "subcode", "reason"),
    [
        (opening(EVPN, head=b"\4\0\1" + HEAD[3:]), 2, "AS 1, configured is AS 65000"),
        (opening(EVPN, head=HEAD[:5] + bytes(4)), 3, "0.0.0.0"),
        (opening(EVPN, head=HEAD[:5] + b"\x0a\0\0\1"), 3, "is ours, 10.0.0.1"),
        (opening(EVPN, head=HEAD[:3] + b"\0\1" + HEAD[5:]), 6, "1 s"),
        (opening(EVPN, head=HEAD[:3] + b"\0\2" + HEAD[5:]), 6, "2 s"),
        (opening(), 7, "only IPv4 unicast"),
        (opening(bytes.fromhex("0104 00020001")), 7, "only AFI 2 SAFI 1"),
    ],
)
def test_a_peer_that_is_not_meant_is_told_why(
    body: bytes, subcode: int, reason: str
) -> None:
    with pytest.raises(OpenError, match=reason) as raised:
        check(body)
    assert raised.value.subcode == subcode
    assert raised.value.data == (EVPN if subcode == 7 else b"")
