"""An established session: UPDATEs go to the agent undecoded, many at a time.

ExaBGP's own path takes two polls, two reads, a decoder and some logging for every
message. Everything that is not an UPDATE still goes that way.
"""

from collections.abc import Iterator

from exabgp.bgp.fsm import FSM
from exabgp.bgp.message import _NOP, Message, Notify
from exabgp.bgp.message.direction import Direction
from exabgp.bgp.message.notification import Notification
from exabgp.bgp.message.refresh import RouteRefresh
from exabgp.reactor.protocol import _UPDATE, Protocol

from evpnd.speaker import messages
from evpnd.speaker.adj_rib_out import EVPN, Encoding
from evpnd.speaker.connection import (
    HEADER_SIZE,
    MARKER,
    MESSAGE_SIZE_MAX,
    NOTIFICATION,
    ROUTE_REFRESH,
    UPDATE,
    header_fault,
)
from evpnd.wire.attributes import END_OF_RIB

UPDATE_SIZE_MIN = 23
SEND_CHUNK = 64 * 1024
"""Octets of UPDATEs that are built before the kernel is offered them."""
UNSENT_MAX = 256 * 1024
"""Octets that wait for a slow peer before no more are built."""

EVPN_CAPABILITY = bytes([1, 4, 0, 25, 0, 70])
"""Multiprotocol, l2vpn evpn (RFC 4760, section 8)."""

REFRESH_PHASES = {1: "begin", 2: "end"}


class SpeakerProtocol(Protocol):  # type: ignore[misc] # exabgp has no types
    """One session's messages."""

    def connect(self) -> Iterator[bool]:
        """Open the connection; the peer knows of it meanwhile as its attempt."""
        self.peer.attempt = self
        try:
            yield from super().connect()
        finally:
            if self.peer.attempt is self:
                self.peer.attempt = None

    def validate_open(self) -> None:
        """Check the peer's OPEN; without l2vpn evpn there is nothing to say.

        What else the peer could speak is no news, and not logged.
        """
        error = self.negotiated.validate(self.neighbor)
        if error is not None:
            raise Notify(*error)
        if EVPN not in self.negotiated.families:
            raise Notify(2, 7, EVPN_CAPABILITY)

    # Receiving

    def read_message(self) -> Iterator[Message]:
        """Give messages one by one; UPDATEs of an established session in one."""
        if self.peer.fsm == FSM.ESTABLISHED:
            return self._read_established()
        return super().read_message()  # type: ignore[no-any-return]

    def _read_established(self) -> Iterator[Message]:
        connection = self.connection
        pipe = self.peer.reactor.processes
        # UPDATEs may have come in one segment with the KEEPALIVE before them.
        yield from self._consume(connection.take())
        while True:
            if self.peer.farewell is not None:
                raise self.peer.farewell
            connection.flush()
            if pipe.congested:
                # What the peer said and we have not read keeps the session alive.
                if connection.readable():
                    self.peer.recv_timer.check_ka_timer(_UPDATE)
                connection.starved = True
                yield _NOP
            elif connection.fill():
                yield from self._consume(connection.take())
            else:
                yield _NOP

    def _consume(self, received: bytes) -> Iterator[Message]:
        """Cut messages from what was read; keep the beginning of the last."""
        position = start = 0
        end = len(received)
        while end - position >= HEADER_SIZE:
            length = received[position + 16] << 8 | received[position + 17]
            if (
                received[position + 18] == UPDATE
                and UPDATE_SIZE_MIN <= length <= MESSAGE_SIZE_MAX
                and received.startswith(MARKER, position)
            ):
                if position + length > end:
                    break
                position += length
                continue
            if start != position:
                self._hand_on(received[start:position])
                start = position
            message = self._other(received[position : position + MESSAGE_SIZE_MAX])
            if message is None:
                break
            position = start = position + length
            yield message
        if start != position:
            self._hand_on(received[start:position])
        self.connection.put_back(received[position:])
        # The hold timer takes any message for a sign of life, but not a part of one.
        yield _UPDATE if start != position else _NOP

    def _hand_on(self, updates: bytes) -> None:
        self.peer.journal.add(updates)
        self.peer.reactor.processes.send(messages.update(self.peer.address, updates))

    def _other(self, received: bytes) -> Message | None:
        """Decode the first message, which is no UPDATE; None: it is not whole.

        Raises Notify for what is wrong with it, Notification for one received.
        """
        fault = header_fault(received[:HEADER_SIZE])
        if fault is not None:
            code, subcode, length = fault
            wrong = {2: length.to_bytes(2, "big"), 3: received[18:19]}
            raise Notify(code, subcode, wrong.get(subcode, b""))
        length, kind = int.from_bytes(received[16:18], "big"), received[18]
        if len(received) < length:
            return None
        body = received[HEADER_SIZE:length]
        if kind == ROUTE_REFRESH and body[2] != RouteRefresh.request:
            # Unknown subtypes are ignored (RFC 7313, section 5).
            if body == bytes([0, 25, body[2], 70]) and body[2] in REFRESH_PHASES:
                phase = REFRESH_PHASES[body[2]]
                self.peer.note_refresh(phase)
                line = messages.refresh(self.peer.address, phase)
                self.peer.reactor.processes.send(line)
            return _UPDATE
        if kind == Message.CODE.OPEN:
            raise Notify(5, 3)
        message = Message.unpack(kind, body, Direction.IN, self.negotiated)
        if kind == NOTIFICATION:
            assert isinstance(message, Notification)
            raise message
        return message

    # Sending

    def new_update(self, _include_withdraw: object) -> Iterator[Message]:
        """Send what the Adj-RIB-Out has pending, many messages to a write.

        Each turn offers the kernel one chunk; a peer that does not read is not
        given more.
        """
        connection = self.connection
        encoding = Encoding(
            ibgp=self.negotiated.local_as == self.negotiated.peer_as,
            local_asn=int(self.negotiated.local_as),
            asn4=bool(self.negotiated.asn4),
        )
        for message in self.neighbor.rib.outgoing.messages(encoding):
            connection.queue(message)
            if connection.unsent < SEND_CHUNK:
                continue
            connection.flush()
            yield _NOP
            while connection.unsent > UNSENT_MAX:
                yield _NOP
                connection.flush()
        connection.flush()
        yield _UPDATE

    def new_eor(self, _afi: object, _safi: object) -> Iterator[Message]:
        """Send End-of-RIB in its usual form; ExaBGP's has a two-octet length."""
        for _ in self.connection.writer(END_OF_RIB):
            yield _NOP
        yield _UPDATE
