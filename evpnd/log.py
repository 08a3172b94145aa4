"""The log of agent and speaker: a line an event on standard error.

A line is a JSON object, or, where `log.format` is `console`, columns for people. No
library is behind it: those that make consoles cost each process 6 MiB.
"""

import json
import sys
from datetime import UTC, datetime
from typing import Final

FORMATS: Final = ("json", "console")
LEVELS: Final = ("debug", "info", "warning", "error")

_LEVEL_WIDTH, _EVENT_WIDTH = 9, 30
"""Characters of columns."""
_RESET = "\033[0m"
_DIM, _BOLD, _CYAN, _MAGENTA = "\033[2m", "\033[1m", "\033[36m", "\033[35m"
_COLOURS = {"debug": "\033[32m", "info": "\033[32m", "warning": "\033[33m"}
_RED = "\033[31m"


class _Settings:
    """How lines look, and which are written; as sys.stderr, there is one log."""

    form = FORMATS[0]
    lowest = 0
    """Index in LEVELS of the lowest level that is written."""
    colours = False


def configure(form: str, level: str = LEVELS[0]) -> None:
    """Choose one of the FORMATS and the lowest of the LEVELS that is written.

    On a terminal lines for people have colours.
    """
    _Settings.form = form
    _Settings.lowest = LEVELS.index(level)
    _Settings.colours = form == "console" and sys.stderr.isatty()


def info(event: str, /, **keys: object) -> None:
    """Log what is worth knowing later."""
    write("info", event, **keys)


def warning(event: str, /, **keys: object) -> None:
    """Log what somebody should look at some day."""
    write("warning", event, **keys)


def error(event: str, /, **keys: object) -> None:
    """Log what somebody should look at now."""
    write("error", event, **keys)


def write(level: str, event: str, /, **keys: object) -> None:
    """Log an event of one of the LEVELS."""
    if LEVELS.index(level) >= _Settings.lowest:
        sys.stderr.write(f"{line(event, level, **keys)}\n")
        sys.stderr.flush()


def dropped_lines(count: int) -> str:
    """Return the entry that tells of dropped lines."""
    return line("log_lines_dropped", "warning", count=count)


def line(event: str, level: str, /, **keys: object) -> str:
    """Return one entry in the form that was chosen, without its line feed."""
    stamp = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    if _Settings.form == "json":
        entry = {**keys, "event": event, "level": level, "timestamp": stamp}
        return json.dumps(entry, default=str)
    if _Settings.colours:
        return _coloured(stamp, event, level, keys)
    words = " ".join(f"{name}={_word(value)}" for name, value in keys.items())
    head = f"{stamp} [{level:<{_LEVEL_WIDTH}}] {event:<{_EVENT_WIDTH}}"
    return f"{head} {words}".rstrip()


def _coloured(stamp: str, event: str, level: str, keys: dict[str, object]) -> str:
    words = " ".join(
        f"{_CYAN}{name}{_RESET}={_MAGENTA}{_word(value)}{_RESET}"
        for name, value in keys.items()
    )
    colour = _COLOURS.get(level, _RED)
    return (
        f"{_DIM}{stamp}{_RESET} [{colour}{_BOLD}{level:<{_LEVEL_WIDTH}}{_RESET}] "
        f"{_BOLD}{event:<{_EVENT_WIDTH}}{_RESET} {words}"
    )


def _word(value: object) -> str:
    text = str(value)
    return text if text.isprintable() and " " not in text else repr(text)
