"""What the service manager is told (sd_notify(3)), and when."""

import os
import socket
from typing import Final

SHARE: Final = 4
"""WATCHDOG=1 is sent so many times in the time after which systemd would kill us."""
STATUS_EVERY: Final = 1.0
"""Seconds between two STATUS lines at least."""


def notify(state: str) -> None:
    """Notify the service manager, if one asked for it.

    A manager that went away is no reason to fail.
    """
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as to:
        try:
            to.sendto(state.encode(), address)
        except OSError:
            return


def watchdog_interval() -> float | None:
    """Return the seconds between two WATCHDOG=1; None: nobody waits for them.

    WATCHDOG_PID names the process that they are asked of (sd_watchdog_enabled(3)).
    """
    given, pid = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID")
    if not given.isdecimal() or pid not in (None, str(os.getpid())):
        return None
    return int(given) / 1_000_000 / SHARE or None


class Service:
    """Keeps the service manager informed from the speaker's loop."""

    def __init__(self) -> None:
        """Read what the service manager asks for."""
        self._wanted = bool(os.environ.get("NOTIFY_SOCKET"))
        self._interval = watchdog_interval()
        self._watchdog_at = 0.0
        self._status_at = 0.0
        self._status = ""
        self.evis: tuple[int, int] | None = None
        """How many EVIs the agent has, and how many are ready; None: not told yet."""

    def wants_status(self, now: float) -> bool:
        """Return whether a STATUS line may be sent again; `now` is monotonic."""
        return self._wanted and now >= self._status_at

    def tell_sessions(self, established: int, peers: int, now: float) -> None:
        """Send the STATUS line where it is another one than before."""
        self._status_at = now + STATUS_EVERY
        status = f"{established} of {peers} sessions established"
        if self.evis is not None:
            evis, ready = self.evis
            status += f", {ready} of {evis} EVIs ready"
        if status != self._status:
            self._status = status
            notify(f"STATUS={status}")

    def feed_watchdog(self, now: float) -> None:
        """Send WATCHDOG=1 where it is time; `now` is monotonic."""
        if self._interval is not None and now >= self._watchdog_at:
            self._watchdog_at = now + self._interval
            notify("WATCHDOG=1")
