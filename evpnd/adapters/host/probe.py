"""Asks VTEPs for packets of several sizes, with DF: by ICMP echo, and within VXLAN.

Harmless: a few dozen packets for each VTEP. No tenant sees them.
"""

import os
import select
import socket
import struct
import time
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from typing import Final

from evpnd.adapters.netlink.probe import checksum
from evpnd.adapters.oam.frame import (
    Probe,
    compose,
    open_listener,
    open_sender,
    open_with_df,
    parse,
)
from evpnd.doctor.facts import Probed
from evpnd.doctor.probes import Wanted
from evpnd.model.ids import IPV4_LENGTH, format_ip

SIZES: Final = (128, 1280, 1400, 1450, 1492, 1500, 1550, 1600, 2000, 4000, 8000, 9000)
"""Octets of IP packets that are tried below the wanted size."""
TRIES: Final = 4
PATIENCE: Final = 0.5
"""Seconds that answers to one try may take."""
_ECHO: Final = {4: (8, 0), 6: (128, 129)}
"""Types of request and reply (RFC 792; RFC 4443, 4)."""
_ICMP = struct.Struct(">BBHHH")
"""Type, code, checksum, identifier, sequence."""
_LONGEST = 65535


def probe(asked: Iterable[Wanted], own: bytes, port: int) -> dict[bytes, Probed]:
    """Return what came back, by VTEP; raises OSError, PermissionError for one."""
    with ExitStack() as stack:
        prober = _Prober(list(asked), own, port, stack)
        for _ in range(TRIES):
            prober.send()
            prober.receive(PATIENCE)
        return prober.told()


class _Prober:
    """Sockets, and what was answered so far."""

    def __init__(
        self, asked: list[Wanted], own: bytes, port: int, stack: ExitStack
    ) -> None:
        self._asked = [each for each in asked if len(each.vtep) == len(own)]
        self._own, self._port = own, port
        self._listener = stack.enter_context(open_listener())
        self._icmp = stack.enter_context(_open_icmp(own))
        self._udp = {
            each.vtep: stack.enter_context(open_sender(own)) for each in self._asked
        }
        for vtep, sock in self._udp.items():
            with suppress(OSError):  # told of as not answered
                sock.connect((format_ip(vtep), port))
        self._key = os.urandom(4)
        self._pinged: dict[bytes, set[int]] = {}
        self._through: dict[bytes, set[int]] = {}
        self._refused: set[bytes] = set()

    def send(self) -> None:
        """Send what has not been answered."""
        for number, each in enumerate(self._asked):
            for size in _sizes(each.size):
                if size not in self._pinged.get(each.vtep, ()):
                    with suppress(OSError):  # larger than the device, or no route
                        self._icmp.sendto(self._echo(size), (format_ip(each.vtep), 0))
                if size not in self._through.get(each.vtep, ()):
                    nonce = self._key + struct.pack(">HH", number, size)
                    asks = Probe(
                        answer=False, nonce=nonce, vni=each.vni, vtep=self._own
                    )
                    try:
                        self._udp[each.vtep].send(compose(asks, size))
                    except ConnectionRefusedError:
                        self._refused.add(each.vtep)
                    except OSError:
                        continue

    def receive(self, seconds: float) -> None:
        """Collect answers for a while, or until all are there."""
        deadline = time.monotonic() + seconds
        while not self._complete() and (left := deadline - time.monotonic()) > 0:
            ready, _, _ = select.select([self._listener, self._icmp], [], [], left)
            with suppress(OSError):
                if self._icmp in ready:
                    self._take_echo(*self._icmp.recvfrom(_LONGEST))
                if self._listener in ready:
                    self._take_probe(self._listener.recv(_LONGEST))

    def told(self) -> dict[bytes, Probed]:
        """Return the largest of each VTEP that came back."""
        return {
            each.vtep: Probed(
                wanted=each.size,
                pinged=max(self._pinged.get(each.vtep, ()), default=0),
                through=max(self._through.get(each.vtep, ()), default=0),
                refused=each.vtep in self._refused,
            )
            for each in self._asked
        }

    def _complete(self) -> bool:
        return all(
            each.size in self._pinged.get(each.vtep, ())
            and each.size in self._through.get(each.vtep, ())
            for each in self._asked
        )

    def _echo(self, size: int) -> bytes:
        four = len(self._own) == IPV4_LENGTH
        kind, _ = _ECHO[4 if four else 6]
        identifier = int.from_bytes(self._key[:2])
        data = self._key + bytes(size - (20 if four else 40) - _ICMP.size - 4)
        total = checksum(_ICMP.pack(kind, 0, 0, identifier, size) + data) if four else 0
        return _ICMP.pack(kind, 0, total, identifier, size) + data

    def _take_echo(self, octets: bytes, source: tuple[str, int]) -> None:
        four = len(self._own) == IPV4_LENGTH
        start = (octets[0] & 0x0F) * 4 if four else 0
        if len(octets) < start + _ICMP.size + 4:
            return
        kind, _, _, _, size = _ICMP.unpack_from(octets, start)
        key = octets[start + _ICMP.size : start + _ICMP.size + 4]
        if kind == _ECHO[4 if four else 6][1] and key == self._key:
            family = socket.AF_INET if four else socket.AF_INET6
            vtep = socket.inet_pton(family, source[0].partition("%")[0])
            self._pinged.setdefault(vtep, set()).add(size)

    def _take_probe(self, body: bytes) -> None:
        answer = parse(body)
        if answer is None or not answer.answer or answer.nonce[:4] != self._key:
            return
        number, size = struct.unpack(">HH", answer.nonce[4:])
        if number < len(self._asked):
            self._through.setdefault(self._asked[number].vtep, set()).add(size)


def _sizes(wanted: int) -> list[int]:
    return [*(size for size in SIZES if size < wanted), wanted]


def _open_icmp(own: bytes) -> socket.socket:
    four = len(own) == IPV4_LENGTH
    protocol = socket.IPPROTO_ICMP if four else socket.IPPROTO_ICMPV6
    return open_with_df(own, socket.SOCK_RAW, protocol)
