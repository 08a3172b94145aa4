"""What we announce, as a value; `wire/attributes.py` makes octets of it."""

from dataclasses import dataclass

from evpnd.model.packed import OctetStrings


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
    site_of_origin: bytes | None = None
    local_preference: int | None = None
    med: int | None = None
    communities: OctetStrings = ()
    large_communities: OctetStrings = ()
