"""Ranges of numbers, prefixes of MACs and of IPs: what a key of a policy may cover."""

import ipaddress
import re
from collections.abc import Callable

from evpnd.adapters.yaml.reader import describe
from evpnd.adapters.yaml.scalars import Dotted
from evpnd.adapters.yaml.values import asn, number, range_hint, text
from evpnd.model.ids import AS4_MAX, parse_asn, parse_ip, parse_mac
from evpnd.model.policy import Prefix, Range, Value, shorten

_RANGE = re.compile(r"([0-9]{1,10})-([0-9]{1,10})|([0-9]{1,10})-|-([0-9]{1,10})")
_ASDOT = re.compile(r"[0-9]+\.[0-9]+")
Values = tuple[Value, ...]
"""One item may stand for several values."""


def numbers(low: int, high: int) -> Callable[[object], Values]:
    """Return a parser of a number within bounds, or of a range of them."""

    def parse(value: object) -> Values:
        if isinstance(value, int) and not isinstance(value, bool) and value < 0:
            value = str(value)  # YAML takes the range -199 for a number
        if not isinstance(value, str):
            only = number(value, low, high)
            return (Range(only, only),)
        found = _RANGE.fullmatch(value)
        if not found:
            raise ValueError(
                f"{describe(value)} is neither a number nor a range such as 100-199, "
                f"100- or -199{range_hint(value)}"
            )
        first, last = found[1] or found[3], found[2] or found[4]
        begin, end = int(first) if first else low, int(last) if last else high
        for bound in (begin, end):
            number(bound, low, high)
        if begin > end:
            raise ValueError(f"the range {value} runs backwards; write {end}-{begin}")
        return (Range(begin, end),)

    return parse


def as_numbers(value: object) -> Values:
    """Read an AS number or a range of them, plain or in asdot (RFC 5396)."""
    if isinstance(value, Dotted):
        value = asn(value)
    elif isinstance(value, str):
        value = _ASDOT.sub(lambda found: str(parse_asn(found[0])), value)
    return numbers(1, AS4_MAX)(value)


def mac_prefix(value: object) -> Values:
    """Read a MAC, or the beginning of one: ``52:54:00:00:00:00/24``."""
    word = text(value)
    address, slash, length = word.partition("/")
    octets = parse_mac(address)
    return (_prefix(word, octets, length if slash else None),)


def ip_prefix(value: object) -> Values:
    """Read an IPv4 or IPv6 address or prefix."""
    word = text(value)
    address, slash, length = word.partition("/")
    try:
        octets = parse_ip(address)
    except ValueError:
        raise ValueError(
            f"{describe(word)} is neither an IP address nor a prefix such as "
            "192.0.2.0/24"
        ) from None
    return (_prefix(word, octets, length if slash else None),)


def _prefix(word: str, octets: bytes, length: str | None) -> Prefix:
    bits = 8 * len(octets)
    if length is None:
        return Prefix(octets, bits)
    if not re.fullmatch(r"[0-9]{1,3}", length) or int(length) > bits:
        raise ValueError(f"{describe(word)}: write a length from 0 to {bits} after /")
    begin = shorten(octets, int(length))
    if begin != octets:
        written = begin.hex(":") if len(octets) == 6 else ipaddress.ip_address(begin)
        raise ValueError(
            f"{describe(word)} has bits set after the first {length}; "
            f"write {written}/{length}"
        )
    return Prefix(begin, int(length))
