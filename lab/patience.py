"""Waiting that says what for, and ends where another node fails."""

import threading
from collections.abc import Callable

_WORD = 15.0
"""Seconds until it is said what is waited for; then twice as long, and so on."""


class Aborted(Exception):  # noqa: N818 - it is no error of its own
    """Another node failed."""


class Patience:
    """What the nodes of a deployment wait by, each in a thread of its own."""

    def __init__(self, say: Callable[[str], None]) -> None:
        """``say`` gets lines about what takes long."""
        self._say = say
        self._saying = threading.Lock()
        self._over = threading.Event()

    def say(self, text: str) -> None:
        """Say something, whole, whatever others say at the moment."""
        with self._saying:
            self._say(text)

    def end(self) -> None:
        """Let nobody wait any longer."""
        self._over.set()

    @property
    def is_over(self) -> bool:
        """Tell whether nobody is to wait any longer."""
        return self._over.is_set()

    def sleep(self, seconds: float) -> None:
        """Wait; raises Aborted where it is over."""
        if self._over.wait(seconds):
            raise Aborted

    def until(
        self, holds: Callable[[], bool], what: str, interval: float = 0.05
    ) -> None:
        """Wait for something however long it takes; raises Aborted."""
        word = Word(self.say, what)
        seconds = 0.0
        while not holds():
            self.sleep(interval)
            seconds += interval
            word.at(seconds)


class Word:
    """Says what is waited for, more rarely the longer it takes."""

    def __init__(self, say: Callable[[str], None], what: str) -> None:
        self._say = say
        self._what = what
        self._next = _WORD

    def at(self, seconds: float) -> None:
        """Note how many seconds passed in all."""
        if seconds >= self._next:
            self._say(f"{self._what} ({self._next:g} s)")
            self._next *= 2
