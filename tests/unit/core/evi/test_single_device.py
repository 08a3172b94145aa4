"""EVIs that share one VXLAN device: a row of it is its VNI's EVI's alone."""

from dataclasses import replace
from typing import Any

import pytest

from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.core.kernel.audit import ROUND
from evpnd.model.actions import (
    AuditRows,
    AuditTables,
    DeleteFlood,
    DeleteRemoteMacs,
    DeleteVxlanRows,
    DumpFdb,
    FlushVlan,
    ListMacs,
    LookUpMacs,
    UpsertFlood,
    UpsertRemoteMacs,
)
from evpnd.model.events import (
    ConfigChanged,
    Event,
    FdbObserved,
    FdbTooLarge,
    KernelOverran,
    PeerWentUp,
    RowsInDoubt,
    UpdateReceived,
    VlansObserved,
)
from evpnd.model.ids import FLOOD_MAC, parse_ip, parse_rd, parse_route_target
from evpnd.model.routes import ImetRoute, MacIpBatch, PmsiTunnel, Update
from evpnd.model.rows import (
    NTF_EXT_LEARNED,
    NTF_SELF,
    NUD_NOARP,
    NUD_PERMANENT,
    NUD_REACHABLE,
    NUD_STATIC,
    FdbRow,
)
from tests.fakes.host import NO_ESI, NO_TAG, PEERS, Host, attributes, end_of_rib
from tests.fakes.kernel import BRIDGE
from tests.fakes.shared_bridge import (
    SINGLE,
    TWO,
    SharedBridge,
    shared_config,
    shared_host,
    vni_of,
)

A, B, C = b"\2aaaaa", b"\2bbbbb", b"\2ccccc"
FAR, FARTHER = "10.0.0.9", "10.0.0.8"
FAR_VTEP = parse_ip(FAR)
OURS = NTF_SELF | NTF_EXT_LEARNED


def vrf_of(host: Host, vlan: int) -> MacVrf:
    return host.engine.inventory.vrfs[vni_of(vlan)]


def kernel_of(host: Host) -> SharedBridge:
    kernel: object = host.kernel
    assert isinstance(kernel, SharedBridge)
    return kernel


def host_on(kernel: Any, *vlans: int) -> Host:  # noqa: ANN401
    return Host(kernel, shared_config(*vlans))


def route(vlan: int, *keys: bytes, vtep: str = FAR) -> Event:
    vni = vni_of(vlan)
    path = replace(
        attributes(vtep), route_targets=(parse_route_target(f"65000:{vni}"),)
    )
    rd = parse_rd(f"{vtep}:{vlan}")
    batch = MacIpBatch(rd, NO_TAG, NO_ESI, vni.to_bytes(3, "big"), list(keys))
    return UpdateReceived(PEERS[0], Update(path, [batch], [], [], []))


def imet(vlan: int, vtep: str = FAR) -> Event:
    vni, ip = vni_of(vlan), parse_ip(vtep)
    path = replace(
        attributes(vtep),
        route_targets=(parse_route_target(f"65000:{vni}"),),
        pmsi=PmsiTunnel(6, vni, ip),
    )
    found = ImetRoute(parse_rd(f"{vtep}:{vlan}"), NO_TAG, ip)
    return UpdateReceived(PEERS[0], Update(path, [], [found], [], []))


def of_kind(host: Host, *kinds: type) -> list[Any]:
    return [action for action in host.actions if isinstance(action, kinds)]


def written(host: Host) -> list[Any]:
    kinds = DeleteRemoteMacs, DeleteVxlanRows, DeleteFlood, FlushVlan
    return of_kind(host, UpsertRemoteMacs, UpsertFlood, *kinds)


def test_the_device_is_read_once_and_each_evi_has_its_vni() -> None:
    host = shared_host(10, 20, single=True)

    assert of_kind(host, DumpFdb) == [DumpFdb(BRIDGE, many=True)]
    for vlan in (10, 20):
        assert vrf_of(host, vlan).ready
        assert vrf_of(host, vlan).domain == kernel_of(host).domain_of(vlan)


def test_rows_are_written_with_the_vni_of_their_evi() -> None:
    host = shared_host(10, 20, single=True)
    host.run(route(10, A), route(20, A, vtep=FARTHER), imet(10), imet(20, FARTHER))

    kernel = kernel_of(host)
    assert {
        (action.domain, action[1]) for action in of_kind(host, UpsertRemoteMacs)
    } == {
        (kernel.domain_of(10), FAR_VTEP),
        (kernel.domain_of(20), parse_ip(FARTHER)),
    }
    assert {
        (action.domain, *action.vteps) for action in of_kind(host, UpsertFlood)
    } == {
        (kernel.domain_of(10), FAR_VTEP),
        (kernel.domain_of(20), parse_ip(FARTHER)),
    }


NOBODYS = [
    FdbRow(True, SINGLE, A, 0, NUD_STATIC, OURS, FAR_VTEP),
    FdbRow(True, SINGLE, A, 0, NUD_STATIC, OURS, FAR_VTEP, vni=vni_of(30)),
    FdbRow(True, SINGLE, A, 30, NUD_REACHABLE, NTF_EXT_LEARNED, b""),
    FdbRow(True, SINGLE, A, 0, NUD_REACHABLE, NTF_EXT_LEARNED, b""),
    FdbRow(True, SINGLE, FLOOD_MAC, 0, NUD_PERMANENT | NUD_NOARP, OURS, FAR_VTEP),
    # As `bridge vni add vni 10010 remote` makes it, without and with our mark, which
    # the first row of ours beside it gives it.
    *(
        FdbRow(
            *(True, SINGLE, FLOOD_MAC, 0, state, flags, FAR_VTEP),
            vni=vni_of(10),
            wire_vni=vni_of(10),
        )
        for state, flags in (
            (NUD_PERMANENT | NUD_REACHABLE, NTF_SELF),
            (NUD_PERMANENT | NUD_NOARP, OURS),
        )
    ),
    FdbRow(True, SINGLE, A, 0, NUD_STATIC, OURS, FAR_VTEP, vni_of(10), wire_vni=77),
]


@pytest.mark.parametrize("row", NOBODYS)
@pytest.mark.parametrize("how", ["dumped", "told"])
def test_a_row_of_no_evi_is_left_alone(row: FdbRow, how: str) -> None:
    kernel = SharedBridge(10, 20, single=True)
    if how == "dumped":
        kernel.stray = [row]
    host = host_on(kernel, 10, 20)
    host.up()
    if how == "told":
        host.run(FdbObserved([row]))
    host.later(2 * ROUND)

    assert written(host) == []


def test_a_lost_row_is_restored_in_its_vni_alone() -> None:
    host = shared_host(10, 20, single=True)
    host.run(route(10, A), route(20, A))
    host.actions.clear()
    kernel = kernel_of(host)
    host.run(*kernel.tell(20, kernel.vlans[20].give_vxlan_row(A)))

    assert [action.domain for action in written(host)] == [kernel.domain_of(20)]
    assert A in kernel.vlans[20].vxlan


def test_a_row_that_somebody_takes_over_is_so_in_its_vni_alone() -> None:
    host = shared_host(10, 20, single=True)
    host.run(route(10, A), route(20, A))
    kernel = kernel_of(host)
    host.run(*kernel.tell(20, kernel.vlans[20].take_vxlan_row(A, FAR_VTEP)))

    assert vrf_of(host, 20).fdb.foreign == {A}
    assert vrf_of(host, 10).fdb.foreign == set()


def test_a_refused_row_is_tried_again_in_its_vni_alone() -> None:
    host = shared_host(10, 20, single=True)
    kernel = kernel_of(host)
    kernel.vlans[20].refused = {A}
    host.run(route(10, A), route(20, A))

    assert A in vrf_of(host, 10).fdb.actual
    assert A in vrf_of(host, 20).fdb.waiting
    kernel.vlans[20].refused = set()
    host.later(2)
    assert A in vrf_of(host, 20).fdb.actual


def test_a_doubt_about_the_device_is_one_about_all_its_evis() -> None:
    host = shared_host(10, 20, single=True)
    host.run(route(10, A), route(20, B))
    kernel = kernel_of(host)
    del kernel.vlans[20].vxlan[B], kernel.vlans[10].vxlan[A]
    host.run(RowsInDoubt(frozenset({SINGLE})))
    for _ in range(4):
        host.later(0.5)

    assert of_kind(host, AuditTables) == []
    assert {each.domain.vni for each in of_kind(host, AuditRows)} == {10_010, 10_020}
    assert A in kernel.vlans[10].vxlan
    assert B in kernel.vlans[20].vxlan


def test_rows_of_an_evi_alone_on_the_device_are_audited_by_their_keys() -> None:
    host = shared_host(10, single=True)
    host.run(route(10, A))
    kernel = kernel_of(host)
    del kernel.vlans[10].vxlan[A]
    before = kernel.dumps
    for _ in range(8):
        host.later(ROUND / 4)

    assert of_kind(host, AuditTables) == []
    assert A in kernel.vlans[10].vxlan
    assert kernel.dumps == before


def test_an_overrun_reads_the_device_once() -> None:
    host = shared_host(10, 20, single=True)
    host.run(route(10, A), route(20, A))
    kernel = kernel_of(host)
    before = kernel.dumps
    kernel.vlans[10].give_vxlan_row(A)
    host.run(KernelOverran("notifications of rows were lost"))
    host.later(2)

    assert kernel.dumps == before + 1
    assert A in kernel.vlans[10].vxlan


def test_a_new_agent_keeps_what_routes_confirm_in_each_vni() -> None:
    kernel = SharedBridge(10, 20, single=True)
    first = host_on(kernel, 10, 20)
    first.up()
    first.run(route(10, A, B), route(20, A), imet(10), imet(20))

    host = host_on(kernel, 10, 20)
    for vlan in (10, 20):
        assert vrf_of(host, vlan).fdb.adopted
    host.run(PeerWentUp(PEERS[0]), route(10, A), imet(10), end_of_rib(PEERS[0]))
    assert written(host) == []
    host.run(PeerWentUp(PEERS[1]), end_of_rib(PEERS[1]))

    assert [(type(a), a.domain.vni, a[1]) for a in written(host)] == [
        (DeleteRemoteMacs, vni_of(10), [B]),
        (DeleteRemoteMacs, vni_of(20), [A]),
        (DeleteFlood, vni_of(20), [FAR_VTEP]),
    ]


def test_a_large_device_is_read_in_parts_by_each_evi() -> None:
    kernel = SharedBridge(10, 20, single=True)
    first = host_on(kernel, 10, 20)
    first.up()
    first.run(route(10, A, B), route(20, A), imet(10), imet(20))

    host = host_on(kernel, 10, 20)
    kernel.vlans[20].frame(TWO, B)
    host.run(FdbTooLarge(BRIDGE, frozenset({SINGLE})))
    for peer in PEERS:
        host.run(PeerWentUp(peer), route(10, A), imet(10), end_of_rib(peer))

    domains = {kernel.domain_of(10), kernel.domain_of(20)}
    assert {each.domain for each in of_kind(host, LookUpMacs)} == domains
    assert {each.domain for each in of_kind(host, ListMacs)} == domains
    assert kernel.vlans[10].vxlan.keys() == {A}
    assert kernel.vlans[20].vxlan.keys() == set()
    assert vrf_of(host, 20).macs.local.keys() == {B}


@pytest.mark.parametrize("discover", [False, True])
@pytest.mark.parametrize("lost", ["map", "filter"])
def test_a_vni_that_the_device_loses_leaves_no_row(discover: bool, lost: str) -> None:
    kernel: Any = SharedBridge(10, 20, single=True)
    settings = shared_config(10, 20)
    if discover:
        settings = replace(settings, evis=(), discover=True)
    host = Host(kernel, settings)
    host.up()
    host.run(route(10, A), route(20, A), imet(10), imet(20))
    host.actions.clear()
    if lost == "map":
        known = kernel.port_vlans[SINGLE]
        tunnels = {10: vni_of(10)}
        kernel.port_vlans[SINGLE] = known._replace(tunnels=tunnels)
    else:
        kernel.vni_filters[SINGLE] = (range(vni_of(10), vni_of(10) + 1),)
    host.run(VlansObserved(dict(kernel.port_vlans), dict(kernel.vni_filters)))

    assert {(type(a), a.domain) for a in written(host)} == {
        (DeleteRemoteMacs, kernel.domain_of(20)),
        (DeleteFlood, kernel.domain_of(20)),
    }
    gone, left = kernel.vlans[20], kernel.vlans[10]
    assert (gone.vxlan, gone.flood, gone.bridge) == ({}, {}, {})
    assert (left.vxlan.keys(), left.flood.keys()) == ({A}, {FAR_VTEP})


def test_an_evi_that_comes_to_a_large_device_reads_its_own_rows_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kernel: Any = SharedBridge(10, 20, single=True)
    first = host_on(kernel, 10, 20)
    first.up()
    first.run(route(20, A, B))
    kernel.vlans[20].frame(TWO, C)

    host = host_on(kernel, 10)
    host.up()
    host.run(route(10, A, B))
    before = kernel.dumps
    host.actions.clear()
    monkeypatch.setattr("evpnd.core.evi.domains.LARGE", 2)
    host.run(ConfigChanged(shared_config(10, 20)))
    host.run(route(20, A))

    assert kernel.dumps == before
    assert {each.domain.vni for each in of_kind(host, LookUpMacs)} == {vni_of(20)}
    new = vrf_of(host, 20)
    assert new.ready
    assert new.fdb.reading is None
    assert kernel.vlans[20].vxlan.keys() == {A}
    assert new.macs.local.keys() == {C}
    assert kernel.vlans[10].vxlan.keys() == {A, B}


def test_an_evi_that_is_removed_leaves_no_row_in_its_vni() -> None:
    host = shared_host(10, 20, single=True)
    host.run(route(10, A), route(20, A), imet(10), imet(20))
    host.actions.clear()
    host.run(ConfigChanged(shared_config(10)))

    kernel = kernel_of(host)
    assert {(type(a), a.domain.vni) for a in written(host)} == {
        (DeleteRemoteMacs, vni_of(20)),
        (DeleteFlood, vni_of(20)),
    }
    gone, left = kernel.vlans[20], kernel.vlans[10]
    assert (gone.vxlan, gone.flood) == ({}, {})
    assert (left.vxlan.keys(), left.flood.keys()) == ({A}, {FAR_VTEP})
