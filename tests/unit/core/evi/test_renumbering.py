"""Another VTEP address: a managed device takes it, and peers never lose a route."""

from dataclasses import replace

import pytest

from evpnd.core.evi.news import MAKING
from evpnd.core.evi.vtep_address import PAUSE
from evpnd.model.actions import (
    AnnounceImet,
    AnnounceMacIp,
    CreateDevices,
    WithdrawImet,
    WithdrawMacIp,
)
from evpnd.model.config import Config, VtepConfig
from evpnd.model.events import (
    AddressObserved,
    ConfigChanged,
    DeviceActionFailed,
    LinkObserved,
)
from evpnd.model.ids import Ip, parse_ip
from evpnd.model.rows import Link
from evpnd.views.show import evis
from tests.fakes.host import PEERS, VTEP, Host, announce, attributes, config
from tests.fakes.kernel import BRIDGE, PORTS, VXLAN

LOCAL, REMOTE = b"\2\0\0\0\0\1", b"\2\0\0\0\0\2"
NEW = parse_ip("10.0.0.11")
FAR = "10.0.0.2"
TOLD = AnnounceMacIp | AnnounceImet | WithdrawMacIp | WithdrawImet


def managed(vtep: bytes) -> Config:
    (evi,) = config().evis
    return config(evis=(replace(evi, manage=True),), vtep=VtepConfig(Ip(vtep)))


def host() -> Host:
    here = Host(configuration=managed(VTEP))
    here.up()
    ours = (
        LinkObserved(link._replace(alias="evpnd"))
        for link in here.kernel.links()
        if link.ifindex in (BRIDGE, VXLAN)
    )
    here.run(DeviceActionFailed("vx100", "busy"))  # it was tried a moment ago
    here.run(*ours, *here.kernel.frame(PORTS[0], LOCAL))
    here.run(announce(PEERS[0], attributes(FAR), FAR, REMOTE))
    here.actions.clear()
    here.bgp.clear()
    return here


def renumbered(here: Host, vtep: bytes = NEW) -> LinkObserved:
    """Give what the kernel says when the device has the other address."""
    link = next(each for each in here.kernel.links() if each.ifindex == VXLAN)
    assert link.vxlan is not None
    there = link.vxlan._replace(local=vtep)
    return LinkObserved(link._replace(alias="evpnd", vxlan=there))


def test_routes_are_replaced_and_rows_stay() -> None:
    here = host()

    here.run(ConfigChanged(managed(NEW)))
    assert any(isinstance(each, CreateDevices) for each in here.actions)
    here.run(renumbered(here))

    told = [each for each in here.bgp if isinstance(each, TOLD)]
    assert [type(each) for each in told if not isinstance(each, AnnounceMacIp)] == [
        AnnounceImet,
        WithdrawImet,
    ]
    macs = [each for each in told if isinstance(each, AnnounceMacIp)]
    assert [(each.keys, each.advert.next_hop) for each in macs] == [([LOCAL], NEW)]
    assert here.vrf.ready
    assert here.vrf.fdb.actual == {REMOTE: parse_ip(FAR)}


def test_the_change_is_told() -> None:
    here = host()

    here.run(ConfigChanged(managed(NEW)))

    told = [each for each in here.notices if each.event == "vtep_changed"]
    assert [each.fields for each in told] == [{"was": "10.0.0.1", "vtep": "10.0.0.11"}]


def of_interface() -> Host:
    """Take the VTEP address from eth0, which has it."""
    (evi,) = config().evis
    here = Host(
        configuration=config(
            evis=(replace(evi, manage=True),), vtep=VtepConfig(None, "eth0")
        )
    )
    here.up()
    uplink = Link(9, "eth0", "", True, True, 0, b"\2eth0\0", 1500, "")
    ours = (
        LinkObserved(link._replace(alias="evpnd"))
        for link in here.kernel.links()
        if link.ifindex in (BRIDGE, VXLAN)
    )
    here.run(LinkObserved(uplink), AddressObserved(9, VTEP, present=True), *ours)
    assert here.vrf.ready
    here.bgp.clear()
    return here


@pytest.mark.parametrize("six", [False, True])
def test_an_address_that_is_away_for_a_moment_costs_nothing(*, six: bool) -> None:
    here = of_interface()
    if six:
        other = parse_ip("2001:db8::1")
        here.run(AddressObserved(9, other, present=True))

    here.run(AddressObserved(9, VTEP, present=False))
    here.later(PAUSE / 2)
    here.run(AddressObserved(9, VTEP, present=True))
    here.later(2 * PAUSE)

    assert here.bgp == []
    assert here.vrf.ready


def test_an_address_that_stays_away_ends_the_announcements() -> None:
    here = of_interface()

    here.run(AddressObserved(9, VTEP, present=False))
    assert here.engine.next_deadline() is not None
    here.later(PAUSE + 0.1)

    assert here.vrf.reason == "the VTEP address is not known yet"
    assert any(isinstance(each, WithdrawImet) for each in here.bgp)
    here.later(MAKING + 0.1)
    assert "evi_not_ready" in [each.event for each in here.notices]


def test_another_interface_without_an_address_is_taken_at_once() -> None:
    here = of_interface()

    here.run(ConfigChanged(replace(here.engine.config, vtep=VtepConfig(None, "lo0"))))

    assert not here.vrf.ready


def test_an_address_that_no_interface_has_is_told() -> None:
    here = of_interface()
    assert here.vrf.notes == ()
    nowhere = Ip(parse_ip("10.0.0.99"))
    wanted = replace(here.engine.config, vtep=VtepConfig(nowhere))

    here.run(ConfigChanged(wanted))

    told = [each for each in here.notices if each.event == "evi_noted"]
    note = "no interface has the VTEP address 10.0.0.99"
    assert [each.fields["notes"] for each in told] == [[note]]
    (row,) = evis(here.query)
    assert row["notes"] == [note]
    here.run(AddressObserved(9, nowhere, present=True))
    assert here.vrf.notes == ()


def test_the_next_address_of_the_interface_is_taken_at_once() -> None:
    here = of_interface()

    here.run(AddressObserved(9, VTEP, present=False))
    here.run(AddressObserved(9, NEW, present=True))
    here.run(renumbered(here))

    assert here.vrf.vtep == NEW
    assert [type(each) for each in here.bgp] == [AnnounceImet, WithdrawImet]


def test_a_device_that_refuses_the_address_ends_the_announcements() -> None:
    here = host()

    here.run(ConfigChanged(managed(NEW)))
    here.run(DeviceActionFailed("vx100", "refused"))

    assert not here.vrf.ready
    assert here.vrf.reason == "vx100 refused"
    assert any(isinstance(each, WithdrawMacIp) for each in here.bgp)


def test_an_address_of_the_other_family_makes_another_device() -> None:
    here = host()

    here.run(ConfigChanged(managed(parse_ip("2001:db8::1"))))

    assert not here.vrf.ready
