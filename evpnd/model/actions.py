"""What the core wants done. Imperative; each is safe to repeat.

Rows are grouped by what they share, so that an adapter packs a whole group from
one template.
"""

from typing import NamedTuple

from evpnd.model.advert import Advert
from evpnd.model.bridge_actions import BridgeAction
from evpnd.model.config import EviConfig
from evpnd.model.domain import Domain, Hop
from evpnd.model.ids import Peer
from evpnd.model.vrf_actions import VrfAction


class UpsertRemoteMacs(NamedTuple):
    """Make the VXLAN and the bridge row of remote MACs (one message each)."""

    domain: Domain
    hop: Hop
    macs: list[bytes]


class OverrideLocalMacs(NamedTuple):
    """Move MACs from a tenant port to the VXLAN device.

    The kernel's notifications of these are always heard: a frame on the port may
    have raced the change.
    """

    domain: Domain
    hop: Hop
    macs: list[bytes]


class UpsertVxlanRows(NamedTuple):
    """Make the VXLAN row alone: the bridge row is there, and somebody else's."""

    domain: Domain
    hop: Hop
    macs: list[bytes]


class DeleteRemoteMacs(NamedTuple):
    """Remove the VXLAN row, and the bridge row where it is still there."""

    domain: Domain
    macs: list[bytes]


class DeleteVxlanRows(NamedTuple):
    """Remove the VXLAN row alone: the bridge row is a local port's or not ours."""

    domain: Domain
    macs: list[bytes]


class FlushVlan(NamedTuple):
    """Remove all bridge rows with our mark from a VXLAN device in one VLAN.

    For a VLAN that the device's port has left: its rows stay, and the kernel deletes
    none of them by its key.
    """

    domain: Domain


class UpsertFlood(NamedTuple):
    """Add VTEPs to the flood list (all-zero MAC)."""

    domain: Domain
    vteps: list[bytes]


class DeleteFlood(NamedTuple):
    """Remove VTEPs from the flood list."""

    domain: Domain
    vteps: list[bytes]


class UpsertNeighbors(NamedTuple):
    """Bind remote IPs to their MACs on a bridge, NOARP and extern_learn."""

    domain: Domain
    bindings: list[tuple[bytes, bytes, bool]]
    """(IP, MAC, router): router sets NTF_ROUTER (R flag in the answer)."""


class UpsertLocalNeighbors(NamedTuple):
    """Write neighbours for local bindings, permanent and extern_learn.

    The bridge then keeps requests for them off the suppressing ports.
    """

    domain: Domain
    bindings: list[tuple[bytes, bytes, bool]]
    """(IP, MAC, router), as with UpsertNeighbors."""


class DeleteNeighbors(NamedTuple):
    """Remove neighbours of ours from a bridge."""

    domain: Domain
    ips: list[bytes]


class SendProbes(NamedTuple):
    """Ask tenants behind one port, each at its MAC, whether they have an IP.

    By ARP request (RFC 826) or neighbour solicitation (RFC 4861, 7.2); what they
    answer comes as BindingsSnooped.
    """

    port: int
    mac: bytes
    """Source of the frames."""
    probes: list[tuple[bytes, bytes, bytes]]
    """(MAC, IP, source IP); the source may be 0.0.0.0 (RFC 5227, 2.1.1)."""
    tag: int = 0
    """VLAN that the frames are tagged with; 0: they have no tag."""


class DumpLinks(NamedTuple):
    """Dump links and addresses."""


class DumpFdb(NamedTuple):
    """Dump the FDB of one bridge and its ports.

    Answered by FdbDumped, or by FdbTooLarge before the end. Then the three that
    follow read it by parts.
    """

    bridge: int
    many: bool = False
    """A VXLAN device in it has the rows of many EVIs: its rows are read in one piece
    where those of a single EVI would be read by parts."""


class DumpPorts(NamedTuple):
    """Dump the bridge rows of some ports of a bridge; the bridge is one for its own."""

    bridge: int
    ports: frozenset[int]


class LookUpMacs(NamedTuple):
    """Read the VXLAN and the bridge row of MACs by their keys."""

    domain: Domain
    macs: list[bytes]


class ListMacs(NamedTuple):
    """List all MACs with a row on a VXLAN device, beside other work.

    On a device for many VNIs, those of one VNI. A reading that is asked for later ends
    one of the same device and VNI.
    """

    domain: Domain
    reading: int
    """A number that is handed back."""


class DumpNeighbors(NamedTuple):
    """Dump the neighbours of one device."""

    ifindex: int


class MeasurePaths(NamedTuple):
    """Look up the MTU of the routes to some VTEPs."""

    vteps: tuple[bytes, ...]


class AuditTables(NamedTuple):
    """Read the FDB of a bridge and the neighbours of its EVI, to compare them.

    Answered by RowsAudited, as the next is.
    """

    domain: Domain


class AuditRows(NamedTuple):
    """Read single rows: the VXLAN and the bridge row of MACs, and neighbours."""

    domain: Domain
    macs: list[bytes]
    ips: list[bytes]


class ConfigureVxlanPort(NamedTuple):
    """Set `learning off` and `neigh_suppress` on a VXLAN device in a bridge."""

    ifindex: int
    suppress: bool


class CreateDevices(NamedTuple):
    """Create or complete the bridge and VXLAN device of a managed EVI."""

    evi: EviConfig
    bridge: str
    vxlan: str
    vtep: bytes
    udp_port: int
    mtu: int
    """Of the VXLAN device, in octets."""


class RemoveDevices(NamedTuple):
    """Remove devices that evpnd created."""

    names: tuple[str, ...]


class ReleasePorts(NamedTuple):
    """Remove tenant ports from the bridge of a managed EVI."""

    bridge: str
    ports: tuple[str, ...]


class SnoopPorts(NamedTuple):
    """Watch ARP and ND on exactly these ports."""

    ports: frozenset[int]
    tagged: frozenset[int] = frozenset()
    """Those of them where frames with a VLAN tag are read, too."""


class AnnounceMacIp(NamedTuple):
    """Announce type 2 routes to peers."""

    peer: Peer | None
    """None: all."""
    advert: Advert
    source: bytes
    """As `source_of` makes it."""
    vni: int
    keys: list[bytes]
    """MAC and IP octets in one piece."""


class WithdrawMacIp(NamedTuple):
    """Withdraw type 2 routes."""

    peer: Peer | None
    source: bytes
    keys: list[bytes]


class AnnounceImet(NamedTuple):
    """Announce the type 3 route of an EVI."""

    peer: Peer | None
    advert: Advert
    source: bytes
    originator: bytes


class WithdrawImet(NamedTuple):
    """Withdraw the type 3 route of an EVI."""

    peer: Peer | None
    source: bytes
    originator: bytes


class AnnouncePrefixes(NamedTuple):
    """Announce type 5 routes of a VRF, without a gateway (interface-less)."""

    peer: Peer | None
    advert: Advert
    source: bytes
    vni: int
    """Of the VRF."""
    prefixes: list[bytes]
    """An address and the length of the prefix in bits (1 octet) in one piece."""


class WithdrawPrefixes(NamedTuple):
    """Withdraw type 5 routes."""

    peer: Peer | None
    source: bytes
    prefixes: list[bytes]


class FinishAnnouncement(NamedTuple):
    """The first full announcement is complete; sessions may start.

    What an earlier agent announced and this one did not is withdrawn.
    """

    forwarding_preserved: bool
    """Rows of an earlier run were adopted (F bit, RFC 4724)."""


class RequestRefresh(NamedTuple):
    """Ask a peer to send everything again (ROUTE-REFRESH, RFC 2918)."""

    peer: Peer


class ResendRoutes(NamedTuple):
    """Send a peer all our routes again."""

    peer: Peer


class EndDamping(NamedTuple):
    """End the damping of a peer: connect to it again at once."""

    peer: Peer


class ResetSession(NamedTuple):
    """End a session with a NOTIFICATION."""

    peer: Peer
    code: int
    subcode: int
    said: bytes = b""
    """Data of the NOTIFICATION."""


class ReopenSession(NamedTuple):
    """Restart a session, with graceful restart if that was negotiated."""

    peer: Peer


class Notice(NamedTuple):
    """One line for the log and for `show events`."""

    level: str
    """info or warning."""
    event: str
    """Past tense, snake_case."""
    fields: dict[str, object]


DeviceAction = (
    ConfigureVxlanPort | CreateDevices | RemoveDevices | ReleasePorts | BridgeAction
)
KernelAction = (
    UpsertRemoteMacs
    | UpsertVxlanRows
    | OverrideLocalMacs
    | DeleteRemoteMacs
    | DeleteVxlanRows
    | FlushVlan
    | UpsertFlood
    | DeleteFlood
    | UpsertNeighbors
    | UpsertLocalNeighbors
    | DeleteNeighbors
    | DumpLinks
    | DumpFdb
    | DumpPorts
    | LookUpMacs
    | ListMacs
    | DumpNeighbors
    | MeasurePaths
    | AuditTables
    | AuditRows
    | DeviceAction
    | SnoopPorts
    | SendProbes
    | VrfAction
)
BgpAction = (
    AnnounceMacIp
    | WithdrawMacIp
    | AnnounceImet
    | WithdrawImet
    | AnnouncePrefixes
    | WithdrawPrefixes
    | FinishAnnouncement
    | RequestRefresh
    | ResendRoutes
    | EndDamping
    | ResetSession
    | ReopenSession
)
Action = KernelAction | BgpAction | Notice
