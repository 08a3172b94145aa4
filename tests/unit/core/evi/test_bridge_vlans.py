"""EVIs on bridges that filter VLANs: one VLAN is theirs, the others are not."""

from dataclasses import replace
from typing import TypeVar

import pytest

from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.model.actions import (
    DeleteNeighbors,
    DeleteRemoteMacs,
    SendProbes,
    SnoopPorts,
    UpsertLocalNeighbors,
    UpsertNeighbors,
    UpsertRemoteMacs,
)
from evpnd.model.events import (
    AddressObserved,
    BindingsSnooped,
    Event,
    FdbObserved,
    Heard,
    LinkObserved,
    LinkVanished,
    NeighborsObserved,
    VlansObserved,
)
from evpnd.model.ids import parse_ip, parse_vni
from evpnd.model.rows import (
    NUD_REACHABLE,
    FdbRow,
    Link,
    NeighborRow,
    PortVlans,
    VxlanLink,
)
from tests.fakes.host import (
    PEERS,
    VTEP,
    Host,
    announce,
    attributes,
    config,
    withdraw,
)
from tests.fakes.kernel import BRIDGE, PORTS, VXLAN, FakeKernel
from tests.unit.core.local.binding_host import IP4, A, B, C, told

ONE, TWO = PORTS
FAR = "10.0.0.9"
SVI = 30
BOTH = frozenset({1, 10})
VLANS = {
    BRIDGE: PortVlans(1, frozenset({1})),
    VXLAN: PortVlans(10, BOTH),
    ONE: PortVlans(10, BOTH),
    TWO: PortVlans(1, BOTH, frozenset({10})),
}
"""The default of most systems: all ports stay in VLAN 1 besides their own."""
SVI_LINK = Link(
    *(SVI, "br100.10", "vlan", True, True, 0, b"\2svi00", 1500, ""),
    lower=BRIDGE,
    vlan_id=10,
)


def made(vlans: dict[int, PortVlans] | None = None, *others: Link) -> Host:
    kernel = FakeKernel(VTEP, vlans=(10,), port_vlans=vlans or VLANS, others=others)
    host = Host(kernel)
    host.up()
    return host


def learn(mac: bytes, port: int, vlan: int, *, present: bool = True) -> Event:
    return FdbObserved([FdbRow(present, port, mac, vlan, NUD_REACHABLE, 0, b"")])


def remote(host: Host, *keys: bytes) -> None:
    host.run(announce(PEERS[0], attributes(FAR), FAR, *keys))


T = TypeVar("T")


def of_kind(host: Host, kind: type[T]) -> list[T]:
    return [action for action in host.actions if isinstance(action, kind)]


def test_macs_of_another_vlan_are_not_announced() -> None:
    host = made()
    host.run(learn(A, ONE, 10), learn(B, TWO, 1), learn(C, TWO, 10))

    assert told(host).keys() == {A, C}
    # The same MAC in another VLAN is another station.
    host.run(learn(A, TWO, 1), learn(A, TWO, 1, present=False))
    assert told(host).keys() == {A, C}
    assert host.vrf.macs.local[A].port == ONE


def test_a_dump_leaves_out_the_other_vlans() -> None:
    kernel = FakeKernel(VTEP, vlans=(10,), port_vlans=VLANS)
    kernel.frame(ONE, A)
    kernel.spare[B] = FdbRow(True, TWO, B, 1, NUD_REACHABLE, 0, b"")
    host = Host(kernel)
    host.up()

    assert told(host).keys() == {A}


def test_rows_are_written_and_removed_in_the_vlan_alone() -> None:
    host = made()
    remote(host, A)
    assert of_kind(host, UpsertRemoteMacs) == [
        UpsertRemoteMacs(host.vrf.domain, parse_ip(FAR), [A])
    ]
    assert host.vrf.domain.vlan == 10
    host.run(withdraw(PEERS[0], FAR, A))
    assert of_kind(host, DeleteRemoteMacs) == [DeleteRemoteMacs(host.vrf.domain, [A])]


def test_a_local_mac_of_another_vlan_takes_no_row_of_ours() -> None:
    host = made()
    remote(host, A)
    host.run(learn(A, TWO, 1))

    assert host.vrf.fdb.actual == {A: parse_ip(FAR)}
    assert told(host) == {}


def test_arp_is_heard_on_the_ports_that_are_in_the_vlan() -> None:
    host = made()
    assert of_kind(host, SnoopPorts)[-1] == SnoopPorts(
        frozenset({ONE, TWO}), frozenset({TWO})
    )
    ports = VLANS | {TWO: PortVlans(1, frozenset({1}))}
    host.run(VlansObserved(ports))
    assert of_kind(host, SnoopPorts)[-1] == SnoopPorts(frozenset({ONE}))


def test_a_tenant_whose_answers_are_of_another_vlan_is_not_asked() -> None:
    """Its port sends frames of the VLAN without a tag, and takes them for another's."""
    host = made(VLANS | {TWO: PortVlans(1, BOTH)}, SVI_LINK)
    host.run(learn(B, TWO, 10))
    row = NeighborRow(True, SVI, IP4, B, NUD_REACHABLE, 0, 0)
    host.run(NeighborsObserved([row]))
    for _ in range(40):
        host.now += 10
        host.run()
    assert told(host).keys() == {B, B + IP4}
    host.run(NeighborsObserved([row._replace(present=False)]))

    assert told(host).keys() == {B}
    assert of_kind(host, SendProbes) == []


def test_neighbours_are_on_the_vlan_device() -> None:
    host = made(None, SVI_LINK)
    host.run(*host.kernel.frame(ONE, A), BindingsSnooped([Heard(ONE, A, IP4)]))
    remote(host, C, C + parse_ip("192.0.2.30"))

    noted = of_kind(host, UpsertLocalNeighbors)
    bound = of_kind(host, UpsertNeighbors)
    assert {each.domain.svi for each in (*noted, *bound)} == {SVI}
    # What the bridge itself has is of its own VLAN.
    row = NeighborRow(True, BRIDGE, parse_ip("192.0.2.9"), A, NUD_REACHABLE, 0, 0)
    host.run(NeighborsObserved([row]))
    assert told(host).keys() == {A, A + IP4}


def test_without_a_vlan_device_no_neighbour_is_written_and_that_is_noted() -> None:
    host = made()
    host.run(*host.kernel.frame(ONE, A), BindingsSnooped([Heard(ONE, A, IP4)]))
    remote(host, C, C + parse_ip("192.0.2.30"))

    assert told(host).keys() == {A, A + IP4}
    assert of_kind(host, UpsertLocalNeighbors) == of_kind(host, UpsertNeighbors) == []
    several, silent = host.vrf.notes
    assert several == (
        "vx100 is in VLAN 1 of br100 as well, and so sends frames of it into the VNI "
        "of VLAN 10: `bridge vlan del dev vx100 vid 1`"
    )
    assert "ip link add link br100 name br100.10 type vlan id 10" in silent


def test_a_vlan_device_that_comes_and_goes_costs_no_route() -> None:
    host = made()
    host.run(*host.kernel.frame(ONE, A), BindingsSnooped([Heard(ONE, A, IP4)]))
    remote(host, C, C + parse_ip("192.0.2.30"))
    before = len(host.bgp)
    host.kernel.others = (SVI_LINK,)
    host.run(LinkObserved(SVI_LINK))
    assert {row.ifindex for row in host.kernel.neighbors.values()} == {SVI}
    assert len(host.kernel.neighbors) == 2
    host.kernel.neighbors.clear()
    host.run(LinkVanished(SVI))

    assert (host.vrf.domain.svi, host.vrf.neighbors.actual) == (0, {})
    assert len(host.bgp) == before
    host.run(LinkObserved(SVI_LINK))
    assert len(host.kernel.neighbors) == 2


def test_the_bridges_own_addresses_count_in_its_own_vlan() -> None:
    gateway = parse_ip("192.0.2.254")
    same = VLANS | {BRIDGE: PortVlans(10, BOTH)}
    for vlans, expected in ((VLANS, set()), (same, {gateway})):
        host = made(vlans)
        host.run(AddressObserved(BRIDGE, gateway, present=True))
        assert host.vrf.own_ips == expected


@pytest.mark.parametrize("pvid", [0, 20])
def test_another_vlan_of_the_port_is_followed(pvid: int) -> None:
    host = made()
    host.run(*host.kernel.frame(ONE, A))
    remote(host, C)
    before = host.vrf.domain
    host.kernel.port_vlans = VLANS | {VXLAN: PortVlans(pvid, frozenset({pvid}) - {0})}
    host.kernel.vlans = (pvid or 10,)
    host.run(VlansObserved(host.kernel.port_vlans))
    assert told(host) == {}
    if pvid:
        assert of_kind(host, DeleteRemoteMacs) == [DeleteRemoteMacs(before, [C])]
        assert of_kind(host, UpsertRemoteMacs)[-1].domain == before._replace(vlan=20)
        assert host.vrf.ready
        return
    assert host.vrf.reason == (
        "vx100 has no untagged VLAN in br100, which filters VLANs: "
        "`bridge vlan add dev vx100 vid VLAN pvid untagged`"
    )
    assert of_kind(host, DeleteRemoteMacs) == []
    host.kernel.port_vlans = VLANS
    host.run(VlansObserved(VLANS))
    assert told(host).keys() == {A}


def test_filtering_that_is_turned_on_and_off_is_followed() -> None:
    host = Host()
    host.up()
    host.run(learn(A, ONE, 0), learn(B, TWO, 0))
    remote(host, C)
    host.kernel.port_vlans = VLANS
    host.kernel.vlans = (10,)
    host.kernel.bridge = {A: FdbRow(True, ONE, A, 10, NUD_REACHABLE, 0, b"")}
    host.kernel.bridge[B] = FdbRow(True, TWO, B, 1, NUD_REACHABLE, 0, b"")
    bridge = next(each for each in host.kernel.links() if each.ifindex == BRIDGE)
    host.run(LinkObserved(bridge))
    assert host.vrf.reason == "the VLANs of vx100 are not known yet"
    host.run(VlansObserved(VLANS))
    assert told(host).keys() == {A}
    assert of_kind(host, UpsertRemoteMacs)[-1].domain.vlan == 10
    host.run(LinkObserved(bridge._replace(vlan_filtering=False)))

    assert told(host).keys() == {A, B}
    assert of_kind(host, DeleteNeighbors) == []


def test_vlans_that_are_as_they_were_are_no_reason_to_look_at_devices() -> None:
    host = made()
    before = host.engine.inventory.domains
    host.run(VlansObserved(dict(VLANS)))
    assert host.engine.inventory.domains is before
    host.run(VlansObserved(VLANS, {VXLAN: (range(10, 20),)}))
    assert host.engine.inventory.domains is not before


TAKEN = (
    "br100 already carries EVI tenant; give each VNI its own bridge, or a VLAN of it: "
    "`ip link set br100 type bridge vlan_filtering 1`"
)


def second(bridge: int = BRIDGE) -> Link:
    vxlan = VxlanLink(200, VTEP, 4789, learning=False, external=False)
    return Link(
        *(21, "vx200", "vxlan", True, True, bridge, b"\2vx200", 1500, "", vxlan)
    )


@pytest.mark.parametrize("discover", [False, True])
def test_a_second_evi_on_a_bridge_without_vlans_is_told(discover: bool) -> None:
    settings = config()
    (evi,) = settings.evis
    other = replace(evi, vni=parse_vni(200), name="other")
    evis = (evi,) if discover else (evi, other)
    settings = replace(settings, evis=evis, discover=discover)
    host = Host(FakeKernel(VTEP, others=(second(),)), settings)
    vrf: MacVrf = host.engine.inventory.vrfs[200]

    assert host.vrf.ready
    assert vrf.reason == TAKEN
    (notice,) = (each for each in host.notices if each.event == "evi_not_ready")
    assert (notice.fields["vni"], notice.fields["reason"]) == (200, vrf.reason)


def test_a_second_evi_whose_device_is_down_takes_no_ports() -> None:
    settings = config()
    (evi,) = settings.evis
    other = replace(evi, vni=parse_vni(200), name="other")
    kernel = FakeKernel(VTEP, others=(second()._replace(up=False),))
    host = Host(kernel, replace(settings, evis=(evi, other)))
    host.up()
    host.run(learn(A, ONE, 0))

    assert told(host).keys() == {A}
    assert host.engine.inventory.vrfs[200].reason == TAKEN
