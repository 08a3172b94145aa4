"""Rows of ours that others take away are put back, and counted; ours are no drift."""

from evpnd.core.tables.drift import UNHEARD
from evpnd.model.actions import Action, DeleteRemoteMacs, UpsertRemoteMacs
from evpnd.model.events import FdbObserved, KernelOverran, NeighborsObserved
from evpnd.model.ids import parse_ip
from tests.fakes.host import (
    PEERS,
    Host,
    announce,
    announce_imet,
    attributes,
    withdraw,
    withdraw_imet,
)
from tests.fakes.kernel import PORTS

A, B = (bytes((2, 0, 0, 0, 0, last)) for last in (1, 2))
PEER = PEERS[0]
FAR, NEAR = "10.0.0.2", "10.0.0.3"
IP = parse_ip("192.0.2.10")


def made(*keys: bytes) -> Host:
    host = Host()
    host.up()
    host.run(announce_imet(PEER, FAR), announce(PEER, attributes(FAR), FAR, *keys))
    return host


def told(host: Host) -> list[dict[str, object]]:
    return [
        dict(each.fields) for each in host.notices if each.event == "drift_repaired"
    ]


def test_a_flushed_table_is_put_back_and_counted() -> None:
    host = made(A, B)

    host.run(*host.kernel.flush_vxlan())

    assert host.kernel.vxlan.keys() == {A, B}
    assert host.engine.rows.repaired == {("fdb", "notified"): 2}
    fields = {"table": "fdb", "rows": 2, "cause": "notified"}
    assert told(host) == [{"evi": "tenant", "vni": 100, **fields}]


def test_a_bridge_row_alone_is_one_row_put_back() -> None:
    host = made(A)
    del host.kernel.bridge[A]

    host.tell(KernelOverran("overrun"))
    host.later(2)
    host.run()

    assert A in host.kernel.bridge
    assert host.engine.rows.repaired == {("fdb", "resync"): 1}


def test_neighbours_and_the_flood_list_are_counted_each() -> None:
    host = made(A, A + IP)
    vtep = parse_ip(FAR)
    gone = host.kernel.flood.pop(vtep)

    host.run(*host.kernel.flush_neighbors())
    host.run(FdbObserved([gone._replace(present=False)]))

    assert host.engine.rows.repaired == {
        ("neighbor", "notified"): 1,
        ("flood", "notified"): 1,
    }
    assert vtep in host.kernel.flood


def test_what_others_change_is_put_back_and_counted() -> None:
    host = made(A, A + IP)
    row, neighbor = host.kernel.vxlan[A], host.kernel.neighbors[IP]

    host.run(FdbObserved([row._replace(dst=parse_ip("10.9.9.9"))]))
    host.run(NeighborsObserved([neighbor._replace(mac=B)]))

    assert host.engine.rows.repaired == {
        ("fdb", "notified"): 1,
        ("neighbor", "notified"): 1,
    }
    assert host.kernel.vxlan[A].dst == parse_ip(FAR)
    assert host.kernel.neighbors[IP].mac == A


def test_our_own_change_that_is_heard_late_is_no_drift() -> None:
    host = made(A, A + IP)
    row, neighbor = host.kernel.vxlan[A], host.kernel.neighbors[IP]

    host.run(announce(PEER, attributes(NEAR, 1), NEAR, A, A + IP))
    host.run(announce(PEER, attributes(FAR, 2), FAR, B + IP))
    host.run(FdbObserved([row]), NeighborsObserved([neighbor]))

    assert host.engine.rows.repaired == {}
    assert host.kernel.vxlan[A].dst == parse_ip(NEAR)
    assert host.kernel.neighbors[IP].mac == B


def test_what_we_take_away_ourselves_is_no_drift() -> None:
    host = made(A)

    host.run(withdraw(PEER, FAR, A))
    host.run(announce(PEER, attributes(FAR), FAR, A))

    assert host.engine.rows.repaired == {}


def test_our_own_deletion_that_is_heard_late_is_no_drift() -> None:
    host = made(A)
    echo = []

    def deleted(action: Action) -> None:
        if isinstance(action, DeleteRemoteMacs):
            echo.extend(host.kernel.apply(action))

    host.tell(withdraw(PEER, FAR, A))
    for action in host.engine.reconcile(host.now):
        deleted(action)
    host.run(announce(PEER, attributes(FAR), FAR, A))
    host.run(*echo)

    assert echo
    assert A in host.kernel.vxlan
    assert host.engine.rows.repaired == {}


def test_what_is_lost_and_not_wanted_is_no_drift_when_it_is_wanted_again() -> None:
    host = made(A)
    (gone,) = host.kernel.flood.values()

    host.kernel.flood.clear()
    host.run(withdraw_imet(PEER, FAR), FdbObserved([gone._replace(present=False)]))
    host.run(announce_imet(PEER, FAR))

    assert host.engine.rows.repaired == {}


def test_a_mac_that_moves_to_a_port_of_ours_is_no_drift() -> None:
    host = made(A)

    host.run(*host.kernel.frame(PORTS[0], A))

    assert host.engine.rows.repaired == {}


def test_a_table_that_was_read_before_our_last_rows_is_no_drift() -> None:
    host = made(A)
    host.tell(KernelOverran("overrun"))
    host.now += 2
    read = [
        event
        for action in host.engine.reconcile(host.now)
        for event in host.kernel.apply(action)
    ]

    host.run(announce(PEER, attributes(FAR), FAR, B))
    host.run(*read)

    assert isinstance(host.actions[-1], UpsertRemoteMacs) or B in host.kernel.vxlan
    assert host.engine.rows.repaired == {}


def test_deletions_that_are_never_heard_cost_bounded_memory() -> None:
    macs = [number.to_bytes(6, "big") for number in range(2, 4 * UNHEARD, 4)]
    host = made()

    for mac in macs:
        host.tell(announce(PEER, attributes(FAR), FAR, mac))
        host.engine.reconcile(host.now)
        host.tell(withdraw(PEER, FAR, mac))
        host.engine.reconcile(host.now)

    assert len(host.vrf.fdb.drift.unheard) <= UNHEARD
