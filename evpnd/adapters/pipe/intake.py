"""Standard input from the speaker, read no faster than the kernel takes rows.

What is not read waits where each peer has its turn (speaker/process/turns.py); rows
have one queue for all.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

BACKLOG_MOST = 1536
"""Rows that wait for the kernel above which no more is read: a row waits behind
that many, some 15 ms, whoever sent them."""
BACKLOG_LEAST = 1024
"""Rows below which reading goes on; the kernel is not to wait for us."""


class Rows(Protocol):
    """The queue of rows for the kernel."""

    def backlog(self) -> int:
        """Return how many rows wait."""

    def call_when_done(self, done: Callable[[], None]) -> None:
        """Call back, in the loop, when all that was submitted is done."""

    def call_when_few(self, most: int, few: Callable[[], None]) -> None:
        """Call back, in the loop, once so few rows wait; the last to ask counts."""


class Intake:
    """Reads messages, and holds them back while too many rows wait."""

    def __init__(self, fd: int, readable: Callable[[], None], rows: Rows) -> None:
        """Store a descriptor, what to call when it is readable, and the rows."""
        self._fd = fd
        self._readable = readable
        self._rows = rows
        self._holding = False
        self._awaited = 0
        """Turns whose rows are waited for meanwhile."""

    def start(self) -> None:
        """Start to read, in the running loop."""
        asyncio.get_running_loop().add_reader(self._fd, self._readable)

    def is_busy(self) -> bool:
        """Return whether the kernel has more to do than it needs to be at work."""
        return self._holding or self._rows.backlog() > BACKLOG_LEAST

    def pace(self) -> None:
        """Hold messages back where too many rows wait; to be called after each submit.

        Peers go on while the last rows are still being written. Each turn that adds
        rows is waited for as well: the last lets them go on whatever the count says.
        """
        if not self._holding and self._rows.backlog() > BACKLOG_MOST:
            self._holding = True
            asyncio.get_running_loop().remove_reader(self._fd)
            self._rows.call_when_few(BACKLOG_LEAST, self._go_on)
        if self._holding:
            self._awaited += 1
            self._rows.call_when_done(self._release)

    def _release(self) -> None:
        self._awaited -= 1
        self._go_on()

    def _go_on(self) -> None:
        few = self._rows.backlog() <= BACKLOG_LEAST or not self._awaited
        if self._holding and few:
            self._holding = False
            self.start()
