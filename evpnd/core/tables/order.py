"""The kernel tables of an EVI or a VRF, and which of them goes before which.

What is written goes in this order, and so that no frame meets half of it:

1. The FDB. The VXLAN row of a MAC and its bridge row are written in one message, never
   the bridge row first: with that one alone the VXLAN device would flood.
2. The neighbours. As soon as the bridge answers for an IP, frames for its MAC follow,
   and they find the FDB rows.
3. The flood list. It takes the frames whose MAC nobody knows. A MAC whose rows are
   written by then is not among them.

What is deleted goes in the same order. A frame for a MAC whose rows are gone is flooded
for a moment, to VTEPs that are still in the list, and so is not lost; and the bridge
answers for its IP no longer than it takes to delete the neighbour.

A VRF has tables of its own. What is written goes in the order in which a packet needs
it backwards: the VXLAN row of a remote router, its neighbour on the SVI, the nexthop
object that leads to it, and the routes that name the object; what is deleted goes the
other way round. So a route never leads to a router that is not there.

A new table has its place here and nowhere else: whatever is done with all tables goes
through `TablesInOrder`.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, final

from evpnd.core.tables.fdb import Fdb
from evpnd.core.tables.flood_list import FloodList
from evpnd.core.tables.neighbors import Neighbors
from evpnd.core.tables.nexthops import NexthopIds, Nexthops
from evpnd.core.tables.prefixes import Prefixes
from evpnd.core.tables.table import Table
from evpnd.model.ids import format_prefix

AnyTable = Table[bytes, Any]


class TablesInOrder:
    """Tables that belong together; yields them in their order."""

    __slots__ = ("_in_order",)

    def __init__(self, *in_order: AnyTable) -> None:
        """Store the tables, the one that is written first at first."""
        self._in_order = in_order

    def __iter__(self) -> Iterator[AnyTable]:
        """Yield the tables, the one that is written first at first."""
        return iter(self._in_order)

    def named(self, name: str) -> AnyTable:
        """Return a table by the name that events have for it."""
        return next(table for table in self._in_order if table.name == name)

    @property
    def known(self) -> bool:
        """Return whether all of them were read."""
        for table in self._in_order:  # noqa: SIM110 - half the time of all()
            if not table.known:
                return False
        return True

    @property
    def is_dirty(self) -> bool:
        """Return whether a key of one of them is dirty."""
        for table in self._in_order:  # noqa: SIM110 - half the time of all()
            if table.is_dirty:
                return True
        return False

    def mark_all(self) -> None:
        """Mark the keys of all rows."""
        for table in self._in_order:
            table.mark_all()

    def mark_adopted(self) -> None:
        """Mark the rows of an earlier run as dirty."""
        for table in self._in_order:
            table.mark_adopted()

    def expect_dumps(self) -> None:
        """Record that all rows are requested: the answer is newer than now."""
        for table in self._in_order:
            table.drift.wrote = False

    def unread(self) -> None:
        """Record that the tables are to be read again; their state stays."""
        for table in self._in_order:
            table.known = False

    def forget(self) -> None:
        """Forget what the kernel holds: the devices are others now."""
        for table in self._in_order:
            table.forget()

    @contextmanager
    def found_by(self, cause: str) -> Iterator[None]:
        """Use this cause for rows lost meanwhile."""
        with ExitStack() as causes:
            for table in self._in_order:
                causes.enter_context(table.drift.found_by(cause))
            yield


@final
class KernelTables(TablesInOrder):
    """The tables of one EVI."""

    __slots__ = ("fdb", "floods", "neighbors")

    def __init__(self) -> None:
        """Start with nothing known."""
        self.fdb = Fdb()
        self.neighbors = Neighbors()
        self.floods = FloodList()
        super().__init__(self.fdb, self.neighbors, self.floods)


@final
class VrfTables(TablesInOrder):
    """The tables of one VRF."""

    __slots__ = ("fdb", "neighbors", "nexthops", "prefixes", "unreachable")

    def __init__(self, ids: NexthopIds) -> None:
        """Start with nothing known; `ids` are those of the host's nexthop objects."""
        self.fdb = Fdb()
        self.neighbors = Neighbors()
        self.nexthops = Nexthops(ids)
        self.prefixes = Prefixes(self.nexthops)
        self.unreachable = Table[bytes, bool](
            "unreachable", format_prefix, lambda _: True
        )
        super().__init__(
            *(self.fdb, self.neighbors, self.nexthops, self.prefixes),
            self.unreachable,
        )
