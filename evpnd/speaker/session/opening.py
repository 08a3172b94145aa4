"""Converts a decoded OPEN to the one that ExaBGP negotiates with."""

from exabgp.bgp.message.open import Open
from exabgp.bgp.message.open.asn import ASN
from exabgp.bgp.message.open.capability import Capabilities, Capability
from exabgp.bgp.message.open.capability.asn4 import ASN4
from exabgp.bgp.message.open.capability.graceful import Graceful
from exabgp.bgp.message.open.capability.mp import MultiProtocol
from exabgp.bgp.message.open.capability.refresh import (
    EnhancedRouteRefresh,
    RouteRefresh,
)
from exabgp.bgp.message.open.holdtime import HoldTime
from exabgp.bgp.message.open.routerid import RouterID
from exabgp.bgp.message.open.version import Version
from exabgp.protocol.family import AFI, SAFI

from evpnd.model.numbers import EVPN_FAMILY
from evpnd.wire.open_message import VERSION, OpenMessage


def exabgp_open(message: OpenMessage) -> Open:
    """Return the capabilities that ExaBGP uses; the only family is ours."""
    capabilities = Capabilities()
    if EVPN_FAMILY in message.families:
        families = MultiProtocol()
        families.append((AFI.l2vpn, SAFI.evpn))
        capabilities[Capability.CODE.MULTIPROTOCOL] = families
    if message.asn4:
        capabilities[Capability.CODE.FOUR_BYTES_ASN] = ASN4(message.asn)
    if message.route_refresh:
        capabilities[Capability.CODE.ROUTE_REFRESH] = RouteRefresh()
    if message.enhanced_refresh:
        capabilities[Capability.CODE.ENHANCED_ROUTE_REFRESH] = EnhancedRouteRefresh()
    if message.restart is not None:
        flags, time, families_kept = message.restart
        kept = [(*family, state) for family, state in families_kept.items()]
        graceful = Graceful().set(flags, time, kept)
        capabilities[Capability.CODE.GRACEFUL_RESTART] = graceful
    router_id = ".".join(map(str, message.router_id))
    return Open(
        Version(VERSION),
        ASN(message.asn),
        HoldTime(message.hold_time),
        RouterID(router_id),
        capabilities,
    )
