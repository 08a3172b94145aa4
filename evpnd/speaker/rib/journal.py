"""UPDATEs that a peer sent since its session began, for the next agent.

ROUTE-REFRESH brings a new agent to the same state, but takes the peer's time, and
some peers have it in their OPEN and do not answer.
"""

import time
from collections.abc import Callable, Iterator

from evpnd.speaker.rib.condensing import Condensed, NotCondensableError, condense

LIMIT = 32 << 20
"""Octets a session; a longer journal is given up, and ROUTE-REFRESH alone is left."""
SHORT = 1 << 20
"""Octets by which a journal may be longer than twice the state it stands for."""
EARLY = 24 << 20
"""Octets from which on a journal is condensed at once, whatever its state takes."""
PAUSE = 10.0
"""Seconds for which a journal that became too long waits before it is condensed. A
whole table comes in less, and its reader needs the processor then; what is condensed
afterwards is condensed once."""
SLICE = 64 << 10
"""Octets that are condensed in one turn of the speaker's loop: 3 ms at the most."""


class Journal:
    """The UPDATEs of one session as they came, many in one piece.

    Every now and then it is condensed to the routes that still stand, so that it
    does not grow with the history of the session.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._now = clock
        self._pieces: list[bytes] = []
        self._size = 0
        self._refreshed_from: int | None = None
        self._condensing: Iterator[Condensed | None] | None = None
        self._condensed_pieces = 0
        """Pieces that the work under way reads."""
        self._condense_at = SHORT
        """Octets at which the journal is condensed the next time."""
        self._condense_after: float | None = None
        """When it is condensed; monotonic seconds. None: it is short enough."""
        self.complete = True
        """The journal is complete."""
        self.routes = 0
        """Routes that stood when the journal was condensed last."""

    @property
    def size(self) -> int:
        """Count the octets that are kept."""
        return self._size

    @property
    def refreshed_from(self) -> int | None:
        """Return the piece from which on the peer says everything once more.

        None where no refresh is under way.
        """
        return self._refreshed_from

    @property
    def condensing(self) -> bool:
        """Return whether `work` has something to do."""
        return self._condensing is not None

    def add(self, updates: bytes) -> None:
        """Keep whole UPDATE messages with their headers."""
        if not self.complete and self._refreshed_from is None:
            return
        self._pieces.append(updates)
        self._size += len(updates)
        if self._size > LIMIT:
            self._pieces, self._size, self._refreshed_from = [], 0, None
            self._condensing = self._condense_after = None
            self.complete = False
        elif (
            self._size > self._condense_at
            and self._condensing is None
            and self._refreshed_from is None
        ):
            self._condense_soon()

    def _condense_soon(self) -> None:
        """Schedule the condensing, or start it now if the journal is large."""
        if self._size > EARLY:
            self._begin_to_condense()
        elif self._condense_after is None:
            self._condense_after = self._now() + PAUSE

    def _begin_to_condense(self) -> None:
        self._condense_after = None
        self._condensed_pieces = len(self._pieces)
        self._condensing = condense(self._pieces[:], SLICE)

    def work(self) -> None:
        """Condense one slice of the journal, if it is time to do so."""
        if self._condensing is None:
            if self._condense_after is None or self._now() < self._condense_after:
                return
            self._begin_to_condense()
        assert self._condensing is not None
        try:
            condensed = next(self._condensing)
        except NotCondensableError:
            # It is kept as it came, until a refresh ends or the limit is reached.
            self._condensing = None
            self._condense_at = LIMIT
            return
        if condensed is not None:
            self._condensing = None
            self._take(condensed)

    def _take(self, condensed: Condensed) -> None:
        self._pieces[: self._condensed_pieces] = condensed.updates
        self._size = sum(map(len, self._pieces))
        self.routes = condensed.routes
        kept = sum(map(len, condensed.updates))
        self._condense_at = min(2 * kept + SHORT, EARLY if kept < EARLY else LIMIT)

    def refresh_began(self) -> None:
        """Record that the peer sends everything again from here (RFC 7313)."""
        self._condensing = self._condense_after = None
        self._refreshed_from = len(self._pieces)

    def refresh_ended(self) -> None:
        """Drop UPDATEs from before the refresh began."""
        if self._refreshed_from is None:
            return
        del self._pieces[: self._refreshed_from]
        self._size = sum(map(len, self._pieces))
        self._refreshed_from = None
        self._condense_at = max(SHORT, min(2 * self._size, EARLY))
        self.complete = True

    def pieces(self) -> list[bytes]:
        """Return the journal, oldest first; empty if it is not complete."""
        return self._pieces if self.complete else []
