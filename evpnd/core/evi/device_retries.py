"""Devices that are made or changed: when that was tried, and what was refused."""

from collections.abc import Iterable

PAUSE = 1.0
"""Seconds between two attempts to make or change the same device."""


class Attempts:
    """One host's; times are monotonic seconds."""

    def __init__(self) -> None:
        """Begin with nothing tried."""
        self.refused: dict[str, str] = {}
        """Devices that could not be made or changed, and why."""
        self.due: float | None = None
        """When to look again."""
        self._tried: dict[str, float] = {}

    def may(self, what: str, now: float) -> bool:
        """Tell whether to try something now; if not, it is due later."""
        due = self._tried.get(what, now - PAUSE) + PAUSE
        if now < due:
            self.look_again(due)
            return False
        self._tried[what] = now
        return True

    def failed(self, device: str, reason: str, now: float) -> bool:
        """Note why a device could not be made or changed; tells whether it is news."""
        news = self.refused.get(device) != reason
        self.refused[device] = reason
        self._tried[device] = now
        return news

    def succeeded(self, devices: Iterable[str]) -> None:
        """Note that these are as they should be."""
        if self.refused:
            for device in devices:
                self.refused.pop(device, None)

    def look_again(self, at: float) -> None:
        """Have everything looked at again then, or earlier."""
        self.due = at if self.due is None else min(self.due, at)

    def begin_anew(self) -> None:
        """Try everything at once: what was tried was something else."""
        self._tried.clear()
        self.refused.clear()
