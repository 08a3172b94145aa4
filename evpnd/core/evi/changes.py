"""Changes of EVIs as devices come, go and change.

The inventory yields these in the moment in which they come about, before it goes on.
"""

from typing import NamedTuple

from evpnd.core.evi.instances import Changed
from evpnd.core.evi.mac_vrf import MacVrf


class UnderlayChanged(NamedTuple):
    """The VTEP address changed, or the network and broadcast addresses did."""


class DevicesLeft(NamedTuple):
    """An EVI moves from its devices or its VLAN to others, or to none."""

    vrf: MacVrf
    vxlan: bool
    """The old VXLAN device still exists: our rows must be removed from it."""
    bridge: bool
    """The old bridge still exists, with its neighbours."""
    bridged: bool
    """The old VXLAN device is still in the bridge, and so has bridge rows."""


class SviLeft(NamedTuple):
    """An EVI has its addresses and neighbours on another device of the same bridge."""

    vrf: MacVrf
    lives_on: bool
    """The old one is still there."""
    svi: int
    """ifindex of the new one; 0: there is none."""


class PortsLost(NamedTuple):
    """Tenants of an EVI are on ports that no longer belong to it."""

    vrf: MacVrf
    ports: frozenset[int]
    """The ports that it has."""


class PortsOpen(NamedTuple):
    """The tenant ports of an EVI that pass frames now."""

    vrf: MacVrf
    ports: frozenset[int]


Move = DevicesLeft | SviLeft | PortsLost | PortsOpen
"""Concerns the devices of one EVI."""
Change = Changed | UnderlayChanged | Move
