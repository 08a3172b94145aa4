"""MRT dumps of BGP sessions: BGP4MP and BGP4MP_ET (RFC 6396, 4.4 and 3), both ways.

A record is a header of 12 octets (time, type, subtype, length), for _ET microseconds,
and a BGP message between two addresses or a change of the FSM of a session.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from evpnd.model.ids import AS2_MAX, Ip
from evpnd.model.numbers import AS_TRANS

BGP4MP, BGP4MP_ET = 16, 17
STATE_CHANGE, MESSAGE = 0, 1
STATE_CHANGE_AS4, MESSAGE_AS4 = 5, 4
_LOCAL = {6: MESSAGE, 7: MESSAGE_AS4}
"""Subtypes of messages that the collector itself sent (RFC 6396, 4.4.3 and 4.4.6)."""
_ADD_PATH = {8, 9, 10, 11}
"""Subtypes of RFC 8050, whose NLRIs have a path identifier."""
_HEADER = struct.Struct(">IHHI")
_AFI_SIZES = {1: 4, 2: 16}
LARGEST = 1 << 20
"""Octets of a record; a BGP message has 65,535 at most (RFC 8654)."""
OPEN, UPDATE, NOTIFICATION, KEEPALIVE, REFRESH = 1, 2, 3, 4, 5
IDLE, ESTABLISHED = 1, 6
"""States of the FSM as RFC 6396, 4.4.1, numbers them."""


class MrtError(ValueError):
    """Octets that are no MRT dump; `offset` says where."""

    def __init__(self, offset: int, reason: str) -> None:
        """Compose the sentence."""
        super().__init__(f"octet {offset}: {reason}")
        self.offset = offset


class Spoken(NamedTuple):
    """A BGP message that a peer sent."""

    time: float
    """Unix time."""
    peer: Ip
    local: Ip
    peer_as: int
    local_as: int
    as4: bool
    """AS numbers in its AS_PATH have 4 octets."""
    message: bytes
    """With its header."""


class Moved(NamedTuple):
    """A session came to another state of the FSM."""

    time: float
    peer: Ip
    local: Ip
    peer_as: int
    local_as: int
    old: int
    new: int


Entry = Spoken | Moved


def is_mrt(octets: bytes) -> bool:
    """Return whether a file that begins so may be an MRT dump."""
    if len(octets) < _HEADER.size:
        return False
    _, kind, subtype, length = _HEADER.unpack_from(octets)
    return kind in range(9, 50) and subtype < 64 and length <= LARGEST


def read(octets: bytes, skipped: dict[str, int]) -> Iterator[Entry]:
    """Yield the entries of a dump, and count what is skipped.

    Raises MrtError where a record is none. A last record that is cut off is left out,
    and counted.
    """
    at = 0
    while at < len(octets):
        if at + _HEADER.size > len(octets):
            skipped["cut off"] = skipped.get("cut off", 0) + 1
            return
        seconds, kind, subtype, length = _HEADER.unpack_from(octets, at)
        body = octets[at + _HEADER.size : at + _HEADER.size + length]
        if length > LARGEST or not 0 < kind < 64:
            raise MrtError(at, f"a record of type {kind} with {length} octets")
        if len(body) < length:
            skipped["cut off"] = skipped.get("cut off", 0) + 1
            return
        why = _why_not(kind, subtype)
        if why is None:
            try:
                yield _entry(float(seconds), kind, subtype, body)
            except (struct.error, IndexError, ValueError) as error:
                raise MrtError(at, f"it is no record of BGP4MP: {error}") from None
        else:
            skipped[why] = skipped.get(why, 0) + 1
        at += _HEADER.size + length


def _why_not(kind: int, subtype: int) -> str | None:
    if kind not in (BGP4MP, BGP4MP_ET):
        return f"of type {kind}, which is not BGP4MP"
    if subtype in _ADD_PATH:
        return "with ADD-PATH"
    if subtype in _LOCAL:
        return "sent to the peer"
    if subtype not in (STATE_CHANGE, MESSAGE, STATE_CHANGE_AS4, MESSAGE_AS4):
        return f"of BGP4MP subtype {subtype}"
    return None


def _entry(time: float, kind: int, subtype: int, body: bytes) -> Entry:
    if kind == BGP4MP_ET:
        time += struct.unpack_from(">I", body)[0] / 1e6
        body = body[4:]
    as4 = subtype in (STATE_CHANGE_AS4, MESSAGE_AS4)
    peer_as, local_as, _, family = struct.unpack_from(">IIHH" if as4 else ">HHHH", body)
    size = _AFI_SIZES.get(family)
    if size is None:
        raise ValueError(f"address family {family}")
    at = 12 if as4 else 8
    peer, local = Ip(body[at : at + size]), Ip(body[at + size : at + 2 * size])
    rest = body[at + 2 * size :]
    if len(local) < size:
        raise ValueError("it ends in an address")
    if subtype in (STATE_CHANGE, STATE_CHANGE_AS4):
        old, new = struct.unpack(">HH", rest)
        return Moved(time, peer, local, peer_as, local_as, old, new)
    if len(rest) < 19 or int.from_bytes(rest[16:18]) != len(rest):
        raise ValueError("its BGP message has another length")
    return Spoken(time, peer, local, peer_as, local_as, as4, rest)


def write(entry: Entry) -> bytes:
    """Return the record of an entry, with microseconds."""
    as4 = not isinstance(entry, Spoken) or entry.as4
    if isinstance(entry, Spoken):
        subtype, rest = MESSAGE_AS4 if as4 else MESSAGE, entry.message
    else:
        subtype = STATE_CHANGE_AS4
        rest = struct.pack(">HH", entry.old, entry.new)
    local = entry.local
    if len(local) != len(entry.peer):
        local = Ip(bytes(len(entry.peer)))
    seconds, part = divmod(round(entry.time * 1_000_000), 1_000_000)
    form = ">IIIHH" if as4 else ">IHHHH"
    ases: tuple[int, ...] = (entry.peer_as, entry.local_as)
    if not as4:
        ases = tuple(AS_TRANS if each > AS2_MAX else each for each in ases)
    family = 1 if len(entry.peer) == 4 else 2
    head = struct.pack(form, part, *ases, 0, family)
    body = head + entry.peer + local + rest
    return _HEADER.pack(seconds, BGP4MP_ET, subtype, len(body)) + body
