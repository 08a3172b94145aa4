"""Communities, RDs and route targets as text, also with ``*`` for any part.

A part is what stands between colons; in an administrator that is an IPv4 address
each of its four numbers is one too. What looks the same matches the same: an AS
number below 65536 stands for both its two-octet and its four-octet form.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches

from evpnd.model.communities import (
    DEFAULT_GATEWAY,
    ENCAPSULATION,
    MAC_MOBILITY,
    ROUTER_MAC,
)
from evpnd.model.ids import (
    AS2_MAX,
    AS4_MAX,
    FOUR_OCTET_AS,
    IPV4_ADDRESS,
    ROUTE_TARGET_SUBTYPE,
    SITE_OF_ORIGIN_SUBTYPE,
    TWO_OCTET_AS,
)
from evpnd.model.policy import Masked

_TUNNELS = {"vxlan": 8, "nvgre": 9, "mpls": 10, "geneve": 19}
_WELL_KNOWN = {
    "graceful-shutdown": 0xFFFF0000,
    "accept-own": 0xFFFF0001,
    "blackhole": 0xFFFF029A,
    "no-export": 0xFFFFFF01,
    "no-advertise": 0xFFFFFF02,
    "no-export-subconfed": 0xFFFFFF03,
    "no-peer": 0xFFFFFF04,
}
_NAMES = {number.to_bytes(4, "big"): name for name, number in _WELL_KNOWN.items()}
_ROUTE_ORIGINS = {ROUTE_TARGET_SUBTYPE: "rt", SITE_OF_ORIGIN_SUBTYPE: "soo"}
_HEX = re.compile(r"0x((?:[0-9a-fA-F]{2}){1,8})(\*?)")
_MAC_PATTERN = re.compile(r"(?:[0-9a-fA-F]{2}|\*)(?::(?:[0-9a-fA-F]{2}|\*)){5}")
_EXTENDED_WORDS = (
    "rt",
    "soo",
    "encap",
    "default-gateway",
    "mac-mobility",
    "router-mac",
)
EXTENDED_FORMS = (
    "rt:65000:1, soo:65000:1, encap:vxlan, default-gateway, mac-mobility, "
    "router-mac:02:00:00:00:00:01 or 0x and 16 digits"
)

Patterns = tuple[Masked, ...]
"""One text may stand for several encodings."""


def parse_rd_pattern(text: str) -> Patterns:
    """Read ``65000:7``, ``10.0.0.1:*`` or ``*``; ValueError otherwise."""
    if text == "*":
        return (Masked(0, 0),)
    return _administrator(text, "route distinguisher", lambda kind: bytes([0, kind]))


def parse_route_target_pattern(text: str) -> Patterns:
    """Read ``65000:10100``, ``*:10100`` or ``*``; ValueError otherwise."""
    if text == "*":
        return (Masked(0, 0),)
    return _administrator(
        text, "route target", lambda kind: bytes([kind, ROUTE_TARGET_SUBTYPE])
    )


def parse_community_pattern(text: str) -> Patterns:
    """Read ``65000:100``, ``65000:*``, ``no-export`` or ``*`` (RFC 1997)."""
    if text in _WELL_KNOWN:
        return (Masked(_WELL_KNOWN[text], AS4_MAX),)
    meant = _meant(text, _WELL_KNOWN, {"local-as": "no-export-subconfed"})
    if meant:
        raise ValueError(f"{text!r} is not a community; did you mean {meant}?")
    return _numbers(text, 2, 16, "community such as 65000:100")


def parse_large_community_pattern(text: str) -> Patterns:
    """Read ``65000:1:2``, ``65000:*:*`` or ``*`` (RFC 8092)."""
    return _numbers(text, 3, 32, "large community such as 65000:1:2")


def parse_extended_community_pattern(text: str) -> Patterns:
    """Read the forms that EXTENDED_FORMS names, or ``0x0002*`` for how it begins."""
    if text == "*":
        return (Masked(0, 0),)
    if found := _HEX.fullmatch(text):
        octets = bytes.fromhex(found[1])
        if bool(found[2]) == (len(octets) == 8):
            raise ValueError(
                f"{text!r}: write all 16 digits, or fewer and then * for the rest"
            )
        return (_begins(octets),)
    word, _, rest = text.partition(":")
    for subtype, name in _ROUTE_ORIGINS.items():
        if word == name:
            return _administrator(
                rest, f"{word}:ADMINISTRATOR:NUMBER", _head_of(subtype)
            )
    if text == "default-gateway":
        return (_begins(DEFAULT_GATEWAY[:2]),)
    if text in ("mac-mobility", "mac-mobility:*"):
        return (_begins(MAC_MOBILITY),)
    if word == "encap" and rest:
        tunnel = _TUNNELS.get(rest, rest)
        (masked,) = _numbers(str(tunnel), 1, 16, "tunnel type such as vxlan or 8")
        head = _begins(ENCAPSULATION)
        return (Masked(head.value | masked.value, head.mask | masked.mask),)
    if word == "router-mac" and (rest == "*" or _MAC_PATTERN.fullmatch(rest)):
        octets, mask = ROUTER_MAC, b"\xff\xff"
        for part in rest.split(":") if rest != "*" else ["*"] * 6:
            octets += b"\0" if part == "*" else bytes.fromhex(part)
            mask += b"\0" if part == "*" else b"\xff"
        return (Masked(int.from_bytes(octets), int.from_bytes(mask)),)
    meant = _meant(word, _EXTENDED_WORDS, {"gateway": "default-gateway"})
    hint = f"write {EXTENDED_FORMS}, with * for any part"
    if meant:
        hint = f"did you mean {meant}?"
    if word == "router-mac":
        hint = "write six parts, router-mac:02:00:00:*:*:* where some may be anything"
    raise ValueError(f"{text!r} is not an extended community; {hint}")


def exact(patterns: Patterns, octets: int, text: str) -> bytes:
    """Return the octets of a text without ``*``; ValueError for one with it."""
    first = patterns[0]
    if "*" in text:
        raise ValueError(f"{text!r} matches several; name one")
    return first.value.to_bytes(octets, "big")


def _head_of(subtype: int) -> Callable[[int], bytes]:
    return lambda kind: bytes([kind, subtype])


def _begins(octets: bytes) -> Masked:
    free = 8 * (8 - len(octets))
    return Masked(int.from_bytes(octets) << free, ((1 << 8 * len(octets)) - 1) << free)


def _number(text: str, bits: int) -> tuple[int, int] | None:
    """Read a number, or ``*``, as value and mask; None when it does not fit."""
    if text == "*":
        return 0, 0
    if not text.isascii() or not text.isdigit() or len(text) > 10:
        return None
    number = int(text)
    return (number, (1 << bits) - 1) if number < 1 << bits else None


def _check_stars(text: str) -> None:
    if any("*" in part and part != "*" for part in re.split("[:.]", text)):
        raise ValueError(f"{text!r}: * stands for a whole part, between colons or dots")


def _meant(text: str, known: Iterable[str], also: Mapping[str, str]) -> str | None:
    """Return the word that a misspelt one probably stands for."""
    if not text[:1].isalpha():
        return None
    word = text.lower().replace("_", "-")
    close = get_close_matches(word, known, n=1, cutoff=0.7)
    return also.get(word) or (close[0] if close else None)


def _numbers(text: str, parts: int, bits: int, what: str) -> Patterns:
    if text == "*":
        return (Masked(0, 0),)
    words = text.split(":")
    _check_stars(text)
    read = [_number(word, bits) for word in words]
    value = mask = 0
    for number in read:
        if number is None or len(words) != parts:
            raise ValueError(
                f"{text!r} is not a {what}"
                f"{f'; each number is at most {(1 << bits) - 1}' if parts > 1 else ''}"
                f"{', * stands for one' if '*' in words else ''}"
            )
        value, mask = value << bits | number[0], mask << bits | number[1]
    return (Masked(value, mask),)


def _administrator(text: str, what: str, head: Callable[[int], bytes]) -> Patterns:
    _check_stars(text)
    left, separator, right = ("*", ":", "*") if text == "*" else text.rpartition(":")
    found = []
    for kind, administrator, bits in (
        (TWO_OCTET_AS, _number(left, 16), 32),
        (FOUR_OCTET_AS, _number(left, 32) or _asdot(left), 16),
        (IPV4_ADDRESS, _dotted(left), 16),
    ):
        number = _number(right, bits)
        if administrator is not None and number is not None and separator:
            begin = _begins(head(kind))
            found.append(
                Masked(
                    begin.value | administrator[0] << bits | number[0],
                    begin.mask | administrator[1] << bits | number[1],
                )
            )
    if not found:
        raise ValueError(
            f"{text!r} is not a {what} such as 65000:10100, 10.0.0.1:7 or *:10100; "
            f"after an AS number above {AS2_MAX} or an address, "
            "the number is at most 65535"
        )
    return tuple(found)


def _asdot(text: str) -> tuple[int, int] | None:
    """Read the two halves of an AS number (RFC 5396), as value and mask."""
    high, dot, low = text.partition(".")
    first, second = _number(high, 16), _number(low, 16)
    if not dot or first is None or second is None:
        return None
    return first[0] << 16 | second[0], first[1] << 16 | second[1]


def _dotted(text: str) -> tuple[int, int] | None:
    if text == "*":
        return 0, 0
    parts = [_number(part, 8) for part in text.split(".")]
    value = mask = 0
    for part in parts:
        if part is None or len(parts) != 4:
            return None
        value, mask = value << 8 | part[0], mask << 8 | part[1]
    return value, mask


def format_community(community: bytes) -> str:
    """Write ``65000:100``, or the name of a well-known one."""
    return _NAMES.get(community) or (
        f"{int.from_bytes(community[:2])}:{int.from_bytes(community[2:])}"
    )


def format_large_community(community: bytes) -> str:
    """Write ``65000:1:2``."""
    return ":".join(str(int.from_bytes(community[at : at + 4])) for at in (0, 4, 8))
