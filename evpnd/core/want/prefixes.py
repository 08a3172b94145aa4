"""Decides where the prefixes of a VRF are routed, and what their routes need.

A route leads to a nexthop object, the object to the neighbour of a remote router, and
the neighbour's MAC to the router's VTEP (`tables/order.py`). All of these follow from
the routes alone. Where the table has a route of somebody else to a prefix, ours is not
wanted: that of the kernel for a subnet of this host, as that of an operator.
"""

from evpnd.core.reasons import Reason
from evpnd.core.tables.nexthops import Leg, Nexthop
from evpnd.core.vrf.ip_vrf import IpVrf, Routers
from evpnd.model.ids import IPV4_LENGTH
from evpnd.model.rows import RTN_UNICAST, RTN_UNREACHABLE, UNREACHABLE_METRIC

_NO_ROUTE = Reason.NO_ROUTE_TO_PREFIX
_MAPPED = bytes(10) + b"\xff\xff"
"""An IPv4 address behind it is one of IPv6 (RFC 4291, section 2.5.5.2)."""
LEGS_MOST = 32
"""VTEPs that share the traffic of one prefix."""


def decide(vrf: IpVrf, prefix: bytes) -> bytes | Reason:
    """Return the nexthop object that a prefix is to lead to, or why it has no route."""
    others = vrf.tables.prefixes.others.get(prefix)
    if others is not None and any(not _is_end(*other) for other in others):
        return Reason.OTHERS_ROUTE
    paths = vrf.routes.leading(prefix)
    if not paths:
        return _NO_ROUTE
    ip = prefix[:-1]
    if prefix[-1] == 8 * len(ip) and vrf.has_tenant(ip):
        return Reason.TENANT_HERE
    legs: set[Leg] = set()
    for path in paths:
        router = vrf.routes.router(path)
        if router is not None:
            legs.add(Leg(gateway_of(router.vtep, ip), *router))
    if not legs:
        return Reason.NO_ROUTER_MAC
    return vrf.tables.nexthops.lead(tuple(sorted(legs)[:LEGS_MOST]))


def gateway_of(vtep: bytes, ip: bytes) -> bytes:
    """Return the address of a router for routes of a family.

    An IPv6 route takes no IPv4 gateway, and gets it as an IPv6 address; an IPv4 route
    takes both.
    """
    if len(vtep) == IPV4_LENGTH and len(ip) != IPV4_LENGTH:
        return _MAPPED + vtep
    return vtep


def decide_nexthop(vrf: IpVrf, nexthop: bytes) -> Nexthop | Reason:
    """Return what a nexthop object is to say, or why it is not to be."""
    return vrf.tables.nexthops.wanted(nexthop) or Reason.NOT_USED


def decide_unreachable(vrf: IpVrf, prefix: bytes) -> bool | Reason:
    """Return whether the table is to end with a route of ours, or why not.

    Another unreachable default serves as well.
    """
    others = vrf.tables.prefixes.others.get(prefix, ())
    if any(other.kind == RTN_UNREACHABLE for other in others):
        return Reason.OTHERS_ROUTE
    return True


def _is_end(metric: int, _protocol: int, kind: int) -> bool:
    """Return whether a route of others is but the end of the table."""
    return kind != RTN_UNICAST and metric == UNREACHABLE_METRIC


def routers(vrf: IpVrf) -> Routers:
    """Return the routers that routes lead to; of a conflict the lowest counts.

    That is stable: it does not depend on the order in which routes came.
    """
    macs: dict[bytes, bytes] = {}
    vteps: dict[bytes, bytes] = {}
    legs = sorted(vrf.tables.nexthops.in_use())
    for gateway, _, mac in legs:
        macs.setdefault(gateway, mac)
    for gateway, vtep, mac in legs:
        if macs[gateway] == mac:
            vteps[mac] = min(vteps.get(mac, vtep), vtep)
    lost = {
        (vtep, mac)
        for gateway, vtep, mac in legs
        if macs[gateway] != mac or vteps[mac] != vtep
    }
    return Routers(macs, vteps, frozenset(lost))
