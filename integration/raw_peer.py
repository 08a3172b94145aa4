"""Connections that say exactly the octets that a test gives them."""

import contextlib
import ipaddress
import socket
import struct
import time
from typing import Self

from integration.lab_netns import PATIENCE, LabError, inside
from integration.peer import (
    EVPN,
    KEEPALIVE,
    NOTIFICATION,
    OPEN,
    four_octet_asn,
    message,
)


def open_body(
    *capabilities: bytes,
    asn: int = 65000,
    hold: int = 90,
    identifier: str = "10.0.0.254",
    version: int = 4,
) -> bytes:
    """Write the body of an OPEN, each capability in a parameter of its own."""
    parameters = b"".join(bytes([2, len(each)]) + each for each in capabilities)
    packed = ipaddress.ip_address(identifier).packed
    head = struct.pack("!BHH4s", version, asn, hold, packed)
    return head + bytes([len(parameters)]) + parameters


GOOD_OPEN = message(OPEN, open_body(EVPN, four_octet_asn(65000)))


class RawPeer:
    """One end of one connection."""

    def __init__(self, sock: socket.socket) -> None:
        """Store a connected socket."""
        self._sock = sock
        self._buffer = b""
        self._considered = 0
        self.heard: list[tuple[int, bytes]] = []
        """(type, body) of every message, in order."""
        self.closed = False
        """The other end closed, by FIN or RST."""

    @classmethod
    def connect(cls, namespace: str, local: str, remote: str, port: int = 179) -> Self:
        """Open a connection; tried again while nobody listens."""
        deadline = time.monotonic() + 10 * PATIENCE
        while True:
            with inside(namespace):
                sock = socket.socket()
            sock.settimeout(2)
            sock.bind((local, 0))
            try:
                sock.connect((remote, port))
            except OSError:
                sock.close()
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
                continue
            return cls(sock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._sock.close()

    def send(self, octets: bytes) -> None:
        """Send octets as they are; a connection that is gone takes none."""
        with contextlib.suppress(OSError):
            self._sock.sendall(octets)

    def finish(self) -> None:
        """Close by FIN."""
        self._sock.close()

    def reset(self) -> None:
        """Close by RST."""
        linger = struct.pack("ii", 1, 0)
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._sock.close()

    def listen_for(self, *kinds: int, timeout: float = 5) -> bytes:
        """Read on until a message of one of these types comes; its body."""
        deadline = time.monotonic() + timeout * PATIENCE
        while True:
            while self._considered < len(self.heard):
                kind, body = self.heard[self._considered]
                self._considered += 1
                if kind in kinds:
                    return body
            if self.closed or time.monotonic() > deadline:
                raise LabError(f"no message of {kinds}; heard {self.heard}")
            self._read(deadline)

    def wait_closed(self, timeout: float = 5) -> list[tuple[int, int]]:
        """Read to the end of the connection; the NOTIFICATIONs that were heard."""
        deadline = time.monotonic() + timeout * PATIENCE
        while not self.closed:
            self._read(deadline)
            if time.monotonic() > deadline:
                raise LabError(f"the connection is open; heard {self.heard}")
        return self.notifications()

    def notifications(self) -> list[tuple[int, int]]:
        """List code and subcode of every NOTIFICATION."""
        return [(b[0], b[1]) for kind, b in self.heard if kind == NOTIFICATION]

    def last_words(self) -> bytes:
        """Return the body of the NOTIFICATION that was heard."""
        return next(b for kind, b in self.heard if kind == NOTIFICATION)

    def establish(self, opening: bytes = GOOD_OPEN) -> Self:
        """Return what brings a session up, and wait for what the other end says."""
        self.send(opening)
        self.listen_for(OPEN)
        self.send(message(KEEPALIVE))
        self.listen_for(KEEPALIVE)
        return self

    def _read(self, deadline: float) -> None:
        """Read once."""
        self._sock.settimeout(max(0.01, deadline - time.monotonic()))
        try:
            octets = self._sock.recv(1 << 16)
        except TimeoutError:
            return
        except OSError:
            octets = b""
        self.closed = not octets
        self._buffer += octets
        while len(self._buffer) >= 19:
            length = int.from_bytes(self._buffer[16:18], "big")
            if len(self._buffer) < length:
                break
            self.heard.append((self._buffer[18], self._buffer[19:length]))
            self._buffer = self._buffer[length:]


class RawListener:
    """Port 179 (or another) of the peer, where the speaker connects to."""

    def __init__(self, namespace: str, local: str, port: int = 179) -> None:
        """Start to listen."""
        with inside(namespace):
            self._sock = socket.socket()
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._sock.bind((local, port))
        self._sock.listen(16)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._sock.close()

    def accept(self, timeout: float = 8) -> RawPeer:
        """Take the next connection."""
        self._sock.settimeout(timeout * PATIENCE)
        return RawPeer(self._sock.accept()[0])
