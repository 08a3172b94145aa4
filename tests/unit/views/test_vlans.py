"""VLANs in tables and stories, with and without a bridge that filters VLANs."""

from dataclasses import replace

from evpnd.model.events import FdbObserved
from evpnd.model.ids import parse_ip, parse_route_target
from evpnd.model.rows import NUD_REACHABLE, FdbRow, PortVlans
from evpnd.views import routes, show
from evpnd.views.explain import explain_mac
from tests.fakes.host import (
    VTEP,
    Host,
    announce,
    announce_imet,
    attributes,
    config,
)
from tests.fakes.kernel import BRIDGE, PORTS, VXLAN, FakeKernel
from tests.fakes.shared_bridge import shared_host, vni_of
from tests.unit.views.explain_host import (
    FAR,
    FARTHER,
    MAC,
    ONE,
    mac_story,
    story,
    texts,
)

VLANS = {index: PortVlans(10, frozenset({10})) for index in (BRIDGE, VXLAN, *PORTS)}
OTHER = b"\2\0\0\0\0\2"
IP = parse_ip("192.0.2.10")


def host(*, filtering: bool = True) -> Host:
    """Return a host with a local MAC, and a remote one with an IP."""
    kernel = FakeKernel(VTEP)
    if filtering:
        kernel = FakeKernel(VTEP, vlans=(10,), port_vlans=VLANS)
    here = Host(kernel)
    here.up()
    here.run(announce(ONE, attributes(FAR), FAR, OTHER, OTHER + IP))
    here.run(announce_imet(ONE, FAR))
    vlan = here.vrf.domain.vlan
    here.kernel.bridge[MAC] = row = FdbRow(
        True, PORTS[0], MAC, vlan, NUD_REACHABLE, 0, parse_ip(FAR)[:0]
    )
    here.run(FdbObserved([row]))
    return here


def vlans(here: Host) -> dict[str, set[int | None]]:
    tables = {
        "evis": show.evis(here.query),
        "macs": show.macs(here.query),
        "neighbors": show.neighbors(here.query),
        "routes": routes.routes(here.query),
    }
    return {name: {row["vlan"] for row in rows} for name, rows in tables.items()}


def test_rows_have_the_vlan_that_their_evi_stands_in() -> None:
    assert set(map(frozenset, vlans(host()).values())) == {frozenset({10})}


def test_without_vlans_it_is_null_and_no_story_names_one() -> None:
    here = host(filtering=False)

    assert set(map(frozenset, vlans(here).values())) == {frozenset({None})}
    assert {step["vlan"] for step in mac_story(here)} == {None}
    assert "vlan" not in " ".join(step["text"] for step in mac_story(here)).lower()


def test_an_evi_without_devices_has_the_vlan_of_its_configuration() -> None:
    (evi,) = config().evis
    here = Host(configuration=config(evis=(replace(evi, vlan=7),)))

    assert [row["vlan"] for row in show.evis(here.query)] == [7]


def test_a_route_that_no_evi_imports_has_none() -> None:
    here = host()
    path = replace(attributes(FAR), route_targets=(parse_route_target("65000:9"),))
    here.run(announce(ONE, path, FAR, OTHER, OTHER + IP))

    found = {row["type"]: row["vlan"] for row in routes.routes(here.query)}
    assert found == {2: None, 3: 10}


def test_the_story_of_a_local_mac_names_bridge_and_vlan() -> None:
    steps = mac_story(host())

    (text,) = texts(steps, "local")
    assert text.startswith("it is on local port t12 in VLAN 10 of br100 (dynamic)")
    assert texts(steps, "found") == ["02:00:00:00:00:01 dev t12 vlan 10 master"]
    assert {step["vlan"] for step in steps if step["vni"]} == {10}


def test_the_story_of_a_remote_mac_names_bridge_and_vlan() -> None:
    here = host()
    told = story(here)
    explain_mac(told, OTHER, None)

    (wanted,) = texts(told.steps, "wanted")
    assert wanted.endswith("on vx100, and its bridge row in VLAN 10 of br100")
    assert texts(told.steps, "found") == [
        "02:00:00:00:00:02 dev vx100 vlan 10 master extern_learn",
        "02:00:00:00:00:02 dev vx100 dst 10.0.0.2 self extern_learn",
    ]


def test_rows_of_another_vni_of_the_device_are_not_told() -> None:
    here = shared_host(10, 20, single=True)
    for vlan, far in ((10, FAR), (20, FARTHER)):
        target = parse_route_target(f"65000:{vni_of(vlan)}")
        path = replace(attributes(far), route_targets=(target,))
        here.run(announce(ONE, path, far, OTHER))
    told = story(here)
    explain_mac(told, OTHER, vni_of(20))

    assert texts(told.steps, "found") == [
        "02:00:00:00:00:02 dev vx0 vlan 20 master extern_learn",
        "02:00:00:00:00:02 dev vx0 dst 10.0.0.3 src_vni 10020 self extern_learn",
    ]


def test_rows_of_another_vlan_are_not_told() -> None:
    here = host()
    row = here.kernel.bridge[MAC]
    here.kernel.spare[MAC] = row._replace(vlan=20, ifindex=PORTS[1])

    assert texts(mac_story(here), "found") == [
        "02:00:00:00:00:01 dev t12 vlan 10 master"
    ]
