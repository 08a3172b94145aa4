"""Removes our rows: with an EVI, with its devices, or by a flush."""

from collections.abc import Iterable, Mapping

from evpnd.core.bgp.earlier_withdrawals import Gone
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.core.kernel.writing import delete_macs, delete_neighbors, delete_vteps
from evpnd.model.actions import Action, DumpNeighbors


def let_go(vrfs: Mapping[int, MacVrf], gone: Iterable[Gone]) -> None:
    """Release adopted rows whose routes are known to be withdrawn."""
    for vni, mac, ip, vtep in gone:
        vrf = vrfs.get(vni)
        if vrf is None:
            continue
        if vrf.fdb.reading is not None:
            vrf.fdb.reading.refuted.update((mac, vtep))
        for table, key in ((vrf.fdb, mac), (vrf.neighbors, ip), (vrf.floods, vtep)):
            if key:
                table.let_go(key)


def leave_neighbors(vrf: MacVrf, svi: int, *, lives_on: bool) -> list[Action]:
    """Remove our neighbours from a device that the EVI leaves.

    Those of the new one replace what was known; 0 stands for none.
    """
    actions: list[Action] = []
    if lives_on:
        actions.extend(delete_neighbors(vrf, list(vrf.neighbors.actual)))
    vrf.neighbors.leave()
    vrf.routes.touch_ips()
    vrf.bindings.touch_ips(vrf.bindings.snooped)
    if svi:
        return [*actions, DumpNeighbors(svi)]
    vrf.bindings.leave_neighbors()
    vrf.neighbors.foreign.clear()
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
        macs = vrf.fdb.removable(vrf.macs.is_local, bridged=bridged)
        actions.extend(delete_macs(vrf, *macs))
    if bridge:
        actions.extend(delete_neighbors(vrf, list(vrf.neighbors.actual)))
    if vxlan:
        actions.extend(delete_vteps(vrf, list(vrf.floods.actual)))
    return actions
