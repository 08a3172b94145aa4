"""Errors in a file, with their place."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

KeyPath = tuple[str | int, ...]
"""Keys and list positions from the top of a document."""

_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]+")
_LONGEST_REASON = 400
_LONGEST_PATH = 160


def format_key_path(key_path: KeyPath) -> str:
    """Write ``peers[0].hold-time``; a key that is no plain word is quoted."""
    text = ""
    for part in key_path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            word = part if _PLAIN_KEY.fullmatch(part) else shorten(repr(part), 60)
            text += f".{word}" if text else word
    return shorten(text, _LONGEST_PATH)


def shorten(text: str, longest: int = _LONGEST_REASON) -> str:
    """Cut text that would fill a screen."""
    return text if len(text) <= longest else text[: longest - 3] + "..."


@dataclass(frozen=True, slots=True)
class ConfigError:
    """One error of the operator."""

    path: Path
    line: int | None
    """First line is 1; None where the file as a whole is wrong."""
    key: str
    """As ``format_key_path`` writes it; empty for the whole document."""
    reason: str
    """What is wrong, then how to put it right."""

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else str(self.path)
        return ": ".join(part for part in (place, self.key, self.reason) if part)


class ConfigErrors(Exception):  # noqa: N818 - it is many of them
    """All errors of a file and of the files it names."""

    def __init__(self, errors: Iterable[ConfigError]) -> None:
        self.errors = tuple(errors)
        super().__init__(self.errors)

    def __str__(self) -> str:
        return "\n".join(str(error) for error in self.errors)
