"""The MTU of the underlay, from the routes to the VTEPs.

A VXLAN device without a lower device has an MTU of 1500 whatever the underlay takes,
and what does not fit is dropped there, or fragmented. The MTU of a route is that of its
device, of the route itself, or what path MTU discovery found (rt_fill_info,
net/ipv4/route.c).
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from evpnd.core.evi.links import Links
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.model.actions import MeasurePaths
from evpnd.model.ids import IPV4_LENGTH, is_link_local

OVERHEAD_4 = 50
OVERHEAD_6 = 70
"""Octets that VXLAN adds: Ethernet, VXLAN, UDP, and IPv4 or IPv6 (RFC 7348, 5)."""
DEFAULT_MTU = 1500
LARGEST = 65535
"""IP packets are no larger, whatever a loopback device says."""
MEASURED_MOST = 512
"""VTEPs whose routes are looked up; the others are taken to be like them."""
GATHER = 2.0
"""Seconds for which changes gather before the routes are looked up again."""


class Room(NamedTuple):
    """The largest MTU of a VXLAN device, in octets, and the route that limits it."""

    mtu: int
    vtep: bytes
    route: int
    """The MTU of the route to the VTEP."""


class Underlay:
    """The MTU of the route to each VTEP; times are monotonic seconds.

    Routes are not watched, for a host may have a million: one that changes alone is
    seen with the next VTEP, or the next change of a link or an address.
    """

    def __init__(self) -> None:
        """Start with no route known."""
        self._routes: dict[bytes, int] = {}
        self._asked: frozenset[bytes] = frozenset()
        self._doubted = False
        self.due: float | None = None
        """When routes are to be looked up."""

    def doubt(self, now: float) -> None:
        """Schedule another lookup of routes: a link or an address changed."""
        self._doubted = True
        self.expect(now)

    def expect(self, now: float) -> None:
        """Schedule the lookup of routes to new VTEPs."""
        if self.due is None:
            self.due = now + (GATHER if self._asked else 0.0)

    def ask(self, now: float, vrfs: Iterable[MacVrf]) -> Iterator[MeasurePaths]:
        """Yield the lookup that is due, if one is."""
        if self.due is None or now < self.due:
            return
        self.due = None
        vteps = {
            vtep
            for vrf in vrfs
            for vtep in vrf.routes.imets.vteps()
            if vtep != vrf.vtep and len(vtep) == len(vrf.vtep)
        }
        wanted = frozenset(sorted(vteps)[:MEASURED_MOST])
        if not self._doubted and wanted <= self._asked:
            return
        self._doubted = False
        self._asked = wanted
        if wanted:
            yield MeasurePaths(tuple(sorted(wanted)))

    def take(self, routes: dict[bytes, int]) -> bool:
        """Store the answer; return whether anything changed."""
        news = routes != self._routes
        self._routes = routes
        return news

    @property
    def routes(self) -> dict[bytes, int]:
        """The MTU of the routes to VTEPs, as measured last."""
        return self._routes

    def room(self, vrf: MacVrf) -> Room | None:
        """Return the largest MTU of an EVI's VXLAN device; None: not known."""
        routes = self._routes
        found = ((routes[v], v) for v in vrf.routes.imets.vteps() if v in routes)
        route, vtep = min(found, default=(0, b""))
        if not vtep:
            return None
        return Room(min(route, LARGEST) - overhead(vtep), vtep, route)


def overhead(vtep: bytes) -> int:
    """Return the octets that VXLAN adds to a frame's payload on the way to a VTEP."""
    return OVERHEAD_4 if len(vtep) == IPV4_LENGTH else OVERHEAD_6


def likely_mtu(links: Links, vtep: bytes, ports: Iterable[str]) -> int:
    """Return the MTU that a VXLAN device can have while no route is known, in octets.

    That of the device with the VTEP address; where that is a loopback, the smallest
    among the devices that can lead to the underlay: up, with a routable address,
    neither bridge nor bridge port nor tunnel nor a tenant's.
    """
    tenant_ports = frozenset(ports)
    candidates = [
        link
        for link in links.by_index.values()
        if link.up
        and any(link.mac)
        and not link.master
        and link.kind not in ("bridge", "vxlan", "dummy")
        and link.name not in tenant_ports
        and not all(map(is_link_local, links.addresses_of(link.ifindex)))
    ]
    direct = [
        link.mtu for link in candidates if vtep in links.addresses_of(link.ifindex)
    ]
    mtu = min(direct or [link.mtu for link in candidates], default=DEFAULT_MTU)
    return min(mtu, LARGEST) - overhead(vtep)
