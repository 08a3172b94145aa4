"""What a YAML file may say, as a table, and everything in a file that is not in it."""

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from lab.document import (
    Document,
    FileError,
    FileErrors,
    KeyPath,
    describe,
    similar,
)

Check = Callable[[Any], str | None]
"""Returns what is wrong with a value, or None where it is right."""
Schema: TypeAlias = "Check | Keys | ListOf | MapOf | Written | Depending"


def anything(_: object) -> None:
    """Check what changes nothing here: all is right."""


@dataclass(frozen=True, slots=True)
class Keys:
    """A mapping with known keys; a key without a value is as if it were not there."""

    of: str
    """Whose keys they are, as in ``a node in containerlab``."""
    keys: Mapping[str, Schema]
    must: tuple[str, ...] = ()
    """Keys that have to have a value."""


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list whose entries are checked one by one."""

    entry: Schema
    count: int | None = None
    """How many there are; None: any number."""


@dataclass(frozen=True, slots=True)
class MapOf:
    """A mapping with keys of the user's own, whose values are checked one by one."""

    entry: Schema
    name: Check = anything


@dataclass(frozen=True, slots=True)
class Written:
    """A scalar that is read as the text in the file: 1.10 is not 1.1."""

    check: Check


@dataclass(frozen=True, slots=True)
class Depending:
    """A value whose form depends on what is in it."""

    choose: Callable[[object], Schema]


def refused(reason: str) -> Check:
    """Return the check for what may not be there, whatever its value."""
    return lambda _: reason


def being(wanted: str, right: Callable[[Any], object]) -> Check:
    """Return the check for values that a predicate holds of."""
    return lambda v: None if right(v) else f"must be {wanted}, not {describe(v)}"


def pattern(expression: str, wanted: str) -> Check:
    """Return the check for text of some form."""
    return being(wanted, lambda v: _is_text(v) and re.fullmatch(expression, v))


def parsed(parse: Callable[[str], object], wanted: str) -> Check:
    """Return the check for text that a function returns something for."""

    def right(value: object) -> object:
        try:
            return _is_text(value) and parse(str(value))
        except ValueError:
            return False

    return being(wanted, right)


def _is_text(value: object) -> bool:
    # Without what no program or file takes.
    return isinstance(value, str) and "\0" not in value


text = being("text", _is_text)
command = parsed(shlex.split, "a command, in quotes as a shell has them")
word = Written(
    being(
        "text or a number",
        lambda v: not isinstance(v, dict | list) and "\0" not in str(v),
    )
)
flag = being("true or false", lambda v: isinstance(v, bool))
mapping = being("a mapping", lambda v: isinstance(v, dict))


def checked(document: Document, schema: Schema) -> Any:  # noqa: ANN401 - as in YAML
    """Return what a document says, without keys that have no value.

    Raises FileErrors with everything that is wrong with it.
    """
    checker = _Checker(document)
    found = checker.value(document.value, schema, ())
    if checker.errors:
        raise FileErrors(checker.errors)
    return found


class _Checker:
    def __init__(self, document: Document) -> None:
        self.document = document
        self.errors: list[FileError] = []

    def wrong(self, key: KeyPath, reason: str) -> None:
        self.errors.append(self.document.error(key, reason))

    def value(self, value: object, schema: Schema, key: KeyPath) -> object:
        """Check a value; returns it as it is to be read."""
        match schema:
            case Keys():
                return self._keys(value, schema, key)
            case ListOf():
                return self._list(value, schema, key)
            case MapOf():
                return self._map(value, schema, key)
            case Depending():
                return self.value(value, schema.choose(value), key)
            case Written():
                self.value(value, schema.check, key)
                return "" if value is None else self.document.texts.get(key)
            case _:
                if reason := schema(value):
                    self.wrong(key, reason)
                return value

    def _keys(self, value: object, schema: Keys, key: KeyPath) -> object:
        given = {} if value is None else value
        if not isinstance(given, dict):
            self.wrong(key, f"must be a mapping, not {describe(given)}")
            return {}
        found = {}
        for name, each in given.items():
            if name not in schema.keys:
                also = similar(name, schema.keys)
                self.wrong((*key, name), f"is no key of {schema.of}{also}")
            elif each not in (None, ""):
                found[name] = self.value(each, schema.keys[name], (*key, name))
        for name in schema.must:
            if given.get(name) in (None, "", [], {}):
                self.wrong(key, f"{name} is missing")
        return found

    def _list(self, value: object, schema: ListOf, key: KeyPath) -> object:
        if not isinstance(value, list):
            self.wrong(key, f"must be a list, not {describe(value)}")
            return []
        if schema.count not in (None, len(value)):
            self.wrong(key, f"must have {schema.count} entries, not {len(value)}")
        return [
            self.value(each, schema.entry, (*key, at)) for at, each in enumerate(value)
        ]

    def _map(self, value: object, schema: MapOf, key: KeyPath) -> object:
        if not isinstance(value, dict):
            self.wrong(key, f"must be a mapping, not {describe(value)}")
            return {}
        for name in value:
            self.value(name, schema.name, (*key, name))
        return {
            name: self.value(each, schema.entry, (*key, name))
            for name, each in value.items()
        }
