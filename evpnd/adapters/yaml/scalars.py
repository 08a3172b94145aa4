"""Plain scalars as the core schema of YAML 1.2 has them (section 10.3.2).

PyYAML's own resolver is YAML 1.1's, for which ``52:54:00:12:34:56`` is a number
of base 60 and ``no`` a boolean.
"""

import re
from typing import Final, Self

from evpnd.adapters.yaml.errors import shorten

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_DOTTED = re.compile(r"[0-9]{1,100}\.[0-9]{1,100}")
_INFINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_LONGEST_NUMBER = 100
_TAG = "tag:yaml.org,2002:"


class Nothing:
    """An explicit null or an empty value, which no key of ours takes.

    Not ``None``, so that it cannot pass for a key that was left out.
    """

    def __repr__(self) -> str:
        return "nothing"


NOTHING: Final = Nothing()


class Dotted(float):
    """Two numbers with a point between them, which may be an AS number in asdot.

    As a float it is what YAML has it for. The text is kept because 65000.1 and
    65000.10 are the same float and two AS numbers (RFC 5396).
    """

    text: str

    def __new__(cls, text: str) -> Self:
        """Keep the text beside its value."""
        self = super().__new__(cls, text)
        self.text = text
        return self


Scalar = str | int | float | bool | Nothing


def resolve_plain(text: str) -> Scalar:
    """Return the value of a plain scalar; ValueError for an absurdly long number."""
    if text in _NULL:
        return NOTHING
    if text in _BOOL:
        return _BOOL[text]
    if text[0] not in "-+.0123456789":
        return text
    if _INTEGER.fullmatch(text):
        if len(text) > _LONGEST_NUMBER:
            raise ValueError(f"the number {shorten(text, 20)} has {len(text)} digits")
        return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
    if _DOTTED.fullmatch(text):
        return Dotted(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _INFINITE.fullmatch(text):
        return float(text.replace(".", ""))
    return text


def resolve_tagged(tag: str, text: str) -> Scalar:
    """Return the value of a scalar with an explicit tag; ValueError if it is none."""
    if tag in ("!", _TAG + "str"):
        return text
    kinds: dict[str, type | tuple[type, ...]] = {
        "int": int,
        "float": (int, float),
        "bool": bool,
        "null": Nothing,
    }
    kind = tag.removeprefix(_TAG)
    if tag == kind or kind not in kinds:
        raise ValueError(f"the tag {shorten(tag, 60)!r} is not known; remove it")
    value = resolve_plain(text)
    if not isinstance(value, kinds[kind]) or (
        isinstance(value, bool) and kind != "bool"
    ):
        raise ValueError(f"{shorten(text, 60)!r} is not a value of the tag !!{kind}")
    return float(value) if kind == "float" and isinstance(value, int) else value
