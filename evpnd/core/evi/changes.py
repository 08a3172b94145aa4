"""What becomes of the EVIs and their places as devices come, go and change.

The inventory yields these in the moment in which they come about, before it goes on.
"""

from typing import NamedTuple

from evpnd.core.evi.instances import Changed
from evpnd.core.evi.mac_vrf import MacVrf


class UnderlayChanged(NamedTuple):
    """The VTEP address is another one, or other addresses are no host's."""


class DevicesLeft(NamedTuple):
    """An EVI leaves its devices, or its VLAN, for others or for none."""

    vrf: MacVrf
    vxlan: bool
    """The old VXLAN device lives on without it: our rows are to be taken from it."""
    bridge: bool
    """The old bridge does, with its neighbours."""
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
    """Tenants of an EVI are on ports that are its ports no more."""

    vrf: MacVrf
    ports: frozenset[int]
    """Those that it has."""


class PortsOpen(NamedTuple):
    """The tenant ports of an EVI that pass frames now."""

    vrf: MacVrf
    ports: frozenset[int]


Move = DevicesLeft | SviLeft | PortsLost | PortsOpen
"""Concerns the devices of one EVI."""
Change = Changed | UnderlayChanged | Move
