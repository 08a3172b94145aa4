"""What a peer sent since its session began, for the next agent.

ROUTE-REFRESH brings a new agent to the same state, but takes the peer's time, and
some peers have it in their OPEN and do not answer.
"""

LIMIT = 32 << 20
"""Octets a session; a longer journal is given up, and ROUTE-REFRESH alone is left."""


class Journal:
    """The UPDATEs of one session as they came, many in one piece."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._size = 0
        self._refreshed_from: int | None = None
        self.complete = True
        """It holds all that still counts."""

    def add(self, updates: bytes) -> None:
        """Keep whole UPDATE messages with their headers."""
        if not self.complete and self._refreshed_from is None:
            return
        self._pieces.append(updates)
        self._size += len(updates)
        if self._size > LIMIT:
            self._pieces, self._size, self._refreshed_from = [], 0, None
            self.complete = False

    def refresh_began(self) -> None:
        """Note that the peer says everything once more from here (RFC 7313)."""
        self._refreshed_from = len(self._pieces)

    def refresh_ended(self) -> None:
        """Drop what was said before the refresh began."""
        if self._refreshed_from is None:
            return
        del self._pieces[: self._refreshed_from]
        self._size = sum(map(len, self._pieces))
        self._refreshed_from = None
        self.complete = True

    def pieces(self) -> list[bytes]:
        """Give what was kept, oldest first; nothing where it is not complete."""
        return self._pieces if self.complete else []
