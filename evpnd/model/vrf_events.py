"""What the kernel says of VRFs: routes, nexthop objects, and forwarding."""

from typing import NamedTuple

from evpnd.model.domain import Domain
from evpnd.model.rows import FdbRow, NeighborRow, NexthopRow, RouteRow


class RoutesObserved(NamedTuple):
    """Notifications of routes, in order."""

    rows: list[RouteRow]


class NexthopsObserved(NamedTuple):
    """Notifications of nexthop objects, in order."""

    rows: list[NexthopRow]


class VrfDumped(NamedTuple):
    """All that a VRF has in the kernel's tables."""

    domain: Domain
    table: int
    fdb: list[FdbRow]
    """Of the VXLAN device of its L3 VNI."""
    neighbors: list[NeighborRow]
    nexthops: list[NexthopRow]
    """Those of this host, for their ids have no VRF."""
    routes: list[RouteRow]


class ForwardingChanged(NamedTuple):
    """Forwarding was switched on, or could not be."""

    settings: tuple[str, ...]
    """Names of the sysctls that were changed."""
    reason: str = ""
    """Why one could not be; empty: all could."""


VrfEvent = RoutesObserved | NexthopsObserved | VrfDumped | ForwardingChanged
