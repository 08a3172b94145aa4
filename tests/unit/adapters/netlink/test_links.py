import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evpnd.adapters.netlink.links import parse_links
from evpnd.adapters.netlink.rtnl import attribute, nested
from evpnd.model.events import AddressObserved, LinkObserved, LinkVanished
from evpnd.model.rows import BridgePort, Link, VxlanLink
from tests.unit.adapters.netlink.octets import notification

NEW, DEL, NEW_ADDRESS, DEL_ADDRESS = 16, 17, 20, 21
UP = 0x1003


def link_message(*attributes: bytes, kind: int = NEW, family: int = 0) -> bytes:
    body = struct.pack("=BxHiII", family, 1, 10, UP, 0) + b"".join(attributes)
    return notification(kind, body.hex())


def u32(value: int) -> bytes:
    return struct.pack("=I", value)


VXLAN = link_message(
    attribute(3, b"vx0\0"),
    attribute(16, b"\x00"),
    attribute(4, u32(1450)),
    attribute(10, u32(9)),
    attribute(1, bytes.fromhex("c272db13321c")),
    attribute(20, b"evpnd\0"),
    nested(
        18,
        attribute(1, b"vxlan\0"),
        nested(
            2,
            attribute(1, u32(77)),
            attribute(4, bytes([10, 0, 0, 1])),
            attribute(7, b"\x00"),
            attribute(15, b"\x12\xb5"),
        ),
        attribute(4, b"bridge\0"),
        nested(
            5,
            attribute(1, b"\x03"),
            attribute(8, b"\x00"),
            attribute(32, b"\x01"),
        ),
    ),
)
EXPECTED = Link(
    ifindex=10,
    name="vx0",
    kind="vxlan",
    up=True,
    carrier=True,
    master=9,
    mac=bytes.fromhex("c272db13321c"),
    mtu=1450,
    alias="evpnd",
    vxlan=VxlanLink(77, bytes([10, 0, 0, 1]), 4789, learning=False, external=False),
    port=BridgePort(learning=False, neigh_suppress=True, forwarding=True),
)


def test_a_vxlan_port_is_read_with_all_that_is_nested() -> None:
    assert parse_links(VXLAN).events == [LinkObserved(EXPECTED)]


def test_a_plain_link_has_neither_kind_nor_port() -> None:
    (event,) = parse_links(link_message(attribute(3, b"eth0\0"))).events

    assert isinstance(event, LinkObserved)
    assert (event.link.kind, event.link.vxlan, event.link.port) == ("", None, None)


def test_a_bridge_tells_when_it_forgets_silent_macs() -> None:
    about = nested(18, attribute(1, b"bridge\0"), nested(2, attribute(4, u32(1250))))
    (event,) = parse_links(link_message(about)).events

    assert isinstance(event, LinkObserved)
    assert event.link.ageing == 12.5


@pytest.mark.parametrize("filtering", [False, True])
def test_a_bridge_tells_whether_it_filters_vlans(filtering: bool) -> None:
    data = nested(2, attribute(7, bytes([filtering])))
    (event,) = parse_links(link_message(nested(18, attribute(1, b"bridge\0"), data)))[0]

    assert isinstance(event, LinkObserved)
    assert event.link.vlan_filtering is filtering


def test_a_vlan_device_tells_its_bridge_and_vlan() -> None:
    about = nested(18, attribute(1, b"vlan\0"), nested(2, attribute(1, b"\x0a\x00")))
    (event,) = parse_links(link_message(attribute(5, u32(9)), about)).events

    assert isinstance(event, LinkObserved)
    assert (event.link.lower, event.link.vlan_id) == (9, 10)


@pytest.mark.parametrize("kind", [112, 113, 120, 121])
def test_a_change_of_vlans_asks_to_read_them_again(kind: int) -> None:
    assert parse_links(notification(kind, "07000000" + "05000000")).vlans
    assert not parse_links(VXLAN).vlans


@pytest.mark.parametrize("maps", [False, True])
def test_a_port_that_maps_vlans_asks_to_read_them_again(maps: bool) -> None:
    port = nested(12, attribute(1, b"\x03"), attribute(29, bytes([maps])))
    told = parse_links(link_message(port, family=7))

    assert (told.ports, told.vlans) == ({10}, maps)


@pytest.mark.parametrize("on", [False, True])
def test_an_external_device_tells_its_filter_and_its_port_the_tunnel(on: bool) -> None:
    flag = bytes([on])
    about = nested(
        18,
        attribute(1, b"vxlan\0"),
        nested(2, attribute(25, flag), attribute(30, flag)),
        attribute(4, b"bridge\0"),
        nested(5, attribute(29, flag)),
    )
    (event,) = parse_links(link_message(about)).events

    assert isinstance(event, LinkObserved)
    vxlan, port = event.link.vxlan, event.link.port
    assert vxlan is not None
    assert port is not None
    assert (vxlan.external, vxlan.vnifilter, port.vlan_tunnel) == (on, on, on)


@pytest.mark.parametrize(("operstate", "carrier"), [(0, True), (6, True), (2, False)])
def test_an_unknown_operational_state_counts_as_up(
    operstate: int, carrier: bool
) -> None:
    (event,) = parse_links(link_message(attribute(16, bytes([operstate])))).events

    assert isinstance(event, LinkObserved)
    assert event.link.carrier is carrier


def test_a_removed_link_is_told_by_its_index() -> None:
    assert parse_links(link_message(kind=DEL)).events == [LinkVanished(10)]


def test_a_port_notification_asks_to_read_the_link_again() -> None:
    told = parse_links(link_message(family=7) + link_message(kind=DEL, family=7))

    assert told.ports == {10}
    assert not told.events, "leaving a bridge is no end of the link"


@pytest.mark.parametrize(("kind", "present"), [(NEW_ADDRESS, True), (20 + 1, False)])
def test_the_local_end_of_an_address_is_told(kind: int, present: bool) -> None:
    body = struct.pack("=BBBBI", 2, 32, 0, 0, 4)
    both = attribute(1, bytes([192, 0, 2, 2])) + attribute(2, bytes([192, 0, 2, 1]))
    octets = notification(kind, (body + both).hex())

    assert parse_links(octets).events == [
        AddressObserved(4, bytes([192, 0, 2, 1]), present=present, length=32)
    ]


def test_an_ipv6_address_has_no_local_attribute() -> None:
    ip = bytes.fromhex("20010db8000000000000000000000001")
    body = struct.pack("=BBBBI", 10, 64, 0, 0, 4) + attribute(1, ip)
    octets = notification(DEL_ADDRESS, body.hex())

    assert parse_links(octets).events == [
        AddressObserved(4, ip, present=False, length=64)
    ]


@pytest.mark.parametrize("size", range(len(VXLAN)))
def test_a_cut_message_tells_nothing(size: int) -> None:
    assert not parse_links(VXLAN[:size]).events


@given(st.integers(0, len(VXLAN) - 1), st.integers(0, 255))
def test_no_octet_that_is_wrong_raises(at: int, value: int) -> None:
    parse_links(VXLAN[:at] + bytes([value]) + VXLAN[at + 1 :])


@given(st.binary(max_size=100), st.sampled_from([NEW, DEL, NEW_ADDRESS, DEL_ADDRESS]))
def test_no_body_raises(body: bytes, kind: int) -> None:
    parse_links(notification(kind, body.hex()))
    parse_links(body)
