import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evpnd.adapters.netlink.rtnl import attribute, nested
from evpnd.adapters.netlink.vlans import parse_vlans, parse_vni_filters, vni_filters
from evpnd.model.rows import PortVlans
from tests.unit.adapters.netlink.octets import notification

PORT = bytes.fromhex(
    "1c02000010000200000000003403000007000100030000004310010000000000080003007678300008"
    "000a000200000008000400dc05000005001000000000000a00010076e631f8bbba000058010c800500"
    "0100030000000600020020000000080003006400000005000400000000000500050000000000050006"
    "0000000000050007000000000005001c00000000000500080000000000050009000100000005001b00"
    "0100000005001e000100000005000a000000000005000c00000000000c000d00800076e631f8bbba0c"
    "000e00800076e631f8bbba06000f000180000006001000000000000600110001800000060012000100"
    "00000500130000000000050014000000000005001d000100000006001f000000000005002000010000"
    "000500230000000000050024000000000005002100000000000500270000000000050028000000000"
    "005002b00000000000c001500000000000000000004001a000c001600e10400000000000004001a000"
    "c0017000000000000000000050019000100000008002500000200000800260000000000080029000000"
    "000008002a000000000078001a000800020000000a0008000200080014000800020010001800080002"
    "0000001e001c000300080001001a270000060002000a00000006000300000000001c00030008000100"
    "24270000060002001400000006000300080000001c0003000800010028270000060002001800000006"
    "00030010000000"
)
"""One message of a dump of AF_BRIDGE links, by Linux 6.12: port vx0 (ifindex 3) in
VLANs 10, 20-24 and 30, with VLAN 10 mapped to VNI 10010 and 20-24 to 10020-10024."""
FILTER = bytes.fromhex(
    "3800000078000200000000003403000007000000030000000c000180080001001a2700001400018008"
    "000100242700000800020028270000"
)
"""The answer to RTM_GETTUNNEL, by Linux 6.12: the VNI filter of vx0."""


def test_the_tunnel_map_of_a_port_is_read() -> None:
    vlans = frozenset({10, 20, 21, 22, 23, 24, 30})
    tunnels = {10: 10010} | {vlan: 10000 + vlan for vlan in range(20, 25)}

    assert parse_vlans(PORT) == {3: PortVlans(0, vlans, vlans, tunnels)}


def test_the_vni_filter_of_a_device_is_read() -> None:
    found: dict[int, list[range]] = {}
    parse_vni_filters(FILTER, found)

    assert vni_filters(found) == {3: (range(10010, 10011), range(10020, 10025))}


def test_a_vni_filter_in_several_messages_is_one() -> None:
    found: dict[int, list[range]] = {}
    other = FILTER.replace(bytes.fromhex("1a270000"), bytes.fromhex("01000000"), 1)
    parse_vni_filters(FILTER[:-20].replace(b"\x38", b"\x24", 1), found)
    parse_vni_filters(other, found)

    assert vni_filters(found)[3] == (
        range(1, 2),
        range(10010, 10011),
        range(10020, 10025),
    )


def port(*infos: bytes) -> bytes:
    body = struct.pack("=BxHiII", 7, 1, 10, 0x1003, 0) + nested(26, *infos)
    return notification(16, body.hex())


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([], PortVlans(0, frozenset())),
        ([(6, 1)], PortVlans(1, frozenset({1}))),
        ([(4, 1), (6, 10)], PortVlans(10, frozenset({1, 10}))),
        ([(0, 1), (6, 10)], PortVlans(10, frozenset({1, 10}), frozenset({1}))),
        (
            [(8, 5), (16, 7), (2, 9), (12, 11), (20, 12)],
            PortVlans(9, frozenset({5, 6, 7, 9, 11, 12}), frozenset({5, 6, 7, 9})),
        ),
        # A range that was cut off in front, or never ends.
        ([(16, 7), (8, 20)], PortVlans(0, frozenset({7}), frozenset({7}))),
    ],
)
def test_the_vlans_of_a_port_are_read(
    entries: list[tuple[int, int]], expected: PortVlans
) -> None:
    infos = [attribute(2, struct.pack("=HH", *entry)) for entry in entries]

    assert parse_vlans(port(*infos)) == {10: expected}


def tunnel(flags: int, vlan: int, vni: int) -> bytes:
    return nested(
        3,
        attribute(1, struct.pack("=I", vni)),
        attribute(2, struct.pack("=H", vlan)),
        attribute(3, struct.pack("=H", flags)),
    )


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([(0, 10, 100)], {10: 100}),
        ([(8, 10, 100), (16, 12, 102), (0, 20, 7)], {10: 100, 11: 101, 12: 102, 20: 7}),
        ([(16, 12, 102), (8, 20, 7)], {12: 102}),
    ],
)
def test_ranges_of_a_tunnel_map_are_read(
    entries: list[tuple[int, int, int]], expected: dict[int, int]
) -> None:
    found = parse_vlans(port(*(tunnel(*entry) for entry in entries)))

    assert found[10].tunnels == expected


def test_only_a_bridges_links_have_vlans() -> None:
    body = struct.pack("=BxHiII", 0, 1, 10, 0x1003, 0) + attribute(3, b"eth0\0")

    assert parse_vlans(notification(16, body.hex())) == {}


def test_a_port_without_vlans_has_none() -> None:
    body = struct.pack("=BxHiII", 7, 1, 10, 0x1003, 0) + attribute(2, b"\0")

    assert parse_vlans(notification(16, body.hex())) == {10: PortVlans(0, frozenset())}


@given(st.integers(0, len(PORT) - 1), st.integers(0, 255))
def test_no_octet_of_a_port_that_is_wrong_raises(at: int, value: int) -> None:
    parse_vlans(PORT[:at] + bytes([value]) + PORT[at + 1 :])


@given(st.integers(0, len(FILTER)), st.integers(0, 255))
def test_no_octet_of_a_filter_that_is_wrong_raises(at: int, value: int) -> None:
    parse_vni_filters(FILTER[:at] + bytes([value]) + FILTER[at + 1 :], {})
    parse_vni_filters(FILTER[:at], {})


@given(st.binary(max_size=100), st.sampled_from([16, 120]))
def test_no_body_raises(body: bytes, kind: int) -> None:
    parse_vlans(notification(kind, body.hex()))
    parse_vni_filters(notification(kind, body.hex()), {})
    parse_vlans(body)
