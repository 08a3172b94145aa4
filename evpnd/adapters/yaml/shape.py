"""Checks a document against the models: all shape errors, and the valid rest.

What is wrong is cut out and the rest validated again, so that the checks that
compare values run in the same pass. One run then names all errors of a file.
"""

import copy
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from evpnd.adapters.yaml.errors import KeyPath
from evpnd.adapters.yaml.findings import Findings
from evpnd.adapters.yaml.reader import Document, Value, describe
from evpnd.adapters.yaml.scalars import Nothing
from evpnd.adapters.yaml.section import Section
from evpnd.adapters.yaml.values import did_you_mean

_MOST_CUTS = 20
_MOST_ERRORS = 1000
"""More are counted, not listed, and the checks that compare values are not run."""
FileT = TypeVar("FileT", bound=Section)


def _no_stand_in(_: KeyPath) -> int | str | None:
    return None


def _no_hint(_: Document, __: object) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Shape(Generic[FileT]):
    """What a kind of file looks like, and how its errors are worded."""

    model: type[FileT]
    first: str
    """How a file begins."""
    examples: Mapping[str, str]
    """How a required key is written, by its name, or by `section.name`."""
    sections: Mapping[str, type[Section]]
    """The section below a key."""
    other_words: Mapping[str, str]
    """What other daemons call our keys."""
    not_ours: Mapping[str, str] = field(default_factory=dict)
    """Words of other daemons that are no keys here, and what is to be said of them."""
    absent: Mapping[str, Value] = field(default_factory=dict)
    """For required keys that were cut out; the file is refused all the same."""
    stand_in: Callable[[KeyPath], int | str | None] = _no_stand_in
    """A harmless value for a key without which the rest is not judged."""
    hint: Callable[[Document, object], str] = _no_hint
    """What to add about a wrong value."""


def blank_missing(value: object) -> str:
    """Return what YAML makes of `key:value`, where that may be what was meant."""
    if isinstance(value, str) and re.match(r"[\w-]+:\S", value):
        return " (put a space after the colon)"
    return ""


def validate(findings: Findings, shape: Shape[FileT]) -> FileT | None:
    """Record every error of shape and return what is sound; None if nothing is."""
    value = findings.document.value
    if not isinstance(value, dict):
        what = "is empty" if isinstance(value, Nothing) else f"is {describe(value)}"
        findings.add_shape(
            (),
            f"{what}; expected a mapping that starts with {shape.first}"
            f"{blank_missing(value)}",
        )
        return None
    value = copy.deepcopy(value)
    for cut in range(_MOST_CUTS):
        try:
            return shape.model.model_validate(value)
        except ValidationError as error:
            if error.error_count() > _MOST_ERRORS:
                _note_some(error, value, findings, shape)
                return None
            holes = set()
            for details in error.errors(include_url=False, include_input=True):
                key_path = _existing(details, value)
                if cut == 0:
                    findings.add_shape(
                        key_path, _sentence(details, findings.document, shape)
                    )
                absent = (
                    details["type"] == "missing" and shape.stand_in(key_path) is None
                )
                holes.add(key_path[:-1] if absent else key_path)
        for hole in sorted(holes, key=_from_the_end):
            if not any(hole[:length] in holes for length in range(len(hole))):
                _cut(value, hole, findings, shape.stand_in(hole))
        for key, stand_in in shape.absent.items():
            value.setdefault(key, copy.deepcopy(stand_in))
    return None


def _note_some(
    error: ValidationError, value: Value, findings: Findings, shape: Shape[FileT]
) -> None:
    for details in error.errors(include_url=False)[:_MOST_ERRORS]:
        sentence = _sentence(details, findings.document, shape)
        findings.add_shape(_existing(details, value), sentence)
    more = error.error_count() - _MOST_ERRORS
    findings.add_shape((), f"has {more} more errors; is it the right file?")


def _from_the_end(key_path: KeyPath) -> tuple[tuple[int, int | str], ...]:
    """Sort later items of a list first, so that cutting moves none still to cut."""
    return tuple(
        (0, -part) if isinstance(part, int) else (1, part) for part in key_path
    )


def _existing(details: ErrorDetails, value: Value) -> KeyPath:
    """Return the key that an error is about, without what pydantic adds to it."""
    place: KeyPath = ()
    for part in details["loc"]:
        inside = (isinstance(value, dict) and part in value) or (
            isinstance(value, list) and isinstance(part, int) and part < len(value)
        )
        if not inside:
            return (*place, part) if details["type"] == "missing" else place
        place += (part,)
        value = value[part]  # type: ignore[index]
    return place


def _cut(
    value: Value, hole: KeyPath, findings: Findings, stand_in: int | str | None
) -> None:
    """Remove what is wrong, or put a harmless value in where one is required."""
    if not hole:
        return
    inside = value
    for part in hole[:-1]:
        try:
            inside = inside[part]  # type: ignore[index]
        except (LookupError, TypeError):
            return
    if isinstance(inside, dict) and stand_in is not None:
        inside[str(hole[-1])] = stand_in
    elif isinstance(inside, dict):
        inside.pop(str(hole[-1]), None)
    elif isinstance(inside, list) and isinstance(hole[-1], int):
        kept = findings.kept.setdefault(
            findings.original(hole[:-1]), list(range(len(inside)))
        )
        if hole[-1] < len(inside):
            del inside[hole[-1]]
            del kept[hole[-1]]


def _sentence(details: ErrorDetails, document: Document, shape: Shape[FileT]) -> str:
    kind = details["type"]
    last = str(details["loc"][-1]) if details["loc"] else ""
    got = describe(details["input"])
    match kind:
        case "missing":
            example = shape.examples.get(last, f"{last}:")
            words = [part for part in details["loc"] if isinstance(part, str)]
            example = shape.examples.get(".".join(words[-2:]), example)
            return f"is required; add `{example}`"
        case "extra_forbidden":
            return _unknown(details, shape)
        case "model_type" | "model_attributes_type" | "dict_type":
            if isinstance(details["input"], list):
                return f"expected a mapping, not {got}; remove the `- ` or the [ ]"
            return f"expected a mapping, not {got}; indent `key: value` lines below it"
        case "list_type":
            value = details["input"]
            if isinstance(value, dict):
                return (
                    f"expected a list, not {got}; write `- ` before it, or [ ] around"
                )
            if isinstance(value, str | int) and not isinstance(value, bool):
                # Not the characters themselves of what no terminal should be sent.
                shown = str(value) if str(value).isprintable() else "..."
                return f"expected a list, not {got}; write [{shown}]"
            return f"expected a list, not {got}; write [] for an empty one"
        case "value_error":
            reason = str(details.get("ctx", {}).get("error", details["msg"]))
            return reason + shape.hint(document, details["input"])
        case _:
            return details["msg"]


def _unknown(details: ErrorDetails, shape: Shape[FileT]) -> str:
    known = _known_keys(details["loc"][:-1], shape)
    word = str(details["loc"][-1])
    normal = word.lower().replace("_", "-")
    meant = shape.other_words.get(normal)
    if meant not in known:
        if normal in shape.not_ours and normal not in known:
            return shape.not_ours[normal]
        meant = did_you_mean(word, known)
    if meant:
        return f"unknown key; did you mean {meant}?"
    return f"unknown key; known keys: {', '.join(sorted(known))}"


def _known_keys(loc: tuple[str | int, ...], shape: Shape[FileT]) -> list[str]:
    """List the keys of the section at a place."""
    words = [part for part in loc if isinstance(part, str)]
    section = shape.sections.get(words[-1], shape.model) if words else shape.model
    return [field.alias or name for name, field in section.model_fields.items()]
