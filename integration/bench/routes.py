"""The routes that the peer announces, as UPDATE messages, made before the clock starts.

The MACs are numbered from 02:10:00:00:00:00 and dealt out to pairs of a VTEP and a VNI,
so that a larger load has the MACs of a smaller one in the same places. Each pair has a
type 3 route as well.
"""

import socket
import struct
from collections.abc import Iterator
from typing import NamedTuple

ASN = 65000
FIRST_VNI = 100
FIRST_MAC = 0x021000000000
FIRST_TENANT = 0x022000000000
"""The first of the MACs of tenants of the measured host."""
TENANTS = FIRST_TENANT.to_bytes(6)[:2]
FIRST_IP = 0x0A400001
"""10.64.0.1"""
VTEPS = 10
LONGEST = 4096
"""Octets of a BGP message (RFC 4271, section 4.1)."""
EVPN = b"\x00\x19\x46"
END_OF_RIB = bytes.fromhex("00000006800f03001946")
OPEN, UPDATE, NOTIFICATION, KEEPALIVE = 1, 2, 3, 4

_MARKER = b"\xff" * 16
_SEEN = b"\x30"
"""Bits of a MAC."""


def message(kind: int, body: bytes = b"") -> bytes:
    """Put a header in front of a body."""
    return _MARKER + struct.pack("!HB", 19 + len(body), kind) + body


def update(attributes: bytes) -> bytes:
    """Return an UPDATE with these path attributes alone."""
    return message(UPDATE, struct.pack("!HH", 0, len(attributes)) + attributes)


def attribute(flags: int, code: int, value: bytes) -> bytes:
    """Return a path attribute."""
    if len(value) > 255:
        return struct.pack("!BBH", flags | 0x10, code, len(value)) + value
    return struct.pack("!BBB", flags, code, len(value)) + value


def vtep(number: int) -> bytes:
    """Return the address of a VTEP: 10.200.0.1 and up."""
    return socket.inet_aton("10.200.0.0")[:3] + bytes([number + 1])


def mac(number: int) -> bytes:
    """Return a MAC."""
    return (FIRST_MAC + number).to_bytes(6)


class Load(NamedTuple):
    """Routes to announce."""

    macs: int
    vnis: int
    with_ips: bool = False
    alone: bool = False
    """One route in an UPDATE, and not as many as fit."""

    def pairs(self) -> Iterator[tuple[int, int, range]]:
        """Yield the number of the VTEP, the VNI, and the numbers of the MACs."""
        pairs = VTEPS * self.vnis
        for pair in range(pairs):
            numbers = range(pair, self.macs, pairs)
            yield pair // self.vnis, FIRST_VNI + pair % self.vnis, numbers

    def place_of(self, number: int) -> tuple[int, int]:
        """Return the number of the VTEP, and the VNI, of a MAC."""
        pair = number % (VTEPS * self.vnis)
        return pair // self.vnis, FIRST_VNI + pair % self.vnis

    def nlri(self, number: int, where: int, vni: int) -> bytes:
        """Return the NLRI of a MAC, and its IP, behind a VTEP."""
        label = vni.to_bytes(3)
        head = _rd(where, vni) + bytes(14) + _SEEN + mac(number)
        if self.with_ips:
            ip = (FIRST_IP + number).to_bytes(4)
            return b"\x02\x25" + head + b"\x20" + ip + label
        return b"\x02\x21" + head + b"\x00" + label

    def announcements(self) -> list[bytes]:
        """Return the UPDATEs, type 3 first, and End-of-RIB."""
        first: list[bytes] = []
        then: list[bytes] = []
        for where, vni, numbers in self.pairs():
            address = vtep(where)
            imet = b"\x03\x11" + _rd(where, vni) + bytes(4) + b"\x20" + address
            pmsi = attribute(0xC0, 22, b"\x00\x06" + vni.to_bytes(3) + address)
            first.append(update(path(vni) + pmsi + reach(address, [imet])))
            nlris = [self.nlri(number, where, vni) for number in numbers]
            room = LONGEST - 40 - len(path(vni))
            then.extend(
                update(path(vni) + reach(address, some))
                for some in _cut(nlris, 1 if self.alone else room // 39)
            )
        return [*first, *then, message(UPDATE, END_OF_RIB)]

    def withdrawals(self) -> list[bytes]:
        """Return UPDATEs that withdraw the type 2 routes."""
        nlris = [
            self.nlri(number, where, vni)
            for where, vni, numbers in self.pairs()
            for number in numbers
        ]
        return [
            update(attribute(0x80, 15, EVPN + b"".join(some)))
            for some in _cut(nlris, (LONGEST - 40) // 39)
        ]

    def move(self, number: int, where: int, sequence: int) -> bytes:
        """Return an UPDATE that says that a MAC is behind another VTEP now."""
        _, vni = self.place_of(number)
        mobility = b"\x06\x00\x00\x00" + struct.pack("!I", sequence)
        nlri = self.nlri(number, where, vni)
        return update(path(vni, mobility) + reach(vtep(where), [nlri]))

    def withdrawal(self, number: int) -> bytes:
        """Return an UPDATE that withdraws the route of a MAC."""
        nlri = self.nlri(number, *self.place_of(number))
        return update(attribute(0x80, 15, EVPN + nlri))


def path(vni: int, more: bytes = b"") -> bytes:
    """Return the attributes of an iBGP route; `more` extended communities."""
    target = b"\x00\x02" + struct.pack("!HI", ASN, vni)
    vxlan = b"\x03\x0c" + bytes(5) + b"\x08"
    return (
        attribute(0x40, 1, b"\x00")
        + attribute(0x40, 2, b"")
        + attribute(0x40, 5, struct.pack("!I", 100))
        + attribute(0xC0, 16, target + vxlan + more)
    )


def reach(next_hop: bytes, nlris: list[bytes]) -> bytes:
    """Return MP_REACH_NLRI."""
    return attribute(0x80, 14, EVPN + b"\x04" + next_hop + b"\x00" + b"".join(nlris))


def _rd(where: int, vni: int) -> bytes:
    return b"\x00\x01" + vtep(where) + struct.pack("!H", vni & 0xFFFF)


def _cut(nlris: list[bytes], size: int) -> Iterator[list[bytes]]:
    for start in range(0, len(nlris), size):
        yield nlris[start : start + size]
