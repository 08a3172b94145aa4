import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evpnd.adapters.netlink.rtnl import attribute, nested
from evpnd.adapters.netlink.vlans import FilterDump, VlanDump
from evpnd.model.rows import PortVlans, VniFilter
from tests.unit.adapters.netlink.octets import notification

NEW_VLAN, NEW_TUNNEL = 112, 120
VLANS = bytes.fromhex(
    "180000007000020000000000330300000700000002000000"
    "c80000007000020000000000330300000700000003000000300001800800010000000a000500030003"
    "0000000c000480080001001a27000005000900000000000500060001000000380001800800010000001"
    "4000600020018000000050003000300"
    "00000c000480080001002427000005000900000000000500060001000000240001800800010000001e00"
    "050003000300000005000900000000000500060001000000240001800800010006001f0005000300030"
    "0000005000900000000000500060001000000"
    "4400000070000200000000003303000007000000040000002c0001800800010000000a0006000200140"
    "00000050003000300000005000900000000000500060001000000"
)
"""A dump of RTM_GETVLAN, by Linux 6.12: bridge br0 (ifindex 2) in none, vx0 (3) in 10,
20-24, 30 and, untagged and as PVID, 31, with VLAN 10 mapped to VNI 10010 and 20-24 to
10020-10024; d1 (4) in 10-20."""
FILTER = bytes.fromhex(
    "3800000078000200000000003403000007000000030000000c000180080001001a2700001400018008"
    "000100242700000800020028270000"
)
"""A dump of RTM_GETTUNNEL, by Linux 6.12: the VNI filter of vx0."""


def vlans(*pieces: bytes) -> dict[int, PortVlans]:
    dump = VlanDump()
    for octets in pieces:
        dump.take(octets)
    return dump.read()


def vni_filters(*pieces: bytes) -> dict[int, VniFilter]:
    dump = FilterDump()
    for octets in pieces:
        dump.take(octets)
    return dump.read()


def test_vlans_and_tunnel_maps_of_ports_are_read() -> None:
    inside = frozenset({10, *range(20, 25), 30, 31})
    mapped = {10: 10010} | {vlan: 10000 + vlan for vlan in range(20, 25)}
    trunk = frozenset(range(10, 21))

    assert vlans(VLANS) == {
        2: PortVlans(0, frozenset()),
        3: PortVlans(31, inside, inside - {31}, mapped),
        4: PortVlans(0, trunk, trunk),
    }


def test_the_vni_filter_of_a_device_is_read() -> None:
    assert vni_filters(FILTER) == {3: (range(10010, 10011), range(10020, 10025))}


def message(kind: int, *entries: bytes) -> bytes:
    body = struct.pack("=BxxxI", 7, 10) + b"".join(entries)
    return notification(kind, body.hex())


def entry(flags: int, first: int, last: int = 0, vni: int = 0) -> bytes:
    parts = [attribute(1, struct.pack("=HH", flags, first))]
    if last:
        parts.append(attribute(2, struct.pack("=H", last)))
    if vni:
        parts.append(nested(4, attribute(1, struct.pack("=I", vni))))
    return nested(1, *parts)


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([entry(6, 1)], PortVlans(1, frozenset({1}))),
        ([entry(4, 1), entry(6, 10)], PortVlans(10, frozenset({1, 10}))),
        (
            [entry(0, 1), entry(6, 10)],
            PortVlans(10, frozenset({1, 10}), frozenset({1})),
        ),
        (
            [entry(0, 5, 7, 4096), entry(4, 11, 12)],
            PortVlans(
                0,
                frozenset({5, 6, 7, 11, 12}),
                frozenset({5, 6, 7}),
                {5: 4096, 6: 4097, 7: 4098},
            ),
        ),
        ([nested(1, attribute(1, b"\0\0"))], PortVlans(0, frozenset())),
    ],
)
def test_the_vlans_of_a_port_are_read(
    entries: list[bytes], expected: PortVlans
) -> None:
    assert vlans(message(NEW_VLAN, *entries)) == {10: expected}
    # Of another kind, and of another table.
    assert vlans(message(NEW_TUNNEL, *entries)) == {}


def test_a_port_with_many_vlans_comes_in_pieces() -> None:
    pieces = [message(NEW_VLAN, entry(0, vlan, 0, 3 * vlan)) for vlan in range(1, 50)]
    found = vlans(b"".join(pieces[:20]), b"".join(pieces[20:]))

    assert found[10].tunnels == {vlan: 3 * vlan for vlan in range(1, 50)}
    assert found[10].tagged == frozenset(range(1, 50))


def test_a_long_vni_filter_comes_in_pieces_and_is_put_in_order() -> None:
    def vni(first: int) -> bytes:
        return message(NEW_TUNNEL, nested(1, attribute(1, struct.pack("=I", first))))

    assert vni_filters(vni(30) + vni(10), vni(20)) == {
        10: (range(10, 11), range(20, 21), range(30, 31))
    }


@given(st.integers(0, len(VLANS) - 1), st.integers(0, 255))
def test_no_octet_of_vlans_that_is_wrong_raises(at: int, value: int) -> None:
    vlans(VLANS[:at] + bytes([value]) + VLANS[at + 1 :], VLANS[:at])


@given(st.integers(0, len(FILTER) - 1), st.integers(0, 255))
def test_no_octet_of_a_filter_that_is_wrong_raises(at: int, value: int) -> None:
    vni_filters(FILTER[:at] + bytes([value]) + FILTER[at + 1 :], FILTER[:at])


@given(st.binary(max_size=100), st.sampled_from([NEW_VLAN, NEW_TUNNEL]))
def test_no_body_raises(body: bytes, kind: int) -> None:
    vlans(notification(kind, body.hex()), body)
    vni_filters(notification(kind, body.hex()), body)
