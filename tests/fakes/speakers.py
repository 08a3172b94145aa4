"""Sessions of a fabric: real octets on their way, and route reflectors."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from evpnd.model.events import PeerWentDown, PeerWentUp
from evpnd.model.ids import Peer
from evpnd.model.numbers import EVPN, Code
from evpnd.speaker.rib.adj_rib_out import (
    REFRESH_PAUSE,
    AdjRibOut,
    Block,
    Encoding,
    read_routes,
)
from evpnd.wire.attributes import END_OF_RIB
from evpnd.wire.framing import split_attributes

ENCODING = Encoding(ibgp=True, local_asn=65000, asn4=True)
HEADER = 19
TICK = 0.25
"""Seconds after which a speaker gives every peer a turn, at the latest."""


@dataclass(frozen=True, slots=True)
class RefreshAsked:
    """A ROUTE-REFRESH on its way."""


Message = bytes | PeerWentUp | PeerWentDown | RefreshAsked


class Direction:
    """One direction of a session: what was told, and what is under way."""

    def __init__(
        self, sender: "Speaker", receiver: "Speaker", clock: Callable[[], float]
    ) -> None:
        self.sender = sender
        self.receiver = receiver
        self.rib = AdjRibOut(clock)
        self.queue: deque[Message] = deque()
        self.up = False
        self._clock = clock
        self._asked = -REFRESH_PAUSE
        """When the last ROUTE-REFRESH came; seconds of the clock."""

    def fill(self) -> None:
        """Put on the way what waits to be told."""
        if self.up and self.rib.pending():
            self.queue.extend(self.rib.messages(ENCODING))

    def answer(self) -> None:
        """Answer a ROUTE-REFRESH, at once or when the Adj-RIB-Out next does so."""
        self.rib.resend(enhanced=False)
        self._asked = self._clock()
        self.fill()

    def next_turn(self) -> float | None:
        """Return when the speaker has its next turn, if an answer may wait for it."""
        now = self._clock()
        waits = now <= self._asked + REFRESH_PAUSE + TICK
        return now + TICK if self.up and waits else None

    def open(self, up: PeerWentUp) -> None:
        """Begin a session: everything is told, then End-of-RIB."""
        self.queue.clear()
        self.up = True
        self.rib.replace_restart(None, None)
        self.queue.append(up)
        self.fill()
        self.queue.append(END_OF_RIB)

    def close(self, down: PeerWentDown, arrive: int) -> None:
        """End a session; so many of the messages under way still arrive."""
        while len(self.queue) > arrive and isinstance(self.queue[-1], bytes):
            self.queue.pop()
        self.up = False
        self.rib.reset()
        self.queue.append(down)

    def deliver(self, count: int = 1000) -> int:
        """Let the first of the messages arrive; returns how many did.

        The sender's speaker has its turn before: every peer has one four times a
        second, whatever arrives.
        """
        self.fill()
        done = min(count, len(self.queue))
        for _ in range(done):
            self.receiver.receive(self, self.queue.popleft())
        return done


class Speaker:
    """One end of sessions, at its own address."""

    def __init__(self, address: str) -> None:
        self.address = Peer(address)
        self.out: dict[Peer, Direction] = {}
        self.into: dict[Peer, Direction] = {}

    def receive(self, way: Direction, message: Message) -> None:
        raise NotImplementedError


class Reflector(Speaker):
    """A route reflector: hands every client's routes to all the others."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self._routes: dict[Peer, dict[bytes, tuple[Block, bytes]]] = {}

    def receive(self, way: Direction, message: Message) -> None:
        client = way.sender.address
        known = self._routes.setdefault(client, {})
        match message:
            case PeerWentDown():
                gone = [nlri for _, nlri in known.values()]
                known.clear()
                self._tell(client, [], gone)
            case RefreshAsked():
                self.out[client].answer()
            case bytes() if message != END_OF_RIB:
                block, announced, withdrawn = read_update(message)
                routes = [] if block is None else read_routes(block, announced)
                gone = [nlri for _, (_, nlri) in read_routes(_NO_BLOCK, withdrawn)]
                known.update(routes)
                for key, _ in read_routes(_NO_BLOCK, withdrawn):
                    known.pop(key, None)
                self._tell(client, routes, gone)
            case _:
                pass

    def _tell(
        self,
        client: Peer,
        routes: list[tuple[bytes, tuple[Block, bytes]]],
        gone: list[bytes],
    ) -> None:
        for peer, way in self.out.items():
            if peer != client:
                way.rib.retract(gone)
                way.rib.announce(routes)
                way.fill()


_NO_BLOCK = Block(b"", b"")


def read_update(message: bytes) -> tuple[Block | None, bytes, bytes]:
    """Cut an UPDATE: attributes, NLRIs announced, NLRIs withdrawn."""
    block = message[HEADER + 4 :]
    rest: list[bytes] = []
    next_hop, announced, withdrawn = b"", b"", b""
    for _, code, start, at, stop in split_attributes(block)[0]:
        value = block[at:stop]
        if code == Code.MP_REACH_NLRI:
            size = value[3]
            next_hop, announced = value[4 : 4 + size], value[5 + size :]
        elif code == Code.MP_UNREACH_NLRI:
            withdrawn = value[len(EVPN) :]
        elif code != Code.AS_PATH:
            rest.append(block[start:stop])
    if not announced:
        return None, b"", withdrawn
    return Block(next_hop, b"".join(rest)), announced, withdrawn
