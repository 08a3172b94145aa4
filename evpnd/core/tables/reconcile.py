"""The difference between the rows wanted and the rows there, for the dirty keys.

A VXLAN row goes in with its bridge row, in one message, never the bridge row first.
"""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from evpnd.core.announce.originator import Originator
from evpnd.core.bgp.path import Path
from evpnd.core.bgp.select import best_for_ip, best_for_mac, mac_candidates
from evpnd.core.bgp.slots import best
from evpnd.core.evi.mac_vrf import MacVrf, Neighbor
from evpnd.core.local import mobility
from evpnd.core.local.binding_tables import depart
from evpnd.core.local.bindings import Bindings
from evpnd.core.tables.removal import split_fixed
from evpnd.core.turn import Turn
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
from evpnd.model.ids import (
    IPV4_LENGTH,
    format_ip,
    is_host_ip,
    is_tenant_ip,
    is_unicast_mac,
)
from evpnd.model.routes import ROUTER


@dataclass(slots=True)
class Pass:
    """What one reconciliation of an EVI asks and counts."""

    turn: Turn
    waiting: Callable[[MacVrf, str, bytes], bool]
    """Tells whether a refused row waits for its retry (EVI, table, key)."""
    originator: Originator
    bindings: Bindings
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
        now.bindings.settle(vrf, now.turn)
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
    upserts: defaultdict[bytes, list[bytes]] = defaultdict(list)
    overrides: defaultdict[bytes, list[bytes]] = defaultdict(list)
    deletes: list[bytes] = []
    rows = vrf.remote_rows
    local, static, announced = vrf.local, vrf.static, vrf.announced
    foreign, own = vrf.foreign_rows, vrf.own_macs
    partial, taken = vrf.partial, vrf.taken
    adopted = vrf.adopted_macs
    frozen, displaced, routes = vrf.frozen, vrf.displaced, vrf.routes
    for mac in dirty:
        path = _frozen_path(vrf, mac) if mac in frozen else best_for_mac(routes, mac)
        overridden = False
        if mac in frozen:
            if not vrf.is_local(mac):
                now.originator.mac(vrf, mac)
            vrf.dirty_ips.update(vrf.bindings_of.get(mac, ()))
        elif mac in displaced and path is None and mac not in rows:
            # Its remote row was refused, so that it never left the port.
            mobility.learn(vrf, mac, displaced.pop(mac), now.turn)
            now.originator.mac(vrf, mac)
        elif mac in local or mac in static:
            before = local.get(mac)
            if path is None:
                mobility.unrivalled(vrf, mac)
            elif mobility.remote_wins(vrf, mac, path, now.turn):
                overridden = before is not None
                if before is not None:
                    displaced[mac] = before
            else:
                path = None
            now.originator.mac(vrf, mac)
            vrf.dirty_ips.update(vrf.bindings_of.get(mac, ()))
        elif mac in announced:
            now.originator.mac(vrf, mac)
            vrf.dirty_ips.update(vrf.bindings_of.get(mac, ()))
        if path is not None and (mac in own or mac in foreign):
            path = None
        row = rows.get(mac)
        if path is not None:
            vtep = path.vtep
            if adopted:
                adopted.discard(mac)
            if (row == vtep and not overridden) or now.waiting(vrf, "fdb", mac):
                continue
            if not is_unicast_mac(mac):
                # A group or zero MAC would be a row of the flood list.
                continue
            if row is not None and row != vtep:
                vrf.fdb_drift.replace(mac, row)
            rows[mac] = vtep
            if partial:
                partial.pop(mac, None)
            if taken:
                taken.discard(mac)
            # Only of these is the echo sure to be heard.
            heard = overridden or mac in displaced
            (overrides if heard else upserts)[vtep].append(mac)
        elif row is not None or mac in partial or mac in taken:
            # What no route has confirmed is held, but not beside a port's row.
            held = mac in adopted and not (
                now.turn.settled or mac in own or vrf.is_local(mac)
            )
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


def _frozen_path(vrf: MacVrf, mac: bytes) -> Path | None:
    """Find the path that a frozen MAC is left on; None: it has lost its place."""
    vtep = vrf.frozen[mac]
    if not vtep or mac in vrf.local:
        return None
    same = (path for path in mac_candidates(vrf.routes, mac) if path.vtep == vtep)
    return best(same)


def _emit_upserts(
    vrf: MacVrf,
    now: Pass,
    upserts: dict[bytes, list[bytes]],
    overrides: dict[bytes, list[bytes]],
) -> None:
    for vtep, macs in overrides.items():
        vrf.fdb_drift.wrote = True
        now.turn.do(OverrideLocalMacs(vrf.vxlan, vtep, macs, vrf.vlan))
    back: Counter[str] = Counter()
    for vtep, macs in upserts.items():
        back += vrf.fdb_drift.write(macs)
        both, alone = split_fixed(vrf, macs)
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
    _seek(vrf, dirty)
    for ip in dirty:
        wanted = wanted_neighbor(vrf, ip)
        actual = vrf.neighbor_rows.get(ip)
        if wanted == actual:
            vrf.adopted_ips.discard(ip)
            continue
        if now.waiting(vrf, "neighbor", ip):
            continue
        if wanted is not None:
            vrf.adopted_ips.discard(ip)
            if ip in vrf.foreign_neighbors:
                continue
            vrf.neighbor_rows[ip] = wanted
            if actual is not None:
                vrf.neighbor_drift.replace(ip, actual)
            if wanted.local:
                notes.append((ip, wanted.mac, wanted.router))
            else:
                upserts.append((ip, wanted.mac, wanted.router))
        elif settled or ip not in vrf.adopted_ips or vrf.binding(ip) is not None:
            del vrf.neighbor_rows[ip]
            deletes.append(ip)
            if actual is not None:
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


def wanted_neighbor(vrf: MacVrf, ip: bytes) -> Neighbor | None:
    """Find the neighbour that an IP should have on the bridge.

    For an IP behind a remote MAC the bridge answers in its place. A tenant of ours
    answers for itself, but where the bridge knows it, requests for it do not go to
    the other VTEPs; the kernel's own neighbour serves for that as well.
    """
    if not vrf.svi or ip in vrf.own_ips or not is_host_ip(ip):
        return None
    local = vrf.binding(ip)
    if local is not None:
        known = ip in vrf.pinned or ip in vrf.kernel_bindings
        if known or not vrf.config.suppress:
            return None
        router = bool(vrf.arp_nd_flags(ip) & ROUTER)
        return Neighbor(local, router, local=True)
    found = best_for_ip(vrf.routes, ip)
    if found is None:
        return None
    mac, path = found
    if not is_unicast_mac(mac) or vrf.is_local(mac) or mac in vrf.own_macs:
        return None
    flags = path.attributes.arp_nd_flags
    # Of no meaning with IPv4 (RFC 9047, 3.2). O has no place in the kernel's row:
    # the bridge sets it in every advertisement that it sends for another.
    router = bool(flags is not None and flags & ROUTER) and len(ip) > IPV4_LENGTH
    return Neighbor(mac, router, local=False)


def _seek(vrf: MacVrf, dirty: set[bytes]) -> None:
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
            vrf.questions.append((found[0], ip))


def _reconcile_flood(vrf: MacVrf, now: Pass) -> None:
    changes = FloodChanges(vrf, lambda vtep: now.waiting(vrf, "flood", vtep))
    changes.find(now.turn)
    add, gone = list(changes.add), list(changes.gone)
    if now.turn.settled and vrf.unmarked_vteps and not vrf.unmarked_told:
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
        vrf.flood_drift.delete(gone)
        now.turn.do(DeleteFlood(vrf.vxlan, gone))
    vrf.flood_drift.settle(changes.dirty)
