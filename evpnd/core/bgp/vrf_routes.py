"""The routes that a VRF imports: type 5, and type 2 with the label of the VRF.

Type 2 routes are kept as those of an EVI are: which MAC has an IP, and at which VTEP,
is decided in the same way, so that a host route follows its MAC.
"""

from typing import NamedTuple, final
from weakref import WeakKeyDictionary

from evpnd.core.bgp.evi_routes import EviRoutes
from evpnd.core.bgp.path import Path, Rank
from evpnd.core.bgp.pieces import Pieces
from evpnd.core.bgp.select import best_for_ip
from evpnd.core.bgp.slots import Slot, joined, slot_paths, without
from evpnd.model.communities import router_mac_of
from evpnd.model.config import InstanceConfig
from evpnd.model.domain import Vtep
from evpnd.model.ids import is_unicast_mac
from evpnd.model.routes import PathAttributes


class Router(NamedTuple):
    """A router of the VRF on another host."""

    vtep: Vtep
    mac: bytes


def host_prefix(ip: bytes) -> bytes:
    """Return the prefix that has one IP: the IP and its length in bits."""
    return ip + bytes([8 * len(ip)])


@final
class VrfRoutes(EviRoutes):
    """The routes that one VRF imports.

    Prefixes are an address and the length in bits (1 octet) in one piece.
    """

    __slots__ = ("_routers", "prefixes", "touched_prefixes")

    def __init__(self, config: InstanceConfig) -> None:
        """Start with no route."""
        super().__init__(config)
        self.prefixes: Pieces[bytes, Slot] = Pieces()
        self.touched_prefixes: set[bytes] = set()
        """Prefixes whose type 5 routes changed since reconciliation last took them."""
        self._routers: WeakKeyDictionary[PathAttributes, Router] = WeakKeyDictionary()

    def add_prefix(self, prefix: bytes, path: Path) -> None:
        """Import a type 5 route."""
        found = self.prefixes.get(prefix)
        slot = path if found is None else joined(found, path, None)
        self.prefixes.replace(prefix, slot)
        self.touched_prefixes.add(prefix)

    def remove_prefix(self, prefix: bytes, path: Path) -> None:
        """Remove a type 5 route; an absent one is no error."""
        found = self.prefixes.get(prefix)
        if found is None:
            return
        self.touched_prefixes.add(prefix)
        if type(found) is not Path:
            self.prefixes.replace(prefix, without(found, path))
        elif found.source is path.source:
            self.prefixes.pop(prefix, None)

    def add_imet(self, name: tuple[object, ...], vtep: bytes) -> None:
        """Import a type 3 route: a VRF floods nothing."""

    def clear(self) -> None:
        """Remove all routes; the caller marks all keys dirty."""
        super().clear()
        self.prefixes = Pieces()

    def router(self, path: Path) -> Router | None:
        """Return the router that a path leads to; None: it names no MAC of one.

        RFC 9135, section 8.1; RFC 9136, section 3.2.
        """
        attributes = path.attributes
        known = self._routers.get(attributes)
        if known is None:
            mac = router_mac_of(attributes.extended_communities)
            known = self._routers[attributes] = Router(path.vtep, mac)
        return known if known.mac and is_unicast_mac(known.mac) else None

    def leading(self, prefix: bytes) -> list[Path]:
        """Return the paths that a prefix is routed on; several share its traffic.

        The binding of a host goes before type 5 routes to it alone: it moves with its
        MAC. Of those, paths that are equal up to the VTEP share the traffic.
        """
        ip = prefix[:-1]
        if ip in self.macs_of and prefix[-1] == 8 * len(ip):
            found = best_for_ip(self, ip)
            if found is not None:
                return [found[1]]
        slot = self.prefixes.get(prefix)
        if slot is None:
            return []
        if type(slot) is Path:
            return [slot]
        paths = slot_paths(slot)
        best = min(prefix_order(path.rank) for path in paths)
        return [path for path in paths if prefix_order(path.rank) == best]


def prefix_order(rank: Rank) -> tuple[object, ...]:
    """Return the part of a rank that decides between type 5 routes.

    That is BGP's own decision up to where paths are equally good (RFC 4271, section
    9.1.2.2): there is no mobility, and which VTEP it is says nothing.
    """
    return rank[2], *rank[4:9]
