"""The MTU of VXLAN devices: what the routes to the VTEPs carry, less the headers."""

from dataclasses import replace

import pytest

from evpnd.core.evi.links import Links
from evpnd.core.evi.underlay import GATHER, likely_mtu
from evpnd.model.actions import CreateDevices, MeasurePaths
from evpnd.model.events import LinkObserved, LinksDumped
from evpnd.model.ids import parse_ip, parse_vni
from evpnd.model.rows import Link
from evpnd.views.plan import Change
from tests.fakes.host import PEERS, Host, announce_imet, config, withdraw_imet
from tests.fakes.kernel import PORTS, VXLAN
from tests.unit.views.planning import planned

FAR, NEAR = "10.0.0.2", "10.0.0.3"

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


def present(*links: Link, extra: tuple[tuple[int, bytes], ...] = ()) -> Links:
    addresses = {(each.ifindex, ROUTED) for each in links}
    found = Links()
    known = frozenset({(1, VTEP), *addresses, *extra})
    found.replace(LinksDumped((LOOPBACK, *links), known))
    return found


def test_the_vxlan_header_comes_off_the_smallest_uplink() -> None:
    host = present(link(2, 9000), link(3, 1600))

    assert likely_mtu(host, VTEP, ()) == 1550
    assert likely_mtu(host, VTEP_6, ()) == 1530


def test_the_device_that_has_the_vtep_address_decides() -> None:
    host = present(link(2, 9000), link(3, 1600), extra=((2, VTEP),))

    assert likely_mtu(host, VTEP, ()) == 8950


def test_what_leads_to_no_underlay_does_not_count() -> None:
    host = present(
        link(2, 9000),
        link(3, 1400, kind="bridge"),
        link(4, 1400, kind="vxlan"),
        link(5, 1400, up=False),
        link(6, 1400)._replace(master=3),
        link(7, 1400),
    )
    host.put(link(8, 1400))
    host.observe_address(8, LINK_LOCAL, present=True)
    host.put(link(9, 1400))

    assert likely_mtu(host, VTEP, ("d7",)) == 8950


def test_without_an_uplink_ethernet_is_assumed() -> None:
    assert likely_mtu(present(), VTEP, ()) == 1450


def found() -> Host:
    here = Host()
    here.up()
    return here


def managed() -> Host:
    """Have the devices of a managed EVI there, as an earlier run left them."""
    (plain,) = config().evis
    here = Host(configuration=config(evis=(replace(plain, manage=True),)))
    links = (each for each in here.kernel.links() if each.ifindex not in PORTS)
    here.run(*(LinkObserved(each._replace(alias="evpnd")) for each in links))
    here.up()
    here.later(1.0)
    here.actions.clear()
    return here


def made(here: Host) -> list[int]:
    return [each.mtu for each in here.actions if isinstance(each, CreateDevices)]


def asked(here: Host) -> list[tuple[bytes, ...]]:
    return [each.vteps for each in here.actions if isinstance(each, MeasurePaths)]


@pytest.mark.parametrize(("route", "mtu"), [(9000, 8950), (1400, 1350), (65536, 65485)])
def test_a_managed_device_follows_the_smallest_route(route: int, mtu: int) -> None:
    here = managed()
    here.kernel.routes = {parse_ip(FAR): route, parse_ip(NEAR): 65536}
    here.run(announce_imet(PEERS[0], FAR), announce_imet(PEERS[0], NEAR))
    here.later(GATHER)
    here.later(1.0)

    assert asked(here) == [(parse_ip(FAR), parse_ip(NEAR))]
    assert set(made(here)) == {mtu}


def test_a_managed_device_whose_vteps_are_gone_stays_as_it_is() -> None:
    here = managed()
    here.kernel.routes[parse_ip(FAR)] = 1550
    here.run(announce_imet(PEERS[0], FAR))
    here.later(GATHER)
    here.run(withdraw_imet(PEERS[0], FAR))
    here.later(GATHER)

    assert made(here) == []


def test_a_found_device_that_is_too_large_has_a_note() -> None:
    here = found()
    here.kernel.routes[parse_ip(FAR)] = 1500
    here.run(announce_imet(PEERS[0], FAR))
    here.later(GATHER)
    noted = here.vrf.notes
    here.kernel.routes[parse_ip(FAR)] = 1550
    (vxlan,) = (each for each in here.kernel.links() if each.ifindex == VXLAN)
    here.run(LinkObserved(vxlan._replace(alias="looked at again")))
    here.later(GATHER)

    (note,) = noted
    assert note == (
        "vx100 has an MTU of 1500, but the underlay carries 1450: the route to VTEP "
        "10.0.0.2 takes 1500, VXLAN needs 50 (ip link set vx100 mtu 1450)"
    )
    assert here.vrf.notes == ()
    assert made(here) == []


def test_routes_are_looked_up_once_for_many_changes() -> None:
    here = found()
    here.actions.clear()
    for number in range(2, 30):
        here.run(announce_imet(PEERS[0], f"10.0.0.{number}"))
    here.later(GATHER)
    here.later(60.0)

    assert list(map(len, asked(here))) == [1, 28]


def test_the_first_plan_of_a_managed_evi_knows_its_mtu() -> None:
    here = found()
    (plain,) = config().evis
    new = replace(plain, vni=parse_vni(200), name="two", manage=True, ports=("p9",))
    port = Link(99, "p9", "veth", True, True, 0, b"\2\0\0\0\0\x63", 1500, "")
    here.run(LinkObserved(port))

    def of(name: str, plan: list[Change]) -> Change:
        (change,) = (c for c in plan if c.get("name") == name)
        return change

    plan = planned(here, config(evis=(plain, new)))

    assert of("vx200", plan)["mtu"] == 1450
    assert of("two", plan)["notes"] == [
        "frames of p9 may be larger than the MTU of vx200, 1450"
    ]
