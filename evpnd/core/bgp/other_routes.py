"""Routes of other types than 2, into the EVIs and VRFs that import them."""

from collections.abc import Iterable

from evpnd.core.bgp.endpoints import flood_endpoint
from evpnd.core.bgp.evi_routes import EviRoutes
from evpnd.core.bgp.imports import Imported, NlriParts, other_fate
from evpnd.core.bgp.path import Path
from evpnd.model.routes import ImetRoute, IpPrefixRoute, OtherRoute, identity


def import_other(route: OtherRoute, path: Path, imported: Imported) -> None:
    """Add a type 3 route to flood lists, and a type 5 route to VRFs.

    Of the others policies are asked as well, and nothing else. A prefix with a gateway
    leads to a host, and not to the VTEP (RFC 9136, section 4.1): it is kept, not used.
    """
    judged = other_fate(path, imported, route)
    match route:
        case ImetRoute():
            vtep = flood_endpoint(route, path.attributes)
            for evi, _ in judged.takers if vtep else ():
                evi.add_imet((path.peer, *identity(route)), vtep)
        case IpPrefixRoute():
            for vrf, admitted in () if any(route.gateway) else judged.takers:
                vrf.add_prefix(prefix_of(route), admitted)
        case _:
            pass


def remove_other(route: OtherRoute, path: Path, tables: Iterable[EviRoutes]) -> None:
    """Remove a route from what imports it."""
    match route:
        case ImetRoute():
            for evi in tables:
                evi.remove_imet((path.peer, *identity(route)))
        case IpPrefixRoute():
            for vrf in tables:
                vrf.remove_prefix(prefix_of(route), path)
        case _:
            pass


def nlri_parts(route: OtherRoute) -> NlriParts:
    """Return what the path of a route has beside attributes.

    The tag decides about types that are used. Type 5 alone has the ESI, by which it is
    known (`Path.of_prefixes`).
    """
    match route:
        case ImetRoute():
            return route.rd, route.ethernet_tag, b"", b""
        case IpPrefixRoute():
            return route.rd, route.ethernet_tag, route.esi, b""
        case _:
            return route.rd, b"", b"", b""


def prefix_of(route: IpPrefixRoute) -> bytes:
    """Return a prefix as VRFs have it, without host bits that a peer left in it."""
    length = route.prefix_length
    host_bits = 8 * len(route.prefix) - length
    number = int.from_bytes(route.prefix) >> host_bits << host_bits
    return number.to_bytes(len(route.prefix)) + bytes([length])
