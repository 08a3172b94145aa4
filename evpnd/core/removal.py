"""Taking our rows away: the EVI goes, its devices do, or the daemon is to flush."""

from evpnd.core.evi import MacVrf
from evpnd.model.actions import (
    Action,
    DeleteFlood,
    DeleteNeighbors,
    DeleteRemoteMacs,
    DeleteVxlanRows,
)


def split_fixed(vrf: MacVrf, macs: list[bytes]) -> tuple[list[bytes], list[bytes]]:
    """Part MACs with both rows ours from those with a bridge row of somebody else."""
    fixed = vrf.fixed_rows
    if not fixed:
        return macs, []
    alone = [mac for mac in macs if mac in fixed]
    return [mac for mac in macs if mac not in fixed], alone


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
            actions.append(DeleteRemoteMacs(vrf.vxlan, both))
        if alone:
            actions.append(DeleteVxlanRows(vrf.vxlan, alone))
        if flood:
            actions.append(DeleteFlood(vrf.vxlan, flood))
    if bridge and vrf.neighbor_rows:
        actions.append(DeleteNeighbors(vrf.bridge, list(vrf.neighbor_rows)))
    return actions
