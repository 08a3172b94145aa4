"""Checks of single values: each gives what is wanted instead, or None."""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass

from evpnd.adapters.config_yaml.scalars import Nothing
from evpnd.model.ids import parse_mac

Check = Callable[[object], str | None]
SMALLEST_MTU = 68
"""Of IPv4 (RFC 791), and what Linux takes; containerlab's schema begins at 1."""
_IMAGE = re.compile(r"[A-Za-z0-9][\w.:/@-]*", re.ASCII)
_DIGITS = re.compile(r"[0-9A-Fa-f]{12}")


@dataclass(frozen=True, slots=True)
class Each:
    """A list or a mapping whose entries are checked one by one."""

    collection: type[list[object]] | type[dict[str, object]]
    check: Check
    most: int = 1 << 20
    """Entries at most."""


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
    plain = isinstance(value, int | float | Nothing)
    return None if plain or not text(value) else "text or a number"


def flag(value: object) -> str | None:
    """Check a boolean."""
    return None if isinstance(value, bool) else "true or false"


def number(value: object) -> str | None:
    """Check a whole number from 0 on."""
    whole = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return None if whole else "a whole number"


def decimal(value: object) -> str | None:
    """Check any number."""
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    return None if plain else "a number"


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
        right = isinstance(value, str | int) and re.fullmatch(expression, str(value))
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


def interface_address(version: int) -> Check:
    """Make the check for an address with its prefix length; it may be empty."""
    return _parsed(
        lambda text: ipaddress.ip_interface(text).version == version and "/" in text,
        f"an IPv{version} address with its prefix length",
        "",
    )


def address(version: int) -> Check:
    """Make the check for an address alone."""
    return _parsed(
        lambda text: ipaddress.ip_address(text).version == version,
        f"an IPv{version} address, without prefix length",
    )


def network(version: int) -> Check:
    """Make the check for a subnet."""
    return _parsed(
        lambda text: ipaddress.ip_network(text, strict=False).version == version,
        f"an IPv{version} subnet, or auto",
        "auto",
    )


def mac(value: object) -> str | None:
    """Check the MAC address of an interface, which is none of a group."""
    # Without anything between its digits it is none to containerlab.
    if not isinstance(value, str) or _DIGITS.fullmatch(value):
        return "a MAC address"
    try:
        octets = parse_mac(value)
    except ValueError:
        return "a MAC address"
    if octets[0] & 1 or not any(octets):
        return "the MAC address of one interface, of no group"
    return None


mtu = whole(SMALLEST_MTU, 65535, 0)
"""Checks the size of the largest packet; 0 is the default."""
port = whole(1, 65535)
"""Checks a port of UDP."""
TEXTS = Each(list, word)
"""A list of text."""
SETTINGS = Each(dict, setting)
"""A mapping of names to text."""
