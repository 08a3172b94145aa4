"""The messages between speaker and agent; `pipe.py` makes octets of them and back.

Octets of BGP travel as they are: UPDATEs undecoded to the agent, attributes and NLRIs
encoded to the speaker.
"""

from typing import NamedTuple

from evpnd.model.config import PeerConfig

SESSION_FIELDS = (
    "address",
    "asn",
    "local_address",
    "port",
    "passive",
    "hold_time",
    "password",
    "ttl_security",
    "graceful_restart",
)
"""What the speaker has to know of a PeerConfig."""

REVISION = 1
"""Counts up where a message means something else and looks as before."""

# From the speaker to the agent


class Hello(NamedTuple):
    """Greets a new agent; the first message that it reads."""

    version: str
    replaying: tuple[str, ...]
    """Peers whose journals follow."""
    layout: str
    """The speaker's `LAYOUT` (`pipe.py`)."""


class Updates(NamedTuple):
    """Whole UPDATE messages of a peer with their headers, undecoded."""

    peer: str
    messages: bytes


class Replayed(NamedTuple):
    """All of a peer's journal was handed on."""

    peer: str


class Up(NamedTuple):
    """What an established session negotiated."""

    peer: str
    asn4: bool
    restart_time: int | None
    """Seconds; None: the peer has no graceful restart."""
    forwarding: bool
    """The peer kept its forwarding state over its restart (RFC 4724, section 3)."""
    route_refresh: bool
    enhanced_refresh: bool
    hold_time: int
    local_address: str
    remote_id: str
    """The peer's router id, dotted."""
    resumed: bool = False
    """The session was up before this agent was there."""
    age: int = 0
    """Seconds since the session came up."""
    replayed: bool = False
    """The journal follows."""
    routes: int = 0
    """Routes in it, as far as it was condensed."""


class Down(NamedTuple):
    """An established session ended."""

    peer: str
    reason: str
    graceful: bool
    """No NOTIFICATION ended it (RFC 4724, section 4)."""
    ago: float | None = None
    """For a new agent: how many seconds ago."""


class State(NamedTuple):
    """The state of the FSM of a session that is not established."""

    peer: str
    state: str
    """In lower case: idle, connect, active, opensent, openconfirm."""
    waited: float | None = None
    """For a new agent: seconds that the first session has been waited for."""


class Notification(NamedTuple):
    """A NOTIFICATION was sent or received."""

    peer: str
    direction: str
    """``sent`` or ``received``."""
    code: int
    subcode: int
    text: str


class Unreachable(NamedTuple):
    """Why there is no connection to a peer."""

    peer: str
    text: str


class Damped(NamedTuple):
    """A peer has to wait after short sessions in a row."""

    peer: str
    seconds: int
    ended: int
    """How many sessions."""


class Refreshing(NamedTuple):
    """A peer marked begin or end of a refresh (RFC 7313)."""

    peer: str
    ended: bool


class Reload(NamedTuple):
    """Read the YAML again (SIGHUP)."""


class Shutdown(NamedTuple):
    """Clean up and exit."""

    flush: bool
    """And remove what was installed."""


# From the agent to the speaker


class Alive(NamedTuple):
    """The agent's loop goes round; sent every few seconds."""

    evis: int
    ready: int
    """How many of them are ready."""


class Announce(NamedTuple):
    """Announce NLRIs that have their attributes in common."""

    peer: str | None
    """None, here and in what follows: all peers."""
    next_hop: bytes
    attributes: bytes
    """Encoded, without AS_PATH and MP_REACH_NLRI, which depend on the session."""
    nlris: bytes


class Withdraw(NamedTuple):
    """Withdraw NLRIs, whatever was announced with them."""

    peer: str | None
    nlris: bytes


class Ready(NamedTuple):
    """The first full announcement is complete."""

    preserved: bool
    """Rows of an earlier run were adopted (F bit, RFC 4724)."""


class AskRefresh(NamedTuple):
    """Ask a peer to send all its routes again (RFC 2918)."""

    peer: str | None


class Resend(NamedTuple):
    """Send a peer all routes again."""

    peer: str | None


class EndDamping(NamedTuple):
    """Try a peer again whose sessions were short."""

    peer: str | None


class Reset(NamedTuple):
    """End a session with a NOTIFICATION; it comes back by itself."""

    peer: str | None
    code: int
    subcode: int
    said: bytes = b""
    """Data of the NOTIFICATION."""


class Reopen(NamedTuple):
    """Restart a session, with graceful restart if it was negotiated."""

    peer: str | None


class Peers(NamedTuple):
    """The peers of a configuration; sessions of those that did not change stay up."""

    asn: int
    router_id: str
    """Dotted."""
    peers: tuple[PeerConfig, ...]


OfPeer = (
    Updates
    | Replayed
    | Up
    | Down
    | State
    | Notification
    | Unreachable
    | Damped
    | Refreshing
)
ToAgent = OfPeer | Hello | Reload | Shutdown
ToSpeaker = (
    Alive
    | Announce
    | Withdraw
    | Ready
    | AskRefresh
    | Resend
    | EndDamping
    | Reset
    | Reopen
    | Peers
)
Message = ToAgent | ToSpeaker
