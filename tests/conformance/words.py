"""The words of a case: every one is read, or the case is wrong."""

import re
from collections.abc import Callable
from typing import Any, NoReturn

from evpnd.adapters.yaml.reader import describe

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_MISSING: Any = object()


class CaseError(Exception):
    """A case says something that the format does not have."""


def refuse(where: str, reason: str) -> NoReturn:
    raise CaseError(f"{where}: {reason}")


class Words:
    """A mapping of a case. `done` finds the keys that nobody asked for."""

    def __init__(self, value: object, where: str) -> None:
        if not isinstance(value, dict):
            refuse(where, f"expected a mapping, not {describe(value)}")
        self._left: dict[str, Any] = dict(value)
        self._known: list[str] = []
        self.where = where

    def take(
        self,
        key: str,
        read: Callable[[Any, str], Any],
        default: Any = _MISSING,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        """Read one key; without a default it has to be there."""
        self._known.append(key)
        if key not in self._left:
            if default is _MISSING:
                refuse(self.where, f"{key} is missing")
            return default
        return read(self._left.pop(key), f"{self.where}: {key}")

    def has(self, key: str) -> bool:
        return key in self._left

    def done(self) -> None:
        """Refuse what was not taken."""
        if self._left:
            unknown = ", ".join(map(repr, self._left))
            known = ", ".join(sorted(set(self._known)))
            refuse(self.where, f"{unknown} is not known here; known: {known}")


def text(value: object, where: str) -> str:
    if not isinstance(value, str):
        refuse(where, f"expected text, not {describe(value)}")
    return value


def number(value: object, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        refuse(where, f"expected a number, not {describe(value)}")
    return value


def flag(value: object, where: str) -> bool:
    if not isinstance(value, bool):
        refuse(where, f"expected true or false, not {describe(value)}")
    return value


def anything(value: object, _where: str) -> object:
    return value


def some(read: Callable[[Any, str], Any]) -> Callable[[Any, str], list[Any]]:
    """Read a list of one kind; a single one needs no brackets."""

    def read_list(value: object, where: str) -> list[Any]:
        values = value if isinstance(value, list) else [value]
        return [read(one, f"{where}[{at}]") for at, one in enumerate(values)]

    return read_list


def parsed(parse: Callable[[str], Any]) -> Callable[[Any, str], Any]:
    """Read text with one of evpnd's own parsers."""

    def read(value: object, where: str) -> Any:  # noqa: ANN401
        try:
            return parse(text(value, where))
        except ValueError as error:
            refuse(where, str(error))

    return read


def one_of(*names: str) -> Callable[[Any, str], str]:
    def read(value: object, where: str) -> str:
        if value not in names:
            refuse(where, f"expected {' or '.join(names)}, not {describe(value)}")
        return str(value)

    return read


def octets(value: object, where: str) -> bytes:
    """Read hexadecimal octets; blanks and line ends may stand anywhere."""
    if isinstance(value, int | float):
        refuse(where, "YAML takes this for a number; put the octets in quotes")
    try:
        return bytes.fromhex("".join(text(value, where).split()))
    except ValueError:
        refuse(where, f"{str(value)[:40]!r} is not a row of hexadecimal octets")


def seconds(value: object, where: str) -> float:
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)", str(value))
    if not found:
        refuse(where, f"{value!r} is no time such as 500ms, 180s, 3m or 1h")
    return float(found[1]) * _SECONDS[found[2]]


def only_key(value: object, where: str) -> tuple[str, Any]:
    """Read ``word`` or ``{word: what}``: one thing that happens."""
    if isinstance(value, str):
        return value, None
    if isinstance(value, dict) and len(value) == 1:
        return next(iter(value.items()))
    refuse(where, f"expected one word or a mapping of one key, not {describe(value)}")
