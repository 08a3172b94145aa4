"""Errors that asyncio tells of: which of them end the agent."""

from collections import deque
from collections.abc import Mapping
from functools import partial
from typing import Final

AT_MOST: Final = 5
"""Faults of the loop's own machinery in WITHIN seconds that are lived through."""
WITHIN: Final = 60.0


class LoopFaults:
    """Remembers when the loop's machinery failed; times are monotonic seconds."""

    def __init__(self) -> None:
        """Start with no fault."""
        self._times: deque[float] = deque(maxlen=AT_MOST + 1)

    def end_us(self, context: Mapping[str, object], now: float) -> bool:
        """Return whether an error ends the agent, so that a new one starts afresh.

        `context` is what `asyncio` gives to an exception handler. An error in a
        callback or a task of ours may have left the state half changed: it ends us.
        One of a transport, an accept or a client cost what it was about, and ends us
        only where it repeats.
        """
        if not isinstance(context.get("exception"), Exception):
            return False
        if _is_ours(context):
            return True
        self._times.append(now)
        return len(self._times) > AT_MOST and now - self._times[0] <= WITHIN


def _is_ours(context: Mapping[str, object]) -> bool:
    if "task" in context or "future" in context:
        return True
    if "handle" not in context:
        return False
    callback: object = getattr(context["handle"], "_callback", None)
    while isinstance(callback, partial):
        callback = callback.func
    module = getattr(callback, "__module__", None) or ""
    return not module.partition(".")[0].startswith(("asyncio", "_asyncio"))
