"""Decides which addresses can be a VTEP, and which VTEP a type 3 route names."""

from evpnd.model.ids import is_host_ip, is_mapped_ipv4
from evpnd.model.routes import INGRESS_REPLICATION, ImetRoute, PathAttributes


def no_vtep(address: bytes) -> str | None:
    """Return why an address cannot be a VTEP; None: it can."""
    if not is_host_ip(address):
        return "is not a host address"
    if is_mapped_ipv4(address):
        return "is an IPv4-mapped IPv6 address, which cannot be a VTEP"
    return None


def flood_endpoint(route: ImetRoute, attributes: PathAttributes) -> bytes:
    """Return the VTEP that receives BUM frames by a type 3 route; empty: none.

    Peers differ in which of PMSI endpoint, originator and next hop they set with
    care: the endpoint comes first (docs/wire.md), then the originator. What is
    no VTEP's address in the underlay's family is passed over.
    """
    pmsi, next_hop = attributes.pmsi, attributes.next_hop
    if pmsi is not None and pmsi.tunnel_type != INGRESS_REPLICATION:
        return b""
    said = b"" if pmsi is None else pmsi.endpoint
    for vtep in (said, route.originator):
        if len(vtep) == len(next_hop) and no_vtep(vtep) is None:
            return vtep
    return next_hop
