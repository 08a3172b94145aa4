"""A dictionary that never stops to grow.

Python's dictionary moves everything to a new place when it is full. With a million
entries that takes a tenth of a second, and the next table of the same routes follows
at once. This one begins another piece instead, before the step would be long. Each
piece is looked into, so that the pieces of a very large one are larger: there are as
many as the size has doublings.
"""

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator
from itertools import chain
from sys import getsizeof
from typing import Generic, TypeVar, final

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_State = tuple[dict[K, V], list[dict[K, V]], int]

PIECE = (1 << 20) * 2 // 3
"""Least entries of a piece: with one more, a dictionary takes twice the space."""


@final
class Pieces(Generic[K, V]):
    """Entries by key; the values are not None."""

    __slots__ = ("_limit", "_newest", "_older", "get", "pop")

    get: Callable[[K], V | None]
    """Return the value of a key, or None."""
    pop: Callable[[K, None], V | None]
    """Remove a key; return its value, or None."""

    def __init__(self) -> None:
        """Start empty."""
        self._newest: dict[K, V] = {}
        """Where new keys go."""
        self._older: list[dict[K, V]] = []
        self._limit = PIECE
        """Entries of the newest piece, at most."""
        self._bind()

    def _bind(self) -> None:
        """Read and remove by the methods of the only piece, while there is one.

        They are called for each route, and calling Python would be half of the cost.
        """
        if self._older:
            self.get, self.pop = self._get, self._pop
        else:
            self.get, self.pop = self._newest.get, self._newest.pop

    def __getstate__(self) -> _State[K, V]:
        """Return the entries, to copy them: the bound methods are not to be copied."""
        return self._newest, self._older, self._limit

    def __setstate__(self, state: _State[K, V]) -> None:
        """Take copied entries."""
        self._newest, self._older, self._limit = state
        self._bind()

    def __len__(self) -> int:
        """Return the number of entries."""
        return len(self._newest) + sum(map(len, self._older))

    def __bool__(self) -> bool:
        """Return whether there is an entry."""
        return bool(self._newest) or any(self._older)

    def __iter__(self) -> Iterator[K]:
        """Yield the keys."""
        return chain(*self._older, self._newest)

    def __contains__(self, key: K) -> bool:
        """Return whether a key is there."""
        return self.get(key) is not None

    def __getitem__(self, key: K) -> V:
        """Return the value of a key; raise KeyError where it has none."""
        value = self.get(key)
        if value is None:
            raise KeyError(key)
        return value

    @property
    def octets(self) -> int:
        """Return the octets of the pieces, without keys and values."""
        return sum(map(getsizeof, (self._newest, *self._older)))

    def _get(self, key: K) -> V | None:
        value = self._newest.get(key)
        if value is None and self._older:
            for piece in self._older:
                value = piece.get(key)
                if value is not None:
                    break
        return value

    def values(self) -> Iterator[V]:
        """Yield the values."""
        return chain(*(piece.values() for piece in self._older), self._newest.values())

    def items(self) -> Iterator[tuple[K, V]]:
        """Yield the keys, each with its value."""
        return chain(*(piece.items() for piece in self._older), self._newest.items())

    def isdisjoint(self, keys: Iterable[K]) -> bool:
        """Return whether none of the keys is there."""
        return self._newest.keys().isdisjoint(keys) and all(
            piece.keys().isdisjoint(keys) for piece in self._older
        )

    def add(self, keys: Collection[K], value: V) -> None:
        """Store one value for keys that are not there."""
        self._newest.update(dict.fromkeys(keys, value))
        if len(self._newest) > self._limit - len(keys):
            self._begin_another(len(keys))

    def replace(self, key: K, value: V) -> V | None:
        """Store the value of a key; return the one that it had, or None."""
        newest = self._newest
        old = newest.get(key)
        if old is None and self._older:
            for piece in self._older:
                old = piece.get(key)
                if old is not None:
                    piece[key] = value
                    return old
        newest[key] = value
        if len(newest) >= self._limit:
            self._begin_another(1)
        return old

    def put(self, keys: Collection[K], value: V) -> None:
        """Store one value for keys, whether they are there or not."""
        if self.isdisjoint(keys):
            self.add(keys, value)
            return
        for key in keys:
            self.replace(key, value)

    def only(self, keys: Iterable[K]) -> "Pieces[K, V]":
        """Return the entries of some keys."""
        found: Pieces[K, V] = Pieces()
        for key in keys:
            value = self.get(key)
            if value is not None:
                found.replace(key, value)
        return found

    def _pop(self, key: K, default: None) -> V | None:
        value = self._newest.pop(key, default)
        if value is None and self._older:
            for piece in self._older:
                value = piece.pop(key, None)
                if value is not None:
                    break
        return value

    def popitem(self) -> tuple[K, V]:
        """Remove an entry and return it; raise KeyError where there is none."""
        while not self._newest and self._older:
            self._newest = self._older.pop()
            self._bind()
        return self._newest.popitem()

    def _begin_another(self, room: int) -> None:
        """Take new keys elsewhere: where there is much room again, or anew."""
        self._older.append(self._newest)
        self._limit = PIECE
        least = min(self._older, key=len)
        if len(least) + room < PIECE // 2:
            self._older.remove(least)
            self._newest = least
        else:
            self._newest = {}
            while self._limit * 2 <= len(self):
                self._limit *= 2
        self._bind()
