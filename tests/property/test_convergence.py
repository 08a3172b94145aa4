"""Any history that ends here gives the same tables."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evpnd.core.bgp.path import rank
from evpnd.model.actions import BgpAction, KernelAction
from evpnd.model.events import BindingsSnooped, Event, Heard, KernelOverran, PeerWentUp
from evpnd.model.ids import Peer, parse_ip
from evpnd.model.rows import (
    NTF_EXT_LEARNED,
    NTF_SELF,
    NUD_NOARP,
    NUD_PERMANENT,
    NUD_REACHABLE,
    FdbRow,
)
from tests.fakes.host import (
    PEERS,
    VTEP,
    Host,
    announce,
    announce_imet,
    attributes,
    end_of_rib,
    withdraw,
    withdraw_imet,
)
from tests.fakes.kernel import PORTS, VXLAN, FakeKernel

MACS = [bytes((2, 0, 0, 0, 0, last)) for last in range(4)]
IPS = [parse_ip(f"192.0.2.{last}") for last in range(10, 12)]
VTEPS = ["10.0.0.0", "10.0.0.2", "10.0.0.3"]
KEYS = [*MACS, *(mac + ip for mac in MACS for ip in IPS)]

by_parts = pytest.mark.parametrize("large", [False, True], ids=["dumped", "by-parts"])
"""Whether the FDB is dumped whole or read by parts."""

# (peer, VTEP, key, sequence or None for a withdrawal)
route_changes = st.tuples(
    st.sampled_from(PEERS),
    st.sampled_from(VTEPS),
    st.sampled_from(KEYS),
    st.one_of(st.none(), st.integers(0, 3)),
)
RouteChange = tuple[Peer, str, bytes, int | None]

steps = st.one_of(
    route_changes,
    st.tuples(st.just("frame"), st.sampled_from(PORTS), st.sampled_from(MACS)),
    st.tuples(st.just("age"), st.sampled_from(MACS)),
    st.tuples(
        st.just("snoop"),
        st.sampled_from(PORTS),
        st.sampled_from(MACS),
        st.sampled_from(IPS),
    ),
    st.tuples(st.just("imet"), st.sampled_from(PEERS), st.sampled_from(VTEPS)),
    st.tuples(st.just("no-imet"), st.sampled_from(PEERS), st.sampled_from(VTEPS)),
    st.sampled_from(["reconcile", "flush-vxlan", "flush-neighbors", "overrun"]),
)


def as_event(change: RouteChange) -> Event:
    peer, vtep, key, sequence = change
    if sequence is None:
        return withdraw(peer, vtep, key)
    return announce(peer, attributes(vtep, sequence), vtep, key)


def play(host: Host, step: object) -> None:
    match step:
        case "reconcile":
            host.turn()
        case "flush-vxlan":
            host.tell(*host.kernel.flush_vxlan())
        case "flush-neighbors":
            host.tell(*host.kernel.flush_neighbors())
        case "overrun":
            host.tell(KernelOverran("events"))
        case ("frame", int(port), bytes(mac)):
            host.tell(*host.kernel.frame(port, mac))
        case ("age", bytes(mac)):
            host.tell(*host.kernel.age(mac))
        case ("snoop", int(port), bytes(mac), bytes(ip)):
            host.tell(BindingsSnooped([Heard(port, mac, ip)]))
        case ("imet", str(peer), str(vtep)):
            host.tell(announce_imet(Peer(peer), vtep))
        case ("no-imet", str(peer), str(vtep)):
            host.tell(withdraw_imet(Peer(peer), vtep))
        case (str(peer), str(vtep), bytes(key), sequence):
            host.tell(as_event((Peer(peer), vtep, key, sequence)))  # type: ignore[arg-type]
        case _:
            raise AssertionError(step)


def quiet(host: Host) -> None:
    host.run()
    host.later(2.0)
    host.later(2.0)


def reference(changes: Sequence[RouteChange]) -> dict[bytes, bytes]:
    """Choose by the definition, from the last word on each route alone."""
    last: dict[tuple[Peer, str, bytes], int | None] = {}
    for peer, vtep, key, sequence in changes:
        last[peer, vtep, key] = sequence
    candidates: dict[bytes, list[tuple[object, bytes]]] = {}
    for (peer, vtep, key), sequence in last.items():
        if sequence is not None:
            path = attributes(vtep, sequence)
            order = rank(
                path, ebgp=False, router_id=bytes(4), peer_address=parse_ip(peer)
            )
            candidates.setdefault(key[:6], []).append((order, path.next_hop))
    return {mac: min(found)[1] for mac, found in candidates.items()}  # type: ignore[type-var]


@by_parts
@given(st.lists(route_changes, max_size=40), st.data())
def test_rows_follow_the_last_word_however_it_was_grouped(
    large: bool, changes: list[RouteChange], data: st.DataObject
) -> None:
    host = Host(FakeKernel(VTEP, large=large))
    host.up()
    for change in changes:
        host.tell(as_event(change))
        if data.draw(st.booleans()):
            host.turn()
        if data.draw(st.booleans()):
            host.tell(as_event(change))
    quiet(host)

    assert host.remote_macs() == reference(changes)


@by_parts
@given(st.lists(steps, max_size=40))
def test_a_converged_table_yields_no_action_even_when_all_is_looked_at(
    large: bool,
    history: list[object],
) -> None:
    host = Host(FakeKernel(VTEP, large=large))
    host.up()
    for step in history:
        play(host, step)
    quiet(host)
    host.vrf.mark_all()

    left = [a for a in host.turn() if isinstance(a, KernelAction | BgpAction)]
    assert left == []


@by_parts
@given(st.lists(steps, max_size=40))
def test_the_core_knows_what_the_kernel_holds(
    large: bool, history: list[object]
) -> None:
    host = Host(FakeKernel(VTEP, large=large))
    host.up()
    for step in history:
        play(host, step)
    quiet(host)

    assert host.vrf.fdb.actual == host.remote_macs()
    assert host.vrf.fdb.partial == {}
    on_ports = {m for m, row in host.kernel.bridge.items() if row.ifindex in PORTS}
    assert host.vrf.macs.local.keys() == on_ports
    assert host.vrf.sent.macs.keys() == on_ports
    assert set(host.vrf.floods.present()) == host.kernel.flood.keys()
    assert host.vrf.neighbors.actual.keys() == host.kernel.neighbors.keys()


@by_parts
@given(st.lists(steps, max_size=30))
def test_every_row_of_the_vxlan_device_has_its_bridge_row(
    large: bool,
    history: list[object],
) -> None:
    host = Host(FakeKernel(VTEP, large=large))
    host.up()
    for step in history:
        play(host, step)
    quiet(host)

    for mac in host.kernel.vxlan:
        assert host.kernel.bridge[mac].ifindex == VXLAN


foreign_macs = st.sampled_from(MACS)


@by_parts
@given(st.sets(foreign_macs), st.lists(steps, max_size=30))
def test_rows_of_others_survive_anything(
    large: bool, theirs: set[bytes], history: list[object]
) -> None:
    kernel = FakeKernel(VTEP, large=large)
    dst = parse_ip("10.9.9.9")
    for mac in theirs:
        row = FdbRow(True, VXLAN, mac, 0, NUD_PERMANENT, NTF_SELF, dst)
        kernel.vxlan[mac] = row
        kernel.bridge[mac] = FdbRow(True, PORTS[0], mac, 0, NUD_PERMANENT, 0, b"")
    before = dict(kernel.vxlan), {mac: kernel.bridge[mac] for mac in theirs}
    host = Host(kernel)
    host.up()
    for step in history:
        if isinstance(step, tuple) and step[0] == "frame" and step[2] in theirs:
            continue
        play(host, step)
    quiet(host)

    assert {mac: kernel.vxlan[mac] for mac in theirs} == before[0]
    assert {mac: kernel.bridge[mac] for mac in theirs} == before[1]


leftovers = st.dictionaries(st.sampled_from(MACS), st.sampled_from(VTEPS))


@by_parts
@given(leftovers, st.sets(st.sampled_from(VTEPS)), st.lists(route_changes, max_size=20))
def test_a_restart_from_any_kernel_content_converges(
    large: bool, macs: dict[bytes, str], flood: set[str], changes: list[RouteChange]
) -> None:
    kernel = FakeKernel(VTEP, large=large)
    for mac, vtep in macs.items():
        row = FdbRow(True, VXLAN, mac, 0, NUD_REACHABLE, NTF_EXT_LEARNED, b"")
        kernel.bridge[mac] = row
        kernel.vxlan[mac] = row._replace(flags=0x12, dst=parse_ip(vtep))
    for vtep in flood:
        state = NUD_NOARP | NUD_PERMANENT
        dst = parse_ip(vtep)
        kernel.flood[dst] = FdbRow(True, VXLAN, bytes(6), 0, state, 0x12, dst)
    host = Host(kernel)
    held = set(macs)
    for peer in PEERS:
        host.run(PeerWentUp(peer))
    for change in changes:
        host.run(as_event(change))
        held -= {change[2][:6]}
        assert held <= kernel.vxlan.keys()
    for peer in PEERS:
        host.run(end_of_rib(peer))
    quiet(host)

    assert host.remote_macs() == reference(changes)
    assert kernel.flood == {}


@by_parts
@settings(max_examples=50)
@given(st.lists(steps, max_size=30), st.sets(st.sampled_from([*MACS, *IPS])))
def test_a_refused_row_costs_only_itself_and_is_tried_again(
    large: bool, history: list[object], refused: set[bytes]
) -> None:
    host = Host(FakeKernel(VTEP, large=large))
    host.kernel.refused = refused
    host.up()
    for step in history:
        play(host, step)
    quiet(host)

    assert not refused & host.kernel.vxlan.keys()
    host.kernel.refused = set()
    host.later(200.0)
    host.vrf.mark_all()
    left = [a for a in host.turn() if isinstance(a, KernelAction | BgpAction)]
    assert left == []
    assert host.vrf.fdb.actual == host.remote_macs()
