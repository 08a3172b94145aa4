"""Moves an EVI to other devices: its rows, and its tenants' bindings."""

from typing import assert_never

from evpnd.core.evi.changes import (
    DevicesLeft,
    PortsLost,
    PortsOpen,
    SviLeft,
)
from evpnd.core.kernel.removal import leave_neighbors, remove_rows
from evpnd.core.local.tenants import Tenants
from evpnd.core.turn import Turn
from evpnd.model.actions import Action


def follow(
    change: DevicesLeft | SviLeft | PortsLost | PortsOpen, tenants: Tenants, turn: Turn
) -> list[Action]:
    """Remove our rows from an EVI's old devices; keep its tenants' bindings."""
    match change:
        case DevicesLeft(vrf, vxlan, bridge, bridged):
            actions = remove_rows(vrf, vxlan=vxlan, bridge=bridge, bridged=bridged)
            tenants.leave_devices(vrf, turn)
            return actions
        case SviLeft(vrf, lives_on, svi):
            return leave_neighbors(vrf, svi, lives_on=lives_on)
        case PortsLost(vrf, ports):
            for mac in [
                m for m, local in vrf.macs.local.items() if local.port not in ports
            ]:
                tenants.flush(vrf, mac, turn)
        case PortsOpen(vrf, ports):
            tenants.open_ports(vrf, ports)
        case _:
            assert_never(change)
    return []
