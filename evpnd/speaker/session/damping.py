"""Pauses after sessions that end as soon as they began.

Such a peer has all rows written and flushed each time. RFC 4271, section 8.1.1
(DampPeerOscillations) and RFC 4486, section 4, have it wait longer and longer.
"""

import random
import time

LASTING = 30.0
"""Seconds; a session that lasted as long was no failure."""
FREE = 1
"""Short sessions in a row that cost no more than the usual pause between attempts."""
FREE_CLOSED = 8
"""The same where no NOTIFICATION ended the last: a peer that is started anew by
somebody who tries things out closes like that."""
FIRST_PAUSE = 4.0
"""Seconds, doubled with each short session more."""
LONGEST_PAUSE = 256.0
"""Window, in seconds."""


class Damping:
    """The short sessions of one peer, and the pause after them."""

    def __init__(self) -> None:
        self.ended = 0
        """Short sessions in a row."""
        self._until = 0.0

    def session_ended(self, lasted: float, free: int = FREE) -> float:
        """Count a session that lasted so many seconds; return the pause, in seconds.

        `free` is how many short sessions in a row are forgiven; 0: not even one that
        lasted.
        """
        if lasted >= LASTING and free:
            self.clear()
            return 0.0
        self.ended += 1
        over = self.ended - free
        if over < 1:
            return 0.0
        # Jitter as RFC 4271, section 10, has it.
        pause = min(FIRST_PAUSE * 2.0 ** min(over - 1, 16), LONGEST_PAUSE)
        pause *= random.uniform(0.75, 1)  # noqa: S311
        self._until = time.monotonic() + pause
        return pause

    def left(self) -> float:
        """Return the seconds until the next attempt; 0.0: it may be made."""
        return max(0.0, self._until - time.monotonic())

    def clear(self) -> None:
        """Forget the short sessions and end the pause."""
        self.ended = 0
        self._until = 0.0
