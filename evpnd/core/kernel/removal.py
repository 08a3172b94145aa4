"""Taking our rows away: the EVI goes, its devices do, or the daemon is to flush."""

from collections.abc import Iterable, Mapping

from evpnd.core.bgp.earlier_withdrawals import Gone
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.core.local.binding_tables import take_out
from evpnd.model.actions import (
    Action,
    DeleteFlood,
    DeleteNeighbors,
    DeleteRemoteMacs,
    DeleteVxlanRows,
    DumpNeighbors,
)


def split_fixed(vrf: MacVrf, macs: list[bytes]) -> tuple[list[bytes], list[bytes]]:
    """Part MACs with both rows ours from those with a bridge row of somebody else."""
    fixed = vrf.fixed_rows
    if not fixed:
        return macs, []
    alone = [mac for mac in macs if mac in fixed]
    return [mac for mac in macs if mac not in fixed], alone


def let_go(vrfs: Mapping[int, MacVrf], gone: Iterable[Gone]) -> None:
    """Keep rows of an earlier run no longer whose routes are known to be withdrawn."""
    for vni, mac, ip, vtep in gone:
        vrf = vrfs.get(vni)
        if vrf is None:
            continue
        if vrf.reading is not None:
            vrf.reading.refuted.update((mac, vtep))
        if mac:
            vrf.adopted_macs.discard(mac)
            vrf.dirty_macs.add(mac)
        if ip:
            vrf.adopted_ips.discard(ip)
            vrf.dirty_ips.add(ip)
        if vtep:
            vrf.adopted_vteps.discard(vtep)
            vrf.dirty_flood = True


def leave_neighbors(vrf: MacVrf, svi: int, *, lives_on: bool) -> list[Action]:
    """Take our neighbours from a device that the EVI leaves for another or for none.

    Those of the new one replace what was known; 0 stands for none.
    """
    actions: list[Action] = []
    if vrf.neighbor_rows and lives_on:
        actions.append(DeleteNeighbors(vrf.svi, list(vrf.neighbor_rows)))
    vrf.dirty_ips.update(vrf.neighbor_rows, vrf.routes.macs_of, vrf.snooped)
    vrf.neighbor_rows.clear()
    if svi:
        return [*actions, DumpNeighbors(svi)]
    for table in (vrf.kernel_bindings, vrf.pinned):
        for ip in list(table):
            take_out(vrf, table, ip)
    vrf.ceded_pins.clear()
    vrf.foreign_neighbors.clear()
    return actions


def remove_rows(
    vrf: MacVrf, *, vxlan: bool = True, bridge: bool = True, bridged: bool = True
) -> list[Action]:
    """Remove every row of ours from an EVI's devices.

    `vxlan` and `bridge` say which of the two there is to clean; `bridged`, whether
    the VXLAN device is still in the bridge and so has bridge rows.
    """
    actions: list[Action] = []
    if vxlan:
        both = list(vrf.remote_rows) if bridged else []
        alone = [] if bridged else list(vrf.remote_rows)
        for mac, (dst, _) in vrf.partial.items():
            if bridged and not vrf.is_local(mac):
                both.append(mac)
            elif dst:
                alone.append(mac)
        both = [mac for mac in both if mac not in vrf.foreign_rows]
        alone = [mac for mac in alone if mac not in vrf.foreign_rows]
        both, theirs = split_fixed(vrf, both)
        alone += theirs
        flood = vrf.our_vteps
        if both:
            actions.append(DeleteRemoteMacs(vrf.vxlan, both, vrf.vlan))
        if alone:
            actions.append(DeleteVxlanRows(vrf.vxlan, alone))
        if flood:
            actions.append(DeleteFlood(vrf.vxlan, flood))
    if bridge and vrf.neighbor_rows:
        actions.append(DeleteNeighbors(vrf.svi, list(vrf.neighbor_rows)))
    return actions
