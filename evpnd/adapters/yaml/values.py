"""Types of keys in all files: value, error sentence, JSON Schema.

Each is a plain validator for pydantic. It raises ValueError with a sentence that
says what was expected, what was found and, where it is not plain, what to do.
"""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from evpnd.adapters.yaml.reader import describe
from evpnd.adapters.yaml.scalars import Dotted
from evpnd.model.ids import AS4_MAX, parse_asn

_LONGEST_TEXT = 255
_RANGE_ELSEWHERE = re.compile(r"\s*([0-9]+)\s*(?:-|\.\.+|to|:|,)\s*([0-9]+)\s*")
_ASDOT_TEXT = r"^[0-9]{1,5}\.[0-9]{1,5}$"


@dataclass(frozen=True, slots=True, eq=False)
class Parsed:
    """Pydantic metadata: how a value is read, and its JSON Schema."""

    parse: Callable[[object], object]
    schema: Mapping[str, object]

    def __get_pydantic_core_schema__(
        self, source: object, handler: object
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.parse)

    def __get_pydantic_json_schema__(
        self, core: object, handler: object
    ) -> dict[str, object]:
        return dict(self.schema)


class Also:
    """Pydantic metadata: other JSON Schemas that a validator in front accepts."""

    def __init__(self, *others: Mapping[str, object]) -> None:
        self._others = others

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, object]:
        return {"anyOf": [*self._others, handler(core)]}


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that a misspelt one probably stands for."""
    by_lower = {name.lower(): name for name in known}
    lower = word[:_LONGEST_TEXT].lower().replace("_", "-")
    close = difflib.get_close_matches(lower, by_lower, n=1, cutoff=0.7)
    if not close:  # `vin`: of a short word two letters that changed places are much
        close = [name for name in by_lower if sorted(name) == sorted(lower)]
    return by_lower[close[0]] if close else None


def flag(value: object) -> bool:
    """Read a boolean."""
    if isinstance(value, bool):
        return value
    raise ValueError(f"expected true or false, not {describe(value)}")


def range_hint(value: str) -> str:
    """Return what to write in place of text that is no range; empty: not plain."""
    if between := _RANGE_ELSEWHERE.fullmatch(value):
        return f"; write {between[1]}-{between[2]}"
    return "; remove the quotes" if value.isascii() and value.isdigit() else ""


def number(value: object, low: int, high: int) -> int:
    """Read a whole number within bounds."""
    if isinstance(value, int) and not isinstance(value, bool):
        if low <= value <= high:
            return value
        raise ValueError(
            f"expected a number from {low} to {high}, not {describe(value)}"
        )
    hint = ""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        hint = "; remove the quotes"
    elif value in ("external", "internal", "auto"):
        hint = "; peers of any AS are not supported; write the number"
    raise ValueError(f"expected a whole number, not {describe(value)}{hint}")


def asn(value: object) -> int:
    """Read an AS number, plain or in asdot (RFC 5396)."""
    if isinstance(value, Dotted):
        value = value.text
    if isinstance(value, str) and "." in value:
        value = parse_asn(value)
    return number(value, 1, AS4_MAX)


def text(value: object) -> str:
    """Read printable text of 1 to 255 characters."""
    if not isinstance(value, str):
        hint = "; put it in quotes" if isinstance(value, int | float) else ""
        raise ValueError(  # noqa: TRY004 - what pydantic collects
            f"expected text, not {describe(value)}{hint}"
        )
    if not value:
        raise ValueError("expected text, not an empty one; remove it")
    if len(value) > _LONGEST_TEXT:
        raise ValueError(
            f"is {len(value)} characters long; at most {_LONGEST_TEXT} are allowed"
        )
    line = value.rstrip("\n")  # which a block of YAML (`>`) ends with
    if not line.isprintable():
        hint = ", or as a block behind `>`" if "\n" in line else ""
        raise ValueError(
            f"{describe(value)} contains control characters; write it on one line{hint}"
        )
    return line


def whole(low: int, high: int) -> Parsed:
    """Return a parser of a whole number within bounds."""
    return Parsed(
        lambda value: number(value, low, high),
        {"type": "integer", "minimum": low, "maximum": high},
    )


def choice(*words: str, other_words: Mapping[str, str] | None = None) -> Parsed:
    """Return a parser of one of a few words; others are what people write instead."""

    def parse(value: object) -> str:
        word = text(value) if isinstance(value, str) else describe(value)
        if isinstance(value, str) and word in words:
            return word
        meant = (other_words or {}).get(word.lower()) or did_you_mean(word, words)
        hint = f"did you mean {meant}?" if meant else f"write {_either(words)}"
        raise ValueError(f"{describe(value)} is not known; {hint}")

    return Parsed(parse, {"enum": list(words)})


def _either(words: tuple[str, ...]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"


def of_text(parse: Callable[[str], object], **schema: object) -> Parsed:
    """Return a parser of text; `schema` adds to the JSON Schema."""

    def read(value: object) -> object:
        if isinstance(value, int | float) and not isinstance(value, bool):
            parse(str(value))  # what quotes would not mend is said at once
        return parse(text(value))

    return Parsed(read, {"type": "string", **schema})


def name(word: str) -> str:
    """Read a name for tables, labels and filters: no blanks."""
    if any(char.isspace() for char in word):
        raise ValueError(f"{describe(word)} contains a blank; write - instead")
    return word


Flag = Annotated[bool, Parsed(flag, {"type": "boolean"})]
Text = Annotated[str, of_text(str, minLength=1, maxLength=_LONGEST_TEXT)]
Name = Annotated[str, of_text(name, minLength=1, pattern=r"^\S+$")]
Asn = Annotated[
    int,
    Parsed(
        asn,
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0, "maximum": AS4_MAX},
                {"type": "string", "pattern": _ASDOT_TEXT},
            ]
        },
    ),
]
