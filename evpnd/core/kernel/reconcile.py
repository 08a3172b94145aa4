"""The difference between the rows wanted and the rows there becomes actions.

Each table finds its own difference (`tables/table.py`), in the order of the tables
(`tables/order.py`). What stands here is what one table alone has: who has a MAC is
settled before, the flood list has a bound. `writing` puts the rows together.
"""

from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Final, TypeVar

from evpnd.core.announce.originator import Originator
from evpnd.core.bgp.select import best_for_ip
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.core.kernel.flood_changes import FloodChanges
from evpnd.core.kernel.writing import (
    delete_macs,
    delete_neighbors,
    delete_vteps,
    write_macs,
    write_neighbors,
    write_vteps,
)
from evpnd.core.local.tenants import Tenants
from evpnd.core.tables.table import Delta, Table
from evpnd.core.turn import Turn
from evpnd.core.want import macs, neighbors
from evpnd.model.ids import format_ip, is_tenant_ip

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(slots=True)
class Pass:
    """Inputs and counters of one reconciliation of an EVI."""

    turn: Turn
    originator: Originator
    tenants: Tenants
    repaired: Counter[tuple[str, str]]
    """Restored rows that others changed, by table and cause; counted up here."""


def is_dirty(vrf: MacVrf) -> bool:
    """Return whether an EVI has dirty keys."""
    return vrf.sent.stale or vrf.tables.is_dirty


def reconcile(vrf: MacVrf, now: Pass) -> None:
    """Reconcile one EVI's rows and announcements with its routes."""
    if vrf.sent.take_stale():
        now.turn.do_all(now.originator.imet(vrf))
        now.turn.do_all(now.originator.gateway(vrf))
    if not vrf.ready:
        for mac in vrf.fdb.take_dirty() & vrf.sent.macs.keys():
            now.originator.mac(vrf, mac)
        return
    if vrf.neighbors.dirty:
        now.tenants.bindings.settle(vrf, now.turn)
        vrf.take_touched()
    for table in vrf.tables:
        if table.is_dirty:
            _STAGES[table.name](vrf, now)
            # Bindings change who has a MAC, and that changes neighbours.
            vrf.take_touched()


def _reconcile_fdb(vrf: MacVrf, now: Pass) -> None:
    fdb = vrf.fdb
    dirty = fdb.take_dirty()
    if fdb.reading is not None:
        dirty = fdb.reading.part(dirty)
    leaving = _settle_macs(vrf, dirty, now)
    settled = vrf.may_lose_rows(now.turn)
    delta = fdb.difference(dirty, vrf, macs.decide, settled=settled, anew=leaving)
    # Only of these is the echo sure to be heard.
    displaced = (
        vrf.macs.displaced.keys() & delta.upserts.keys()
        if vrf.macs.displaced
        else set()
    )
    _take(vrf, fdb, delta, now, displaced)
    fdb.complete(delta)
    if delta.upserts:
        now.turn.do_all(write_macs(vrf, delta.upserts, displaced))
    if delta.deletes:
        now.turn.do_all(delete_macs(vrf, *fdb.split_fixed(delta.deletes)))


def _settle_macs(vrf: MacVrf, dirty: set[bytes], now: Pass) -> set[bytes]:
    """Decide about MACs that tenants here have or had, before any row.

    Returns those that are to be taken from their ports.
    """
    leaving: set[bytes] = set()
    local = (
        vrf.macs.local,
        vrf.macs.static,
        vrf.macs.displaced,
        vrf.sent.macs,
        vrf.macs.frozen,
    )
    for mac in {mac for table in local if table for mac in table.keys() & dirty}:
        if mac in vrf.macs.frozen:
            # It is left as it is where it is.
            if not vrf.macs.is_local(mac):
                now.originator.mac(vrf, mac)
        else:
            if now.tenants.settle(vrf, mac, now.turn):
                leaving.add(mac)
            now.originator.mac(vrf, mac)
        vrf.bindings.touch_ips(vrf.bindings.ips_of.get(mac, ()))
    return leaving


def _take(
    vrf: MacVrf,
    table: Table[K, V],
    delta: Delta[K, V],
    now: Pass,
    uncounted: Iterable[K] = (),
) -> None:
    """Record a difference as written, and report the rows that it restores."""
    for cause, rows in table.take(delta, uncounted).items():
        now.repaired[table.name, cause] += rows
        fields = {"table": table.name, "rows": rows, "cause": cause}
        now.turn.tell(vrf.notice("info", "drift_repaired", **fields))


def _reconcile_neighbors(vrf: MacVrf, now: Pass) -> None:
    table, turn = vrf.neighbors, now.turn
    dirty = table.take_dirty()
    _seek(vrf, dirty, now)
    delta = table.difference(dirty, vrf, neighbors.decide, settled=turn.settled)
    for ip in delta.deletes:
        vrf.remembered.depart(table.actual[ip].mac, ip, turn.now)
    _take(vrf, table, delta, now)
    turn.do_all(write_neighbors(vrf, delta.upserts))
    turn.do_all(delete_neighbors(vrf, delta.deletes))


def _seek(vrf: MacVrf, dirty: set[bytes], now: Pass) -> None:
    """Probe IPs that remote routes bind to a MAC that is behind our port now.

    They moved along with it, as a rule, and their new routes need not wait until
    the tenant speaks.
    """
    if not vrf.macs.local:
        vrf.bindings.sought.clear()
        return
    for ip in dirty:
        found = None
        if (
            ip in vrf.routes.macs_of
            and is_tenant_ip(ip)
            and vrf.bindings.holder(ip) is None
        ):
            found = best_for_ip(vrf.routes, ip)
        mac = None if found is None else found[0]
        if mac not in vrf.macs.local or ip in vrf.own_ips:
            mac = None
        if vrf.bindings.seek(ip, mac) and mac is not None:
            now.tenants.questions.ask(vrf, mac, ip)


def _reconcile_floods(vrf: MacVrf, now: Pass) -> None:
    floods, turn = vrf.floods, now.turn
    reading = vrf.fdb.reading
    if reading is not None and not reading.flood_known:
        # It is looked at when that is known.
        floods.take_dirty()
        return
    settled = vrf.may_lose_rows(turn)
    delta = FloodChanges(vrf, settled=settled).find(turn)
    if settled and floods.unmarked and not floods.unmarked_told:
        # They stay, for nothing tells them from an operator's; so somebody has to know.
        vteps = [format_ip(vtep) for vtep in sorted(floods.unmarked)]
        turn.tell(vrf.notice("warning", "flood_rows_not_ours", vteps=vteps))
        floods.unmarked_told = True
    _take(vrf, floods, delta, now)
    if reading is not None:
        reading.flood_told.update(delta.deletes)
    turn.do_all(write_vteps(vrf, delta.upserts))
    turn.do_all(delete_vteps(vrf, delta.deletes))


_STAGES: Final = {
    "fdb": _reconcile_fdb,
    "neighbor": _reconcile_neighbors,
    "flood": _reconcile_floods,
}
