"""What the kernel's tables hold, kept from dumps and notifications.

A notification is a hint: it changes the table kept here and marks the key, and
reconciliation decides. Nothing here looks at routes.
"""

from evpnd.core import mobility
from evpnd.core.evi import LocalMac, MacVrf, Neighbor, Origin
from evpnd.model.actions import Notice
from evpnd.model.ids import FLOOD_MAC, is_tenant_ip, is_unicast_mac
from evpnd.model.rows import (
    EVPND_PROTOCOL,
    NTF_EXT_LEARNED,
    NTF_ROUTER,
    NTF_SELF,
    NTF_STICKY,
    NUD_FAILED,
    NUD_INCOMPLETE,
    NUD_NOARP,
    NUD_PERMANENT,
    FdbRow,
    NeighborRow,
)


def observe_fdb(vrf: MacVrf, row: FdbRow, now: float, notices: list[Notice]) -> None:
    """Take one FDB row of a device of this EVI."""
    if row.ifindex == vrf.vxlan:
        if row.flags & NTF_SELF:
            _observe_vxlan_row(vrf, row)
        else:
            _observe_remote_bridge_row(vrf, row)
    elif not row.flags & NTF_SELF:
        _observe_port_row(vrf, row, now, notices)


def _observe_vxlan_row(vrf: MacVrf, row: FdbRow) -> None:
    mac = row.mac
    if mac == FLOOD_MAC:
        if row.present:
            ours = bool(row.flags & NTF_EXT_LEARNED)
            vrf.flood_rows[row.dst] = vrf.flood_rows.get(row.dst, False) or ours
        else:
            vrf.flood_rows.pop(row.dst, None)
        vrf.dirty_flood = True
        return
    if not row.dst:
        return
    vrf.dirty_macs.add(mac)
    if row.present and not row.flags & NTF_EXT_LEARNED:
        vrf.foreign_rows.add(mac)
        return
    vrf.foreign_rows.discard(mac)
    _, in_bridge = _halves(vrf, mac)
    _keep(vrf, mac, row.dst if row.present else b"", in_bridge=in_bridge)


def _observe_remote_bridge_row(vrf: MacVrf, row: FdbRow) -> None:
    mac = row.mac
    if row.state & NUD_PERMANENT:
        _observe_own_mac(vrf, row)
        return
    if row.present:
        # A bridge has one row for a MAC: what led to a port leads there no more.
        mobility.forget(vrf, mac)
    vrf.dirty_macs.add(mac)
    dst, _ = _halves(vrf, mac)
    ours = row.present and bool(row.flags & NTF_EXT_LEARNED)
    _keep(vrf, mac, dst, in_bridge=ours)


def _observe_port_row(
    vrf: MacVrf, row: FdbRow, now: float, notices: list[Notice]
) -> None:
    mac = row.mac
    if row.state & NUD_PERMANENT:
        _observe_own_mac(vrf, row)
        return
    if row.ifindex not in vrf.ports or not is_unicast_mac(mac):
        return
    if not row.present:
        local = vrf.local.get(mac)
        if local is not None and (local.port, local.vlan) == (row.ifindex, row.vlan):
            mobility.forget(vrf, mac)
        return
    dst, in_bridge = _halves(vrf, mac)
    if in_bridge:
        _keep(vrf, mac, dst, in_bridge=False)
        vrf.dirty_macs.add(mac)
    if row.flags & NTF_STICKY:
        origin = Origin.STICKY
    elif row.state & NUD_NOARP or row.flags & NTF_EXT_LEARNED:
        origin = Origin.STATIC
    else:
        origin = Origin.DYNAMIC
    mobility.learn(vrf, mac, LocalMac(row.ifindex, row.vlan, origin, now), notices)


def _observe_own_mac(vrf: MacVrf, row: FdbRow) -> None:
    vrf.dirty_macs.add(row.mac)
    if row.present:
        vrf.own_macs.add(row.mac)
        mobility.forget(vrf, row.mac)
        dst, _ = _halves(vrf, row.mac)
        _keep(vrf, row.mac, dst, in_bridge=False)


def _halves(vrf: MacVrf, mac: bytes) -> tuple[bytes, bool]:
    vtep = vrf.remote_rows.get(mac)
    return (vtep, True) if vtep is not None else vrf.partial.get(mac, (b"", False))


def _keep(vrf: MacVrf, mac: bytes, dst: bytes, *, in_bridge: bool) -> None:
    vrf.remote_rows.pop(mac, None)
    vrf.partial.pop(mac, None)
    if dst and in_bridge:
        vrf.remote_rows[mac] = dst
    elif dst or in_bridge:
        vrf.partial[mac] = (dst, in_bridge)


def dump_fdb(
    vrf: MacVrf, rows: list[FdbRow], now: float, notices: list[Notice]
) -> None:
    """Replace all that is known of the FDB by a dump."""
    vrf.dirty_macs.update(vrf.remote_rows, vrf.partial, vrf.local)
    for table in (vrf.remote_rows, vrf.partial, vrf.flood_rows):
        table.clear()
    vrf.foreign_rows.clear()
    vrf.own_macs.clear()
    gone = set(vrf.local)
    for row in rows:
        observe_fdb(vrf, row, now, notices)
        if row.ifindex in vrf.ports:
            gone.discard(row.mac)
    for mac in gone:
        mobility.forget(vrf, mac)
    if not vrf.fdb_known:
        vrf.adopted_macs.update(vrf.remote_rows, vrf.partial)
        vrf.adopted_vteps.update(vtep for vtep, ours in vrf.flood_rows.items() if ours)
        vrf.unmarked_vteps.update(vrf.flood_rows.keys() - vrf.adopted_vteps)
        vrf.preserved = bool(vrf.adopted_macs or vrf.adopted_vteps)
        vrf.mark_all()
    vrf.fdb_known = True
    vrf.dirty_flood = True


def observe_neighbor(vrf: MacVrf, row: NeighborRow) -> None:
    """Take one neighbour of the bridge of this EVI."""
    ip = row.ip
    known = row.present and row.mac and not row.state & (NUD_FAILED | NUD_INCOMPLETE)
    if known and row.protocol == EVPND_PROTOCOL:
        vrf.neighbor_rows[ip] = Neighbor(
            row.mac,
            router=bool(row.flags & NTF_ROUTER),
            local=not row.flags & NTF_EXT_LEARNED,
        )
        vrf.foreign_neighbors.discard(ip)
        unbind_kernel(vrf, ip)
        vrf.dirty_ips.add(ip)
        return
    if ip in vrf.neighbor_rows:
        del vrf.neighbor_rows[ip]
        vrf.dirty_ips.add(ip)
    if not known:
        vrf.foreign_neighbors.discard(ip)
        unbind_kernel(vrf, ip)
        vrf.dirty_ips.add(ip)
    elif row.flags & NTF_EXT_LEARNED or row.state & NUD_NOARP:
        if is_tenant_ip(ip):
            vrf.foreign_neighbors.add(ip)
    else:
        if row.state & NUD_PERMANENT:
            vrf.foreign_neighbors.add(ip)
        bind(vrf, vrf.kernel_bindings, row.mac, ip)


def dump_neighbors(vrf: MacVrf, rows: list[NeighborRow]) -> None:
    """Replace all that is known of the bridge's neighbours by a dump."""
    vrf.dirty_ips.update(vrf.neighbor_rows, vrf.kernel_bindings)
    vrf.neighbor_rows.clear()
    vrf.foreign_neighbors.clear()
    gone = set(vrf.kernel_bindings)
    for row in rows:
        observe_neighbor(vrf, row)
        gone.discard(row.ip)
    for ip in gone:
        unbind_kernel(vrf, ip)
    if not vrf.neighbors_known:
        vrf.adopted_ips.update(vrf.neighbor_rows)
        for ip, noted in vrf.neighbor_rows.items():
            if noted.local:
                # What an earlier run snooped: a silent tenant keeps its binding.
                bind(vrf, vrf.snooped, noted.mac, ip)
        vrf.mark_all()
    vrf.neighbors_known = True


def snoop(vrf: MacVrf, port: int, mac: bytes, ip: bytes) -> None:
    """Take a binding that ARP or ND on a tenant port told of."""
    local = vrf.local.get(mac)
    if local is not None and local.port != port:
        return
    bind(vrf, vrf.snooped, mac, ip)


def bind(vrf: MacVrf, table: dict[bytes, bytes], mac: bytes, ip: bytes) -> None:
    """Bind an IP to a MAC; the latest word of any source counts."""
    if not is_tenant_ip(ip) or ip in vrf.own_ips or mac in vrf.own_macs:
        return
    if not is_unicast_mac(mac) or table.get(ip) == mac:
        return
    other = vrf.kernel_bindings if table is vrf.snooped else vrf.snooped
    for old in (table.get(ip), other.get(ip)):
        if old is not None and old != mac:
            _unbind(vrf, ip, old)
            table.pop(ip, None)
            other.pop(ip, None)
    table[ip] = mac
    vrf.bindings_of.setdefault(mac, set()).add(ip)
    vrf.dirty_macs.add(mac)
    vrf.dirty_ips.add(ip)


def unbind_kernel(vrf: MacVrf, ip: bytes) -> None:
    """Forget what the kernel's neighbours said of an IP."""
    mac = vrf.kernel_bindings.pop(ip, None)
    if mac is not None and vrf.snooped.get(ip) != mac:
        _unbind(vrf, ip, mac)


def _unbind(vrf: MacVrf, ip: bytes, mac: bytes) -> None:
    if any(entry.ip == ip and entry.mac == mac for entry in vrf.config.static):
        return
    ips = vrf.bindings_of.get(mac)
    if ips is not None:
        ips.discard(ip)
        if not ips:
            del vrf.bindings_of[mac]
    vrf.dirty_macs.add(mac)
    vrf.dirty_ips.add(ip)
