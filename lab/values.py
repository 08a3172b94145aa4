"""Checks of single values: each gives what is wanted instead, or None."""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass

Check = Callable[[object], str | None]
SMALLEST_MTU = 68
"""Of IPv4 (RFC 791), and what Linux takes; containerlab's schema begins at 1."""
_IMAGE = re.compile(r"[A-Za-z0-9][\w.:/@-]*", re.ASCII)
_PAIRS = re.compile(r"([0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}")


@dataclass(frozen=True, slots=True)
class Each:
    """A list or a mapping whose entries are checked one by one."""

    collection: type[list[object]] | type[dict[str, object]]
    check: Check
    least: int = 0
    most: int = 1 << 20
    """Entries at most."""
    unique: bool = False
    """No entry stands twice."""
    names: Check | None = None
    """Checks the names of a mapping."""


def text(value: object) -> str | None:
    """Check text, without what no program or file takes."""
    right = isinstance(value, str) and "\0" not in value
    return None if right else "text"


def word(value: object) -> str | None:
    """Check what reads as text: a number need not be in quotes."""
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    return None if plain or not text(value) else "text or a number"


def image(value: object) -> str | None:
    """Check the name of an image: REPOSITORY[:TAG][@DIGEST]."""
    right = isinstance(value, str) and _IMAGE.fullmatch(value)
    return None if right or value == "" else "the name of an image"


def setting(value: object) -> str | None:
    """Check a value of a mapping of text; nothing is empty text."""
    plain = value is None or isinstance(value, int | float)
    return None if plain or not text(value) else "text or a number"


def numeric(value: object) -> str | None:
    """Check a value of a mapping of text where a boolean is none."""
    return "text or a number" if isinstance(value, bool) else setting(value)


def label(value: object) -> str | None:
    """Check the value of a label, which is not empty."""
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    right = value >= 0 if plain else value != "" and not text(value)  # type: ignore[operator]
    return None if right else "text that is not empty, or a number from 0 on"


def scalar(value: object) -> str | None:
    """Check text, a number or a boolean."""
    plain = isinstance(value, int | float)
    return None if plain or not text(value) else "text, a number, true or false"


def flag(value: object) -> str | None:
    """Check a boolean."""
    return None if isinstance(value, bool) else "true or false"


def number(value: object) -> str | None:
    """Check a whole number from 0 on."""
    whole = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return None if whole else "a whole number"


def decimal(value: object) -> str | None:
    """Check a number from 0 on."""
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    right = plain and value >= 0  # type: ignore[operator]
    return None if right else "a number from 0 on"


def user(value: object) -> str | None:
    """Check a user, by name or by number."""
    return decimal(value) and text(value) and "a name, or a number from 0 on"


def mapping(value: object) -> str | None:
    """Check a mapping, with anything in it."""
    return None if isinstance(value, dict) else "a mapping"


def items(value: object) -> str | None:
    """Check a list, with anything in it."""
    return None if isinstance(value, list) else "a list"


def choice(*words: str) -> Check:
    """Make the check for one of some words."""

    def check(value: object) -> str | None:
        return None if value in words else "one of " + ", ".join(words)

    return check


def whole(smallest: int, largest: int, *also: int) -> Check:
    """Make the check for a whole number within bounds, or one of others."""

    def check(value: object) -> str | None:
        inside = type(value) is int and smallest <= value <= largest
        right = inside or (type(value) is int and value in also)
        return None if right else f"a number from {smallest} to {largest}"

    return check


def pattern(expression: str, what: str) -> Check:
    """Make the check for text of some form."""

    def check(value: object) -> str | None:
        right = isinstance(value, str) and re.fullmatch(expression, value)
        return None if right else what

    return check


def any_address(value: object) -> str | None:
    """Check an address of either family, alone."""
    both = address(4)(value) and address(6)(value)
    return "an IPv4 or IPv6 address" if both else None


def _parsed(parse: Callable[[str], bool], wanted: str, *also: str) -> Check:
    """Make the check for text that is parsed, and right; or one of other words."""

    def check(value: object) -> str | None:
        try:
            right = value in also or (isinstance(value, str) and parse(value))
        except ValueError:
            right = False
        return None if right else wanted

    return check


def interface_address(version: int, *also: str) -> Check:
    """Make the check for an address with its prefix length, or one of other words."""
    return _parsed(
        lambda text: ipaddress.ip_interface(text).version == version and "/" in text,
        f"an IPv{version} address with its prefix length",
        *also,
    )


def address(version: int) -> Check:
    """Make the check for an address alone."""
    return _parsed(
        lambda text: ipaddress.ip_address(text).version == version,
        f"an IPv{version} address, without prefix length",
    )


def network(version: int, *also: str) -> Check:
    """Make the check for a subnet with its prefix length, or one of other words."""
    return _parsed(
        lambda text: (
            ipaddress.ip_network(text, strict=False).version == version and "/" in text
        ),
        " or ".join([f"an IPv{version} subnet with its prefix length", *also]),
        *also,
    )


def mac(value: object) -> str | None:
    """Check the MAC address of an interface, which is none of a group."""
    # Not as Cisco writes it, nor without anything between: none to containerlab.
    if not isinstance(value, str) or not _PAIRS.fullmatch(value):
        return "a MAC address of pairs, as in 02:00:00:00:00:01"
    octets = bytes.fromhex(value.replace(":", "").replace("-", ""))
    if octets[0] & 1 or not any(octets):
        return "the MAC address of one interface, of no group"
    return None


mtu = whole(SMALLEST_MTU, 65535, 0)
"""Checks the size of the largest packet; 0 is the default."""
port = whole(1, 65535)
"""Checks a port of UDP."""
TEXTS = Each(list, word)
"""A list of what reads as text."""
LINES = Each(list, text)
"""A list of text."""
SOME_LINES = Each(list, text, least=1)
SET = Each(list, text, unique=True)
SOME_SET = Each(list, text, least=1, unique=True)
SETTINGS = Each(dict, setting)
"""A mapping of names to text, numbers and booleans."""
NUMERIC = Each(dict, numeric)
"""A mapping of names to text and numbers."""
LABELS = Each(dict, label)
