"""Paths: what the routes of one peer share beside MAC and IP.

A full table is hundreds of thousands of MACs on some thousands of paths, so all
that can be judged without the MAC is judged once here: whether the path may be
used at all, and where it stands among others; which EVIs import it is in `imports`.
"""

from typing import Final, NamedTuple, final

from evpnd.core.bgp.endpoints import no_vtep
from evpnd.model.domain import Vtep
from evpnd.model.ids import Ip, Peer
from evpnd.model.numbers import DEFAULT_LOCAL_PREFERENCE
from evpnd.model.routes import VXLAN_ENCAPSULATION, PathAttributes

_TWO_LABELS = 6
"""Octets."""

Rank = tuple[bool, int, int, bytes, int, int, int, int, bool, bytes, int, bytes]


@final
class Path:
    """Attributes, RD, Ethernet Tag, ESI and labels of routes from one peer.

    Nothing in it changes once it is made. Paths are compared by identity. Slots, for a
    path is made for each UPDATE whose attributes are new, and its rank is read for
    each route: a named tuple takes a quarter longer to make and twice as long to read,
    a frozen dataclass four times as long to make.
    """

    __slots__ = (
        "attributes",
        "esi",
        "ethernet_tag",
        "labels",
        "peer",
        "rank",
        "rd",
        "received_at",
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
        *,
        source: "Path | None" = None,
        surplus: bool = False,
    ) -> None:
        """Store NLRI parts (RD, Ethernet Tag, ESI, labels) and the rank."""
        rd, ethernet_tag, esi, labels = nlri
        self.peer: Final = peer
        self.attributes: Final = attributes
        self.rd: Final = rd
        self.ethernet_tag: Final = ethernet_tag
        self.esi: Final = esi
        self.labels: Final = labels
        self.vtep: Final = Vtep(Ip(attributes.next_hop))
        self.sequence: Final = attributes.sequence
        self.sticky: Final = attributes.sticky
        self.source: Final[Path] = self if source is None else source
        """Where policies changed the path: the one that was received."""
        self.rank: Final = rank
        self.received_at: Final = received_at
        self.surplus: Final = surplus
        """Its routes are more than the peer may send (`peers[].max-routes`)."""

    @property
    def of_prefixes(self) -> bool:
        """Return whether its routes are of type 5, which lead into VRFs alone."""
        return bool(self.esi) and not self.labels

    @property
    def into_vrfs(self) -> bool:
        """Return whether VRFs may import its routes.

        Of type 2 those with a second label (RFC 9135, section 5.1).
        """
        return self.of_prefixes or len(self.labels) == _TWO_LABELS


def rank(
    attributes: PathAttributes,
    *,
    ebgp: bool,
    router_id: bytes,
    peer_address: bytes,
    preference: int | None = None,
) -> Rank:
    """Return the rank of a path for one MAC: the smallest is the best.

    Sticky first, the higher mobility sequence, the lower VTEP address (RFC 7432,
    section 15), then BGP's own decision (RFC 4271, section 9.1.2.2). MED is compared
    across ASes, so that the order is total and one route's withdrawal cannot reorder
    the others. A reflected route is ranked by its originator instead of the peer's
    router ID, then by the shorter CLUSTER_LIST (RFC 4456, 9).

    The preference is a LOCAL_PREF that our own policies set. It comes before the
    VTEP address, in which the paths of any two hosts differ: after it, the
    preference would never decide between them.
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
    """Our own identifiers, which mark routes that come from us."""

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
    unfit = no_vtep(attributes.next_hop)
    if unfit is not None:
        return f"its next hop {unfit}"
    if attributes.next_hop in no_hosts:
        return "its next hop is the network or broadcast address of a local subnet"
    if vtep and len(attributes.next_hop) != len(vtep):
        return "its next hop and our VTEP address differ in address family"
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
    "lower router ID",
    "shorter CLUSTER_LIST",
    "lower peer address",
)
"""The name of each step of the decision."""
_SEQUENCE, _PREFERENCE = RANK_STEPS[1:3]
"""Steps that are named with their numbers; the greater number wins."""


def why_better(winner: Path, loser: Path) -> str:
    """Return the first step that decides between two paths, in words."""
    parts = zip(RANK_STEPS, winner.rank, loser.rank, strict=True)
    decided = next((step for step, one, two in parts if one != two), None)
    if decided is None:
        return "they are equal"
    if decided == _SEQUENCE:
        return f"{decided} ({winner.sequence} against {loser.sequence})"
    if decided == _PREFERENCE:
        return f"{decided} ({-winner.rank[2]} against {-loser.rank[2]})"
    return decided
