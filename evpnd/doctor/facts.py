"""What was read of the host, all at about one time."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from evpnd.core.evi.links import Links
from evpnd.model.rows import FdbRow, NeighborRow


class Route(NamedTuple):
    """Where the kernel sends packets for an address."""

    ifindex: int
    mtu: int
    """In octets: of the route, of path MTU discovery, or of the device."""
    gateway: bytes
    """Empty: the address is on the link itself."""
    local: bool
    """The address is this host's own."""
    refused: str | None = None
    """Why no packet goes there, in the kernel's words; None: one does."""


class Tunnel(NamedTuple):
    """What a VXLAN device has beside what evpnd follows (IFLA_INFO_DATA)."""

    lower: int
    """Index of the device that it is bound to (`dev`); 0: none."""
    ports: tuple[int, int]
    """Range of UDP source ports, the end excluded; (0, 0): the host's own range."""
    group: bytes
    """Default destination (`remote` or `group`); empty: none."""


class Feature(NamedTuple):
    """One offload of a device (ETHTOOL_GFEATURES)."""

    on: bool
    changeable: bool


class UdpSocket(NamedTuple):
    """A UDP socket of a program, or of the kernel's tunnels, which have no owner."""

    port: int
    address: str
    owner: str
    """Name and pid; empty where no process is seen to have it."""


class Match(NamedTuple):
    """One condition of a firewall rule."""

    field: str
    """proto, sport, dport, saddr, daddr, iif, oif, state; empty: not understood."""
    ranges: tuple[tuple[int, int] | tuple[str, str], ...] = ()
    """Values that match, each from first to last: numbers, addresses as numbers, or
    texts, of which both ends are the same."""
    negated: bool = False


class Rule(NamedTuple):
    """One rule of a chain."""

    matches: tuple[Match, ...]
    verdict: str
    """accept, drop, jump, goto, return; empty: it decides nothing."""
    target: str
    """The chain to jump or go to."""
    text: str
    """As its own program shows it, for people."""


class Chain(NamedTuple):
    """A chain of firewall rules."""

    program: str
    """Whose it is: nft, iptables-legacy or ip6tables-legacy."""
    family: str
    """ip, ip6, inet or netdev."""
    table: str
    name: str
    hook: str
    """prerouting, input, output, postrouting, ingress; empty: it is jumped to."""
    priority: int
    policy: str
    """accept or drop."""
    device: str
    """Of a netdev chain."""
    rules: tuple[Rule, ...]


class Firewall(NamedTuple):
    """The rules of this network namespace."""

    chains: tuple[Chain, ...] = ()
    unread: tuple[str, ...] = ()
    """Why rules could not be read, one sentence each."""


class Buffer(NamedTuple):
    """Octets of a socket buffer for netlink."""

    wanted: int
    granted: int


class Probed(NamedTuple):
    """What came back from a VTEP of packets with DF; sizes are octets of IP packets."""

    wanted: int
    """Of the tenants' largest packet within VXLAN."""
    pinged: int
    """The largest that ICMP echo brought back; 0: none."""
    through: int
    """The largest that the evpnd there sent back within VXLAN; 0: none."""
    refused: bool
    """The host there said that nothing has the UDP port."""


class Host(NamedTuple):
    """All that was read."""

    links: Links
    tunnels: Mapping[int, Tunnel]
    """By ifindex of the VXLAN device."""
    dropped: Mapping[str, int]
    """Frames dropped at transmission since the device was made, by its name."""
    filtered: int
    """Packets that reverse path filters dropped (IPReversePathFilter)."""
    routes: Mapping[bytes, Route]
    """To remote VTEPs and peers, by address."""
    rows: Mapping[int, Sequence[FdbRow]]
    """FDB rows of VXLAN devices themselves, by ifindex; a device with too many rows to
    read has none here."""
    neighbors: Sequence[NeighborRow]
    features: Mapping[str, Mapping[str, Feature]]
    """Offloads by device and name, as `ethtool -k` writes it."""
    hashed: Mapping[str, str]
    """How received UDP over IPv4 is spread over queues, by device: the letters of
    `ethtool -N ... rx-flow-hash udp4`; devices that do not tell are left out."""
    sysctls: Mapping[str, int]
    """By path below /proc/sys, such as ``net/ipv4/conf/all/rp_filter``."""
    udp_sockets: Sequence[UdpSocket]
    firewall: Firewall
    buffer: Buffer
    synchronised: bool | None
    """Whether something disciplines the clock; None: it cannot be asked."""
    obstacles: Sequence[str]
    """Why `evpnd run` would refuse this host, one sentence each."""
    doubts: Sequence[str]
    """What may be in the way of `evpnd run`."""
    probed: Mapping[bytes, Probed] = MappingProxyType({})
    """By VTEP; empty: nobody asked for it."""
