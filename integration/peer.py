"""A small BGP peer: it says what a test tells it to, and keeps what it hears.

One session at a time, with l2vpn evpn, 4-octet ASNs, route refresh and, on
request, graceful restart. Message bodies are octets; nothing is checked.
"""

import contextlib
import ipaddress
import socket
import struct
import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, Self

from integration.lab_netns import PATIENCE, LabError, inside, wait_until

MARKER = b"\xff" * 16
OPEN, UPDATE, NOTIFICATION, KEEPALIVE, REFRESH = 1, 2, 3, 4, 5
TCP_MD5SIG = 14
IP_MINTTL = 21
IPV6_MINHOPCOUNT = 73
END_OF_RIB = bytes.fromhex("00000006800f03001946")


def message(kind: int, body: bytes = b"") -> bytes:
    """Put a header in front of a body."""
    return MARKER + struct.pack("!HB", 19 + len(body), kind) + body


def capability(code: int, value: bytes = b"") -> bytes:
    """Write one capability."""
    return bytes([code, len(value)]) + value


EVPN = capability(1, bytes.fromhex("00190046"))
ROUTE_REFRESH = capability(2)
ENHANCED_REFRESH = capability(70)


def four_octet_asn(asn: int) -> bytes:
    """Write the capability of RFC 6793."""
    return capability(65, struct.pack("!I", asn))


def graceful_restart(seconds: int, *, forwarding: bool = True) -> bytes:
    """Write the capability of RFC 4724, with l2vpn evpn in it."""
    flags = 0x80 if forwarding else 0
    return capability(64, struct.pack("!HHBB", seconds, 25, 70, flags))


def mac_route(number: int, vni: int = 10100) -> bytes:
    """Write the NLRI of a type 2 route of 10.9.9.9."""
    rd = bytes.fromhex("00010a0909090064")
    mac = (0x020000000000 + number).to_bytes(6, "big")
    return (
        b"\x02\x21" + rd + bytes(14) + b"\x30" + mac + b"\x00" + vni.to_bytes(3, "big")
    )


def announcement(nlris: Sequence[bytes]) -> bytes:
    """Write the body of an iBGP UPDATE."""
    reach = bytes.fromhex("001946040a09090900") + b"".join(nlris)
    attributes = b"".join(
        (
            b"\x90\x0e" + struct.pack("!H", len(reach)) + reach,
            bytes.fromhex("4001010040020040050400000064"),
            bytes.fromhex("c010100002fde800002774030c000000000008"),
        )
    )
    return struct.pack("!HH", 0, len(attributes)) + attributes


class Told(NamedTuple):
    """What an UPDATE said about l2vpn evpn."""

    announced: bytes
    withdrawn: bytes
    next_hop: bytes
    attributes: dict[int, bytes]


def read_update(body: bytes) -> Told:
    """Cut an UPDATE into its attributes."""
    position = 4 + int.from_bytes(body[:2], "big")
    attributes = {}
    while position < len(body):
        flags, code = body[position], body[position + 1]
        wide = 2 if flags & 0x10 else 1
        length = int.from_bytes(body[position + 2 : position + 2 + wide], "big")
        position += 2 + wide
        attributes[code] = body[position : position + length]
        position += length
    reach, unreach = attributes.pop(14, b""), attributes.pop(15, b"")
    size = reach[3] if reach else 0
    return Told(reach[5 + size :], unreach[3:], reach[4 : 4 + size], attributes)


def set_md5(io: socket.socket, address: str, key: str) -> None:
    """Give a socket the TCP MD5 key for an address (RFC 2385)."""
    packed = ipaddress.ip_address(address).packed
    if len(packed) == 4:
        where = struct.pack("HH4s120x", socket.AF_INET, 0, packed)
    else:
        where = struct.pack("HHI16sI100x", socket.AF_INET6, 0, 0, packed, 0)
    octets = key.encode()
    option = where + struct.pack("2xH4x80s", len(octets), octets)
    io.setsockopt(socket.IPPROTO_TCP, TCP_MD5SIG, option)


class BgpPeer:
    """One end of a session, in a namespace of its own."""

    def __init__(
        self,
        namespace: str,
        local: str,
        remote: str,
        *,
        asn: int = 65000,
        remote_asn: int = 65000,
        identifier: str = "10.0.0.254",
        hold: int = 90,
        port: int = 179,
        passive: bool = False,
        capabilities: Sequence[bytes] | None = None,
        md5: str | None = None,
        ttl: int | None = None,
        keepalives: bool = True,
    ) -> None:
        self.namespace, self.local, self.remote = namespace, local, remote
        self.asn, self.remote_asn, self.identifier = asn, remote_asn, identifier
        self.hold, self.port, self.passive = hold, port, passive
        if capabilities is None:
            capabilities = (EVPN, ROUTE_REFRESH, four_octet_asn(asn))
        self.capabilities = b"".join(capabilities)
        self.md5, self.ttl, self.keepalives = md5, ttl, keepalives
        self.reading = True
        self.heard: list[tuple[int, bytes]] = []
        """(type, body) of every message, in order."""
        self.sessions = 0
        """How many times the session came up."""
        self.established = threading.Event()
        self._sock: socket.socket | None = None
        self._listening: socket.socket | None = None
        self._lock = threading.Lock()
        self._stopping = False
        if passive:
            self._listening = self._socket()
            self._listening.bind((local, port))
            self._listening.listen(4)
        self._thread = threading.Thread(target=self._live, daemon=True)
        self._thread.start()
        threading.Thread(target=self._keep_alive, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Go without a NOTIFICATION, and do not come back."""
        self._stopping = True
        self.drop()
        if self._listening:
            with contextlib.suppress(OSError):
                self._listening.shutdown(socket.SHUT_RDWR)
            self._listening.close()
        self._thread.join(5)

    def drop(self) -> None:
        """Break the connection."""
        sock = self._sock
        if sock:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def send(self, octets: bytes) -> None:
        """Send octets as they are."""
        with self._lock:
            assert self._sock is not None
            self._sock.sendall(octets)

    def wait_established(self, timeout: float = 10) -> Self:
        """Wait for the session; LabError tells what was heard instead."""
        if not self.established.wait(timeout * PATIENCE):
            raise LabError(f"no session within {timeout} s; heard {self.heard[-5:]}")
        return self

    def wait_heard(
        self, found: Callable[[], object], timeout: float = 5, what: str = "message"
    ) -> None:
        """Wait until what was heard makes a condition true."""
        wait_until(found, timeout, what, interval=0.01, seen=lambda: self.heard[-5:])

    def bodies(self, kind: int) -> list[bytes]:
        """List the bodies of the messages of one type."""
        return [body for each, body in list(self.heard) if each == kind]

    def updates(self) -> list[Told]:
        """List the UPDATEs that are no End-of-RIB."""
        return [read_update(b) for b in self.bodies(UPDATE) if b != END_OF_RIB]

    def announced(self) -> bytes:
        """Join the NLRIs that were announced, in order."""
        return b"".join(told.announced for told in self.updates())

    def withdrawn(self) -> bytes:
        """Join the NLRIs that were withdrawn, in order."""
        return b"".join(told.withdrawn for told in self.updates())

    def notifications(self) -> list[tuple[int, int]]:
        """List code and subcode of every NOTIFICATION."""
        return [(body[0], body[1]) for body in self.bodies(NOTIFICATION)]

    def sent_capabilities(self) -> dict[int, bytes]:
        """Map the capabilities of the last OPEN that was heard."""
        body, found, position = self.bodies(OPEN)[-1], {}, 10
        while position < len(body):
            stop = position + 2 + body[position + 1]
            position += 2
            while position < stop:
                size = body[position + 1]
                found[body[position]] = body[position + 2 : position + 2 + size]
                position += 2 + size
        return found

    def _socket(self) -> socket.socket:
        six = ":" in self.local
        with inside(self.namespace):
            sock = socket.socket(socket.AF_INET6 if six else socket.AF_INET)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if self.md5:
            set_md5(sock, self.remote, self.md5)
        if self.ttl:
            if six:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, self.ttl)
            else:
                sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, self.ttl)
        return sock

    def require_ttl(self, minimum: int) -> None:
        """Drop what arrives at the listening socket with a lower TTL."""
        assert self._listening is not None
        if ":" in self.local:
            level, option = socket.IPPROTO_IPV6, IPV6_MINHOPCOUNT
        else:
            level, option = socket.IPPROTO_IP, IP_MINTTL
        self._listening.setsockopt(level, option, minimum)

    def _connect(self) -> socket.socket | None:
        if self._listening:
            try:
                return self._listening.accept()[0]
            except OSError:
                return None
        sock = self._socket()
        sock.settimeout(2)
        try:
            sock.bind((self.local, 0))
            sock.connect((self.remote, self.port))
        except OSError:
            sock.close()
            return None
        return sock

    def _live(self) -> None:
        while not self._stopping:
            sock = self._connect()
            if sock is None:
                time.sleep(0.05)
                continue
            sock.settimeout(None)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sock = sock
            with contextlib.suppress(OSError):
                self._speak(sock)
            self.established.clear()
            sock.close()
            time.sleep(0.05)

    def _speak(self, sock: socket.socket) -> None:
        asn = self.asn if self.asn < 65536 else 23456
        identifier = ipaddress.ip_address(self.identifier).packed
        parameters = bytes([2, len(self.capabilities)]) + self.capabilities
        head = struct.pack("!BHH4sB", 4, asn, self.hold, identifier, len(parameters))
        self.send(message(OPEN, head + parameters))
        buffer = b""
        while octets := sock.recv(1 << 18):
            buffer += octets
            while len(buffer) >= 19:
                length = int.from_bytes(buffer[16:18], "big")
                if len(buffer) < length:
                    break
                self._hear(buffer[18], buffer[19:length])
                buffer = buffer[length:]
            while not self.reading:
                time.sleep(0.01)

    def _hear(self, kind: int, body: bytes) -> None:
        self.heard.append((kind, body))
        if kind == OPEN:
            self.send(message(KEEPALIVE))
        elif kind == KEEPALIVE and not self.established.is_set():
            self.sessions += 1
            self.established.set()

    def _keep_alive(self) -> None:
        while not self._stopping:
            time.sleep(max(0.5, self.hold / 4))
            if self.established.is_set() and self.keepalives:
                with contextlib.suppress(OSError):
                    self.send(message(KEEPALIVE))
