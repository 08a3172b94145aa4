"""Answers as JSON, a piece at a time."""

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Final

ENTRIES: Final = 500
"""Entries of a table in one piece: about a millisecond of work."""


def refusal(reason: str) -> dict[str, object]:
    """Compose the answer to a request that is not fulfilled."""
    return {"ok": False, "error": reason}


def encoded(answer: Mapping[str, object]) -> Iterator[bytes]:
    """Yield one line of JSON with its end; `result` may be any iterable of entries."""
    result = answer.get("result")
    if not isinstance(result, Iterable) or isinstance(result, str | dict):
        yield _dump(answer) + b"\n"
        return
    rest = {key: value for key, value in answer.items() if key != "result"}
    yield _dump(rest)[:-1] + (b',"result":[' if rest else b'"result":[')
    entries = iter(result)
    separator = b""
    while chunk := list(islice(entries, ENTRIES)):
        yield separator + _dump(chunk)[1:-1]
        separator = b","
    yield b"]}\n"


def _dump(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
