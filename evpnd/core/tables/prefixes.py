"""The routes of a VRF's table: ours to remote routers, and those of others."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple, final

from evpnd.core.tables.nexthops import Nexthops
from evpnd.core.tables.table import Delta, Table
from evpnd.model.ids import format_prefix
from evpnd.model.rows import RouteRow

DEFAULTS = (bytes(5), bytes(17))
"""The default prefixes of IPv4 and IPv6."""


class OtherRoute(NamedTuple):
    """A route that is not ours."""

    metric: int
    protocol: int
    kind: int


@final
class Prefixes(Table[bytes, bytes]):
    """Prefixes to the nexthop object that our route leads to.

    A row counts as a user of its object for as long as it is there.
    """

    def __init__(self, nexthops: Nexthops) -> None:
        """Start with nothing known; `nexthops` are those of the VRF."""
        super().__init__("route", format_prefix, lambda _: b"")
        self._nexthops = nexthops
        self.others: dict[bytes, tuple[OtherRoute, ...]] = {}
        """Routes of others, by their prefixes."""
        self.told: set[bytes] = set()
        """Prefixes whose routes of others changed since they were announced."""

    def put(self, prefix: bytes, nexthop: bytes) -> None:
        """Store that a route of ours is there."""
        before = self.actual.get(prefix)
        if before != nexthop:
            self._set(prefix, nexthop)
            if before is not None:
                self.drift.change(prefix, nexthop)
        self.dirty.add(prefix)

    def lose(self, prefix: bytes) -> None:
        """Store that a route of ours is not there, or no longer."""
        if self._pop(prefix):
            self.drift.lose(prefix)
            self.dirty.add(prefix)

    def lose_all_over(self, nexthop: bytes) -> None:
        """Store that the routes to an object are not there, because it is not."""
        for prefix in [each for each, to in self.actual.items() if to == nexthop]:
            self.lose(prefix)

    def put_other(self, row: RouteRow) -> None:
        """Store a route of others, in place of one of the same metric."""
        known = self.others.get(row.prefix, ())
        kept = tuple(each for each in known if each.metric != row.metric)
        found = OtherRoute(row.metric, row.protocol, row.kind)
        self.others[row.prefix] = tuple(sorted((*kept, found)))
        self._other(row.prefix)

    def lose_other(self, row: RouteRow) -> None:
        """Store that a route of others is gone."""
        known = self.others.get(row.prefix, ())
        kept = tuple(each for each in known if each.metric != row.metric)
        if len(kept) == len(known):
            return
        if kept:
            self.others[row.prefix] = kept
        else:
            del self.others[row.prefix]
        self._other(row.prefix)

    def _other(self, prefix: bytes) -> None:
        self.dirty.add(prefix)
        self.told.add(prefix)

    def _set(self, prefix: bytes, nexthop: bytes) -> None:
        self._pop(prefix)
        self.actual[prefix] = nexthop
        self._nexthops.use(nexthop)

    def _pop(self, prefix: bytes) -> bool:
        old = self.actual.pop(prefix, None)
        if old is None:
            return False
        self._nexthops.leave(old)
        return True

    def take(
        self, delta: Delta[bytes, bytes], uncounted: Iterable[bytes] = ()
    ) -> Mapping[str, int]:
        """Record a difference as written; return the restored rows, by cause."""
        nexthops, actual = self._nexthops, self.actual
        for prefix, nexthop in delta.upserts.items():
            nexthops.use(nexthop)
            old = actual.get(prefix)
            if old is not None:
                nexthops.leave(old)
        for prefix in delta.deletes:
            old = actual.get(prefix)
            if old is not None:
                nexthops.leave(old)
        return super().take(delta, uncounted)

    def undo(self, key: bytes, *, deleting: bool) -> None:
        """Undo the record of a write or deletion that the kernel refused."""
        if deleting:
            if key not in self.actual:
                self._set(key, self._unread(key))
        else:
            self._pop(key)

    def begin_dump(self) -> list[bytes]:
        """Forget all rows, because a dump follows; return the keys that existed."""
        for nexthop in self.actual.values():
            self._nexthops.leave(nexthop)
        self.told.update(self.others)
        self.dirty.update(self.others)
        self.others.clear()
        return super().begin_dump()

    def forget(self) -> None:
        """Forget what the kernel holds: the table is another now."""
        self.begin_dump()
        super().forget()
