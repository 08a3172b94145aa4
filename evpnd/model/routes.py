"""EVPN routes as values (RFC 7432 section 7, RFC 9136 section 3).

Type 2 routes come by the hundred thousand, so what many of them share is held
once: the path attributes of an UPDATE, and RD, ESI, Ethernet Tag and labels of a
run of NLRIs. What is left of a route is its MAC and IP octets.
"""

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from evpnd.model.packed import NumberList, OctetStrings

VXLAN_ENCAPSULATION = 8
INGRESS_REPLICATION = 6

ROUTER = 0x01
OVERRIDE = 0x02
IMMUTABLE = 0x08
"""Flags R, O and I of the ARP/ND community (RFC 9047, section 2)."""


class PmsiTunnel(NamedTuple):
    """PMSI tunnel attribute (RFC 6514, section 5; RFC 8365, section 5.1.3)."""

    tunnel_type: int
    label: int
    """24 bits; with VXLAN the VNI."""
    endpoint: bytes
    """Identifier octets; with ingress replication a VTEP address."""
    flags: int = 0


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class PathAttributes:
    """The attributes that the routes of one UPDATE share. Compared by identity.

    One object stands for one distinct block of octets, so that all that depends
    on attributes alone (import, rank) is computed once for it. What was received is
    kept packed: it costs its octets, and not the objects that they would make.
    """

    next_hop: bytes
    """The VTEP address, 4 or 16 octets."""
    route_targets: OctetStrings = ()
    """8 octets each, type and subtype included."""
    extended_communities: OctetStrings = ()
    """All of them, the route targets too, in the order received."""
    encapsulations: NumberList = ()
    """Tunnel types of RFC 9012 named; empty: not said (MPLS by RFC 8365)."""
    sequence: int = 0
    """MAC mobility sequence, 32 bits; absent is 0 (RFC 7432, section 7.7)."""
    sticky: bool = False
    default_gateway: bool = False
    arp_nd_flags: int | None = None
    """RFC 9047: R=0x01, O=0x02, I=0x08; None without the community."""
    pmsi: PmsiTunnel | None = None
    origin: int = 0
    """0 IGP, 1 EGP, 2 incomplete."""
    as_path: NumberList = ()
    """Flattened; a set counts as its members here."""
    as_path_length: int = 0
    """For the decision: a set counts as one (RFC 4271, 9.1.2.2)."""
    local_preference: int | None = None
    med: int | None = None
    originator_id: bytes | None = None
    cluster_list: OctetStrings = ()
    communities: OctetStrings = ()
    """4 octets each (RFC 1997)."""
    large_communities: OctetStrings = ()
    """12 octets each (RFC 8092)."""


class MacIpBatch(NamedTuple):
    """Type 2 NLRIs of one UPDATE that differ in MAC and IP alone."""

    rd: bytes
    ethernet_tag: bytes
    """4 octets."""
    esi: bytes
    """10 octets; of no meaning in a withdrawal (RFC 7432, section 7.2)."""
    labels: bytes
    """3 or 6 octets; of no meaning in a withdrawal."""
    keys: list[bytes]
    """MAC (6 octets) and IP (0, 4 or 16 octets) in one piece."""


class ImetRoute(NamedTuple):
    """Type 3, inclusive multicast Ethernet tag; all of it is its identity."""

    rd: bytes
    ethernet_tag: bytes
    originator: bytes


class EthernetAdRoute(NamedTuple):
    """Type 1, Ethernet auto-discovery; the label is not identity."""

    rd: bytes
    esi: bytes
    ethernet_tag: bytes
    label: bytes


class EthernetSegmentRoute(NamedTuple):
    """Type 4, Ethernet segment."""

    rd: bytes
    esi: bytes
    originator: bytes


class IpPrefixRoute(NamedTuple):
    """Type 5, IP prefix (RFC 9136); ESI, gateway and label are not identity."""

    rd: bytes
    esi: bytes
    ethernet_tag: bytes
    prefix_length: int
    prefix: bytes
    gateway: bytes
    label: bytes


OtherRoute = ImetRoute | EthernetAdRoute | EthernetSegmentRoute | IpPrefixRoute


def identity(route: OtherRoute) -> tuple[object, ...]:
    """Return what identifies a route among those of one peer (RFC 7432, section 7)."""
    match route:
        case ImetRoute():
            return (3, *route)
        case EthernetAdRoute():
            return (1, *route[:3])
        case EthernetSegmentRoute():
            return (4, *route)
        case IpPrefixRoute():
            return (5, route.rd, route.ethernet_tag, route.prefix_length, route.prefix)


class Treatment(Enum):
    """What RFC 7606 (section 2) has one do about an error."""

    SKIPPED = "skipped"
    """An NLRI of a type that we do not know."""
    ATTRIBUTE_DISCARDED = "attribute-discarded"
    TREATED_AS_WITHDRAW = "treated-as-withdraw"
    SESSION_RESET = "session-reset"


class Malformed(NamedTuple):
    """One finding in an UPDATE, for counters and for one log line a minute."""

    treatment: Treatment
    reason: str
    """For people: what was wrong, with the numbers."""
    code: int = 3
    """NOTIFICATION error code, of meaning with SESSION_RESET only."""
    subcode: int = 0


class Update(NamedTuple):
    """An UPDATE of the family l2vpn/evpn, decoded (RFC 4760, section 3)."""

    attributes: PathAttributes | None
    """None where nothing is announced."""
    mac_ip: list[MacIpBatch]
    routes: list[OtherRoute]
    withdrawn_mac_ip: list[MacIpBatch]
    withdrawn: list[OtherRoute]
    end_of_rib: bool = False
    malformed: tuple[Malformed, ...] = ()
