"""Extended communities that EVPN with VXLAN uses, 8 octets each.

RFC 4360 gives the shape; RFC 7432 section 7, RFC 9012 and RFC 9047 the EVPN
ones. Unknown ones are no error (RFC 7606, section 7.14): they are kept as they
are.
"""

from collections.abc import Iterable
from typing import NamedTuple

from evpnd.model.communities import DEFAULT_GATEWAY, MAC_MOBILITY, mobility_of
from evpnd.model.packed import NumberList, Numbers, Octets8, OctetStrings
from evpnd.model.routes import VXLAN_ENCAPSULATION

_ROUTE_TARGETS = frozenset({b"\x00\x02", b"\x01\x02", b"\x02\x02"})
_ENCAPSULATION = b"\x03\x0c"
_ARP_ND = b"\x06\x08"


def is_route_target(community: bytes) -> bool:
    """Tell a route target, in any of its three forms (RFC 4360, section 4)."""
    return community[:2] in _ROUTE_TARGETS


def encapsulation(tunnel_type: int) -> bytes:
    """Write the encapsulation community of a tunnel type (RFC 9012, section 4.1)."""
    return _ENCAPSULATION + tunnel_type.to_bytes(6, "big")


VXLAN = encapsulation(VXLAN_ENCAPSULATION)


def arp_nd(flags: int) -> bytes:
    """Write an ARP/ND community: R=0x01, O=0x02, I=0x08 (RFC 9047, section 2)."""
    return _ARP_ND + bytes([flags]) + bytes(5)


class DecodedCommunities(NamedTuple):
    """What a list of extended communities says; the names are PathAttributes'."""

    route_targets: OctetStrings
    encapsulations: NumberList
    sequence: int
    sticky: bool
    default_gateway: bool
    arp_nd_flags: int | None


def decode_communities(communities: Iterable[bytes]) -> DecodedCommunities:
    """Find the meaning of extended communities of 8 octets each.

    Of several mobility or ARP/ND communities the first counts, as in FRR.
    """
    targets: list[bytes] = []
    tunnels: list[int] = []
    mobility: bytes | None = None
    gateway = False
    flags: int | None = None
    for community in communities:
        kind = community[:2]
        if kind in _ROUTE_TARGETS:
            targets.append(community)
        elif kind == _ENCAPSULATION:
            tunnels.append(int.from_bytes(community[6:]))
        elif kind == MAC_MOBILITY:
            mobility = mobility or community
        elif kind == DEFAULT_GATEWAY[:2]:
            gateway = True
        elif kind == _ARP_ND and flags is None:
            flags = community[2]
    sequence, sticky = mobility_of((mobility,)) if mobility else (0, False)
    return DecodedCommunities(
        route_targets=Octets8(b"".join(targets)) if targets else (),
        encapsulations=Numbers.of(tunnels),
        sequence=sequence,
        sticky=sticky,
        default_gateway=gateway,
        arp_nd_flags=flags,
    )
