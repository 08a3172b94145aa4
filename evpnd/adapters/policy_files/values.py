"""Types of policy keys: text and numbers to model values.

An item of a list is a value or ``$NAME``, which stands for a set; the set's
members are read as what the key that refers to it takes.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from pydantic_core import CoreSchema, core_schema

from evpnd.adapters.policy_files.ranges import (
    Values,
    as_numbers,
    ip_prefix,
    mac_prefix,
    numbers,
)
from evpnd.adapters.yaml.reader import describe
from evpnd.adapters.yaml.values import Parsed, choice, flag, text
from evpnd.model.community_text import (
    Patterns,
    exact,
    parse_community_pattern,
    parse_extended_community_pattern,
    parse_large_community_pattern,
    parse_rd_pattern,
    parse_route_target_pattern,
)
from evpnd.model.ids import (
    AS4_MAX,
    VNI_MAX,
    parse_route_target,
)
from evpnd.model.policy import (
    NO_ADDRESS,
    Field,
    Glob,
    Learned,
    RouteType,
    Value,
)

_SET_NAME = re.compile(r"[A-Za-z0-9_-]+")


class Reference(NamedTuple):
    """``$NAME``: the members of a set."""

    name: str


def set_name(word: str) -> str:
    """Check the name of a set."""
    if not _SET_NAME.fullmatch(word):
        raise ValueError(
            f"{describe(word)} cannot be the name of a set; use letters, "
            "digits, - and _"
        )
    return word


def tenant_prefix(value: object) -> Values:
    """Read an address, a prefix, or ``none``."""
    if value == "none":
        return (NO_ADDRESS,)
    try:
        return ip_prefix(value)
    except ValueError as error:
        if isinstance(value, str) and "/" not in value:
            raise ValueError(f"{error}, nor none") from None
        raise


_LIKE_AN_ADDRESS = re.compile(
    r"[0-9]+\.[0-9.*]*(?:/[0-9]*)?|[0-9a-fA-F*]*:[0-9a-fA-F*]*:[0-9a-fA-F:.*]*(?:/[0-9]*)?"
)


def peer(value: object) -> Values:
    """Read an address or a prefix of peers, or a description."""
    word = text(value)
    try:
        return ip_prefix(word)
    except ValueError as error:
        if not _LIKE_AN_ADDRESS.fullmatch(word):
            return (Glob(word),)
        if "*" in word:
            raise ValueError(
                f"{error}; * stands for characters of a description alone"
            ) from None
        raise


def _words(kind: type[RouteType] | type[Learned]) -> Callable[[object], Values]:
    by_word: dict[str, Value] = {
        each.word if isinstance(each, RouteType) else str(each.value): each
        for each in kind
    }
    numbers = {
        str(int(each)): each.word for each in kind if isinstance(each, RouteType)
    }
    parse = choice(*by_word, other_words=numbers).parse
    return lambda value: (by_word[str(parse(value))],)


def _patterns(parse: Callable[[str], Patterns]) -> Callable[[object], Values]:
    return lambda value: parse(_word(value))


def _word(value: object) -> str:
    """Read text; a number is told what is wrong with it as if it were text."""
    if isinstance(value, bool) or not isinstance(value, int):
        return text(value)
    if value > AS4_MAX:
        # Longer than any part of a community: all of one, in hexadecimal.
        raise ValueError(f"is a number; put it in quotes: '0x{value:016x}'")
    return str(value)


PARSERS: dict[Field, Callable[[object], Values]] = {
    Field.TYPE: _words(RouteType),
    Field.VNI: numbers(1, VNI_MAX),
    Field.ETHERNET_TAG: numbers(0, AS4_MAX),
    Field.SEQUENCE: numbers(0, AS4_MAX),
    Field.ASN: as_numbers,
    Field.AS_PATH_LENGTH: numbers(0, 65535),
    Field.MAC: mac_prefix,
    Field.IP: tenant_prefix,
    Field.VTEP: ip_prefix,
    Field.ORIGINATOR: ip_prefix,
    Field.GATEWAY: ip_prefix,
    Field.RD: _patterns(parse_rd_pattern),
    Field.ROUTE_TARGET: _patterns(parse_route_target_pattern),
    Field.COMMUNITY: _patterns(parse_community_pattern),
    Field.LARGE_COMMUNITY: _patterns(parse_large_community_pattern),
    Field.EXTENDED_COMMUNITY: _patterns(parse_extended_community_pattern),
    Field.PEER: peer,
    Field.STICKY: lambda value: (flag(value),),
    Field.DEFAULT_GATEWAY: lambda value: (flag(value),),
    Field.LOCAL: lambda value: (flag(value),),
    Field.LEARNED: _words(Learned),
}
"""One item of each key of `match`."""


def _item(field: Field) -> Callable[[object], object]:
    def parse(value: object) -> object:
        if isinstance(value, str) and value.startswith("$"):
            return Reference(value[1:])
        return PARSERS[field](value)

    return parse


def _listed(value: object) -> object:
    if value == []:
        raise ValueError("is empty, so nothing would match; remove the key")
    return value if isinstance(value, list) else [value]


_TEXT_SCHEMA = {"type": "string", "minLength": 1}
_REFERENCE_SCHEMA = {"type": "string", "pattern": r"^\$"}
_NUMERIC = frozenset(
    {
        Field.VNI,
        Field.ETHERNET_TAG,
        Field.SEQUENCE,
        Field.ASN,
        Field.AS_PATH_LENGTH,
    }
)


@dataclass(frozen=True, slots=True)
class OneOrMore:
    """Pydantic metadata: a key of `match` takes an item, or a list of them."""

    field: Field
    words: tuple[str, ...] = ()

    def __get_pydantic_core_schema__(
        self, source: object, handler: object
    ) -> CoreSchema:
        return core_schema.no_info_before_validator_function(
            _listed,
            core_schema.list_schema(
                core_schema.no_info_plain_validator_function(_item(self.field))
            ),
        )

    def __get_pydantic_json_schema__(
        self, core: object, handler: object
    ) -> dict[str, object]:
        item: dict[str, object] = dict(_TEXT_SCHEMA)
        if self.words:
            item = {"anyOf": [{"enum": list(self.words)}, _REFERENCE_SCHEMA]}
        elif self.field in _NUMERIC:
            is_asn = self.field is Field.ASN
            one = r"[0-9]+(?:\.[0-9]+)?" if is_asn else "[0-9]+"
            alone = r"|[0-9]+\.[0-9]+" if is_asn else ""
            pattern = rf"^(\$.+|{one}-(?:{one})?|-{one}{alone})$"
            plain = {"type": "number" if is_asn else "integer"}
            item = {"anyOf": [plain, {"type": "string", "pattern": pattern}]}
        return {"anyOf": [item, {"type": "array", "minItems": 1, "items": item}]}


_NO_REASONS = (
    *("true", "false", "yes", "no", "on", "off", "y", "n", "0", "1", "none", "null"),
)
"""Booleans, or nothing, elsewhere in YAML: `reject: no` would reject, for "no"."""


def reason(value: object) -> str:
    """Read ``true``, or the text that says why; the former is empty text."""
    if value is True:
        return ""
    if value is False:
        raise ValueError("false has no meaning; write true or the reason, or remove it")
    if not isinstance(value, str):
        raise ValueError(  # noqa: TRY004 - what pydantic collects
            f"expected true or the reason, not {describe(value)}"
        )
    if value.strip().lower() in _NO_REASONS:
        raise ValueError(
            f"{describe(value)} is text here, and no reason; write true or the reason,"
            " or remove it"
        )
    return text(value)


def _target(word: str) -> bytes:
    return parse_route_target(word)


def _community(word: str) -> bytes:
    return exact(parse_community_pattern(word), 4, word)


def _large_community(word: str) -> bytes:
    return exact(parse_large_community_pattern(word), 12, word)


def _extended_community(word: str) -> bytes:
    return exact(parse_extended_community_pattern(word), 8, word)


ROUTE_TARGETS = (_target, parse_route_target_pattern)
COMMUNITIES = (_community, parse_community_pattern)
LARGE_COMMUNITIES = (_large_community, parse_large_community_pattern)
EXTENDED_COMMUNITIES = (_extended_community, parse_extended_community_pattern)

Reader = tuple[Callable[[str], bytes], Callable[[str], Patterns]]


Item = str | Reference


class WrittenEdit(NamedTuple):
    """An edit as it is written; its words are sound, its sets not looked up yet."""

    replace: tuple[Item, ...] | None
    add: tuple[Item, ...]
    remove: tuple[Item, ...]
    reader: Reader


def _written(
    value: object, read: Callable[[str], object], where: str
) -> Iterator[Item]:
    """Parse the items of a list; ValueError names the wrong one."""
    listed = [value] if isinstance(value, str | int) else value
    if not isinstance(listed, list):
        raise ValueError(  # noqa: TRY004 - what pydantic collects
            f"expected a list, or {{add: [...], remove: [...]}}, not {describe(value)}"
        )
    for at, member in enumerate(listed):
        if isinstance(member, str) and member.startswith("$"):
            yield Reference(member[1:])
            continue
        try:
            word = _word(member)
            read(word)
        except ValueError as error:
            alone = not where and len(listed) == 1
            raise ValueError(
                f"{error}" if alone else f"{where}[{at}]: {error}"
            ) from None
        yield word


def edit(reader: Reader) -> Parsed:
    """Parse a list that replaces, or ``{add: [...], remove: [...]}``."""
    one, patterns = reader

    def parse(value: object) -> WrittenEdit:
        if not isinstance(value, dict):
            return WrittenEdit(tuple(_written(value, one, "")), (), (), reader)
        for key in value:
            if key not in ("add", "remove"):
                raise ValueError(f"unknown key {describe(key)}; known: add, remove")
        if not any(value.values()):
            raise ValueError("adds nothing and removes nothing; remove the key")
        return WrittenEdit(
            None,
            tuple(_written(value.get("add", []), one, "add")),
            tuple(_written(value.get("remove", []), patterns, "remove")),
            reader,
        )

    texts = {"type": "array", "items": _TEXT_SCHEMA}
    either = {"anyOf": [texts, _TEXT_SCHEMA]}
    change = {
        "type": "object",
        "properties": {"add": either, "remove": either},
        "additionalProperties": False,
        "minProperties": 1,
    }
    return Parsed(parse, {"anyOf": [texts, _TEXT_SCHEMA, change]})


def exact_members(reader: Reader) -> Parsed:
    """Parse one community, or a list of them, without ``*``."""
    one, _ = reader

    def parse(value: object) -> tuple[bytes, ...]:
        members = value if isinstance(value, list) else [value]
        return tuple(one(_word(member)) for member in members)

    return Parsed(
        parse, {"anyOf": [_TEXT_SCHEMA, {"type": "array", "items": _TEXT_SCHEMA}]}
    )
