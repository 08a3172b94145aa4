"""What the speaker logs: a line each on stderr, in the form of the agent's.

ExaBGP's own log comes out the same way, warnings and worse.
"""

import json
import sys
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime

FORMATS = ("json", "console")
_LEVEL, _EVENT = 9, 30
"""Characters of columns; structlog's ConsoleRenderer has them so."""
_format = FORMATS[0]


def configure(form: str) -> None:
    """Choose one of the FORMATS."""
    global _format  # noqa: PLW0603 - as sys.stderr, there is one log
    _format = form


def line(event: str, level: str, **keys: object) -> str:
    """Write one entry in the form that was chosen."""
    return (console_line if _format == "console" else json_line)(event, level, **keys)


def console_line(event: str, level: str, **keys: object) -> str:
    """Write one entry as structlog's ConsoleRenderer does, without colour."""
    stamp = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    words = " ".join(f"{name}={_word(value)}" for name, value in keys.items())
    return f"{stamp} [{level:<{_LEVEL}}] {event:<{_EVENT}} {words}".rstrip()


def _word(value: object) -> str:
    text = str(value)
    return text if text.isprintable() and " " not in text else repr(text)


def json_line(event: str, level: str, **keys: object) -> str:
    """Write one entry as structlog's JSONRenderer does."""
    stamp = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    return json.dumps(
        {**keys, "event": event, "level": level, "timestamp": stamp}, default=str
    )


def warning(event: str, **keys: object) -> None:
    """Log what somebody should look at some day."""
    _write(line(event, "warning", **keys))


def error(event: str, **keys: object) -> None:
    """Log what somebody should look at now."""
    _write(line(event, "error", **keys))


def dropped_lines(count: int) -> str:
    """Write the entry that tells of dropped lines."""
    return line("log_lines_dropped", "warning", count=count)


def _write(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def exabgp_formatter(
    _short: object, _destination: object
) -> Callable[[str, str, str, time.struct_time], str]:
    """Stand in for `exabgp.logger.option.formater`: give what formats a line."""

    def entry(message: str, source: str, level: str, _when: time.struct_time) -> str:
        return line(message.strip(), level.lower(), source=source)

    return entry


def exabgp_traceback(error: BaseException) -> str:
    """Stand in for `exabgp.reactor.peer.format_exception`: one line, no advice."""
    return "".join(traceback.format_exception(error)).strip().replace("\n", " | ")
