"""What `discover` takes, what it passes over and why, and what is told of it."""

from dataclasses import replace

import pytest

from evpnd.core.evi.discovery import describe_reload
from evpnd.model.actions import DeleteFlood, DeleteRemoteMacs, DeleteVxlanRows
from evpnd.model.config import Config
from evpnd.model.events import ConfigChanged, LinkObserved, LinkVanished
from evpnd.model.ids import parse_ip, parse_vni
from evpnd.model.rows import Link, VxlanLink
from tests.fakes.host import (
    PEERS,
    Host,
    announce,
    announce_imet,
    attributes,
    config,
)
from tests.fakes.kernel import VXLAN

REMOTE = b"\2remot"
DISCOVERS = config(evis=(), discover=True)
Told = list[dict[str, object]]


def told(here: Host, event: str) -> Told:
    return [notice.fields for notice in here.notices if notice.event == event]


def device(here: Host, vni: int, ifindex: int, **vxlan: object) -> Link:
    """Another VXLAN device, in no bridge."""
    base = here.engine.inventory.links.by_index[VXLAN]
    assert base.vxlan is not None
    mine: VxlanLink = base.vxlan._replace(vni=vni, **vxlan)  # type: ignore[arg-type]
    return base._replace(ifindex=ifindex, name=f"vx{ifindex}", master=0, vxlan=mine)


@pytest.mark.parametrize(
    ("vni", "changed", "reason"),
    [
        (7, {"local": b""}, "it has no local address"),
        (7, {"learning": True}, "`ip link set vx50 type vxlan nolearning`"),
        (0, {"external": True}, "it is external (collect metadata), not for one VNI"),
        (100, {}, "vx100 carries VNI 100 already"),
    ],
)
def test_a_device_that_is_passed_over_is_told_once_with_the_reason(
    vni: int, changed: dict[str, object], reason: str
) -> None:
    here = Host(configuration=DISCOVERS)
    other = device(here, vni, 50, **changed)
    here.run(LinkObserved(other))
    here.run(LinkObserved(other._replace(mtu=9000)))

    (passed,) = told(here, "device_passed_over")
    assert (passed["device"], passed["vni"]) == ("vx50", vni or None)
    assert reason in str(passed["reason"])
    assert list(here.engine.inventory.vrfs) == [100]


def test_a_device_of_a_configured_evi_is_passed_over_only_where_it_is_another() -> None:
    here = Host(configuration=config(discover=True))
    assert told(here, "device_passed_over") == []
    here.run(LinkObserved(device(here, 100, 50)))

    (passed,) = told(here, "device_passed_over")
    assert passed["reason"] == "EVI tenant of the configuration has its VNI 100"


def test_without_discover_nothing_is_passed_over() -> None:
    here = Host()
    here.run(LinkObserved(device(here, 7, 50, local=b"")))

    assert told(here, "device_passed_over") == []


def test_a_discovered_evi_that_goes_with_its_device_is_told() -> None:
    here = Host(configuration=DISCOVERS)
    here.run(LinkObserved(device(here, 7, 50)), LinkObserved(device(here, 8, 51)))
    here.run(LinkVanished(50), LinkObserved(device(here, 8, 51, learning=True)))

    gone = {fields["vni"]: fields for fields in told(here, "evi_removed")}
    assert gone[7] == {
        "evi": "vni-7",
        "vni": 7,
        "device": "vx50",
        "reason": "there is no VXLAN device vx50",
    }
    assert "it learns from the data plane" in str(gone[8]["reason"])


def discovered() -> Host:
    """Have an EVI that was discovered, with the rows of a remote MAC and its IP."""
    here = Host(configuration=DISCOVERS)
    here.up()
    key = REMOTE + parse_ip("192.0.2.9")
    here.run(
        announce(PEERS[0], attributes("10.0.0.9"), "10.0.0.9", REMOTE, key),
        announce_imet(PEERS[0], "10.0.0.9"),
    )
    kernel = here.kernel
    assert kernel.vxlan
    assert kernel.flood
    assert kernel.neighbors
    return here


def test_a_discovered_evi_that_goes_leaves_no_rows_on_devices_that_stay() -> None:
    here = discovered()
    link = here.engine.inventory.links.by_index[VXLAN]
    assert link.vxlan is not None
    here.run(LinkObserved(link._replace(vxlan=link.vxlan._replace(learning=True))))

    kernel = here.kernel
    assert list(here.engine.inventory.vrfs) == []
    assert (kernel.vxlan, kernel.flood, kernel.neighbors) == ({}, {}, {})
    assert REMOTE not in kernel.bridge


def test_a_discovered_evi_that_goes_with_its_device_leaves_no_neighbours() -> None:
    here = discovered()
    here.actions.clear()
    here.run(LinkVanished(VXLAN))

    kinds = DeleteRemoteMacs, DeleteVxlanRows, DeleteFlood
    assert not any(isinstance(action, kinds) for action in here.actions)
    assert here.kernel.neighbors == {}


def test_a_reload_tells_what_is_discovered_before_or_after() -> None:
    (evi,) = config().evis
    here = Host(configuration=config(discover=True))
    here.run(LinkObserved(device(here, 7, 50)))
    inventory = here.engine.inventory
    both = config(
        evis=(evi, replace(evi, vni=parse_vni(7), name="seven", vxlan="vx50"))
    )

    def changes(old: Config, new: Config) -> list[str]:
        return describe_reload(old, new, inventory.links, inventory.vrfs)

    discovers = "discover changed: from {} to {}"
    now = config(discover=True)
    assert changes(now, replace(both, discover=True)) == [
        "EVI seven (VNI 7) was discovered; it stays up, as configured"
    ]
    assert changes(now, replace(now, evis=())) == [
        "EVI tenant (VNI 100) is now a discovered one; it stays up"
    ]
    assert changes(now, config()) == [
        discovers.format("true", "false"),
        "EVI vni-7 (VNI 7) removed; it was discovered",
    ]
    here.run(ConfigChanged(config()))
    assert changes(config(), now) == [
        discovers.format("false", "true"),
        "EVI vni-7 (VNI 7) discovered",
    ]
