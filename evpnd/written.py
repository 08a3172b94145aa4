"""Values as people read them, in tables and on pages."""

import socket
import time
from datetime import UTC, datetime

NOTHING = "-"
"""Text for an absent value."""


def write_text(value: object) -> str:
    """Write any value on one line, with nothing in it that moves a cursor."""
    match value:
        case None | "" | []:
            return NOTHING
        case bool():
            return "yes" if value else "no"
        case list():
            texts = list(map(write_text, value))
            return ("; " if any("," in text for text in texts) else ",").join(texts)
        case _:
            text = str(value)
            if text.isprintable():
                return text
            return "".join(
                char if char.isprintable() else char.encode("unicode_escape").decode()
                for char in text
            )


def write_duration(value: object) -> str:
    """Write seconds as the two largest units: ``45s``, ``3m20s``, ``2d4h``."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return write_text(value)
    seconds = max(0, int(value))
    if seconds < 60:
        return f"{seconds}s"
    for unit, length, below, shorter in (
        ("m", 60, 3600, ("s", 1)),
        ("h", 3600, 86400, ("m", 60)),
        ("d", 86400, 7 * 86400, ("h", 3600)),
        ("w", 7 * 86400, None, ("d", 86400)),
    ):
        if below is None or seconds < below:
            whole, rest = divmod(seconds, length)
            return f"{whole}{unit}{rest // shorter[1]}{shorter[0]}"
    raise AssertionError


def write_octets(value: object) -> str:
    """Write how much memory something takes, about."""
    if isinstance(value, bool) or not isinstance(value, int) or not value:
        return write_text(value or None)
    for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if value >= size:
            return f"{value / size:.0f}{unit}"
    return f"{value}B"


def write_age(value: object) -> str:
    """Write how long ago a moment was (ISO 8601, or seconds since 1970)."""
    moment: float
    match value:
        case str():
            try:
                moment = datetime.fromisoformat(value).timestamp()
            except ValueError:
                return write_text(value)
        case bool() | None:
            return write_text(value)
        case int() | float():
            moment = float(value)
        case _:
            return write_text(value)
    return write_duration(time.time() - moment)


def write_time(value: object) -> str:
    """Write a moment (ISO 8601 in UTC, or seconds since 1970) in local time."""
    if isinstance(value, bool):
        return write_text(value)
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
        elif isinstance(value, int | float):
            moment = datetime.fromtimestamp(value, UTC)
        else:
            return write_text(value)
    except (ValueError, OverflowError, OSError):
        return write_text(value)
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def rank(value: object) -> tuple[int, int, bytes]:
    """Return what orders values: numbers and addresses by value, text by letters."""
    match value:
        case None:
            return 0, 0, b""
        case int():
            return 1, value, b""
        case _:
            text = str(value)
            for family in (socket.AF_INET, socket.AF_INET6):
                try:
                    return 2, family, socket.inet_pton(family, text)
                except (OSError, ValueError):
                    continue
            return 3, 0, text.encode(errors="replace")
