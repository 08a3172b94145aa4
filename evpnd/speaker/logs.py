"""What the speaker logs: one JSON line each on stderr, like the agent's.

ExaBGP's own log comes out the same way, warnings and worse.
"""

import json
import sys
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime


def json_line(event: str, level: str, **keys: object) -> str:
    """Write one entry as structlog's JSONRenderer does."""
    stamp = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    return json.dumps(
        {**keys, "event": event, "level": level, "timestamp": stamp}, default=str
    )


def warning(event: str, **keys: object) -> None:
    """Log what somebody should look at some day."""
    _write(json_line(event, "warning", **keys))


def error(event: str, **keys: object) -> None:
    """Log what somebody should look at now."""
    _write(json_line(event, "error", **keys))


def _write(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def exabgp_formatter(
    _short: object, _destination: object
) -> Callable[[str, str, str, time.struct_time], str]:
    """Stand in for `exabgp.logger.option.formater`: give what formats a line."""

    def line(message: str, source: str, level: str, _when: time.struct_time) -> str:
        return json_line(message.strip(), level.lower(), source=source)

    return line


def exabgp_traceback(error: BaseException) -> str:
    """Stand in for `exabgp.reactor.peer.format_exception`: one line, no advice."""
    return "".join(traceback.format_exception(error)).strip().replace("\n", " | ")
