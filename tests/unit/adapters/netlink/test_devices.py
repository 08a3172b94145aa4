from evpnd.adapters.netlink.devices import underlay_mtu
from evpnd.model.events import LinksDumped
from evpnd.model.rows import Link

VTEP = bytes([10, 0, 0, 1])
VTEP_6 = bytes.fromhex("fd000000000000000000000000000001")
ROUTED = bytes([10, 255, 0, 1])
LINK_LOCAL = bytes.fromhex("fe800000000000000000000000000001")


def link(ifindex: int, mtu: int, *, kind: str = "", up: bool = True) -> Link:
    return Link(
        ifindex=ifindex,
        name=f"d{ifindex}",
        kind=kind,
        up=up,
        carrier=up,
        master=0,
        mac=b"\2\0\0\0\0\1",
        mtu=mtu,
        alias="",
    )


LOOPBACK = link(1, 65536)._replace(mac=bytes(6))


def present(*links: Link, extra: tuple[tuple[int, bytes], ...] = ()) -> LinksDumped:
    addresses = {(each.ifindex, ROUTED) for each in links}
    return LinksDumped((LOOPBACK, *links), frozenset({(1, VTEP), *addresses, *extra}))


def test_the_vxlan_header_comes_off_the_smallest_uplink() -> None:
    host = present(link(2, 9000), link(3, 1600))

    assert underlay_mtu(host, VTEP, ()) == 1550
    assert underlay_mtu(host, VTEP_6, ()) == 1530


def test_the_device_that_has_the_vtep_address_decides() -> None:
    host = present(link(2, 9000), link(3, 1600), extra=((2, VTEP),))

    assert underlay_mtu(host, VTEP, ()) == 8950


def test_what_leads_to_no_underlay_does_not_count() -> None:
    host = present(
        link(2, 9000),
        link(3, 1400, kind="bridge"),
        link(4, 1400, kind="vxlan"),
        link(5, 1400, up=False),
        link(6, 1400)._replace(master=3),
        link(7, 1400),
    )
    unaddressed = LinksDumped(
        (*host.links, link(8, 1400)), host.addresses | {(8, LINK_LOCAL)}
    )

    assert underlay_mtu(unaddressed, VTEP, ("d7",)) == 8950


def test_without_an_uplink_ethernet_is_assumed() -> None:
    assert underlay_mtu(present(), VTEP, ()) == 1450
