"""Echo requests at a fixed interval, from inside a namespace.

Counts what ping(8) counts and more: the longest time without an answer, and
answers that came twice (the mark of a flooded frame).
"""

import ipaddress
import itertools
import select
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from typing import Self

from lab.netns import inside

PATIENCE = 1.0
"""Seconds to wait for answers after the last request."""

_identifiers = itertools.count(0x4500)


@dataclass
class PingResult:
    """What came of the echo requests."""

    sent: int = 0
    received: int = 0
    duplicates: int = 0
    gap: float = 0.0
    """Longest time between two answers that follow each other, seconds."""
    lost: list[int] = field(default_factory=list)
    """Sequence numbers without an answer."""

    @property
    def loss(self) -> int:
        """Requests without an answer."""
        return self.sent - self.received

    def __str__(self) -> str:
        return (
            f"{self.sent} sent, {self.received} answered, {self.duplicates} twice, "
            f"longest gap {self.gap * 1000:.0f} ms"
        )


def checksum(octets: bytes) -> int:
    """Compute the Internet checksum (RFC 1071)."""
    padded = octets + b"\0" * (len(octets) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Ping:
    """Requests from a namespace to one address; a context manager or count()."""

    def __init__(
        self,
        namespace: str,
        target: str,
        interval: float = 0.01,
        patience: float = PATIENCE,
    ) -> None:
        """Prepare; both times are in seconds, patience is for the last answers."""
        self._patience = patience
        self._target = target
        self._interval = interval
        self._six = ipaddress.ip_address(target).version == 6
        self._identifier = next(_identifiers) & 0xFFFF
        family = socket.AF_INET6 if self._six else socket.AF_INET
        protocol = socket.IPPROTO_ICMPV6 if self._six else socket.IPPROTO_ICMP
        with inside(namespace):
            self._socket = socket.socket(family, socket.SOCK_RAW, protocol)
        self._socket.setblocking(False)  # noqa: FBT003
        self._sent: dict[int, float] = {}
        self._answered: dict[int, float] = {}
        self._duplicates = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(None,), daemon=True)

    def __enter__(self) -> Self:
        """Start sending."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop sending and wait for late answers."""
        self._stop.set()
        self._thread.join()

    @property
    def answered(self) -> int:
        """Requests answered so far."""
        return len(self._answered)

    def count(self, number: int) -> PingResult:
        """Send a number of requests, wait for the answers, say what came."""
        self._run(number)
        return self.result()

    def result(self) -> PingResult:
        """Return what came of it, after the end."""
        arrivals = sorted(self._answered.values())
        gaps = [later - sooner for sooner, later in itertools.pairwise(arrivals)]
        return PingResult(
            sent=len(self._sent),
            received=len(self._answered),
            duplicates=self._duplicates,
            gap=max(gaps, default=0.0),
            lost=sorted(self._sent.keys() - self._answered.keys()),
        )

    def _run(self, number: int | None) -> None:
        due = time.monotonic()
        sequence = 0
        while not self._stop.is_set() and sequence != number:
            while (left := due - time.monotonic()) > 0:
                self._receive(left)
            while self._receive(0):
                pass
            self._send(sequence)
            sequence += 1
            # Requests that a busy machine delayed are not made up for: the answers to
            # a burst of them would not fit into the socket, and count as lost.
            due = max(due + self._interval, time.monotonic())
        deadline = time.monotonic() + self._patience
        while (
            len(self._answered) < len(self._sent)
            and (left := deadline - time.monotonic()) > 0
        ):
            self._receive(left)
        self._socket.close()

    def _send(self, sequence: int) -> None:
        kind = 128 if self._six else 8
        payload = struct.pack("!IQ", sequence, time.monotonic_ns())
        words = (self._identifier, sequence & 0xFFFF)
        head = struct.pack("!BBHHH", kind, 0, 0, *words)
        total = 0 if self._six else checksum(head + payload)
        packet = struct.pack("!BBHHH", kind, 0, total, *words) + payload
        self._sent[sequence] = time.monotonic()
        try:
            self._socket.sendto(packet, (self._target, 0))
        except OSError:
            # No route or no neighbour just now: sent, and lost.
            return

    def _receive(self, timeout: float) -> bool:
        """Take one packet; return whether there was any."""
        if not select.select([self._socket], [], [], timeout)[0]:
            return False
        try:
            packet = self._socket.recv(2048)
        except OSError:
            return False
        self._note(packet)
        return True

    def _note(self, packet: bytes) -> None:
        """Record the answer to one of ours."""
        message = packet if self._six else packet[(packet[0] & 15) * 4 :]
        kind, _, _, identifier, _, sequence = struct.unpack_from("!BBHHHI", message)
        if kind != (129 if self._six else 0) or identifier != self._identifier:
            return
        if sequence in self._answered:
            self._duplicates += 1
        elif sequence in self._sent:
            self._answered[sequence] = time.monotonic()
