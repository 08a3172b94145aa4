"""What crosses the underlay: every VXLAN frame, judged by what is known.

A frame is judged against what all hosts know at that moment: which MAC is at
which VTEP, and which IPs a host can answer for. A fabric that does its work
sends no known unicast frame to another VTEP than the MAC's own (flooding), no
ARP or ND request for an address that its sender's host knows, and no packet to a
multicast group.
"""

import select
import socket
import struct
import threading
from collections import Counter
from collections.abc import Container, Mapping
from enum import Enum
from ipaddress import ip_address
from typing import NamedTuple, Self

from integration.lab_netns import inside

VXLAN_PORT = 4789
ETH_IPV4, ETH_ARP, ETH_IPV6 = 0x0800, 0x0806, 0x86DD
ETH_ALL = 3
UDP, ICMPV6, IGMP, PIM = 17, 58, 2, 103
NEIGHBOR_SOLICITATION, NEIGHBOR_ADVERTISEMENT = 135, 136
SOL_PACKET, PACKET_STATISTICS, PACKET_IGNORE_OUTGOING = 263, 6, 23
SAMPLES = 10
"""Frames of each kind that a report quotes."""


class Kind(Enum):
    """What a frame in the underlay is."""

    KNOWN = "unicast to the VTEP where the MAC is"
    FLOODED = "known unicast sent to a VTEP where the MAC is not"
    UNKNOWN = "unicast to a MAC that nobody knows"
    ANSWERABLE = "ARP or ND request for an address that the sender's host knows"
    RESOLUTION = "ARP or ND request for an address that nobody knows"
    BUM = "other broadcast or multicast of tenants, replicated"
    MULTICAST = "sent to a multicast group, or about membership of one"
    LINK = "IPv6 neighbour discovery and the like, within one link"
    OTHER = "no VXLAN: BGP, ping"


class Frame(NamedTuple):
    """A frame in the underlay, judged."""

    kind: Kind
    text: str


class Known(NamedTuple):
    """What all hosts know."""

    macs: Mapping[tuple[int, str], str]
    """(VNI, MAC) to VTEP."""
    ips: Container[tuple[int, str]]
    """(VNI, IP): no host need ask another for these."""


def classify(frame: bytes, known: Known) -> Frame:
    """Judge one Ethernet frame of the underlay."""
    kind = int.from_bytes(frame[12:14])
    if kind == ETH_IPV4:
        source, destination = frame[26:30], frame[30:34]
        protocol, payload = frame[23], frame[14 + (frame[14] & 15) * 4 :]
    elif kind == ETH_IPV6:
        source, destination = frame[22:38], frame[38:54]
        protocol, payload = frame[20], frame[54:]
    else:
        return Frame(Kind.LINK if kind == ETH_ARP else Kind.OTHER, f"{kind:04x}")
    vtep = ip_address(destination)
    text = f"{ip_address(source)} > {vtep}"
    if vtep.is_multicast or protocol in (IGMP, PIM):
        # ff02::/16 is heard on one link only: neighbour discovery, MLD.
        local = destination[:2] == b"\xff\x02" and protocol != UDP
        return Frame(Kind.LINK if local else Kind.MULTICAST, text)
    if protocol != UDP or int.from_bytes(payload[2:4]) != VXLAN_PORT:
        return Frame(Kind.OTHER, text)
    vni = int.from_bytes(payload[12:15])
    inner = payload[16:]
    text = f"{text} VNI {vni}: {inner[6:12].hex(':')} > {inner[:6].hex(':')}"
    return Frame(_judge(inner, vni, str(vtep), known), f"{text} {_content(inner)}")


def _judge(inner: bytes, vni: int, vtep: str, known: Known) -> Kind:
    target = requested(inner)
    if target is not None:
        answerable = (vni, target) in known.ips
        return Kind.ANSWERABLE if answerable else Kind.RESOLUTION
    if inner[0] & 1:
        return Kind.BUM
    home = known.macs.get((vni, inner[:6].hex(":")))
    if home is None:
        return Kind.UNKNOWN
    return Kind.KNOWN if home == vtep else Kind.FLOODED


def requested(inner: bytes) -> str | None:
    """Read which IP a broadcast ARP request or multicast solicitation asks for.

    A gratuitous ARP asks for its sender's own. None: something else, or a
    unicast probe, which checks one neighbour and is never flooded.
    """
    if not inner[0] & 1:
        return None
    kind = int.from_bytes(inner[12:14])
    if kind == ETH_ARP and len(inner) >= 42:
        return str(ip_address(inner[38:42]))
    if kind == ETH_IPV6 and len(inner) >= 78 and inner[20] == ICMPV6:
        asks = inner[54] in (NEIGHBOR_SOLICITATION, NEIGHBOR_ADVERTISEMENT)
        return str(ip_address(inner[62:78])) if asks else None
    return None


def _content(inner: bytes) -> str:
    target = requested(inner)
    if target is not None:
        return f"asks for {target}"
    return f"type {inner[12:14].hex()}, {len(inner)} octets"


class FrameReport:
    """How many frames of each kind, and samples of them."""

    def __init__(self) -> None:
        """Start with none."""
        self.counts: Counter[Kind] = Counter()
        self.samples: dict[Kind, list[str]] = {}
        self.dropped = 0
        """Frames that the kernel could not hand over: nothing is known of them."""

    def add(self, frame: Frame) -> None:
        """Count one."""
        self.counts[frame.kind] += 1
        kept = self.samples.setdefault(frame.kind, [])
        if len(kept) < SAMPLES:
            kept.append(frame.text)

    def __getitem__(self, kind: Kind) -> int:
        """How many frames of a kind."""
        return self.counts[kind]

    def __str__(self) -> str:
        lines = [f"{self.counts[kind]:6} {kind.value}" for kind in Kind]
        for kind in (Kind.FLOODED, Kind.ANSWERABLE, Kind.UNKNOWN, Kind.MULTICAST):
            lines += [f"  {kind.name}: {text}" for text in self.samples.get(kind, [])]
        if self.dropped:
            lines.append(f"{self.dropped:6} lost by the capture")
        return "\n".join(lines)


class FrameCounter:
    """Watches all interfaces of the underlay router; a context manager.

    Each frame is counted once, where it enters the router.
    """

    def __init__(self, router: str, known: Known) -> None:
        """Watch the router of this namespace."""
        self.known = known
        """May be replaced while it runs, as when a tenant moves."""
        self.report = FrameReport()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        with inside(router):
            self._socket = socket.socket(
                socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_ALL)
            )
        self._socket.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self._socket.setblocking(False)  # noqa: FBT003

    def __enter__(self) -> Self:
        """Start counting."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, after what is waiting was counted."""
        self._stop.set()
        self._thread.join()
        lost = self._socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8)
        self.report.dropped += struct.unpack("=II", lost)[1]
        self._socket.close()

    def _run(self) -> None:
        while True:
            ending = self._stop.is_set()
            ready = select.select([self._socket], [], [], 0 if ending else 0.05)[0]
            if ready:
                self._take()
            elif ending:
                return

    def _take(self) -> None:
        try:
            while True:
                frame = self._socket.recv(256)
                self.report.add(classify(frame, self.known))
        except BlockingIOError:
            return
