"""What we announce, as a value; `wire/attributes.py` makes octets of it."""

from dataclasses import dataclass

from evpnd.model.packed import OctetStrings

RD_LENGTH = 8
"""Octets of a route distinguisher."""


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Advert:
    """What routes that we announce say beside RD, MAC and IP.

    Routes that say the same share one. The names are those of PathAttributes, what is
    received. The encapsulation is always VXLAN.
    """

    next_hop: bytes
    """Our VTEP address, 4 or 16 octets."""
    route_targets: OctetStrings
    sequence: int = 0
    """MAC mobility sequence (RFC 7432, section 7.7)."""
    sticky: bool = False
    default_gateway: bool = False
    arp_nd_flags: int | None = None
    """R, O and I (RFC 9047); None: what receivers assume is right."""
    pmsi_vni: int | None = None
    """With a type 3: ingress replication, this VNI, endpoint = next hop."""
    l3_vni: int | None = None
    """With a type 2 that has an IP: the VNI of its VRF, its second label."""
    router_mac: bytes = b""
    """Our MAC in the VRF, to which frames for its VNI go (RFC 9135, section 8.1)."""
    site_of_origin: bytes | None = None
    local_preference: int | None = None
    med: int | None = None
    communities: OctetStrings = ()
    large_communities: OctetStrings = ()


NO_TAG = bytes(4)
"""Ethernet Tag 0."""


def source_of(rd: bytes, ethernet_tag: int | None) -> bytes:
    """Return what the identities of all routes of an EVI begin with.

    It is the RD, with the Ethernet Tag behind it where that is not 0.
    """
    return rd + ethernet_tag.to_bytes(4) if ethernet_tag else rd


def tag_of(source: bytes) -> bytes:
    """Return the Ethernet Tag of a source."""
    return source[RD_LENGTH:] or NO_TAG
