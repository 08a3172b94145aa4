"""The pauses between attempts to connect."""

import random
import time

from exabgp.reactor.delay import Delay

RETRY_MAX = 5
"""Seconds between attempts to connect, at most."""


class SpeakerDelay(Delay):  # type: ignore[misc] # exabgp has no types
    """1 to 5 seconds between attempts, so that hosts started in any order meet.

    A little jitter keeps two speakers that collided from colliding again.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Allow an attempt now."""
        self._failures = 0
        self._until = 0.0

    def increase(self) -> None:
        """Wait, longer after each failure."""
        self._failures = min(self._failures + 1, RETRY_MAX)
        self._until = time.monotonic() + self._failures * random.uniform(0.75, 1)  # noqa: S311

    def backoff(self) -> bool:
        """Return whether it is too early."""
        return time.monotonic() < self._until
