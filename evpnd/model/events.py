"""Events for the core. Past tense: each says what was seen, none is a request.

Kernel notifications are hints: they update the actual tables, and a dump of the
same table replaces them.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from evpnd.model.config import Config
from evpnd.model.domain import Domain
from evpnd.model.ids import Peer
from evpnd.model.routes import Update
from evpnd.model.rows import FdbRow, Link, NeighborRow, PortVlans, VniFilter
from evpnd.model.vrf_events import VrfEvent


class ConfigChanged(NamedTuple):
    """A new configuration was accepted."""

    config: Config


class PeerStateChanged(NamedTuple):
    """A session that is not established went from one FSM state to another."""

    peer: Peer
    state: str
    """idle, connect, active, opensent or openconfirm."""
    waited: float | None = None
    """To a new agent: seconds that the speaker has waited for the first session."""


class ReplayBegan(NamedTuple):
    """The speaker began to send its journals to a new agent."""

    peers: frozenset[Peer]
    """Those whose journal follows."""


class ReplayEnded(NamedTuple):
    """Everything that a peer had sent before this agent started was sent to it."""

    peer: Peer


class PeerWentUp(NamedTuple):
    """A session was established, or was found so by a new agent."""

    peer: Peer
    restart_time: int | None = None
    """The peer's graceful restart time, seconds; None without the capability."""
    forwarding: bool = False
    """The peer kept its forwarding state for l2vpn/evpn (F bit)."""
    route_refresh: bool = True
    enhanced_refresh: bool = False
    """RFC 7313: the answer to a refresh is marked at both ends."""
    resumed: bool = False
    """The session is older than this agent."""
    age: float = 0.0
    """Seconds that the session has been up."""
    replayed: bool = False
    """What was sent on it so far follows, from the speaker's journal."""
    routes: int = 0
    """Routes that the peer had announced when the speaker last counted them."""
    router_id: bytes = bytes(4)
    """The peer's BGP identifier, from its OPEN."""


class PeerWentDown(NamedTuple):
    """An established session ended."""

    peer: Peer
    reason: str
    graceful: bool = True
    """False where a NOTIFICATION ended it: no graceful restart (RFC 4724, 4)."""
    ago: float | None = None
    """To a new agent: seconds since then."""


class NotificationSeen(NamedTuple):
    """A NOTIFICATION was sent or received, or a connection failed; for people."""

    peer: Peer
    text: str


class PeerDamped(NamedTuple):
    """A peer has to wait because its sessions end as soon as they begin."""

    peer: Peer
    seconds: float
    """Until the next attempt."""
    ended: int
    """Short sessions in a row."""


class RefreshMarked(NamedTuple):
    """A peer marked the beginning or the end of a route refresh (RFC 7313)."""

    peer: Peer
    ended: bool


class UpdateReceived(NamedTuple):
    """An UPDATE of an established session, decoded."""

    peer: Peer
    update: Update


class LinksDumped(NamedTuple):
    """All links and the addresses of each, by a dump."""

    links: tuple[Link, ...]
    addresses: frozenset[tuple[int, bytes]]
    """(ifindex, IP)."""
    vlans: Mapping[int, PortVlans] = MappingProxyType({})
    """VLANs of bridges and their ports, by ifindex."""
    lengths: frozenset[tuple[int, bytes, int]] = frozenset()
    """(ifindex, IP, prefix length) of the same addresses."""
    vni_filters: Mapping[int, VniFilter] = MappingProxyType({})
    """VNI filters of VXLAN devices, by ifindex; those that are empty are left out."""


class VlansObserved(NamedTuple):
    """VLANs, tunnel maps or VNI filters changed; these are all that there are now."""

    vlans: Mapping[int, PortVlans]
    """Of bridges and their ports, by ifindex."""
    vni_filters: Mapping[int, VniFilter] = MappingProxyType({})
    """Of VXLAN devices, by ifindex; those that are empty are left out."""


class PathsMeasured(NamedTuple):
    """The MTU of the routes to VTEPs, in octets; of those that a route leads to."""

    mtus: dict[bytes, int]


class LinkObserved(NamedTuple):
    """A link is new or changed."""

    link: Link


class LinkVanished(NamedTuple):
    """A link was removed."""

    ifindex: int


class AddressObserved(NamedTuple):
    """An IP address came to a link or went from it."""

    ifindex: int
    ip: bytes
    present: bool
    length: int | None = None
    """Of the prefix of its subnet; None where nobody told."""


class FdbObserved(NamedTuple):
    """FDB notifications, in order."""

    rows: list[FdbRow]


class RowsInDoubt(NamedTuple):
    """Somebody else changed rows of VXLAN devices while their notifications were muted.

    Or what was written was there before. Nobody knows which rows.
    """

    ifindexes: frozenset[int]


class FdbDumped(NamedTuple):
    """All FDB rows of the ports of one bridge, `self` rows included."""

    bridge: int
    rows: list[FdbRow]


class FdbTooLarge(NamedTuple):
    """The FDB of a bridge is larger than what is dumped at once; it was not read."""

    bridge: int
    ours: frozenset[int]
    """Devices with rows among those that were seen that would be ours there."""


class PortsDumped(NamedTuple):
    """All bridge rows of some ports of a bridge."""

    bridge: int
    ports: frozenset[int]
    rows: list[FdbRow]


class MacsLookedUp(NamedTuple):
    """What the kernel has of MACs, in the order of the rows of each: VXLAN, bridge.

    As in RowsAudited a row that is not `present` stands for none, and a MAC that the
    kernel would not answer for has fewer than two.
    """

    domain: Domain
    macs: list[bytes]
    rows: list[FdbRow]


class MacsListed(NamedTuple):
    """MACs that have a row on a VXLAN device, or had one a moment ago."""

    domain: Domain
    reading: int
    macs: list[bytes]
    flood: dict[bytes, bool]
    """VTEPs of the flood list, to whether its rows are ours."""
    last: bool
    """The list is complete."""


class NeighborsObserved(NamedTuple):
    """Neighbour notifications, in order."""

    rows: list[NeighborRow]


class NeighborsDumped(NamedTuple):
    """All neighbours of one device, IPv4 and IPv6."""

    ifindex: int
    rows: list[NeighborRow]


class RowsAudited(NamedTuple):
    """What the kernel has of rows that it was asked for.

    Of a key that is not there a row with `present` False stands for it; of one that
    the kernel would not answer for, nothing does.
    """

    domain: Domain
    whole: bool
    """All rows of the bridge, its ports and their neighbours: what is not among them
    is not there."""
    fdb: list[FdbRow]
    neighbors: list[NeighborRow] | None
    """None: they could not be read."""


class NdFlags(NamedTuple):
    """What a neighbour advertisement said of its address (RFC 4861, 4.4)."""

    router: bool
    override: bool | None
    """None: not said. An answer to a unicast solicitation need not name the link-layer
    address, and has O clear then, anycast or not (7.2.4)."""


class Heard(NamedTuple):
    """A binding that ARP or ND on a tenant port told of."""

    port: int
    """Its ifindex."""
    mac: bytes
    ip: bytes
    tag: int = 0
    """VLAN in the frame's tag; 0: it had none, and is of the port's own VLAN."""


class BindingsSnooped(NamedTuple):
    """ARP or ND on tenant ports told of bindings."""

    bindings: list[Heard]
    flags: Mapping[Heard, NdFlags] = MappingProxyType({})
    """Of those told by a neighbour advertisement."""


class ProbesRefused(NamedTuple):
    """Probes cannot be sent, so no binding expires."""

    reason: str


class RowFailed(NamedTuple):
    """The kernel refused one row; it is not in the table."""

    table: str
    """fdb, flood, neighbor, nexthop, route or unreachable."""
    ifindex: int
    """Of a route: its table."""
    key: bytes
    """The MAC, the VTEP (flood), the IP (neighbor), the id (nexthop) or the prefix."""
    errno: int
    deleting: bool
    vlan: int = 0
    """Of a bridge row; 0: it had none, or the row was another."""
    vni: int = 0
    """Of a row of a VXLAN device for many VNIs; 0: it is another."""


class DeviceActionFailed(NamedTuple):
    """Creating, changing or removing a device was refused."""

    device: str
    reason: str


class DevicesTried(NamedTuple):
    """Devices of a bridge were made, or refused; what came of it was told before."""

    devices: frozenset[str]


class KernelOverran(NamedTuple):
    """Notifications were lost (ENOBUFS, NLM_F_DUMP_INTR): tables are in doubt."""

    reason: str


Event = (
    ConfigChanged
    | PeerStateChanged
    | PeerWentUp
    | PeerWentDown
    | NotificationSeen
    | RefreshMarked
    | PeerDamped
    | ReplayBegan
    | ReplayEnded
    | UpdateReceived
    | LinksDumped
    | VlansObserved
    | PathsMeasured
    | LinkObserved
    | LinkVanished
    | AddressObserved
    | FdbObserved
    | FdbDumped
    | FdbTooLarge
    | PortsDumped
    | MacsLookedUp
    | MacsListed
    | NeighborsObserved
    | NeighborsDumped
    | BindingsSnooped
    | ProbesRefused
    | VrfEvent
    | RowFailed
    | RowsInDoubt
    | RowsAudited
    | DeviceActionFailed
    | DevicesTried
    | KernelOverran
)
