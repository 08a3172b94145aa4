"""Replaces MAC and IP addresses in records, each by the same one wherever it stands.

The order of addresses stays, and so do prefixes: what was in one subnet is in one
afterwards. Both decide about routes, policies and ties. So all addresses are looked at
first; then a bit of an address is flipped, or not, where no two addresses part at it,
by a keyed digest of the bits before it.

What stays: the first octet of an address (the first two of IPv6), the last octet of an
IP address, addresses that mean something by themselves (multicast, loopback, VRRP), AS
numbers, VNIs, and all names.
"""

import dataclasses
import ipaddress
import re
import struct
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from enum import Enum
from hashlib import blake2b
from pathlib import Path
from typing import Any, cast

from evpnd.model.ids import format_ip, format_mac, parse_ip, parse_mac
from evpnd.model.policy import Prefix, shorten
from evpnd.recording.records import Header, Record, RecordError, Said, State

_MAC = re.compile(r"\b[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}\b")
_IP = re.compile(
    r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f.]*)"
    r"(?![\w:])"
)
_KEPT_BITS = {4: (8, 8), 6: (8, 0), 16: (16, 8)}
"""Bits at the beginning and at the end that stay, by the octets of an address."""
_LINK_LOCAL_BITS = 64
_KNOWN_BY_16_BITS = {0xA9FE}
"""Beginnings of IPv4 addresses that mean something: 169.254.0.0/16 (RFC 3927)."""
_MAPPED = bytes(10) + b"\xff\xff"
_VRRP = (b"\x00\x00\x5e\x00\x01", b"\x00\x00\x5e\x00\x02")
_WITH_ADDRESS = (b"\x00\x01", b"\x01\x02", b"\x01\x03")
"""Types of RDs, route targets and sites of origin that have an IPv4 address."""
_ROUTER_MAC, _ES_IMPORT = b"\x06\x03", b"\x06\x02"
_HEADER_SIZE = 19
_UPDATE = 2


class Anonymiser:
    """Looks at all records first, then replaces the addresses in each."""

    def __init__(self, key: bytes) -> None:
        """Store what nobody else knows."""
        self._key = key
        self._looking = True
        self._found: dict[int, set[int]] = {4: set(), 6: set(), 16: set()}
        self._sorted: dict[int, list[int]] = {}
        self._known: dict[bytes, bytes] = {}
        self.left_out = 0
        """UPDATEs that cannot be read to their end, so that nobody knows what they
        say."""

    def look(self, record: Record) -> None:
        """Look at a record."""
        self._replace(record)

    def settle(self) -> None:
        """End the looking."""
        self._looking = False
        self._sorted = {size: sorted(found) for size, found in self._found.items()}
        self.left_out = 0

    def replace(self, record: Record) -> Record | None:
        """Return a record with other addresses; None: it is left out.

        Raises RecordError for a state, which has addresses that nobody finds.
        """
        return self._replace(record)

    def _replace(self, record: Record) -> Record | None:
        match record:
            case State():
                raise RecordError(
                    "the recording begins in the middle, with what evpnd knew then, "
                    "and addresses in that cannot be replaced"
                )
            case Said(t, peer, updates):
                try:
                    octets = b"".join(map(self._update, _messages(updates)))
                except (struct.error, IndexError):
                    self.left_out += 1
                    return None
                return Said(t, self._text(peer), octets)
            case Header():
                other = cast("Header", self._value(record))
                return other._replace(host="host", life=record.life)
            case _:
                return cast("Record", self._value(record))

    # Values

    def _value(self, value: Any) -> Any:  # noqa: ANN401 - of any kind
        match value:
            case bytes():
                return self._octets(value)
            case Path() | Enum() | None | bool() | int() | float() | range():
                return value
            case str():
                return self._text(value)
            case Prefix(octets, length):
                return Prefix(shorten(self._octets(octets), length), length)
            case tuple():
                fields = [self._value(each) for each in value]
                make = getattr(value, "_make", tuple)
                return make(fields)
            case list():
                return [self._value(each) for each in value]
            case set() | frozenset():
                return type(value)(self._value(each) for each in value)
            case Mapping():
                pairs = value.items()
                return {self._value(key): self._value(each) for key, each in pairs}
            case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
                names = [field.name for field in dataclasses.fields(value)]
                changed = {name: self._value(getattr(value, name)) for name in names}
                return dataclasses.replace(value, **changed)
            case _:
                return value

    def _octets(self, octets: bytes) -> bytes:
        """Replace what has the length of an address, of both, or of an RD."""
        size = len(octets)
        if size in _KEPT_BITS:
            return self._address(octets)
        if size == 8 and octets[:2] in _WITH_ADDRESS:
            return octets[:2] + self._address(octets[2:6]) + octets[6:]
        if size in (10, 22):
            return self._address(octets[:6]) + self._address(octets[6:])
        return octets

    def _text(self, text: str) -> str:
        text = _MAC.sub(lambda found: self._mac_text(found[0]), text)
        return _IP.sub(lambda found: self._ip_text(found[0]), text)

    def _mac_text(self, text: str) -> str:
        return format_mac(self._address(parse_mac(text)))

    def _ip_text(self, text: str) -> str:
        plain = text.rstrip(".")
        try:
            ipaddress.ip_address(plain)
        except ValueError:
            return text
        return format_ip(self._address(parse_ip(plain))) + text[len(plain) :]

    # Addresses

    def _address(self, octets: bytes) -> bytes:
        known = self._known.get(octets)
        if known is not None:
            return known
        if octets.startswith(_MAPPED) and len(octets) == 16:
            return _MAPPED + self._address(octets[12:])
        if _means_something(octets):
            return octets
        size, value = len(octets), int.from_bytes(octets)
        if self._looking:
            self._found[size].add(value)
            return octets
        other = self._known[octets] = self._flip(value, size).to_bytes(size)
        return other

    def _flip(self, value: int, size: int) -> int:
        first, last = _KEPT_BITS[size]
        if size == 16 and value >> 118 == 0xFE80 >> 6:
            first = _LINK_LOCAL_BITS
        if size == 4 and value >> 16 in _KNOWN_BY_16_BITS:
            first = 16
        flipped, bits = value, 8 * size
        for at in range(first, bits - last):
            bit = bits - 1 - at
            if not self._parts(value, size, bit) and self._digest(value >> bit + 1, at):
                flipped ^= 1 << bit
        return flipped

    def _parts(self, value: int, size: int, bit: int) -> bool:
        """Return whether another address is equal up to a bit, and differs in it."""
        low = (value >> bit ^ 1) << bit
        found = self._sorted[size]
        at = bisect_left(found, low)
        return at < len(found) and found[at] < low + (1 << bit)

    def _digest(self, before: int, at: int) -> bool:
        octets = before.to_bytes(17) + bytes([at])
        return bool(blake2b(octets, key=self._key, digest_size=1).digest()[0] & 1)

    # UPDATEs

    def _update(self, message: bytes) -> bytes:
        """Replace the addresses of a BGP message; struct.error, IndexError."""
        if message[18] != _UPDATE:
            return message
        (withdrawn,) = struct.unpack_from(">H", message, _HEADER_SIZE)
        at = _HEADER_SIZE + 2 + withdrawn
        (length,) = struct.unpack_from(">H", message, at)
        at += 2
        if withdrawn or at + length != len(message):
            raise IndexError  # routes of IPv4, or no UPDATE
        parts = [message[:at]]
        while at < len(message):
            start, code = at, message[at + 1]
            if message[at] & 0x10:
                (size,) = struct.unpack_from(">H", message, at + 2)
                at += 4
            else:
                size = message[at + 2]
                at += 3
            if at + size > len(message):
                raise IndexError
            parts.append(message[start:at])
            parts.append(self._attribute(code, message[at : at + size]))
            at += size
        return b"".join(parts)

    def _attribute(self, code: int, value: bytes) -> bytes:
        match code:
            case 9 | 10:  # ORIGINATOR_ID, CLUSTER_LIST
                return b"".join(map(self._address, _cut(value, 4)))
            case 7:  # AGGREGATOR
                return value[:-4] + self._address(value[-4:])
            case 14:  # MP_REACH_NLRI
                end = 4 + value[3]
                sizes = 16 if value[3] % 16 == 0 else 4
                hops = b"".join(map(self._address, _cut(value[4:end], sizes)))
                rest = value[end : end + 1]
                return value[:4] + hops + rest + self._nlris(value[end + 1 :])
            case 15:  # MP_UNREACH_NLRI
                return value[:3] + self._nlris(value[3:])
            case 16:  # extended communities
                return b"".join(map(self._community, _cut(value, 8)))
            case 22:  # PMSI_TUNNEL
                return value[:5] + self._endpoint(value[5:])
            case _:
                return value

    def _endpoint(self, octets: bytes) -> bytes:
        return self._address(octets) if len(octets) in (4, 16) else octets

    def _community(self, octets: bytes) -> bytes:
        if octets[:2] in (_ROUTER_MAC, _ES_IMPORT):
            return octets[:2] + self._address(octets[2:])
        return self._octets(octets)

    def _nlris(self, octets: bytes) -> bytes:
        parts = []
        at = 0
        while at < len(octets):
            size = octets[at + 1]
            body = octets[at + 2 : at + 2 + size]
            if len(body) != size:
                raise IndexError
            parts.append(octets[at : at + 2])
            parts.append(self._nlri(octets[at], body))
            at += 2 + size
        return b"".join(parts)

    def _nlri(self, kind: int, body: bytes) -> bytes:
        rd, rest = self._octets(body[:8]), body[8:]
        match kind:
            case 1:
                return rd + self._esi(rest[:10]) + rest[10:]
            case 2:
                mac, length = rest[15:21], rest[21] // 8
                ip = rest[22 : 22 + length]
                if len(ip) != length or rest[14] != 48:
                    raise IndexError
                head = self._esi(rest[:10]) + rest[10:15] + self._address(mac)
                return (
                    rd + head + rest[21:22] + self._endpoint(ip) + rest[22 + length :]
                )
            case 3:
                return rd + rest[:5] + self._endpoint(rest[5:])
            case 4:
                return (
                    rd + self._esi(rest[:10]) + rest[10:11] + self._endpoint(rest[11:])
                )
            case 5:
                size = 4 if len(rest) == 26 else 16
                prefix, gateway = rest[15 : 15 + size], rest[15 + size : 15 + 2 * size]
                head = self._esi(rest[:10]) + rest[10:15]
                where = shorten(self._endpoint(prefix), rest[14])
                return (
                    rd + head + where + self._endpoint(gateway) + rest[15 + 2 * size :]
                )
            case _:
                raise IndexError

    def _esi(self, octets: bytes) -> bytes:
        """Replace the address in an ESI, whose type says where one is (RFC 7432, 5)."""
        match octets[0]:
            case 1 | 2 | 3:
                return octets[:1] + self._address(octets[1:7]) + octets[7:]
            case 4:
                return octets[:1] + self._address(octets[1:5]) + octets[5:]
            case _:
                return octets


def _messages(octets: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(octets):
        size = int.from_bytes(octets[at + 16 : at + 18])
        yield octets[at : at + size]
        at += size


def _cut(octets: bytes, size: int) -> list[bytes]:
    if len(octets) % size:
        raise IndexError
    return [octets[at : at + size] for at in range(0, len(octets), size)]


def _means_something(octets: bytes) -> bool:
    """Return whether an address means more than a station."""
    if not any(octets):
        return True
    if len(octets) == 6:
        return bool(octets[0] & 1) or octets[:5] in _VRRP
    ip = ipaddress.ip_address(octets)
    return ip.is_multicast or ip.is_loopback or octets == b"\xff" * 4
