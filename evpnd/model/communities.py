"""Extended communities, both ways between octets and meaning.

RFC 4360 gives the shape, 8 octets each; RFC 7432 section 7, RFC 9012 and RFC 9047 the
EVPN ones. Unknown ones are no error (RFC 7606, section 7.14): they are kept as they
are. UPDATEs carry this form, and policies compare it (docs/adr/0030), so that it stands
below both. Text is in `community_text.py`.
"""

from collections.abc import Iterable
from typing import NamedTuple

from evpnd.model.advert import Advert
from evpnd.model.packed import NumberList, Numbers, Octets8, OctetStrings
from evpnd.model.routes import VXLAN_ENCAPSULATION

ROUTE_TARGETS = frozenset({b"\x00\x02", b"\x01\x02", b"\x02\x02"})
"""Type and subtype of the three transitive forms (RFC 4360, section 4)."""
ENCAPSULATION = b"\x03\x0c"
"""RFC 9012, section 4.1: four reserved octets and the tunnel type follow."""
MAC_MOBILITY = b"\x06\x00"
"""RFC 7432, section 7.7: flags, a reserved octet and the sequence follow."""
ROUTER_MAC = b"\x06\x03"
"""RFC 9135, section 8.1: the router's MAC follows."""
ARP_ND = b"\x06\x08"
"""RFC 9047, section 2: flags and five reserved octets follow."""
DEFAULT_GATEWAY = bytes.fromhex("030d000000000000")
"""RFC 7432, section 7.8."""
_STICKY = 0x01
_VXLAN = ENCAPSULATION + VXLAN_ENCAPSULATION.to_bytes(6)


def mac_mobility(sequence: int, *, sticky: bool = False) -> bytes:
    """Return the MAC mobility community of a sequence of 32 bits."""
    flags = _STICKY if sticky else 0
    return MAC_MOBILITY + bytes([flags, 0]) + sequence.to_bytes(4)


def mobility_of(communities: Iterable[bytes]) -> tuple[int, bool]:
    """Return sequence and stickiness; the first community counts, absent is 0, no."""
    for community in communities:
        if community[:2] == MAC_MOBILITY:
            return int.from_bytes(community[4:]), bool(community[2] & _STICKY)
    return 0, False


def router_mac_of(communities: Iterable[bytes]) -> bytes:
    """Return the router's MAC; empty without one, and of several the first."""
    for community in communities:
        if community[:2] == ROUTER_MAC:
            return community[2:]
    return b""


def with_sticky(communities: Iterable[bytes], *, sticky: bool) -> tuple[bytes, ...]:
    """Return communities of which the MAC mobility says whether the MAC may move.

    One that would say nothing is left out.
    """
    listed = tuple(communities)
    sequence, was = mobility_of(listed)
    if was == sticky:
        return listed
    others = tuple(each for each in listed if each[:2] != MAC_MOBILITY)
    if not (sequence or sticky):
        return others
    return (*others, mac_mobility(sequence, sticky=sticky))


def encode_communities(advert: Advert) -> tuple[bytes, ...]:
    """Return the extended communities of routes that we announce.

    MAC mobility and ARP/ND are there only when they say something.
    """
    communities = [*advert.route_targets, _VXLAN]
    if advert.sequence or advert.sticky:
        communities.append(mac_mobility(advert.sequence, sticky=advert.sticky))
    if advert.default_gateway:
        communities.append(DEFAULT_GATEWAY)
    if advert.arp_nd_flags is not None:
        communities.append(ARP_ND + bytes([advert.arp_nd_flags]) + bytes(5))
    if advert.router_mac:
        communities.append(ROUTER_MAC + advert.router_mac)
    if advert.site_of_origin is not None:
        communities.append(advert.site_of_origin)
    return tuple(communities)


class DecodedCommunities(NamedTuple):
    """What a list of extended communities says; the names are PathAttributes'."""

    route_targets: OctetStrings
    encapsulations: NumberList
    sequence: int
    sticky: bool
    default_gateway: bool
    arp_nd_flags: int | None


def decode_communities(communities: Iterable[bytes]) -> DecodedCommunities:
    """Return the meaning of extended communities that were received.

    Of several mobility or ARP/ND communities the first counts, as in FRR.
    """
    targets: list[bytes] = []
    tunnels: list[int] = []
    mobility: bytes | None = None
    gateway = False
    flags: int | None = None
    for community in communities:
        kind = community[:2]
        if kind in ROUTE_TARGETS:
            targets.append(community)
        elif kind == ENCAPSULATION:
            tunnels.append(int.from_bytes(community[6:]))
        elif kind == MAC_MOBILITY:
            mobility = mobility or community
        elif kind == DEFAULT_GATEWAY[:2]:
            gateway = True
        elif kind == ARP_ND and flags is None:
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
