"""Checks of single values, and of mappings key by key."""

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from lab.document import Document, FileError, KeyPath, describe, similar

Check = Callable[[object], str | None]
"""Returns what is wanted in place of a value, or None where it is right."""


@dataclass(frozen=True, slots=True)
class Each:
    """A list or a mapping whose entries are checked one by one."""

    collection: type[list[object]] | type[dict[str, object]]
    check: Check
    least: int = 0
    unique: bool = False


Checks = Mapping[str, Check | Each]


def absent(value: object) -> bool:
    """Return whether a key is as if it were not there: empty text is no value."""
    return value is None or value == ""


def being(wanted: str, right: Callable[[Any], bool]) -> Check:
    """Return the check for values that a predicate holds of."""
    return lambda value: None if right(value) else wanted


def choice(*words: str) -> Check:
    """Return the check for one of some words."""
    return being("one of " + ", ".join(words), lambda value: value in words)


def pattern(expression: str, what: str) -> Check:
    """Return the check for text of some form."""
    return being(
        what,
        lambda v: bool(re.fullmatch(expression, v)) if isinstance(v, str) else False,
    )


def parsed(parse: Callable[[str], object], wanted: str, *also: str) -> Check:
    """Return the check for text that something parses; or one of other words."""

    def right(value: object) -> bool:
        try:
            return isinstance(value, str) and (value in also or bool(parse(value)))
        except ValueError:
            return False

    return being(wanted, right)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_text(value: object) -> bool:
    # Without what no program or file takes.
    return isinstance(value, str) and "\0" not in value


def _is_word(value: object) -> bool:
    return _is_text(value) or _is_number(value)


text = being("text", _is_text)
word = being("text or a number", _is_word)
"""Checks what reads as text: a number need not be in quotes."""
setting = being(
    "text or a number", lambda v: v is None or isinstance(v, bool) or _is_word(v)
)
"""Checks a value of a mapping of text; nothing is empty text."""
label = being(
    "text that is not empty, or a number from 0 on",
    lambda v: v >= 0 if _is_number(v) else _is_text(v) and v != "",
)
flag = being("true or false", lambda v: isinstance(v, bool))
number = being("a number from 0 on", lambda v: _is_number(v) and v >= 0)
mapping = being("a mapping", lambda v: isinstance(v, dict))
items = being("a list", lambda v: isinstance(v, list))
address = parsed(ipaddress.ip_address, "an IPv4 or IPv6 address")
ipv4_address = parsed(ipaddress.IPv4Address, "an IPv4 address, without prefix length")
ipv6_address = parsed(ipaddress.IPv6Address, "an IPv6 address, without prefix length")
ipv4_network = parsed(
    lambda text: ipaddress.IPv4Network(text if "/" in text else "", strict=False),
    "an IPv4 subnet with its prefix length or auto",
    "auto",
)
ipv6_network = parsed(
    lambda text: ipaddress.IPv6Network(text if "/" in text else "", strict=False),
    "an IPv6 subnet with its prefix length or auto",
    "auto",
)


class Checker:
    """Collects all that is wrong with a document."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.errors: list[FileError] = list(document.errors)

    def wrong(self, key: KeyPath, reason: str) -> None:
        """Record an error."""
        self.errors.append(self.document.error(key, reason))

    def mapping(
        self,
        value: object,
        checks: Checks,
        key: KeyPath,
        what: str,
        *,
        must: tuple[str, ...] = (),
        not_done: Mapping[str, str] = MappingProxyType({}),
    ) -> dict[str, object]:
        """Check a mapping; returns the entries that are right and have a value.

        ``must`` are keys that have to be there, ``not_done`` those that containerlab
        has and the lab has not, with the reason.
        """
        if not isinstance(value, dict):
            self.wrong(key, f"must be a mapping, not {describe(value)}")
            return {}
        right: dict[str, object] = {}
        for name, entry in value.items():
            if name in not_done:
                self.wrong((*key, name), not_done[name])
            elif name not in checks:
                also = similar(name, checks)
                self.wrong((*key, name), f"is no key of {what}{also}")
            elif not absent(entry) and self._fits(entry, checks[name], (*key, name)):
                right[name] = entry
        for name in must:
            if absent(value.get(name)):
                self.wrong(key, f"{name} is missing")
        return right

    def _fits(self, entry: object, check: Check | Each, key: KeyPath) -> bool:
        if not isinstance(check, Each):
            wanted = check(entry)
            if wanted:
                self.wrong(key, f"must be {wanted}, not {describe(entry)}")
            return not wanted
        if not isinstance(entry, check.collection):
            wanted = "a list" if check.collection is list else "a mapping"
            self.wrong(key, f"must be {wanted}, not {describe(entry)}")
            return False
        if len(entry) < check.least:
            self.wrong(key, "is empty; leave the key out")
            return False
        before = len(self.errors)
        seen: list[object] = []
        pairs = entry.items() if isinstance(entry, dict) else enumerate(entry)
        for at, item in pairs:
            if self._fits(item, check.check, (*key, at)) and check.unique:
                if item in seen:
                    self.wrong((*key, at), f"{describe(item)} stands twice")
                seen.append(item)
        return len(self.errors) == before
