"""The kernel's tables, from dumps and notifications.

A notification is a hint: it changes the table kept here and marks the key, and
reconciliation decides. Nothing here looks at routes.
"""

from collections import defaultdict

from evpnd.core.evi.local_bindings import Claim
from evpnd.core.evi.local_macs import LocalMac, Origin
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.core.local import mobility, pins
from evpnd.core.local.tenants import Tenants
from evpnd.core.tables.neighbors import Neighbor
from evpnd.core.turn import Turn
from evpnd.model.actions import FlushVlan
from evpnd.model.domain import NO_VTEP
from evpnd.model.ids import (
    FLOOD_MAC,
    format_ip,
    format_mac,
    is_tenant_ip,
    is_unicast_mac,
)
from evpnd.model.rows import (
    NTF_EXT_LEARNED,
    NTF_ROUTER,
    NTF_SELF,
    NTF_STICKY,
    NUD_FAILED,
    NUD_INCOMPLETE,
    NUD_NOARP,
    NUD_PERMANENT,
    NUD_STALE,
    FdbRow,
    NeighborRow,
)


def observe_fdb(vrf: MacVrf, row: FdbRow, tenants: Tenants, turn: Turn) -> None:
    """Store one FDB row of a device of this EVI."""
    if not is_of_vlan(vrf, row):
        return
    if row.ifindex == vrf.domain.vxlan:
        if row.flags & NTF_SELF:
            _observe_vxlan_row(vrf, row, turn)
        else:
            _observe_remote_bridge_row(vrf, row, turn)
    elif not row.flags & NTF_SELF:
        _observe_port_row(vrf, row, tenants, turn)
        mac = row.mac
        if mac in vrf.macs.local and (
            mac in vrf.remembered.waiting
            or mac in vrf.remembered.departed
            or mac in vrf.remembered.flushed
        ):
            tenants.bindings.learned(vrf, mac, turn)


def is_of_vlan(vrf: MacVrf, row: FdbRow) -> bool:
    """Return whether a bridge row is of the VLAN that the EVI has, if it has one.

    A device's own MAC is no exception: it has a row in each VLAN of the device, and the
    bridge takes frames in as the host's in these alone.
    """
    vlan = vrf.domain.vlan
    return not vlan or row.vlan == vlan or bool(row.flags & NTF_SELF)


def _observe_vxlan_row(vrf: MacVrf, row: FdbRow, turn: Turn) -> None:
    mac = row.mac
    if mac == FLOOD_MAC:
        if vrf.fdb.reading is not None:
            vrf.fdb.reading.flood_told.add(row.dst)
        if row.present:
            vrf.floods.put(row.dst, ours=row.is_ours)
        else:
            vrf.floods.lose(row.dst)
        return
    if row.present and not row.is_ours:
        if mac in vrf.fdb.actual and mac not in vrf.fdb.foreign:
            _tell_taken(vrf, mac, row.dst, turn)
        vrf.fdb.add_foreign(mac)
        return
    vrf.fdb.foreign.discard(mac)
    _, in_bridge = vrf.fdb.halves(mac)
    vrf.fdb.keep(mac, row.dst if row.present else NO_VTEP, in_bridge=in_bridge)
    if not row.present:
        vrf.fdb.drift.unheard.discard(mac)


def _tell_taken(vrf: MacVrf, mac: bytes, vtep: bytes, turn: Turn) -> None:
    """Report that another program took our row; `vtep` empty: it has none."""
    taken = {"mac": format_mac(mac)} | ({"vtep": format_ip(vtep)} if vtep else {})
    turn.tell(vrf.notice("warning", "row_taken_by_others", **taken))


def _observe_remote_bridge_row(vrf: MacVrf, row: FdbRow, turn: Turn) -> None:
    mac = row.mac
    if row.state & NUD_PERMANENT:
        _observe_own_mac(vrf, row)
        return
    if row.present:
        vrf.macs.placed(mac)
    local = vrf.macs.local.get(mac)
    if row.present and local is not None and local.vlan == row.vlan:
        # A bridge has one row for a MAC and a VLAN: the port no longer has it.
        mobility.forget(vrf, mac)
    dst, _ = vrf.fdb.halves(mac)
    if row.present and row.is_fixed:
        if mac in vrf.fdb.actual and mac not in vrf.fdb.fixed:
            _tell_taken(vrf, mac, dst, turn)
        vrf.fdb.fix(mac, row.vlan)
    else:
        vrf.fdb.unfix(mac, row.vlan)
    vrf.fdb.keep(mac, dst, in_bridge=row.present and row.is_ours)


def _observe_port_row(vrf: MacVrf, row: FdbRow, tenants: Tenants, turn: Turn) -> None:
    mac = row.mac
    if row.state & NUD_PERMANENT:
        _observe_own_mac(vrf, row)
        return
    if row.ifindex not in vrf.ports or not is_unicast_mac(mac):
        return
    vrf.macs.placed(mac)
    if not row.present:
        local = vrf.macs.local.get(mac)
        if local is not None and (local.port, local.vlan) == (row.ifindex, row.vlan):
            tenants.flush(vrf, mac, turn)
        return
    dst, in_bridge = vrf.fdb.halves(mac)
    fixed = mac in vrf.fdb.fixed
    vrf.fdb.unfix(mac, row.vlan)
    if in_bridge or fixed:
        vrf.fdb.keep(mac, dst, in_bridge=False)
        vrf.fdb.taken.add(mac)
    if row.flags & NTF_STICKY:
        origin = Origin.STICKY
    elif row.state & NUD_NOARP or row.flags & NTF_EXT_LEARNED:
        origin = Origin.STATIC
    else:
        origin = Origin.DYNAMIC
    local = LocalMac(row.ifindex, row.vlan, origin, turn.now)
    tenants.learn(vrf, mac, local, turn)


def _observe_own_mac(vrf: MacVrf, row: FdbRow) -> None:
    if row.present:
        vrf.macs.add_own(row.mac)
        mobility.forget(vrf, row.mac)
        dst, _ = vrf.fdb.halves(row.mac)
        vrf.fdb.keep(row.mac, dst, in_bridge=False)
    elif row.vlan == vrf.domain.vlan:
        # Where VLANs are compiled in, the row without one goes with the device.
        vrf.macs.drop_own(row.mac)


def dump_fdb(
    vrf: MacVrf,
    rows: list[FdbRow],
    tenants: Tenants,
    turn: Turn,
) -> None:
    """Replace the state of the FDB by a dump."""
    vrf.macs.begin_dump()
    macs, flood = vrf.fdb.begin_dump(), vrf.floods.begin_dump()
    gone = set(vrf.macs.local)
    for row in rows:
        observe_fdb(vrf, row, tenants, turn)
        if row.ifindex in vrf.ports and is_of_vlan(vrf, row):
            gone.discard(row.mac)
    for mac in gone:
        tenants.flush(vrf, mac, turn)
    if vrf.domain.vlan:
        _flush_other_vlans(vrf, rows, turn)
    else:
        _doubt_gaps(vrf, rows)
    reading, vrf.fdb.reading = vrf.fdb.reading, None
    again = reading is not None and reading.first
    known = set() if reading is None else reading.known | reading.known_before
    first = not vrf.fdb.known
    vrf.fdb.end_dump(macs, known, again=again)
    vrf.floods.end_dump(flood, flood, again=again)
    if first:
        vrf.preserved = bool(vrf.fdb.adopted or vrf.floods.adopted)
    if first or again:
        vrf.mark_all()


def _flush_other_vlans(vrf: MacVrf, rows: list[FdbRow], turn: Turn) -> None:
    """Remove our bridge rows in VLANs that the VXLAN device had before.

    The kernel keeps them when a port leaves a VLAN, and so a MAC that comes back there
    would lead to the tunnel. Rows without a VLAN are of no consequence as long as the
    bridge filters VLANs; when it stops, all is read again.
    """
    domain = vrf.domain
    left = {
        row.vlan
        for row in rows
        if row.ifindex == domain.vxlan
        and row.vlan not in (0, domain.vlan)
        and not row.flags & NTF_SELF
        and row.is_ours
    }
    for vlan in sorted(left):
        turn.do(FlushVlan(domain._replace(vlan=vlan)))


def _doubt_gaps(vrf: MacVrf, rows: list[FdbRow]) -> None:
    """Mark bridge rows that are missing in a VLAN of the VXLAN device.

    A bridge with VLANs compiled in makes a row in each and one without, and a port
    takes over a single one of them. The device's own MAC has them all.
    """
    macs_in: defaultdict[int, set[bytes]] = defaultdict(set)
    for row in rows:
        if row.ifindex == vrf.domain.vxlan and not row.flags & NTF_SELF:
            macs_in[row.vlan].add(row.mac)
    if len(macs_in) > 1:
        everywhere = frozenset.intersection(*map(frozenset, macs_in.values()))
        for mac in set().union(*macs_in.values()) - everywhere:
            dst, in_bridge = vrf.fdb.halves(mac)
            if in_bridge:
                vrf.fdb.keep(mac, dst, in_bridge=False)
                vrf.fdb.taken.add(mac)


def neighbor_of(row: NeighborRow) -> Neighbor:
    """Return what a neighbour of ours is."""
    router = bool(row.flags & NTF_ROUTER)
    return Neighbor(row.mac, router=router, local=row.is_note)


def observe_neighbor(
    vrf: MacVrf, row: NeighborRow, tenants: Tenants, turn: Turn
) -> None:
    """Store one neighbour of the bridge of this EVI."""
    ip = row.ip
    known = row.present and row.mac and not row.state & (NUD_FAILED | NUD_INCOMPLETE)
    if known and row.is_ours:
        vrf.neighbors.put(ip, neighbor_of(row))
        tenants.bindings.kernel_lost(vrf, ip)
        return
    vrf.neighbors.lose(ip)
    if not row.present:
        vrf.neighbors.drift.unheard.discard(ip)
    if not known:
        vrf.neighbors.foreign.discard(ip)
        if row.present:
            tenants.bindings.kernel_lost(vrf, ip)
        else:
            tenants.bindings.kernel_flushed(vrf, ip, turn)
        vrf.neighbors.look_at(ip)
    elif row.flags & NTF_EXT_LEARNED or row.state & NUD_NOARP:
        if is_tenant_ip(ip):
            vrf.neighbors.foreign.add(ip)
    elif row.state & NUD_PERMANENT:
        vrf.neighbors.foreign.add(ip)
        claim = Claim(row.mac, ip, turn.now)
        tenants.bindings.pin(vrf, claim, turn, router=bool(row.flags & NTF_ROUTER))
    else:
        pins.unpin(vrf, ip)
        tenants.bindings.kernel_has(
            vrf,
            Claim(row.mac, ip, turn.now),
            turn,
            router=bool(row.flags & NTF_ROUTER),
            confirmed=not row.state & NUD_STALE,
        )


def dump_neighbors(
    vrf: MacVrf, rows: list[NeighborRow], tenants: Tenants, turn: Turn
) -> None:
    """Replace the state of the bridge's neighbours by a dump."""
    vrf.bindings.touch_ips(vrf.bindings.kernel)
    before = vrf.neighbors.begin_dump()
    gone = {*vrf.bindings.kernel, *vrf.bindings.pinned, *vrf.bindings.ceded_pins}
    for row in rows:
        observe_neighbor(vrf, row, tenants, turn)
        gone.discard(row.ip)
    for ip in gone:
        tenants.bindings.kernel_flushed(vrf, ip, turn)
    if vrf.neighbors.end_dump(before):
        for ip, noted in vrf.neighbors.actual.items():
            if noted.local:
                # What an earlier run snooped: a silent tenant keeps its binding.
                tenants.bindings.take_back(
                    vrf, noted.mac, ip, turn, router=noted.router
                )
        vrf.mark_all()
