"""What a hostile peer sends in order to make the others wait, by scenario.

Each scenario is a number of octets that are encoded before the clock starts; a
size says how many routes, marks or requests there are.
"""

import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple

from evpnd.wire.framing import encode_attribute
from evpnd.wire.nlri import encode_imet, encode_mac_ip
from integration.peer import REFRESH, UPDATE, message

VNI = 10100
ASN = 65001
NLRIS_AN_UPDATE = 80
RD = bytes.fromhex("00010a0900020064")
HOP = bytes([10, 9, 0, 2])
MANDATORY = bytes.fromhex("40010100 400200 40050400000064")
TARGET = encode_attribute(
    0xC0, 16, struct.pack("!BBHI", 0, 2, ASN, VNI) + bytes.fromhex("030c000000000008")
)
BEGIN = message(REFRESH, bytes([0, 25, 1, 70]))
END = message(REFRESH, bytes([0, 25, 2, 70]))
REQUEST = message(REFRESH, bytes([0, 25, 0, 70]))


def update(nlris: bytes, hop: bytes = HOP, *more: bytes) -> bytes:
    """Write a sound UPDATE for NLRIs of the EVI."""
    reach = encode_attribute(0x80, 14, b"\x00\x19\x46\x04" + hop + b"\x00" + nlris)
    attributes = b"".join((reach, MANDATORY, TARGET, *more))
    body = struct.pack("!HH", 0, len(attributes)) + attributes
    return message(UPDATE, body)


def withdrawal(nlris: bytes) -> bytes:
    """Write an UPDATE that withdraws NLRIs."""
    gone = encode_attribute(0x80, 15, b"\x00\x19\x46" + nlris)
    return message(UPDATE, struct.pack("!HH", 0, len(gone)) + gone)


def mac(number: int) -> bytes:
    """Return the hostile peer's MAC of a number."""
    return (0x020000000000 + number).to_bytes(6, "big")


def _address(number: int) -> bytes:
    return (0x0B000001 + number).to_bytes(4, "big")


def _rd(number: int) -> bytes:
    return bytes([0, 1, 10, 9]) + (number + 1).to_bytes(4, "big")


def _routes(keys: list[bytes]) -> Iterator[bytes]:
    for at in range(0, len(keys), NLRIS_AN_UPDATE):
        some = keys[at : at + NLRIS_AN_UPDATE]
        yield update(b"".join(encode_mac_ip(RD, VNI, some)))


def macs(size: int) -> Iterator[bytes]:
    """Announce MACs, as many as there is room for."""
    for at in range(0, size, NLRIS_AN_UPDATE):
        yield from _routes([mac(n) for n in range(at, min(size, at + NLRIS_AN_UPDATE))])


def distinguishers(size: int) -> Iterator[bytes]:
    """Announce one MAC by many RDs."""
    for n in range(size):
        yield update(encode_mac_ip(_rd(n), VNI, [mac(1)])[0])


def ips_of_a_mac(size: int) -> Iterator[bytes]:
    """Bind many IPs to one MAC."""
    yield from _routes([mac(1) + _address(n) for n in range(size)])


def macs_of_an_ip(size: int) -> Iterator[bytes]:
    """Bind one IP to many MACs."""
    yield from _routes([mac(n) + _address(1) for n in range(size)])


def type_3(size: int) -> Iterator[bytes]:
    """Announce many VTEPs that want BUM frames."""
    for n in range(size):
        vtep = _address(n)
        label = VNI.to_bytes(3, "big")
        pmsi = encode_attribute(0xC0, 22, b"\x00\x06" + label + vtep)
        yield update(encode_imet(_rd(n), vtep), vtep, pmsi)


def marks(size: int) -> Iterator[bytes]:
    """Begin a refresh again and again, beside a table of some size."""
    yield from macs(20_000)
    for _ in range(size):
        yield BEGIN


def mark_pairs(size: int) -> Iterator[bytes]:
    """Begin and end refreshes, each with one route of a table."""
    yield from macs(20_000)
    one = update(encode_mac_ip(RD, VNI, [mac(1)])[0])
    for _ in range(size // 2):
        yield BEGIN + one + END


def gone(size: int) -> Iterator[bytes]:
    """Announce MACs, then leave all of them out of a refresh."""
    yield from macs(size)
    yield BEGIN + END


def requests(size: int) -> Iterator[bytes]:
    """Ask for all routes again and again."""
    for _ in range(size):
        yield REQUEST


def communities(size: int) -> Iterator[bytes]:
    """Announce MACs, each with 900 communities that no other has."""
    for n in range(size):
        each = b"".join(
            struct.pack("!HH", n >> 16 ^ at, n & 0xFFFF) for at in range(900)
        )
        nlri = encode_mac_ip(RD, VNI, [mac(n)])[0]
        yield update(nlri, HOP, encode_attribute(0xC0, 8, each))


def flaps(size: int) -> Iterator[bytes]:
    """Announce and withdraw the same MACs."""
    for _ in range(0, size, 2_000):
        keys = [mac(n) for n in range(1_000)]
        yield from _routes(keys)
        for cut in range(0, 1_000, NLRIS_AN_UPDATE):
            some = keys[cut : cut + NLRIS_AN_UPDATE]
            yield withdrawal(b"".join(encode_mac_ip(RD, 0, some)))


def nothing(_: int) -> Iterator[bytes]:
    """Say nothing: what a good peer waits at rest."""
    return iter(())


class Load(NamedTuple):
    """A scenario and its sizes."""

    octets: Callable[[int], Iterator[bytes]]
    full: int
    """As in a report of an attack."""
    small: int
    """For a test of some seconds; what is quadratic shows all the same."""


LOADS = {
    "rest": Load(nothing, 0, 0),
    "macs": Load(macs, 2_000_000, 100_000),
    "rds": Load(distinguishers, 30_000, 10_000),
    "ips": Load(ips_of_a_mac, 30_000, 20_000),
    "macs-of-ip": Load(macs_of_an_ip, 30_000, 20_000),
    "type-3": Load(type_3, 20_000, 5_000),
    "marks": Load(marks, 20_000, 10_000),
    "mark-pairs": Load(mark_pairs, 20_000, 10_000),
    "gone": Load(gone, 500_000, 50_000),
    "refresh": Load(requests, 27_100, 5_000),
    "communities": Load(communities, 20_000, 5_000),
    "flaps": Load(flaps, 400_000, 40_000),
}
