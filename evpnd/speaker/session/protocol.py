"""A session's messages: UPDATEs go to the agent undecoded, many at a time.

ExaBGP's own path takes two polls, two reads, a decoder and some logging for every
message, and believes more of an OPEN than stands in it.
"""

from collections.abc import Iterator

from exabgp.bgp.fsm import FSM
from exabgp.bgp.message import _NOP, KeepAlive, Message
from exabgp.bgp.message.open.capability import REFRESH
from exabgp.bgp.message.refresh import RouteRefresh
from exabgp.reactor.protocol import _UPDATE, Protocol

from evpnd.model.numbers import (
    EVPN_FAMILY,
    HEADER_SIZE,
    KEEPALIVE,
    MARKER,
    MESSAGE_SIZE_MAX,
    NOTIFICATION,
    OPEN,
    ROUTE_REFRESH,
    UPDATE,
)
from evpnd.speaker.rib.adj_rib_out import Encoding
from evpnd.speaker.session.connection import header_fault
from evpnd.speaker.session.hold_timer import SendHoldTimer
from evpnd.speaker.session.notifications import Goodbye, received
from evpnd.speaker.session.opening import exabgp_open
from evpnd.wire.attributes import END_OF_RIB
from evpnd.wire.messages import Refreshing
from evpnd.wire.open_message import (
    OPEN_ERROR,
    OpenError,
    OpenMessage,
    check_open,
    decode_open,
)

UPDATE_SIZE_MIN = 23
SEND_CHUNK = 64 * 1024
"""Octets of UPDATEs that are built before the kernel is offered them."""
UNSENT_MAX = 256 * 1024
"""Octets that wait for a slow peer before no more are built."""

REFRESH_PHASES = {1: "begin", 2: "end"}
NOTIFICATION_DATA_MAX = MESSAGE_SIZE_MAX - HEADER_SIZE - 2


class SpeakerProtocol(Protocol):  # type: ignore[misc] # exabgp has no types
    """One session's messages."""

    _refreshing = False
    """The peer began to send all its routes again, and has not ended."""

    def connect(self) -> Iterator[bool]:
        """Open the connection; the peer knows of it meanwhile as its attempt."""
        self.peer.attempt = self
        try:
            yield from super().connect()
        finally:
            if self.peer.attempt is self:
                self.peer.attempt = None

    # Opening

    peer_open: OpenMessage
    """Content of the peer's OPEN."""

    def validate_open(self) -> None:
        """Check that the OPEN is that of the peer which is configured."""
        neighbor = self.neighbor
        try:
            check_open(
                self.peer_open,
                expected_asn=int(neighbor["peer-as"]),
                local_asn=int(neighbor["local-as"]),
                local_id=neighbor["router-id"].pack(),
            )
        except OpenError as error:
            raise _refusal(error) from error

    def _read_opening(self) -> Iterator[Message]:
        """Yield the one expected message, and nothing until it has arrived."""
        while True:
            message = self.connection.next_message()
            if message is not None:
                yield self._opening(*message)
                return
            self.connection.flush()
            yield _NOP

    def _opening(self, kind: int, body: bytes) -> Message:
        if kind == NOTIFICATION:
            raise received(body)
        confirming = self.peer.fsm == FSM.OPENCONFIRM
        if kind == KEEPALIVE and confirming:
            return KeepAlive()
        if kind != OPEN or confirming:
            subcode = 2 if confirming else 1
            reason = f"a message of type {kind}"
            raise Goodbye(5, subcode, bytes([kind]), reason)
        try:
            self.peer_open = decode_open(body)
        except OpenError as error:
            raise _refusal(error) from error
        return exabgp_open(self.peer_open)

    # Receiving

    def read_message(self) -> Iterator[Message]:
        """Yield messages one by one; UPDATEs of an established session as one."""
        if self.peer.fsm == FSM.ESTABLISHED:
            return self._read_established()
        return self._read_opening()

    def _read_established(self) -> Iterator[Message]:
        connection = self.connection
        pipe = self.peer.reactor.processes
        send_hold = SendHoldTimer(int(self.negotiated.holdtime))
        # UPDATEs may have come in one segment with the KEEPALIVE before them.
        yield from self._consume(connection.take())
        while True:
            if self.peer.farewell is not None:
                raise self.peer.farewell
            connection.flush()
            send_hold.check(connection)
            if pipe.congested(self.peer.address):
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
        self.peer.reactor.processes.send_updates(self.peer.address, updates)

    def _other(self, received_octets: bytes) -> Message | None:
        """Decode the first message, which is no UPDATE; None: it is not whole.

        Raises Notify for what is wrong with it, Notification for one received.
        """
        header = received_octets[:HEADER_SIZE]
        length, kind = int.from_bytes(header[16:18], "big"), header[18]
        fault = header_fault(header)
        if fault is not None and not self._refreshes_badly(header, length):
            raise fault
        if len(received_octets) < length:
            return None
        if fault is not None:
            data = received_octets[:length][:NOTIFICATION_DATA_MAX]
            raise Goodbye(7, 1, data, f"a ROUTE-REFRESH of {length} octets")
        body = received_octets[HEADER_SIZE:length]
        if kind == KEEPALIVE:
            return KeepAlive()
        if kind == NOTIFICATION:
            raise received(body)
        if kind == ROUTE_REFRESH:
            return self._refresh(body)
        raise Goodbye(5, 3, bytes([kind]), f"a message of type {kind}")

    def _refreshes_badly(self, header: bytes, length: int) -> bool:
        """Return whether RFC 7313 defines the length of a ROUTE-REFRESH."""
        return (
            self.negotiated.refresh == REFRESH.ENHANCED
            and header.startswith(MARKER)
            and header[18] == ROUTE_REFRESH
            and HEADER_SIZE <= length <= MESSAGE_SIZE_MAX
        )

    def _refresh(self, body: bytes) -> Message:
        """Handle a request or a mark; ignore other families and subtypes.

        The end of a refresh that did not begin is ignored (RFC 7313, section 4).
        """
        afi, subtype, safi = int.from_bytes(body[:2], "big"), body[2], body[3]
        if (afi, safi) != EVPN_FAMILY:
            return _UPDATE
        if subtype == RouteRefresh.request:
            return RouteRefresh(afi, safi)
        phase = REFRESH_PHASES.get(subtype)
        if phase is None or self.negotiated.refresh != REFRESH.ENHANCED:
            return _UPDATE
        if phase == "begin" or self._refreshing:
            self.peer.note_refresh(phase)
            message = Refreshing(self.peer.address, ended=phase == "end")
            self.peer.reactor.processes.send(message)
        self._refreshing = phase == "begin"
        return _UPDATE

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


def _refusal(error: OpenError) -> Goodbye:
    return Goodbye(OPEN_ERROR, error.subcode, error.data, error.reason)
