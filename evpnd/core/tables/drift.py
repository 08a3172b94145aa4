"""Rows of ours that another program removed or changed, until they are restored.

The kernel itself is somebody: it drops a bridge's neighbours when the bridge's address
changes, as a port's coming may do, and a device's rows when it goes down. What we take
away ourselves is heard of, too, a moment later, and by then it may be wanted again:
that is no drift.
"""

from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

NOTIFIED = "notified"
"""Found by a notification of the kernel."""
RESYNC = "resync"
"""Found by the dump after lost notifications."""
RECHECK = "recheck"
"""Found by a recheck after a bulk write during which another program wrote."""
AUDIT = "audit"
"""Found by the audit."""
NOTHING: Mapping[str, int] = MappingProxyType({})
"""No row was restored."""
UNHEARD = 1024
"""Deletions of our own that are remembered until they are heard of. Those of a bulk
never are (docs/adr/0004), and need not be remembered."""


class Drift(Generic[K]):
    """One table of one EVI; the keys are MACs, IPs or VTEPs."""

    __slots__ = ("_cause", "_replaced", "lost", "unheard", "wrote")

    def __init__(self) -> None:
        """Start with nothing lost."""
        self.lost: dict[K, str] = {}
        """Lost rows, to how that was found."""
        self._cause = NOTIFIED
        self.unheard: set[K] = set()
        self._replaced: set[tuple[K, object]] = set()
        """What we wrote and wrote over since; it may still be heard of."""
        self.wrote = False
        """Something was written since a dump was last asked for: what that dump does
        not hold may have come after it."""

    def lose(self, key: K) -> None:
        """Record that a row is gone."""
        if key not in self.unheard:
            self.lost.setdefault(key, self._cause)

    @contextmanager
    def found_by(self, cause: str) -> Iterator[None]:
        """Use this cause for rows lost meanwhile."""
        self._cause = cause
        try:
            yield
        finally:
            self._cause = NOTIFIED

    def replace(self, key: K, old: object) -> None:
        """Record that we replace a row of ours."""
        if len(self._replaced) >= UNHEARD:
            self._replaced.clear()
        self._replaced.add((key, old))

    def change(self, key: K, new: object) -> None:
        """Record that a row differs from the one that we wrote last."""
        if (key, new) not in self._replaced:
            self.lose(key)

    def compare(self, before: Iterable[K], after: Collection[K]) -> None:
        """Record rows that a dump lacks and that existed before."""
        if not self.wrote:
            with self.found_by(RESYNC):
                for key in before:
                    if key not in after:
                        self.lose(key)

    def delete(self, keys: list[K]) -> None:
        """Record rows that we delete."""
        self.wrote = True
        if len(keys) + len(self.unheard) > UNHEARD:
            self.unheard.clear()
        self.unheard.update(keys[:UNHEARD])

    def write(self, keys: Iterable[K]) -> Mapping[str, int]:
        """Record rows that we write; count those that are restored, by cause."""
        self.wrote = True
        if not self.lost:
            return NOTHING
        return Counter(self.lost.pop(key) for key in self.lost.keys() & keys)

    def settle(self, keys: set[K]) -> None:
        """Forget lost rows among those reconciled: they are not wanted."""
        for key in self.lost.keys() & keys if self.lost else ():
            del self.lost[key]

    def clear(self) -> None:
        """Forget everything: the devices are others now."""
        for known in (self.lost, self.unheard, self._replaced):
            known.clear()
