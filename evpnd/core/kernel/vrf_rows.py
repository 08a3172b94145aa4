"""What the kernel says of the tables of VRFs, and what it is to change in them.

The kernel tells little of what is lost with a device that goes down: IPv4 routes and
nexthop objects vanish without a word. So the tables of a VRF are read again whenever a
device inside of it changes (`vrf/ip_vrfs.py`), and all that is missing is written.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, TypeVar

from evpnd.core.reasons import Reason
from evpnd.core.tables.neighbors import Neighbor
from evpnd.core.tables.nexthops import Nexthop
from evpnd.core.tables.table import Delta, Table
from evpnd.core.turn import Turn
from evpnd.core.vrf.ip_vrf import IpVrf, Routers
from evpnd.core.vrf.ip_vrfs import IpVrfs
from evpnd.core.want import prefixes as want
from evpnd.model.actions import (
    Action,
    DeleteNeighbors,
    DeleteRemoteMacs,
    DeleteVxlanRows,
    UpsertNeighbors,
    UpsertRemoteMacs,
    UpsertVxlanRows,
)
from evpnd.model.domain import NO_VTEP, Vtep
from evpnd.model.ids import FLOOD_MAC, Ip, format_ip, format_mac
from evpnd.model.rows import (
    NTF_EXT_LEARNED,
    NTF_SELF,
    NUD_FAILED,
    NUD_INCOMPLETE,
    NUD_NOARP,
    NUD_PERMANENT,
    RTN_UNREACHABLE,
    FdbRow,
    NeighborRow,
    NexthopRow,
    RouteRow,
)
from evpnd.model.vrf_actions import (
    DeleteNexthops,
    DeleteRoutes,
    DeleteUnreachable,
    UpsertNexthopGroups,
    UpsertNexthops,
    UpsertRoutes,
    UpsertUnreachable,
)
from evpnd.model.vrf_events import NexthopsObserved, RoutesObserved, VrfDumped

V = TypeVar("V")
Repaired = Counter[tuple[str, str]]


def observe_fdb(vrf: IpVrf, row: FdbRow) -> None:
    """Store one FDB row of the VXLAN device of the L3 VNI."""
    mac, fdb = row.mac, vrf.tables.fdb
    if mac == FLOOD_MAC or (row.state & NUD_PERMANENT and not row.flags & NTF_SELF):
        return
    dst, in_bridge = fdb.halves(mac)
    if not row.flags & NTF_SELF:
        if row.present and row.is_fixed:
            fdb.fix(mac, row.vlan)
        else:
            fdb.unfix(mac, row.vlan)
        fdb.keep(mac, dst, in_bridge=row.present and row.is_ours)
        return
    if row.present and not row.is_ours:
        fdb.add_foreign(mac)
        return
    fdb.foreign.discard(mac)
    fdb.keep(
        mac,
        row.dst if row.present else NO_VTEP,
        in_bridge=(in_bridge if vrf.is_bridged else row.present),
    )
    if not row.present:
        fdb.drift.unheard.discard(mac)


def observe_neighbor(vrf: IpVrf, row: NeighborRow) -> None:
    """Store one neighbour on the SVI of the L3 VNI."""
    ip, neighbors = row.ip, vrf.tables.neighbors
    known = row.present and row.mac and not row.state & (NUD_FAILED | NUD_INCOMPLETE)
    if known and row.is_ours:
        neighbors.put(ip, Neighbor(row.mac, router=True, local=False))
        return
    neighbors.lose(ip)
    if not row.present:
        neighbors.drift.unheard.discard(ip)
    lasts = row.flags & NTF_EXT_LEARNED or row.state & (NUD_NOARP | NUD_PERMANENT)
    if known and lasts:
        neighbors.foreign.add(ip)
    else:
        neighbors.foreign.discard(ip)
    neighbors.look_at(ip)


def observe_nexthops(vrfs: Iterable[IpVrf], rows: Iterable[NexthopRow]) -> None:
    """Store nexthop objects; a group is that VRF's which knows its members."""
    vrfs = list(vrfs)
    for row in rows:
        for vrf in vrfs:
            _observe_nexthop(vrf, row)


def _observe_nexthop(vrf: IpVrf, row: NexthopRow) -> None:
    nexthops, key = vrf.tables.nexthops, row.nexthop
    inside = row.ifindex == vrf.domain.svi or (
        bool(row.members) and row.members[0] in nexthops.actual
    )
    if row.present and row.is_ours and inside:
        nexthops.put(key, Nexthop(row.gateway, row.members))
    elif key in nexthops.actual or key in nexthops.foreign:
        nexthops.foreign.discard(key)
        nexthops.lose(key)
        # Its routes went with it, and nothing is told of them.
        vrf.tables.prefixes.lose_all_over(key)
        if not row.present:
            nexthops.drift.unheard.discard(key)
    if row.present and not row.is_ours:
        nexthops.avoid(key)


def observe_route(vrf: IpVrf, row: RouteRow) -> None:
    """Store one route of the VRF's table."""
    prefixes, unreachable = vrf.tables.prefixes, vrf.tables.unreachable
    if not row.is_ours:
        if row.present:
            prefixes.put_other(row)
        else:
            prefixes.lose_other(row)
        if not row.prefix[-1]:
            unreachable.dirty.add(row.prefix)
    elif row.kind == RTN_UNREACHABLE:
        if row.present:
            unreachable.actual[row.prefix] = True
        elif unreachable.actual.pop(row.prefix, None):
            unreachable.drift.lose(row.prefix)
        unreachable.dirty.add(row.prefix)
    elif row.present:
        prefixes.put(row.prefix, row.nexthop)
    else:
        prefixes.lose(row.prefix)
    if not row.present:
        prefixes.drift.unheard.discard(row.prefix)


def dump(vrf: IpVrf, event: VrfDumped) -> None:
    """Replace what was known of all tables of a VRF."""
    tables = vrf.tables
    before = [(table, table.begin_dump()) for table in tables]
    for fdb_row in event.fdb:
        observe_fdb(vrf, fdb_row)
    for neighbor in event.neighbors:
        observe_neighbor(vrf, neighbor)
    plain = sorted(event.nexthops, key=lambda row: bool(row.members))
    observe_nexthops([vrf], plain)
    for route in event.routes:
        observe_route(vrf, route)
    first = [table.end_dump(keys) for table, keys in before]
    if any(first):
        vrf.mark_all()


def reconcile(vrf: IpVrf, turn: Turn, repaired: Repaired) -> Iterator[Action]:
    """Yield the difference between the rows wanted and the rows there."""
    tables = vrf.tables
    if not vrf.ready or not tables.is_dirty:
        return
    settled = turn.settled

    def differ(
        table: Table[bytes, V], decide: Callable[[IpVrf, bytes], V | Reason]
    ) -> Delta[bytes, V]:
        delta = table.difference(table.take_dirty(), vrf, decide, settled=settled)
        for cause, rows in table.take(delta).items():
            repaired[table.name, cause] += rows
            fields = {"table": table.name, "rows": rows, "cause": cause}
            turn.tell(vrf.notice("info", "drift_repaired", **fields))
        return delta

    prefixes = differ(tables.prefixes, want.decide)
    nexthops = differ(tables.nexthops, want.decide_nexthop)
    if nexthops.looked_at or tables.neighbors.is_dirty or tables.fdb.is_dirty:
        _follow_routers(vrf, turn)
    needs = vrf.needs
    neighbors = differ(tables.neighbors, lambda _, ip: _neighbor(needs, ip))
    fdb = differ(tables.fdb, lambda _, mac: _vtep(needs, mac))
    tables.fdb.complete(fdb)
    ends = differ(tables.unreachable, want.decide_unreachable)
    deltas = _Deltas(fdb, neighbors, nexthops, prefixes, ends)
    yield from _upserts(vrf, deltas)
    yield from _deletes(vrf, deltas)
    tables.nexthops.release(nexthops.deletes)


def _follow_routers(vrf: IpVrf, turn: Turn) -> None:
    """Find the routers that routes need now, and tell of conflicts."""
    old, new = vrf.needs, want.routers(vrf)
    tables = vrf.tables
    tables.neighbors.dirty.update(ip for ip, _ in old.macs.items() ^ new.macs.items())
    tables.fdb.dirty.update(mac for mac, _ in old.vteps.items() ^ new.vteps.items())
    vrf.needs = new
    for vtep, mac in sorted(new.conflicts - old.conflicts):
        fields = {"vtep": format_ip(vtep), "router_mac": format_mac(mac)}
        turn.tell(vrf.notice("warning", "router_mac_conflict", **fields))


def _neighbor(needs: Routers, ip: bytes) -> Neighbor | Reason:
    mac = needs.macs.get(ip)
    return Reason.NOT_USED if mac is None else Neighbor(mac, router=True, local=False)


def _vtep(needs: Routers, mac: bytes) -> Vtep | Reason:
    vtep = needs.vteps.get(mac)
    return Reason.NOT_USED if vtep is None else Vtep(Ip(vtep))


class _Deltas(NamedTuple):
    """Changes of all tables of a VRF."""

    fdb: Delta[bytes, Vtep]
    neighbors: Delta[bytes, Neighbor]
    nexthops: Delta[bytes, Nexthop]
    prefixes: Delta[bytes, bytes]
    ends: Delta[bytes, bool]


def _upserts(vrf: IpVrf, deltas: _Deltas) -> Iterator[Action]:
    domain, table = vrf.domain, vrf.table
    fdb, neighbors, nexthops, prefixes, ends = deltas
    write: Any = UpsertRemoteMacs if vrf.is_bridged else UpsertVxlanRows
    for vtep, macs in _by_value(fdb.upserts).items():
        yield write(domain, vtep, macs)
    if neighbors.upserts:
        found = [(ip, row.mac, True) for ip, row in neighbors.upserts.items()]
        yield UpsertNeighbors(domain, found)
    plain = [(k, row.gateway) for k, row in nexthops.upserts.items() if row.gateway]
    groups = [(k, row.members) for k, row in nexthops.upserts.items() if row.members]
    if plain:
        yield UpsertNexthops(domain, plain)
    if groups:
        yield UpsertNexthopGroups(domain, groups)
    for nexthop, some in _by_value(prefixes.upserts).items():
        yield UpsertRoutes(table, nexthop, some)
    if ends.upserts:
        yield UpsertUnreachable(table, sorted(ends.upserts))


def _deletes(vrf: IpVrf, deltas: _Deltas) -> Iterator[Action]:
    domain, table = vrf.domain, vrf.table
    fdb, neighbors, nexthops, prefixes, ends = deltas
    if ends.deletes:
        yield DeleteUnreachable(table, ends.deletes)
    if prefixes.deletes:
        yield DeleteRoutes(table, prefixes.deletes)
    if nexthops.deletes:
        # A group goes before what it is made of.
        legs = vrf.tables.nexthops.legs_of
        order = sorted(nexthops.deletes, key=lambda key: -len(legs(key)))
        yield DeleteNexthops(domain, order)
    if neighbors.deletes:
        yield DeleteNeighbors(domain, neighbors.deletes)
    yield from _delete_macs(vrf, fdb.deletes)


def _delete_macs(vrf: IpVrf, macs: list[bytes]) -> Iterator[Action]:
    if macs:
        delete: Any = DeleteRemoteMacs if vrf.is_bridged else DeleteVxlanRows
        yield delete(vrf.domain, macs)


def _by_value(rows: dict[bytes, V]) -> dict[V, list[bytes]]:
    found: dict[V, list[bytes]] = {}
    for key, value in rows.items():
        found.setdefault(value, []).append(key)
    return found


def remove_rows(vrf: IpVrf) -> Iterator[Action]:
    """Remove every row of ours from the tables of a VRF."""
    tables = vrf.tables
    if not vrf.table:
        return
    if tables.unreachable.actual:
        yield DeleteUnreachable(vrf.table, sorted(tables.unreachable.actual))
    if tables.prefixes.actual:
        yield DeleteRoutes(vrf.table, list(tables.prefixes.actual))
    if tables.nexthops.actual:
        rows = tables.nexthops.actual
        order = sorted(rows, key=lambda key: not rows[key].members)
        yield DeleteNexthops(vrf.domain, order)
    if tables.neighbors.actual:
        yield DeleteNeighbors(vrf.domain, list(tables.neighbors.actual))
    yield from _delete_macs(vrf, list(tables.fdb.actual))


def observe(vrfs: IpVrfs, event: RoutesObserved | NexthopsObserved | VrfDumped) -> None:
    """Store what the kernel says of the tables that VRFs alone have."""
    match event:
        case RoutesObserved(rows):
            by_table = vrfs.by_table
            for row in rows:
                vrf = by_table.get(row.table)
                if vrf is not None and vrf.tables.prefixes.known:
                    observe_route(vrf, row)
        case NexthopsObserved(rows):
            known = [v for v in vrfs.vrfs.values() if v.tables.nexthops.known]
            observe_nexthops(known, rows)
        case VrfDumped(domain):
            vrf = vrfs.at(domain)
            if vrf is not None and vrf.table == event.table:
                dump(vrf, event)


def observe_fdb_of_any(vrfs: IpVrfs, row: FdbRow) -> None:
    """Store an FDB row if it is of the L3 VNI of a VRF."""
    vrf = vrfs.of_row(row)
    if vrf is not None and vrf.tables.fdb.known:
        observe_fdb(vrf, row)


def observe_neighbor_of_any(vrfs: IpVrfs, row: NeighborRow) -> None:
    """Store a neighbour if it is on the SVI of the L3 VNI of a VRF."""
    vrf = vrfs.by_device.get(row.ifindex)
    if vrf is not None and row.ifindex == vrf.domain.svi and vrf.tables.neighbors.known:
        observe_neighbor(vrf, row)
