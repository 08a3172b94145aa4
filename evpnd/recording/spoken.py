"""What peers said in a recording, as MRT, and an MRT dump as records."""

import struct
from collections.abc import Iterator

from evpnd.model.config import Config, PeerConfig
from evpnd.model.ids import Ip, format_ip, parse_ip
from evpnd.recording.mrt import (
    ESTABLISHED,
    IDLE,
    NOTIFICATION,
    OPEN,
    UPDATE,
    Entry,
    Moved,
    Spoken,
    write,
)
from evpnd.recording.records import Header, Record, Said, Told
from evpnd.wire.messages import Down, Up

_EVPN = b"\x00\x19\x46"
_REACH, _UNREACH = 14, 15
_EXTENDED_LENGTH = 0x10
_UNKNOWN_ID = "0.0.0.0"  # noqa: S104 - a router id that nobody has


class Sessions:
    """Turns the records of a recording into MRT records of what peers sent."""

    def __init__(self) -> None:
        """Start with no session known."""
        self._offset = 0.0
        self._peers: dict[str, PeerConfig] = {}
        self._asn = 0
        self._ups: dict[str, Up] = {}

    def begin(self, config: Config, offset: float) -> None:
        """Store who the peers are, and the time from monotonic to Unix time."""
        self._offset, self._asn = offset, config.asn
        self._peers = {peer.address: peer for peer in config.peers}

    def take(self, record: Record) -> bytes:
        """Return the MRT records of a record; most have none."""
        match record:
            case Header(t=t, clock=clock, config=config):
                self.begin(config, clock - t)
            case Told(t, Up() as up):
                self._ups[up.peer] = up
                return self._moved(t, up.peer, IDLE, ESTABLISHED)
            case Told(t, Down(peer)):
                return self._moved(t, peer, ESTABLISHED, IDLE)
            case Said(t, peer, updates):
                return b"".join(self._spoken(t, peer, updates))
            case _:
                pass
        return b""

    def _ends(self, peer: str) -> tuple[Ip, Ip, int, int]:
        address = parse_ip(peer)
        up, known = self._ups.get(peer), self._peers.get(peer)
        local = parse_ip(up.local_address) if up and up.local_address else b""
        asn = known.asn if known is not None else 0
        return address, Ip(local or bytes(len(address))), asn, self._asn

    def _moved(self, t: float, peer: str, old: int, new: int) -> bytes:
        return write(Moved(t + self._offset, *self._ends(peer), old, new))

    def _spoken(self, t: float, peer: str, updates: bytes) -> Iterator[bytes]:
        up = self._ups.get(peer)
        as4 = up is None or up.asn4
        ends, at = self._ends(peer), 0
        while at < len(updates):
            size = int.from_bytes(updates[at + 16 : at + 18])
            message = updates[at : at + size]
            yield write(Spoken(t + self._offset, *ends, as4, message))
            at += size


class Dump:
    """Turns the entries of an MRT dump into records, and learns who its peers are."""

    def __init__(self) -> None:
        """Start with no session known."""
        self._up: dict[str, Up] = {}
        self._ids: dict[str, str] = {}
        self.peers: dict[str, int] = {}
        """AS of each peer that sent anything."""
        self.other_families = 0
        """UPDATEs without l2vpn/evpn."""

    def take(self, entry: Entry) -> Iterator[Record]:
        """Yield the records of an entry; times are Unix times."""
        peer = format_ip(entry.peer)
        self.peers.setdefault(peer, entry.peer_as)
        if isinstance(entry, Moved):
            if entry.old == ESTABLISHED and entry.new != ESTABLISHED:
                yield from self._down(entry.time, peer, "the dump says so")
            return
        kind = entry.message[18]
        if kind == OPEN and len(entry.message) > 28:
            self._ids[peer] = format_ip(Ip(entry.message[24:28]))
            yield from self._down(entry.time, peer, "it sent an OPEN")
        elif kind == NOTIFICATION:
            yield from self._down(entry.time, peer, "it sent a NOTIFICATION")
        elif kind == UPDATE and not is_evpn(entry.message):
            self.other_families += 1
        elif kind == UPDATE:
            if peer not in self._up:
                up = self._up[peer] = self._session(entry, peer)
                yield Told(entry.time, up)
            yield Said(entry.time, peer, entry.message)

    def _session(self, entry: Spoken, peer: str) -> Up:
        return Up(
            peer,
            asn4=entry.as4,
            restart_time=None,
            forwarding=False,
            route_refresh=True,
            enhanced_refresh=False,
            hold_time=90,
            local_address=format_ip(entry.local),
            remote_id=self._ids.get(peer, _UNKNOWN_ID),
        )

    def _down(self, t: float, peer: str, reason: str) -> Iterator[Record]:
        if self._up.pop(peer, None) is not None:
            yield Told(t, Down(peer, reason, graceful=False))


def is_evpn(message: bytes) -> bool:
    """Return whether an UPDATE has routes of l2vpn/evpn, or is its End-of-RIB."""
    try:
        return _has_evpn(message)
    except (struct.error, IndexError):
        return False


def _has_evpn(message: bytes) -> bool:
    (withdrawn,) = struct.unpack_from(">H", message, 19)
    at = 21 + withdrawn
    (length,) = struct.unpack_from(">H", message, at)
    at += 2
    end = at + length
    while at < end:
        flags, code = message[at], message[at + 1]
        if flags & _EXTENDED_LENGTH:
            (size,) = struct.unpack_from(">H", message, at + 2)
            at += 4
        else:
            size = message[at + 2]
            at += 3
        if code in (_REACH, _UNREACH) and message[at : at + 3] == _EVPN:
            return True
        at += size
    return False
