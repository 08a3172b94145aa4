"""Progress of reading one large FDB in parts (core/kernel/parts.py)."""

from collections.abc import Iterable
from typing import Self

LARGE = 25_000
"""Remote MACs of a bridge from which on a new port is read alone, not the whole FDB. So
is a new EVI on a VXLAN device for many VNIs then."""


class Reading:
    """The known and the unknown parts of a large FDB."""

    def __init__(self, number: int, old: Self | None, *, first: bool) -> None:
        """Start with nothing read; `old` is the reading that this one replaces."""
        self.number = number
        self.first = first
        """The FDB has never been read to its end: rows may be of an earlier run."""
        self.known: set[bytes] = set()
        """MACs whose rows were looked up; what came later was notified, or is ours."""
        self.known_before: set[bytes] = set()
        """MACs that an earlier reading had looked up: rows of them may be ours."""
        self.wanted: dict[bytes, None] = {}
        """MACs to look up; those that came last are the first."""
        self.strays: dict[bytes, None] = {}
        """MACs to look up after these: only the list has them."""
        self.asked: list[bytes] = []
        """MACs that the kernel has not answered for yet."""
        self.again_at: float | None = None
        """When to ask again for what the kernel did not answer; monotonic seconds."""
        self.adopted: set[bytes] = set()
        """MACs that had rows of an earlier run, confirmed by now or not."""
        self.refuted: set[bytes] = set()
        """MACs and VTEPs whose route was withdrawn before we were there."""
        self.flood_known = False
        """The flood list may be added to: it is empty, or ours."""
        self.flood_told: set[bytes] = set()
        """VTEPs that came to the flood list or left it since the reading began."""
        self.listing = False
        """The list of all MACs was asked for."""
        self.listed = False
        """It was received."""
        if old is not None and old.first:
            self.known_before = old.known_before | old.known
            self.adopted, self.refuted = old.adopted, old.refuted

    def part(self, macs: set[bytes]) -> set[bytes]:
        """Return the MACs whose rows are known, and queue lookups of the others."""
        unknown = macs - self.known
        if not unknown:
            return macs
        self.wanted.update(dict.fromkeys(unknown.difference(self.asked)))
        return macs - unknown

    def awaits(self, macs: Iterable[bytes]) -> bool:
        """Return whether the rows of one of these MACs are not known yet."""
        return any(mac not in self.known for mac in macs)

    def take(self, most: int, now: float) -> list[bytes]:
        """Return the MACs to look up next; none before the last ones are answered."""
        if self.asked or (self.again_at is not None and now < self.again_at):
            return []
        self.again_at = None
        while self.wanted and len(self.asked) < most:
            self.asked.append(self.wanted.popitem()[0])
        while self.strays and len(self.asked) < most:
            mac, _ = self.strays.popitem()
            if mac not in self.known:
                self.asked.append(mac)
        return self.asked

    @property
    def over(self) -> bool:
        """Return whether all that was to be read is."""
        return self.listed and not (self.wanted or self.strays or self.asked)
