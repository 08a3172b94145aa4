"""Nexthop objects: where the routes of a VRF lead, one for each remote router.

A hundred thousand routes to a VTEP share one object, so that the VTEP can be changed or
go in one message. Ids are the host's, whoever made the object, so that all VRFs take
theirs from one place.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple, final

from evpnd.core.tables.table import Table

_FIRST, _LAST = 0xE5000000, 0xE5FFFFFF
"""Ids of ours, out of the way of those that the kernel and zebra choose, which begin
with small numbers in some of the upper bits."""


class Leg(NamedTuple):
    """A way to a remote router."""

    gateway: bytes
    """Its address on the SVI of the L3 VNI."""
    vtep: bytes
    mac: bytes


Legs = tuple[Leg, ...]
"""Where a route leads: in ascending order, more than one where traffic is shared."""


class Nexthop(NamedTuple):
    """What a nexthop object says."""

    gateway: bytes
    """Empty: it is a group."""
    members: tuple[bytes, ...] = ()
    """Ids, in ascending order."""


UNREAD = Nexthop(b"")
"""Stands for an object of which nothing is known but that it is there."""


def format_id(nexthop: bytes) -> str:
    """Write the id of a nexthop object as `ip nexthop` does."""
    return str(int.from_bytes(nexthop))


@final
class NexthopIds:
    """Ids that are in use on this host."""

    __slots__ = ("_next", "_taken")

    def __init__(self) -> None:
        """Start with none."""
        self._taken: set[bytes] = set()
        self._next = _FIRST

    def take(self, nexthop: bytes) -> None:
        """Record that an id is in use."""
        self._taken.add(nexthop)

    def give_back(self, nexthop: bytes) -> None:
        """Record that an id is free."""
        self._taken.discard(nexthop)

    def find(self) -> bytes:
        """Return a free id, which is in use then."""
        while (found := self._next.to_bytes(4)) in self._taken:
            self._step()
        self._step()
        self._taken.add(found)
        return found

    def _step(self) -> None:
        self._next = _FIRST if self._next == _LAST else self._next + 1


@final
class Nexthops(Table[bytes, Nexthop]):
    """The objects of one VRF by their ids (4 octets)."""

    def __init__(self, ids: NexthopIds) -> None:
        """Start with nothing known; `ids` are those of the host."""
        super().__init__("nexthop", format_id, lambda _: UNREAD)
        self._ids = ids
        self._of: dict[Legs, bytes] = {}
        self._legs: dict[bytes, Legs] = {}
        self._users: Counter[bytes] = Counter()
        """How many routes and groups need an object, by its id."""

    def lead(self, legs: Legs) -> bytes:
        """Return the id of the object that leads there; a new one has no row yet."""
        known = self._of.get(legs)
        if known is not None:
            return known
        found = self._unassigned(legs) or self._ids.find()
        self._of[legs], self._legs[found] = found, legs
        if self._users[found]:
            # A group of an earlier run that routes lead to: now its members are known.
            for leg in self._members(found):
                self.use(self.lead((leg,)))
        return found

    def _unassigned(self, legs: Legs) -> bytes | None:
        """Return the object of an earlier run that says the same."""
        if not self.adopted:
            return None
        wanted = self._saying(legs)
        for nexthop in self.adopted:
            if nexthop not in self._legs and self.actual.get(nexthop) == wanted:
                return nexthop
        return None

    def _saying(self, legs: Legs) -> Nexthop:
        if len(legs) == 1:
            return Nexthop(legs[0].gateway)
        return Nexthop(b"", tuple(sorted(self.lead((leg,)) for leg in legs)))

    def wanted(self, nexthop: bytes) -> Nexthop | None:
        """Return what an object is to say; None: nothing of this run leads there."""
        legs = self._legs.get(nexthop)
        return self._saying(legs) if legs and self._users[nexthop] else None

    def use(self, nexthop: bytes) -> None:
        """Record that one more route leads to an object."""
        self._users[nexthop] += 1
        if self._users[nexthop] == 1:
            self.dirty.add(nexthop)
            for leg in self._members(nexthop):
                self.use(self.lead((leg,)))

    def leave(self, nexthop: bytes) -> None:
        """Record that one route fewer leads to an object."""
        self._users[nexthop] -= 1
        if not self._users[nexthop]:
            self.dirty.add(nexthop)
            for leg in self._members(nexthop):
                self.leave(self.lead((leg,)))

    def _members(self, nexthop: bytes) -> Legs:
        legs = self._legs.get(nexthop, ())
        return legs if len(legs) > 1 else ()

    def legs_of(self, nexthop: bytes) -> Legs:
        """Return where an object leads; nowhere if it is of an earlier run."""
        return self._legs.get(nexthop, ())

    def in_use(self) -> Iterator[Leg]:
        """Yield the ways that routes need, each once."""
        for legs, nexthop in self._of.items():
            if len(legs) == 1 and self._users[nexthop]:
                yield legs[0]

    def release(self, nexthops: Iterable[bytes]) -> None:
        """Give back the ids of objects that nothing leads to, once they are gone."""
        for nexthop in nexthops:
            if not self._users[nexthop]:
                del self._users[nexthop]
                legs = self._legs.pop(nexthop, None)
                if legs is not None:
                    del self._of[legs]
                self._ids.give_back(nexthop)

    def put(self, nexthop: bytes, found: Nexthop) -> None:
        """Store that an object of ours is there."""
        self._ids.take(nexthop)
        before = self.actual.get(nexthop)
        self.actual[nexthop] = found
        self.foreign.discard(nexthop)
        if before is not None and before != found:
            self.drift.change(nexthop, found)
        self.dirty.add(nexthop)

    def avoid(self, nexthop: bytes) -> None:
        """Store that an object of somebody else has an id."""
        self._ids.take(nexthop)
        if nexthop in self._legs:
            self.foreign.add(nexthop)

    def lose(self, nexthop: bytes) -> None:
        """Store that an object of ours is not there, or no longer."""
        if self.actual.pop(nexthop, None) is not None:
            self.drift.lose(nexthop)
        self.dirty.add(nexthop)
