"""Many routes that compete for one key, with quick access to the best.

A MAC has some routes as a rule, and they are looked through. One peer can send a
MAC with thousands of RDs or IPs, and an IP with thousands of MACs: there a heap
keeps the best, so that one more route costs no more than the last.
"""

from collections.abc import Callable, Hashable, Iterator
from heapq import heapify, heappop, heappush
from operator import attrgetter
from typing import Any, Generic, NamedTuple, TypeVar, final

from evpnd.core.bgp.path import Path

FEW = 8
"""Routes that are kept in a list or tuple; more of them are kept in a crowd."""
SLACK = 16
"""Entries that are out of date in a heap before it is made anew, beside as many as
there are members."""

order = attrgetter("rank", "rd", "ethernet_tag")
"""Ranks are equal where one peer sends a MAC by two RDs; then the order of arrival
would choose."""

Name = TypeVar("Name", bound=Hashable)


class Entry(NamedTuple, Generic[Name]):
    """A member of a crowd; entries compare by their order, then by age."""

    order: Any
    number: int
    name: Name
    path: Path


@final
class Crowd(Generic[Name]):
    """Paths by name, of which the one of the smallest order is found at once."""

    __slots__ = ("_heap", "_members", "_number")

    def __init__(self) -> None:
        """Start empty."""
        self._members: dict[Name, Entry[Name]] = {}
        self._heap: list[Entry[Name]] = []
        self._number = 0

    def __len__(self) -> int:
        """Return the number of members."""
        return len(self._members)

    def paths(self) -> Iterator[Path]:
        """Return the paths of all members, oldest first."""
        return (entry.path for entry in self._members.values())

    def put(self, name: Name, order: Any, path: Path) -> None:  # noqa: ANN401
        """Add a member, in place of one of the same name."""
        known = self._members.get(name)
        if known is not None and known.path is path and known.order == order:
            return
        self._number += 1
        entry = Entry(order, self._number, name, path)
        self._members[name] = entry
        heappush(self._heap, entry)
        self._tidy()

    def drop(self, name: Name) -> None:
        """Remove a member; one that is not there is no error."""
        self._members.pop(name, None)
        self._tidy()

    def best(self) -> Entry[Name]:
        """Return the member of the smallest order; the crowd is not empty."""
        heap, members = self._heap, self._members
        while members.get(heap[0].name) is not heap[0]:
            heappop(heap)
        return heap[0]

    def best_of(self, fits: Callable[[Name], bool]) -> Entry[Name] | None:
        """Return the member of the smallest order whose name fits; None: none does.

        Costs as much as there are better members that do not.
        """
        heap, members = self._heap, self._members
        passed: list[Entry[Name]] = []
        found = None
        while heap and found is None:
            entry = heappop(heap)
            if members.get(entry.name) is entry:
                passed.append(entry)
                found = entry if fits(entry.name) else None
        for entry in passed:
            heappush(heap, entry)
        return found

    def _tidy(self) -> None:
        if len(self._heap) > 2 * len(self._members) + SLACK:
            self._heap = list(self._members.values())
            heapify(self._heap)
