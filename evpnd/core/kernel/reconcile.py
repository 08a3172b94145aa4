"""The difference between the rows wanted and the rows there, for the dirty keys.

A VXLAN row goes in with its bridge row, in one message, never the bridge row first.
"""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from evpnd.core.announce.originator import Originator
from evpnd.core.bgp.select import best_for_ip
from evpnd.core.evi.mac_vrf import MacVrf, Neighbor
from evpnd.core.kernel.removal import split_fixed
from evpnd.core.local.binding_tables import depart
from evpnd.core.local.tenants import Tenants
from evpnd.core.reasons import Reason
from evpnd.core.turn import Turn
from evpnd.core.want import macs, neighbors
from evpnd.core.want.floods import FloodChanges
from evpnd.model.actions import (
    DeleteFlood,
    DeleteNeighbors,
    DeleteRemoteMacs,
    DeleteVxlanRows,
    OverrideLocalMacs,
    UpsertFlood,
    UpsertLocalNeighbors,
    UpsertNeighbors,
    UpsertRemoteMacs,
    UpsertVxlanRows,
)
from evpnd.model.ids import format_ip, is_tenant_ip

NOT_BESIDE = frozenset(
    {Reason.OWN_MAC, Reason.LOCAL, Reason.OPERATORS_ROW, Reason.TENANT_ANSWERS}
)
"""A row that no route has confirmed is held, but not beside what is here."""


@dataclass(slots=True)
class Pass:
    """What one reconciliation of an EVI asks and counts."""

    turn: Turn
    waiting: Callable[[MacVrf, str, bytes], bool]
    """Tells whether a refused row waits for its retry (EVI, table, key)."""
    originator: Originator
    tenants: Tenants
    repaired: Counter[tuple[str, str]]
    """Rows put back that others took away, by table and cause; counted up here."""


def is_dirty(vrf: MacVrf) -> bool:
    """Return whether there is something to look at in an EVI."""
    return bool(
        vrf.dirty_macs
        or vrf.dirty_ips
        or vrf.dirty_vteps
        or vrf.dirty_flood
        or vrf.dirty_imet
    )


def reconcile(vrf: MacVrf, now: Pass) -> None:
    """Bring one EVI's rows and announcements to what its routes want."""
    if vrf.dirty_imet:
        vrf.dirty_imet = False
        now.turn.do_all(now.originator.imet(vrf))
        now.turn.do_all(now.originator.gateway(vrf))
    if vrf.dirty_ips and vrf.ready:
        now.tenants.bindings.settle(vrf, now.turn)
    if vrf.dirty_macs:
        dirty, vrf.dirty_macs = vrf.dirty_macs, set()
        _reconcile_macs(vrf, dirty, now)
    if not vrf.ready:
        return
    if vrf.dirty_ips:
        dirty, vrf.dirty_ips = vrf.dirty_ips, set()
        _reconcile_neighbors(vrf, dirty, now)
    if vrf.dirty_flood or vrf.dirty_vteps:
        _reconcile_flood(vrf, now)


def _reconcile_macs(vrf: MacVrf, dirty: set[bytes], now: Pass) -> None:
    if not vrf.ready:
        for mac in dirty:
            if mac in vrf.announced:
                now.originator.mac(vrf, mac)
        return
    if vrf.reading is not None:
        dirty = vrf.reading.part(dirty)
    settled = vrf.may_lose_rows(now.turn)
    leaving = _settle_macs(vrf, dirty, now)
    upserts: defaultdict[bytes, list[bytes]] = defaultdict(list)
    overrides: defaultdict[bytes, list[bytes]] = defaultdict(list)
    deletes: list[bytes] = []
    rows, foreign, adopted = vrf.remote_rows, vrf.foreign_rows, vrf.adopted_macs
    partial, taken, displaced = vrf.partial, vrf.taken, vrf.displaced
    for mac in dirty:
        wanted = macs.decide(vrf, mac)
        row = rows.get(mac)
        if type(wanted) is bytes:
            if adopted:
                adopted.discard(mac)
            if (row == wanted and mac not in leaving) or now.waiting(vrf, "fdb", mac):
                continue
            if row is not None and row != wanted:
                vrf.fdb_drift.replace(mac, row)
            rows[mac] = wanted
            if partial:
                partial.pop(mac, None)
            if taken:
                taken.discard(mac)
            # Only of these is the echo sure to be heard.
            (overrides if mac in displaced else upserts)[wanted].append(mac)
        elif row is not None or mac in partial or mac in taken:
            held = mac in adopted and not settled and wanted not in NOT_BESIDE
            if held or mac in foreign or now.waiting(vrf, "fdb", mac):
                continue
            rows.pop(mac, None)
            partial.pop(mac, None)
            taken.discard(mac)
            deletes.append(mac)
    _emit_upserts(vrf, now, upserts, overrides)
    if deletes:
        vrf.fdb_drift.delete(deletes)
        both, alone = split_fixed(vrf, deletes)
        if both:
            now.turn.do(DeleteRemoteMacs(vrf.vxlan, both, vrf.vlan))
        if alone:
            now.turn.do(DeleteVxlanRows(vrf.vxlan, alone))
    vrf.fdb_drift.settle(dirty)


def _settle_macs(vrf: MacVrf, dirty: set[bytes], now: Pass) -> set[bytes]:
    """Judge the MACs that tenants here have or had, before any row is decided.

    Returns those that are to be taken from their ports.
    """
    leaving: set[bytes] = set()
    local = (vrf.local, vrf.static, vrf.displaced, vrf.announced, vrf.frozen)
    for mac in {mac for table in local if table for mac in table.keys() & dirty}:
        if mac in vrf.frozen:
            # It is left as it is where it is.
            if not vrf.is_local(mac):
                now.originator.mac(vrf, mac)
        else:
            if now.tenants.settle(vrf, mac, now.turn):
                leaving.add(mac)
            now.originator.mac(vrf, mac)
        vrf.dirty_ips.update(vrf.bindings_of.get(mac, ()))
    return leaving


def _emit_upserts(
    vrf: MacVrf,
    now: Pass,
    upserts: dict[bytes, list[bytes]],
    overrides: dict[bytes, list[bytes]],
) -> None:
    for vtep, taken in overrides.items():
        vrf.fdb_drift.wrote = True
        now.turn.do(OverrideLocalMacs(vrf.vxlan, vtep, taken, vrf.vlan))
    back: Counter[str] = Counter()
    for vtep, written in upserts.items():
        back += vrf.fdb_drift.write(written)
        both, alone = split_fixed(vrf, written)
        if both:
            now.turn.do(UpsertRemoteMacs(vrf.vxlan, vtep, both, vrf.vlan))
        if alone:
            now.turn.do(UpsertVxlanRows(vrf.vxlan, vtep, alone))
    _tell_repaired(vrf, "fdb", back, now)


def _tell_repaired(vrf: MacVrf, table: str, back: Counter[str], now: Pass) -> None:
    for cause, rows in back.items():
        now.repaired[table, cause] += rows
        fields = {"table": table, "rows": rows, "cause": cause}
        now.turn.tell(vrf.notice("info", "drift_repaired", **fields))


def _reconcile_neighbors(vrf: MacVrf, dirty: set[bytes], now: Pass) -> None:
    upserts: list[tuple[bytes, bytes, bool]] = []
    notes: list[tuple[bytes, bytes, bool]] = []
    deletes: list[bytes] = []
    settled = now.turn.settled
    adopted = vrf.adopted_ips
    _seek(vrf, dirty, now)
    for ip in dirty:
        wanted = neighbors.decide(vrf, ip)
        actual = vrf.neighbor_rows.get(ip)
        if type(wanted) is Neighbor:
            adopted.discard(ip)
            if wanted == actual or now.waiting(vrf, "neighbor", ip):
                continue
            vrf.neighbor_rows[ip] = wanted
            if actual is not None:
                vrf.neighbor_drift.replace(ip, actual)
            if wanted.local:
                notes.append((ip, wanted.mac, wanted.router))
            else:
                upserts.append((ip, wanted.mac, wanted.router))
        elif actual is not None:
            held = ip in adopted and not settled and wanted not in NOT_BESIDE
            if held or now.waiting(vrf, "neighbor", ip):
                continue
            del vrf.neighbor_rows[ip]
            deletes.append(ip)
            depart(vrf, actual.mac, ip, now.turn.now)
    drift = vrf.neighbor_drift
    back = drift.write(row[0] for row in (*upserts, *notes))
    _tell_repaired(vrf, "neighbor", back, now)
    if upserts:
        now.turn.do(UpsertNeighbors(vrf.svi, upserts))
    if notes:
        now.turn.do(UpsertLocalNeighbors(vrf.svi, notes))
    if deletes:
        drift.delete(deletes)
        now.turn.do(DeleteNeighbors(vrf.svi, deletes))
    drift.settle(dirty)


def _seek(vrf: MacVrf, dirty: set[bytes], now: Pass) -> None:
    """Ask for IPs that remote routes bind to a MAC that is behind our port now.

    They moved along with it, as a rule, and their new routes need not wait until
    the tenant speaks.
    """
    if not vrf.local:
        vrf.sought.clear()
        return
    for ip in dirty:
        found = None
        if ip in vrf.routes.macs_of and is_tenant_ip(ip) and vrf.binding(ip) is None:
            found = best_for_ip(vrf.routes, ip)
        if found is None or found[0] not in vrf.local or ip in vrf.own_ips:
            vrf.sought.pop(ip, None)
        elif vrf.sought.get(ip) != found[0]:
            vrf.sought[ip] = found[0]
            now.tenants.questions.ask(vrf, found[0], ip)


def _reconcile_flood(vrf: MacVrf, now: Pass) -> None:
    reading = vrf.reading
    if reading is not None and not reading.flood_known:
        # It is looked at when that is known.
        vrf.dirty_flood = False
        vrf.dirty_vteps.clear()
        return
    settled = vrf.may_lose_rows(now.turn)
    changes = FloodChanges(vrf, lambda vtep: now.waiting(vrf, "flood", vtep))
    changes.find(now.turn)
    add, gone = list(changes.add), list(changes.gone)
    if settled and vrf.unmarked_vteps and not vrf.unmarked_told:
        # They stay, for nothing tells them from an operator's; so somebody has to know.
        vteps = [format_ip(vtep) for vtep in sorted(vrf.unmarked_vteps)]
        now.turn.tell(vrf.notice("warning", "flood_rows_not_ours", vteps=vteps))
        vrf.unmarked_told = True
    if add:
        vrf.flood_rows.update(dict.fromkeys(add, True))
        _tell_repaired(vrf, "flood", vrf.flood_drift.write(add), now)
        now.turn.do(UpsertFlood(vrf.vxlan, sorted(add)))
    if gone:
        for vtep in gone:
            del vrf.flood_rows[vtep]
        if reading is not None:
            reading.flood_told.update(gone)
        vrf.flood_drift.delete(gone)
        now.turn.do(DeleteFlood(vrf.vxlan, gone))
    vrf.flood_drift.settle(changes.dirty)
