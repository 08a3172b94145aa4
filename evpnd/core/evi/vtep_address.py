"""The VTEP address: from the configuration, or from a device that may lose it."""

from collections.abc import Iterator

from evpnd.core.evi.device_retries import Attempts
from evpnd.core.evi.links import Links
from evpnd.model.actions import Notice
from evpnd.model.config import VtepConfig
from evpnd.model.ids import format_ip

PAUSE = 2.0
"""Seconds that a device may be without the address, or another of its family."""


class VtepAddress:
    """Which configuration it is of, and since when it is missed; monotonic seconds."""

    def __init__(self) -> None:
        """Start without one."""
        self._config: VtepConfig | None = None
        self._missed: float | None = None

    def find(
        self,
        config: VtepConfig,
        links: Links,
        last: bytes,
        now: float,
        attempts: Attempts,
    ) -> bytes:
        """Return the address, empty if there is none; `last` is the one so far.

        One that is away for a moment counts still: an operator takes an address away
        and gives another, or the same, and all routes would be withdrawn in between.
        """
        found = config.address or links.vtep_of(config.interface or "")
        away = bool(last) and len(found) != len(last)
        # Another configuration is meant, and at once.
        if away and config == self._config:
            if self._missed is None:
                self._missed = now
            due = self._missed + PAUSE
            if now < due:
                attempts.look_again(due)
                return last
        self._missed = None
        self._config = config
        return bytes(found)


def tell_change(was: bytes, now: bytes) -> Iterator[Notice]:
    """Report another address than the one so far; the first is not reported."""
    if was:
        fields: dict[str, object] = {"was": format_ip(was)}
        fields["vtep"] = format_ip(now) if now else None
        yield Notice("info", "vtep_changed", fields)
