"""Paths: what the routes of one peer share beside MAC and IP.

A full table is hundreds of thousands of MACs on some thousands of paths, so all
that can be judged without the MAC is judged once here: whether the path may be
used at all, which EVIs import it, and where it stands among others.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, final

from evpnd.model.ids import Peer, is_host_ip, is_mapped_ipv4
from evpnd.model.numbers import DEFAULT_LOCAL_PREFERENCE
from evpnd.model.routes import VXLAN_ENCAPSULATION, PathAttributes

if TYPE_CHECKING:
    from evpnd.core.bgp.evi_routes import EviRoutes
    from evpnd.core.bgp.import_policy import Admission, Origin
    from evpnd.core.bgp.route_target_hints import Nearest


Rank = tuple[bool, int, int, bytes, int, int, int, int, bool, bytes, int, bytes]


@final
class Path:
    """Attributes, RD, Ethernet Tag, ESI and labels of routes from one peer."""

    __slots__ = (
        "admission",
        "attributes",
        "esi",
        "ethernet_tag",
        "importers",
        "labels",
        "nearest",
        "origin",
        "ours",
        "own_as",
        "peer",
        "rank",
        "rd",
        "received_at",
        "rejection",
        "sequence",
        "source",
        "sticky",
        "surplus",
        "vtep",
    )

    def __init__(
        self,
        peer: Peer,
        attributes: PathAttributes,
        nlri: tuple[bytes, bytes, bytes, bytes],
        rank: Rank,
        received_at: float,
    ) -> None:
        """Take NLRI parts (RD, Ethernet Tag, ESI, labels) and the rank."""
        self.peer = peer
        self.attributes = attributes
        self.rd, self.ethernet_tag, self.esi, self.labels = nlri
        self.vtep = attributes.next_hop
        self.sequence = attributes.sequence
        self.sticky = attributes.sticky
        self.source = self
        """Where policies changed the path: the one that was received."""
        self.rank = rank
        self.received_at = received_at
        self.rejection: str | None = None
        self.importers: Sequence[EviRoutes] = ()
        self.admission: Admission | None = None
        """The policies that its type 2 routes pass; None: all of them are imported."""
        self.origin: Origin | None = None
        """Where policies are named: what they are asked about the peer."""
        self.nearest: Nearest | None = None
        """Where its route targets lead to no EVI: which one was probably meant."""
        self.ours = False
        """Its RD is that of one of our EVIs: a peer sent our own route back."""
        self.own_as = 0
        """Rejected because our own AS is in its AS_PATH so often; 0: it is not."""
        self.surplus = False
        """Its routes are more than the peer may send (`peers[].max-routes`)."""


def rank(
    attributes: PathAttributes,
    *,
    ebgp: bool,
    router_id: bytes,
    peer_address: bytes,
    preference: int | None = None,
) -> Rank:
    """Order paths for one MAC: the smallest is the best.

    Sticky first, the higher mobility sequence, the lower VTEP address (RFC 7432,
    section 15), then BGP's own decision (RFC 4271, section 9.1.2.2). MED counts
    between any two neighbours: else there would be no order in which routes that
    come and go leave the rest where they are. A reflected route has its originator
    in place of the peer's router id, then the shorter CLUSTER_LIST (RFC 4456, 9).

    The preference is a LOCAL_PREF that our own policies set. It comes before the
    VTEP address, which no two hosts' paths for a MAC share: behind that it would
    never decide between them.
    """
    local_preference = attributes.local_preference
    return (
        not attributes.sticky,
        -attributes.sequence,
        -(DEFAULT_LOCAL_PREFERENCE if preference is None else preference),
        attributes.next_hop,
        -(DEFAULT_LOCAL_PREFERENCE if local_preference is None else local_preference),
        attributes.as_path_length,
        attributes.origin,
        attributes.med or 0,
        not ebgp,
        attributes.originator_id or router_id,
        len(attributes.cluster_list),
        peer_address,
    )


class Here(NamedTuple):
    """What is ours, by which a route may be told to come from us."""

    asn: int
    router_id: bytes
    vtep: bytes
    """Empty while it is not known."""
    site_of_origin: bytes | None
    no_hosts: frozenset[bytes] = frozenset()
    """Network and broadcast addresses of our subnets."""


def rejection(attributes: PathAttributes, here: Here) -> str | None:
    """Return why no route with these attributes may be used here; None: it may.

    AS loops are found by `own_as`, after this: where our own route comes back, that
    is the reason to give.
    """
    _, router_id, vtep, site_of_origin, no_hosts = here
    if attributes.originator_id == router_id:
        return "we are its originator"
    if site_of_origin in attributes.extended_communities:
        return "it carries our site of origin"
    if attributes.next_hop == vtep:
        return "its next hop is our own VTEP address"
    if not is_host_ip(attributes.next_hop):
        return "its next hop is no host's address"
    if attributes.next_hop in no_hosts:
        return "its next hop is the network or broadcast address of a subnet here"
    if is_mapped_ipv4(attributes.next_hop):
        return "its next hop is an IPv4 address within IPv6, which is no VTEP's"
    if vtep and len(attributes.next_hop) != len(vtep):
        return "its next hop is of the other address family than our VTEP"
    if (
        attributes.encapsulations
        and VXLAN_ENCAPSULATION not in attributes.encapsulations
    ):
        return f"its encapsulation is {attributes.encapsulations[0]}, not VXLAN (8)"
    return None


def own_as(attributes: PathAttributes, asn: int, allowed: int) -> int:
    """Return how often our AS is in the AS_PATH; 0 where no more than `allowed`.

    RFC 4271, section 9.1.2; over eBGP alone.
    """
    found = attributes.as_path.count(asn)
    return found if found > allowed else 0


def own_as_rejection(asn: int, found: int) -> str:
    """Return why a route with our AS in its AS_PATH is rejected, and the setting."""
    return f"our AS {asn} is in its AS_PATH (`allow-own-as: {found}` would accept it)"


RANK_STEPS = (
    "sticky before not sticky",
    "higher mobility sequence",
    "higher LOCAL_PREF set by our policies",
    "lower VTEP address",
    "higher LOCAL_PREF",
    "shorter AS_PATH",
    "lower ORIGIN",
    "lower MED",
    "eBGP before iBGP",
    "lower router id",
    "shorter CLUSTER_LIST",
    "lower peer address",
)
"""What each part of a rank decides, in words."""
_SEQUENCE, _PREFERENCE = RANK_STEPS[1:3]
"""Told with their numbers, of which the greater goes first."""


def why_better(winner: Path, loser: Path) -> str:
    """Name the first step of the order that decides between two paths."""
    parts = zip(RANK_STEPS, winner.rank, loser.rank, strict=True)
    decided = next((step for step, one, two in parts if one != two), None)
    if decided is None:
        return "they are equal"
    if decided == _SEQUENCE:
        return f"{decided} ({winner.sequence} against {loser.sequence})"
    if decided == _PREFERENCE:
        return f"{decided} ({-winner.rank[2]} against {-loser.rank[2]})"
    return decided
