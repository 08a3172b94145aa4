"""Messages for the agent, served peer by peer, so that no peer delays another.

Every peer has a queue of its own; the frames of one peer stay in their order. Those
that concern no peer go first.
"""

from collections import deque
from collections.abc import Iterator

QUANTUM = 8 << 10
"""Octets that a peer may send in one turn."""
SLICE = 8 << 10
"""Maximum octets of UPDATEs in one message, unless one UPDATE is longer."""
SHORT = 128
"""Octets that a shorter message counts for: its handling takes as long."""
CONGESTED = 1 << 20
"""Octets in a peer's queue above which no more UPDATEs are read from it."""
RELIEVED = 512 << 10
"""Octets below which they are read again."""


def slices(updates: bytes) -> Iterator[bytes]:
    """Cut whole UPDATE messages, headers included, into pieces of some messages."""
    start = position = 0
    end = len(updates)
    while end - start > SLICE and position < end:
        length = updates[position + 16] << 8 | updates[position + 17]
        if position + length - start > SLICE and position > start:
            yield updates[start:position]
            start = position
        position += length
    yield updates[start:] if start else updates


class Turns:
    """The queues of all peers, and the peer that is next."""

    def __init__(self) -> None:
        """Start with nothing queued."""
        self._first: deque[bytes] = deque()
        """Frames that concern no peer."""
        self._queues: dict[str, deque[bytes]] = {}
        """By peer; only those that have frames."""
        self._octets: dict[str, int] = {}
        self._waiting: deque[str] = deque()
        """Peers that have frames, the next one first."""
        self._left = 0
        """Octets that are left of the turn of the first of them."""
        self._congested: set[str] = set()

    def __bool__(self) -> bool:
        """Return whether there are frames."""
        return bool(self._first or self._waiting)

    def congested(self, peer: str) -> bool:
        """Return whether the UPDATEs of a peer have to wait."""
        return peer in self._congested

    def add(self, frame: bytes, peer: str | None) -> None:
        """Queue a frame of a peer; None: it concerns no peer and goes first."""
        if peer is None:
            self._first.append(frame)
            return
        queue = self._queues.get(peer)
        if queue is None:
            queue = self._queues[peer] = deque()
            self._octets[peer] = 0
            self._waiting.append(peer)
        queue.append(frame)
        self._octets[peer] += len(frame)
        if self._octets[peer] > CONGESTED:
            self._congested.add(peer)

    def take(self, octets: int) -> list[bytes]:
        """Return frames of about this many octets, at least one if there is any."""
        taken: list[bytes] = []
        while octets > 0 and self:
            frame = self._first.popleft() if self._first else self._next()
            taken.append(frame)
            octets -= max(SHORT, len(frame))
        return taken

    def _next(self) -> bytes:
        peer = self._waiting[0]
        if self._left <= 0:
            self._left = QUANTUM
        queue = self._queues[peer]
        frame = queue.popleft()
        self._left -= max(SHORT, len(frame))
        self._octets[peer] -= len(frame)
        if self._octets[peer] < RELIEVED:
            self._congested.discard(peer)
        if not queue:
            del self._queues[peer], self._octets[peer]
            self._waiting.popleft()
            self._left = 0
        elif self._left <= 0:
            self._waiting.rotate(-1)
        return frame

    def clear(self) -> None:
        """Drop all frames."""
        self._first.clear()
        self._queues.clear()
        self._octets.clear()
        self._waiting.clear()
        self._congested.clear()
        self._left = 0
