"""TCP connections with buffers of their own, in both directions.

ExaBGP polls and reads header and body of every message apart, and writes a
KEEPALIVE into the middle of an UPDATE that the socket took in part. Here a read
takes what the socket has, and what is written leaves in the order it was written.
"""

import contextlib
import fcntl
import os
import re
import select
import socket
import struct
import termios
import time
from collections.abc import Iterator

from exabgp.bgp.message import Message
from exabgp.reactor.network.error import LostConnection, NotConnected
from exabgp.reactor.network.incoming import Incoming
from exabgp.reactor.network.outgoing import Outgoing

from evpnd.model.numbers import (
    HEADER_SIZE,
    KEEPALIVE,
    MARKER,
    MESSAGE_SIZE_MAX,
    NOTIFICATION,
    OPEN,
    ROUTE_REFRESH,
    UPDATE,
)
from evpnd.speaker.session.notifications import Goodbye

OPEN_SIZE_MIN = 29

READ_SIZE = 256 * 1024
"""Octets that one turn takes from one socket."""

_ERRNO = re.compile(r"\[Errno [0-9]+\] ([^)\]]+)")
CONNECT_TIMEOUT = 10.0
"""Seconds; the kernel alone would try for two minutes."""

_scratch = memoryview(bytearray(READ_SIZE))


def plain_issue(issue: str, where: str, local: str) -> str:
    """Return our words for ExaBGP's error about a connection that failed."""
    found = _ERRNO.search(issue)
    if found is None:
        return issue
    if "bind" in issue:
        return f"cannot use the local address {local}: {found[1]}"
    return f"cannot connect to {where}: {found[1]}"


def header_fault(header: bytes) -> Goodbye | None:
    """Check a message header (RFC 4271, section 6.1); None for a good one.

    The type is checked last: Bad Message Type is answered for known lengths only.
    """
    length = int.from_bytes(header[16:18], "big")
    if header[:16] != MARKER:
        return Goodbye(1, 1, reason="the octets do not start with a BGP message header")
    fits = Message.Length.get(header[18], lambda size: size >= HEADER_SIZE)
    if not HEADER_SIZE <= length <= MESSAGE_SIZE_MAX or not fits(length):
        reason = f"a message of type {header[18]} and {length} octets"
        return Goodbye(1, 2, header[16:18], reason)
    if header[18] not in (OPEN, UPDATE, NOTIFICATION, KEEPALIVE, ROUTE_REFRESH):
        return Goodbye(1, 3, header[18:19], f"a message of type {header[18]}")
    return None


class Buffered:
    """Common base of incoming and outgoing connections.

    It stands in front of ExaBGP's `Connection`, whose `io` and `msg_size` it uses.
    """

    io: socket.socket | None

    def __init__(self, *arguments: object, **keywords: object) -> None:
        self._received = b""
        self._unsent = bytearray()
        self._queued = 0
        """Octets that were queued since the connection began."""
        self._failure: LostConnection | None = None
        self.starved = False
        """The last read found nothing."""
        super().__init__(*arguments, **keywords)

    # Reading

    def fill(self) -> bool:
        """Read what the socket has; return whether there was anything.

        Raises LostConnection at the end of the stream or a broken connection.
        """
        if self._failure is not None:
            raise self._failure
        if self.io is None:
            raise NotConnected("the connection is closed")
        try:
            size = self.io.recv_into(_scratch)
        except (BlockingIOError, InterruptedError):
            self.starved = True
            return False
        except OSError as error:
            raise LostConnection(f"connection lost: {error.strerror}") from None
        if not size:
            raise LostConnection("the peer closed the connection")
        self.starved = False
        self._received += _scratch[:size]
        return True

    def take(self) -> bytes:
        """Return everything that was read and not yet taken."""
        received, self._received = self._received, b""
        return received

    def put_back(self, rest: bytes) -> None:
        """Keep the beginning of a message whose end has not come yet."""
        self._received = rest

    def readable(self) -> bool:
        """Return whether the kernel holds unread octets."""
        if self.io is None:
            return False
        poller = select.poll()
        poller.register(self.io, select.POLLIN)
        return bool(poller.poll(0))

    @property
    def unread(self) -> int:
        """Return the number of octets that were read and not yet taken."""
        return len(self._received)

    @property
    def holds_an_open(self) -> bool:
        """Return whether at least the length of an OPEN was read."""
        return len(self._received) >= OPEN_SIZE_MIN

    def offered_identifier(self) -> int | None:
        """Return the BGP Identifier of an OPEN that was read and not yet taken.

        None: it has not come yet. Raises Goodbye where something else came, and
        LostConnection where that is a NOTIFICATION.
        """
        received = self._received
        if len(received) < HEADER_SIZE:
            return None
        fault = header_fault(received[:HEADER_SIZE])
        if fault is not None:
            raise fault
        if received[18] == NOTIFICATION:
            raise LostConnection("the peer sent a NOTIFICATION")
        if received[18] != OPEN:
            raise Goodbye(5, 1, received[18:19])
        if not self.holds_an_open:
            return None
        return int.from_bytes(received[24:28], "big")

    def next_message(self) -> tuple[int, bytes] | None:
        """Return one message, as type and body; None: it is not complete yet.

        What follows it in the same segment stays. Raises Goodbye for a bad header.
        """
        while True:
            received = self._received
            if len(received) >= HEADER_SIZE:
                fault = header_fault(received[:HEADER_SIZE])
                if fault is not None:
                    raise fault
                length = int.from_bytes(received[16:18], "big")
                if len(received) >= length:
                    self._received = received[length:]
                    return received[18], received[HEADER_SIZE:length]
            if not self.fill():
                return None

    # Writing

    @property
    def unsent(self) -> int:
        """Return the number of octets that the kernel has not accepted yet."""
        return len(self._unsent)

    @property
    def outstanding(self) -> int:
        """Return the number of octets that the peer's host has not acknowledged.

        Those that wait here, and those in the kernel's queue (SIOCOUTQ, tcp(7)).
        """
        octets = bytes(4)
        if self.io is not None:
            with contextlib.suppress(OSError):
                octets = fcntl.ioctl(self.io, termios.TIOCOUTQ, octets)
        return len(self._unsent) + int(struct.unpack("i", octets)[0])

    @property
    def acknowledged(self) -> int:
        """Return the number of octets that the peer's host has acknowledged."""
        return self._queued - self.outstanding

    def queue(self, octets: bytes) -> None:
        """Queue octets to be sent."""
        self._queued += len(octets)
        self._unsent += octets

    def flush(self) -> bool:
        """Write what the kernel accepts; return whether that was all.

        A broken connection is kept for `fill` to raise: whoever writes a
        KEEPALIVE must not take it for a fault of the peer.
        """
        while self._unsent and self.io is not None and self._failure is None:
            try:
                sent = self.io.send(self._unsent)
            except (BlockingIOError, InterruptedError):
                return False
            except OSError as error:
                self._failure = LostConnection(f"connection lost: {error.strerror}")
                return True
            del self._unsent[:sent]
        return True

    def writer(self, octets: bytes) -> Iterator[bool]:
        """Write one message the way ExaBGP's `Connection.writer` does.

        A NOTIFICATION is not waited for: a peer that does not read is why one is
        sent often enough.
        """
        self.queue(octets)
        while not self.flush() and octets[18] != NOTIFICATION:
            yield False
        yield True

    def close(self) -> None:
        """Close, so that the peer reads to the end of what was sent.

        The kernel answers octets that nobody read with RST, which may overtake a
        NOTIFICATION: they are read and dropped first.
        """
        io, self.io = self.io, None
        if io is None:
            return
        with contextlib.suppress(OSError):
            for _ in range(64):
                if not io.recv_into(_scratch):
                    break
        io.close()


class SpeakerIncoming(Buffered, Incoming):  # type: ignore[misc] # exabgp has no types
    """A connection that the peer opened."""


class SpeakerOutgoing(Buffered, Outgoing):  # type: ignore[misc] # exabgp has no types
    """A connection that we opened.

    One attempt each: ExaBGP's own tries again at every turn of the reactor, a
    hundred times a second, and its backoff is never reached.
    """

    def connected(self) -> bool:
        """Return whether the TCP handshake is complete."""
        try:
            return self.io is not None and bool(self.io.getpeername())
        except OSError:
            return False

    def establish(self) -> Iterator[bool]:
        """Connect: False while it lasts, True once at the end.

        Raises NotConnected with the reason.
        """
        where = f"{self.peer} port {self.port}"
        issue = self._connect()
        if issue is not None:
            raise NotConnected(plain_issue(str(issue), where, str(self.local)))
        io: socket.socket = self.io  # type: ignore[assignment] # _connect opened it
        deadline = time.monotonic() + CONNECT_TIMEOUT
        while not self.connected():
            failure = io.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if failure:
                reason = os.strerror(failure)
                raise NotConnected(f"cannot connect to {where}: {reason}")
            if time.monotonic() > deadline:
                hint = (
                    " (does the TCP MD5 password match the peer's?)" if self.md5 else ""
                )
                raise NotConnected(f"cannot connect to {where}: no answer{hint}")
            yield False
        io.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.success()
        if not self.local:
            self.local: str = io.getsockname()[0]
        yield True
