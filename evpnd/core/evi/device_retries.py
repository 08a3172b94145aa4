"""Attempts to create or change devices: their times, and the refusals."""

from collections.abc import Iterable

PAUSE = 1.0
"""Seconds between two attempts to make or change the same device."""


class Attempts:
    """One host's; times are monotonic seconds."""

    def __init__(self) -> None:
        """Start without attempts."""
        self.refused: dict[str, str] = {}
        """Devices that could not be made or changed, and why."""
        self.due: float | None = None
        """When to try again."""
        self._tried: dict[str, float] = {}

    def may(self, what: str, now: float) -> bool:
        """Return whether to try something now; if not, it is due later."""
        due = self._tried.get(what, now - PAUSE) + PAUSE
        if now < due:
            self.look_again(due)
            return False
        self._tried[what] = now
        return True

    def failed(self, device: str, reason: str, now: float) -> bool:
        """Record why a device was refused; return whether the reason is new."""
        news = self.refused.get(device) != reason
        self.refused[device] = reason
        self._tried[device] = now
        return news

    def succeeded(self, devices: Iterable[str]) -> None:
        """Record that these devices are as they should be."""
        if self.refused:
            for device in devices:
                self.refused.pop(device, None)

    def look_again(self, at: float) -> None:
        """Schedule another attempt at that time, or earlier."""
        self.due = at if self.due is None else min(self.due, at)

    def begin_anew(self) -> None:
        """Allow all attempts at once: the earlier ones were for other devices."""
        self._tried.clear()
        self.refused.clear()
