"""Several EVIs on one bridge that filters VLANs: a row is its VLAN's EVI's alone."""

from dataclasses import replace

import pytest

from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.core.kernel.audit import ROUND
from evpnd.model.actions import (
    AuditRows,
    AuditTables,
    DeleteRemoteMacs,
    DumpFdb,
    DumpNeighbors,
    SendProbes,
    SnoopPorts,
    UpsertNeighbors,
    UpsertRemoteMacs,
)
from evpnd.model.domain import Domain
from evpnd.model.events import (
    BindingsSnooped,
    Event,
    FdbDumped,
    FdbObserved,
    FdbTooLarge,
    Heard,
    KernelOverran,
    LinkObserved,
    UpdateReceived,
    VlansObserved,
)
from evpnd.model.ids import parse_ip, parse_rd, parse_route_target
from evpnd.model.routes import MacIpBatch, Update
from evpnd.model.rows import (
    NTF_EXT_LEARNED,
    NUD_PERMANENT,
    NUD_REACHABLE,
    FdbRow,
    PortVlans,
)
from tests.fakes.host import NO_ESI, NO_TAG, PEERS, Host, attributes
from tests.fakes.kernel import BRIDGE
from tests.fakes.shared_bridge import (
    ONE,
    TWO,
    SharedBridge,
    shared_config,
    shared_host,
    svi_of,
    vni_of,
    vxlan_of,
)

A, B = b"\2aaaaa", b"\2bbbbb"
IP = parse_ip("192.0.2.10")
FAR = "10.0.0.9"


def vrf_of(host: Host, vlan: int) -> MacVrf:
    return host.engine.inventory.vrfs[vni_of(vlan)]


def bridge_of(host: Host) -> SharedBridge:
    kernel: object = host.kernel
    assert isinstance(kernel, SharedBridge)
    return kernel


def learn(vlan: int, mac: bytes, port: int, *, present: bool = True) -> Event:
    return FdbObserved([FdbRow(present, port, mac, vlan, NUD_REACHABLE, 0, b"")])


def route(vlan: int, *keys: bytes, sequence: int = 0, gone: bool = False) -> Event:
    vni = vni_of(vlan)
    rd, label = parse_rd(f"{FAR}:{vlan}"), vni.to_bytes(3, "big")
    if gone:
        batch = MacIpBatch(rd, NO_TAG, b"", b"", list(keys))
        return UpdateReceived(PEERS[0], Update(None, [], [], [batch], []))
    path = attributes(FAR, sequence)
    path = replace(path, route_targets=(parse_route_target(f"65000:{vni}"),))
    batch = MacIpBatch(rd, NO_TAG, NO_ESI, label, list(keys))
    return UpdateReceived(PEERS[0], Update(path, [batch], [], [], []))


def local(host: Host, vlan: int) -> set[bytes]:
    return set(vrf_of(host, vlan).macs.local)


def of_kind(host: Host, kind: type) -> list:
    return [action for action in host.actions if isinstance(action, kind)]


def test_all_evis_of_a_bridge_are_ready_after_one_dump_of_it() -> None:
    host = shared_host(10, 20, 30)

    assert all(vrf.ready for vrf in host.engine.inventory.vrfs.values())
    assert of_kind(host, DumpFdb) == [DumpFdb(BRIDGE)]
    assert {each.ifindex for each in of_kind(host, DumpNeighbors)} == {
        svi_of(vlan) for vlan in (10, 20, 30)
    }
    assert vrf_of(host, 20).domain == Domain(BRIDGE, 20, vxlan_of(20), 0, svi_of(20))


def test_after_lost_notifications_a_bridge_is_dumped_once() -> None:
    host = shared_host(10, 20, 30)
    host.run(KernelOverran("lost"))
    host.later(2)

    assert len(of_kind(host, DumpFdb)) == 2


def test_a_dump_is_shared_out_by_vlan() -> None:
    kernel = SharedBridge(10, 20)
    kernel.vlans[10].frame(ONE, A)
    kernel.vlans[20].frame(TWO, A)
    kernel.vlans[20].frame(TWO, B)
    host = Host(kernel, shared_config(10, 20))  # type: ignore[arg-type]
    host.up()

    assert local(host, 10) == {A}
    assert local(host, 20) == {A, B}
    assert vrf_of(host, 10).macs.local[A].port == ONE
    assert vrf_of(host, 20).macs.local[A].port == TWO


def test_a_mac_is_local_in_one_vlan_and_remote_in_another() -> None:
    host = shared_host(10, 20)
    host.run(learn(10, A, ONE), route(20, A))

    assert local(host, 10) == {A}
    assert vrf_of(host, 20).fdb.actual == {A: parse_ip(FAR)}
    # What is stolen in one VLAN is not lost in the other.
    host.run(learn(20, A, TWO))
    assert local(host, 10) == local(host, 20) == {A}
    assert vrf_of(host, 20).macs.sequence[A] == 1
    assert A not in vrf_of(host, 10).macs.sequence


def test_a_frame_with_a_mac_of_another_vlan_takes_nothing_away() -> None:
    host = shared_host(10, 20)
    host.run(route(10, A))
    before = len(host.actions)
    host.run(learn(20, A, TWO))

    assert vrf_of(host, 10).fdb.actual == {A: parse_ip(FAR)}
    assert not any(
        isinstance(action, UpsertRemoteMacs | DeleteRemoteMacs)
        for action in host.actions[before:]
    )
    assert [n.event for n in host.notices if n.event == "mac_moved"] == []


def test_a_ports_own_mac_is_own_in_the_vlans_of_the_port_alone() -> None:
    host = shared_host(10, 20)
    own = FdbRow(True, TWO, A, 0, NUD_PERMANENT, 0, b"")
    host.run(FdbObserved([own, own._replace(vlan=20)]))

    assert A in vrf_of(host, 20).macs.own
    assert A not in vrf_of(host, 10).macs.own
    host.run(FdbObserved([own._replace(vlan=20, present=False)]))
    assert A not in vrf_of(host, 20).macs.own


@pytest.mark.parametrize(
    ("port", "tag", "vlan"),
    [(ONE, 0, 10), (ONE, 20, 20), (TWO, 10, 10), (TWO, 20, 20)],
)
def test_what_is_heard_is_of_the_tags_vlan_or_of_the_ports_own(
    port: int, tag: int, vlan: int
) -> None:
    host = shared_host(10, 20)
    host.run(learn(10, A, port), learn(20, A, port))
    host.run(BindingsSnooped([Heard(port, A, IP, tag)]))

    other = 30 - vlan
    assert vrf_of(host, vlan).bindings.snooped == {IP: A}
    assert vrf_of(host, other).bindings.snooped == {}


@pytest.mark.parametrize(("port", "tag"), [(TWO, 0), (ONE, 30), (TWO, 30)])
def test_a_frame_that_the_bridge_drops_says_nothing(port: int, tag: int) -> None:
    host = shared_host(10, 20, 30)
    kernel = bridge_of(host)
    for each in (ONE, TWO):
        known = kernel.port_vlans[each]
        kernel.port_vlans[each] = PortVlans(
            known.pvid, known.vlans - {30}, known.tagged - {30}
        )
    host.run(VlansObserved(dict(kernel.port_vlans)))
    host.run(*(learn(vlan, A, port) for vlan in (10, 20, 30)))
    host.run(BindingsSnooped([Heard(port, A, IP, tag)]))

    assert all(
        vrf.bindings.snooped == {} and vrf.remembered.waiting == {}
        for vrf in host.engine.inventory.vrfs.values()
    )


def test_frames_with_tags_are_read_where_ports_have_tagged_vlans() -> None:
    host = shared_host(10, 20)
    assert of_kind(host, SnoopPorts)[-1] == SnoopPorts(
        frozenset({ONE, TWO}), frozenset({ONE, TWO})
    )
    kernel = bridge_of(host)
    kernel.port_vlans[ONE] = PortVlans(10, frozenset({10}))
    host.run(VlansObserved(dict(kernel.port_vlans)))

    assert of_kind(host, SnoopPorts)[-1].tagged == {TWO}


def test_a_tenant_is_asked_with_the_tag_of_its_vlan() -> None:
    host = shared_host(10, 20)
    host.run(learn(10, A, ONE), learn(20, A, ONE))
    host.run(BindingsSnooped([Heard(ONE, A, IP), Heard(ONE, A, IP, 20)]))
    for _ in range(40):
        host.later(10)

    asked = {(each.port, each.tag) for each in of_kind(host, SendProbes)}
    assert asked == {(ONE, 0), (ONE, 20)}


def test_the_answer_of_one_vlan_keeps_no_binding_of_another() -> None:
    host = shared_host(10, 20)
    host.run(learn(10, A, ONE), learn(20, A, ONE))
    host.run(BindingsSnooped([Heard(ONE, A, IP), Heard(ONE, A, IP, 20)]))
    bridge_of(host).vlans[10].answering = {(A, IP)}
    for _ in range(60):
        host.later(10)

    assert vrf_of(host, 10).bindings.snooped == {IP: A}
    assert vrf_of(host, 20).bindings.snooped == {}


def test_neighbours_are_written_to_each_vlans_own_device() -> None:
    host = shared_host(10, 20)
    host.run(route(10, A, A + IP), route(20, B, B + IP))

    assert {
        (each.domain.svi, each.bindings[0][1])
        for each in of_kind(host, UpsertNeighbors)
    } == {(svi_of(10), A), (svi_of(20), B)}


def test_two_evis_on_one_vlan_are_told_with_the_fix() -> None:
    kernel = SharedBridge(10, 20)
    kernel.port_vlans[vxlan_of(20)] = PortVlans(10, frozenset({10}))
    host = Host(kernel, shared_config(10, 20))  # type: ignore[arg-type]

    assert vrf_of(host, 10).ready
    assert vrf_of(host, 20).reason == (
        "VLAN 10 of br100 already carries EVI vlan-10; give vx20 another: "
        "`bridge vlan add dev vx20 vid VLAN pvid untagged`"
    )


def test_an_evi_without_a_vlan_beside_others_is_told_with_the_fix() -> None:
    kernel = SharedBridge(10, 20)
    kernel.port_vlans[vxlan_of(20)] = PortVlans(0, frozenset())
    host = Host(kernel, shared_config(10, 20))  # type: ignore[arg-type]
    host.up()
    host.run(learn(20, A, TWO), learn(10, B, TWO))

    assert vrf_of(host, 20).reason == (
        "vx20 has no untagged VLAN in br100, which filters VLANs: "
        "`bridge vlan add dev vx20 vid VLAN pvid untagged`"
    )
    assert local(host, 10) == {B}


def test_evis_exchange_their_vlans() -> None:
    host = shared_host(10, 20)
    kernel = bridge_of(host)
    host.run(learn(10, A, ONE), learn(20, B, TWO))
    ours, theirs = vxlan_of(10), vxlan_of(20)
    vlans = kernel.port_vlans
    vlans[ours], vlans[theirs] = vlans[theirs], vlans[ours]
    kernel.vlans[10].bridge.clear()
    kernel.vlans[20].bridge.clear()
    host.run(VlansObserved(dict(vlans)))
    assert vrf_of(host, 10).domain.vlan == 20
    host.run(learn(10, A, ONE), learn(20, B, TWO))

    assert local(host, 10) == {B}
    assert local(host, 20) == {A}


def test_rows_in_a_vlan_that_the_device_has_left_are_removed() -> None:
    kernel = SharedBridge(10, 20)
    kernel.stray = [
        FdbRow(True, vxlan_of(10), A, vlan, NUD_REACHABLE, NTF_EXT_LEARNED, b"")
        for vlan in (0, 30)
    ]
    Host(kernel, shared_config(10, 20))  # type: ignore[arg-type]

    assert kernel.flushed == [(vxlan_of(10), 30)]


def test_a_row_of_another_device_in_the_vlan_is_nobodys() -> None:
    kernel = SharedBridge(10, 20)
    row = FdbRow(True, vxlan_of(10), A, 20, NUD_REACHABLE, 0, b"")
    kernel.stray = [row]
    host = Host(kernel, shared_config(10, 20))  # type: ignore[arg-type]
    host.run(FdbObserved([row]))

    assert kernel.flushed == []
    assert local(host, 10) == local(host, 20) == set()


def test_a_new_port_is_read_once_for_all_evis() -> None:
    host = shared_host(10, 20, 30)
    before = bridge_of(host).dumps
    port = next(each for each in bridge_of(host).links() if each.ifindex == TWO)
    host.run(LinkObserved(port._replace(ifindex=77, name="t77")))

    assert bridge_of(host).dumps == before + 1
    assert all(77 in vrf.ports for vrf in host.engine.inventory.vrfs.values())


def test_evis_of_one_bridge_share_the_sets_of_its_ports() -> None:
    host = shared_host(10, 20, 30)
    one, two = vrf_of(host, 20), vrf_of(host, 30)

    assert one.ports is two.ports
    assert one.members is two.members
    assert one.tagged is two.tagged


def test_a_large_bridge_is_read_in_parts_for_all_its_evis() -> None:
    host = shared_host(10, 20)
    kernel = bridge_of(host)
    kernel.vlans[20].frame(TWO, B)
    host.run(FdbTooLarge(BRIDGE, frozenset()))

    assert local(host, 20) == {B}
    assert local(host, 10) == set()
    assert all(
        vrf.ready and vrf.fdb.reading is None
        for vrf in host.engine.inventory.vrfs.values()
    )


def test_rows_of_a_shared_bridge_are_audited_by_their_keys() -> None:
    host = shared_host(10, 20)
    host.run(route(10, A), route(20, B))
    kernel = bridge_of(host)
    del kernel.vlans[20].vxlan[B]
    for _ in range(8):
        host.later(ROUND / 4)

    assert of_kind(host, AuditTables) == []
    assert {each.domain.vlan for each in of_kind(host, AuditRows)} == {10, 20}
    assert B in kernel.vlans[20].vxlan


def test_an_evi_that_is_not_ready_takes_no_part_in_a_dump() -> None:
    host = shared_host(10, 20)
    down = next(
        each for each in bridge_of(host).links() if each.ifindex == vxlan_of(20)
    )
    host.run(LinkObserved(down._replace(up=False)))
    host.run(FdbDumped(BRIDGE, []))

    assert vrf_of(host, 10).ready
    assert not vrf_of(host, 20).ready


@pytest.mark.parametrize(
    ("port", "wanted", "reason"),
    [
        (10, 10, None),
        (10, 20, "vx10 has VLAN 10, not 20, in br100, which filters VLANs"),
        (0, 20, "vx10 has no untagged VLAN in br100, which filters VLANs"),
    ],
)
def test_the_vlan_of_the_configuration_has_to_be_the_devices(
    port: int, wanted: int, reason: str | None
) -> None:
    kernel = SharedBridge(10)
    if not port:
        kernel.port_vlans[vxlan_of(10)] = PortVlans(0, frozenset())
    settings = shared_config(10)
    (evi,) = settings.evis
    settings = replace(settings, evis=(replace(evi, vlan=wanted),))
    host = Host(kernel, settings)  # type: ignore[arg-type]
    fix = f": `bridge vlan add dev vx10 vid {wanted} pvid untagged`"

    assert vrf_of(host, 10).reason == (reason and reason + fix)


def test_a_vlan_of_a_bridge_that_filters_none_is_told() -> None:
    kernel = SharedBridge(10)
    settings = shared_config(10)
    (evi,) = settings.evis
    host = Host(kernel, replace(settings, evis=(replace(evi, vlan=10),)))  # type: ignore[arg-type]
    bridge = kernel.links()[0]
    host.run(LinkObserved(bridge._replace(vlan_filtering=False)))

    assert vrf_of(host, 10).reason == (
        "br100 does not filter VLANs, but the EVI has VLAN 10 of it: "
        "`ip link set br100 type bridge vlan_filtering 1`"
    )
