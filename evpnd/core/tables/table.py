"""One table of the kernel, as far as one EVI has rows in it.

A frame of a tenant for a remote MAC meets four kinds of rows on its way, in three
tables:

1. First, the tenant asks who has an IP. The *neighbour* on the bridge's device lets
   the bridge answer in the remote host's place, so that the request does not leave this
   host (`neighbors.py`).
2. The bridge looks the destination MAC up. The *bridge row* says that the MAC is behind
   the VXLAN device and not behind a tenant port (`fdb.py`).
3. The VXLAN device looks the MAC up again. Its *VXLAN row* names the VTEP, to which the
   frame goes with the device's VNI (`fdb.py`: the two rows are kept as one).
4. Where the bridge has no row, or the frame is a broadcast, the VXLAN device sends one
   copy to each VTEP of its *flood rows*, which have the all-zero MAC (`flood_list.py`).

With the bridge row alone, the VXLAN device floods what it is given. With the VXLAN row
alone, the bridge floods to all ports. The neighbour alone is worse than none: frames
for the MAC in the answer are flooded. Hence the order of the tables (`order.py`).

Each table knows what the kernel holds. What each key should have is decided elsewhere
(`want/`), and the difference for the keys that are dirty is written and deleted
(`kernel/reconcile.py`). What is there falls in three:

- *ours*, in `actual`. A row of an earlier run is ours too, and `adopted` until a route
  confirms it: it is not deleted before all peers sent End-of-RIB.
- *somebody else's*, in `foreign`. It is read and never touched; where it has the key of
  a row that is wanted, ours is not written.
- *refused*, in `waiting`. The kernel refused the row, and until its next try it is
  neither written nor deleted (`kernel/retries.py`).

A row counts as written when the action is handed out. What comes of it later corrects
`actual` and marks the key: a refusal (`undo`), a notification or a dump
(`kernel/observe.py`), the audit (`kernel/audit.py`). Rows of ours that somebody else
takes away are `drift`.

Not done yet: a table belongs to one EVI, and its keys have no VLAN and no VNI, for an
EVI has one of each. Tables that several EVIs share (nexthop groups) have no place.
"""

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Generic, NamedTuple, TypeVar

from evpnd.core.reasons import Reason
from evpnd.core.tables.drift import NOTHING, Drift

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
Owner = TypeVar("Owner")

NOT_BESIDE = frozenset(
    {Reason.OWN_MAC, Reason.LOCAL, Reason.OPERATORS_ROW, Reason.TENANT_ANSWERS}
)
"""An adopted row is held, unless one of these reasons applies to its key."""


class Delta(NamedTuple, Generic[K, V]):
    """Changes of a table."""

    looked_at: set[K]
    upserts: dict[K, V]
    deletes: list[K]


class Table(Generic[K, V]):
    """Rows by key: a MAC, an IP or a VTEP."""

    def __init__(
        self, name: str, format_key: Callable[[K], str], unread: Callable[[K], V]
    ) -> None:
        """Start with nothing known; `unread` makes the placeholder of an unread row."""
        self.name = name
        """As in `RowFailed.table`."""
        self.format_key = format_key
        """Write a key as operators do."""
        self.known = False
        """It was read since the EVI is on its devices."""
        self.actual: dict[K, V] = {}
        """Our rows in the kernel."""
        self.foreign: set[K] = set()
        """Keys with a row that somebody else made."""
        self.adopted: set[K] = set()
        """Keys of rows of an earlier run that no route has confirmed."""
        self.waiting: set[K] = set()
        """Keys whose row was refused and that wait for their next try."""
        self.dirty: set[K] = set()
        """Keys that the next reconciliation looks at."""
        self.drift: Drift[K] = Drift()
        self._unread = unread

    @property
    def is_dirty(self) -> bool:
        """Return whether a key is dirty."""
        return bool(self.dirty)

    def take_dirty(self) -> set[K]:
        """Return the dirty keys; none is dirty then."""
        dirty, self.dirty = self.dirty, set()
        return dirty

    def remains(self, _key: K) -> bool:
        """Return whether something else than a whole row of a key is there."""
        return False

    def difference(
        self,
        keys: set[K],
        owner: Owner,
        decide: Callable[[Owner, K], V | Reason],
        *,
        settled: bool,
        anew: Collection[K] = (),
    ) -> Delta[K, V]:
        """Return the difference between the wanted and the actual rows of keys.

        `anew` are keys whose row is written even if it seems to be there.
        """
        actual, adopted = self.actual, self.adopted
        foreign, waiting = self.foreign, self.waiting
        upserts: dict[K, V] = {}
        deletes: list[K] = []
        for key in keys:
            wanted = decide(owner, key)
            row = actual.get(key)
            # Not isinstance, which takes a tenth of the time of a key.
            if type(wanted) is not Reason:
                if adopted:
                    adopted.discard(key)
                if (row == wanted and key not in anew) or key in waiting:
                    continue
                if key in foreign:
                    continue
                if row is not None and row != wanted:
                    self.drift.replace(key, row)
                upserts[key] = wanted  # type: ignore[assignment]
            elif row is not None or self.remains(key):
                held = key in adopted and not settled and wanted not in NOT_BESIDE
                if not held and key not in foreign and key not in waiting:
                    deletes.append(key)
        return Delta(keys, upserts, deletes)

    def take(
        self, delta: Delta[K, V], uncounted: Iterable[K] = ()
    ) -> Mapping[str, int]:
        """Record a difference as written; return the restored rows, by cause.

        `uncounted` are keys whose writing puts nothing back.
        """
        drift = self.drift
        back: Mapping[str, int] = NOTHING
        if delta.upserts:
            self.actual.update(delta.upserts)
            for key in uncounted:
                drift.lost.pop(key, None)
            back = drift.write(delta.upserts)
        if delta.deletes:
            for key in delta.deletes:
                self.actual.pop(key, None)
            drift.delete(delta.deletes)
        drift.settle(delta.looked_at)
        return back

    def undo(self, key: K, *, deleting: bool) -> None:
        """Undo the record of a write or deletion that the kernel refused."""
        if deleting:
            self.actual.setdefault(key, self._unread(key))
        else:
            self.actual.pop(key, None)

    def begin_dump(self) -> list[K]:
        """Forget all rows, because a dump follows; return the keys that existed."""
        before = list(self.actual)
        self.dirty.update(before)
        self.actual.clear()
        self.foreign.clear()
        return before

    def end_dump(
        self,
        before: list[K],
        known: Collection[K] = (),
        *,
        again: bool = False,
    ) -> bool:
        """Compare a dump with the rows before it; return whether it was the first.

        What the first dump holds of ours an earlier run left, but for `known`; `again`
        says that the dump counts as the first although some was read before.
        """
        first = not self.known
        self.known = True
        if not first:
            self.drift.compare(before, self.present())
        if first or again:
            self.adopt(known)
        return first

    def present(self) -> AbstractSet[K]:
        """Return the keys of which a dump has told."""
        return self.actual.keys()

    def adopt(self, known: Collection[K]) -> None:
        """Adopt what is there, but for keys that are known."""
        self.adopted.update(self.actual.keys() - known)

    def mark_all(self) -> None:
        """Mark all keys that have a row."""
        self.dirty.update(self.actual)

    def look_at(self, key: K) -> None:
        """Mark a key as dirty: the kernel reported it again."""
        self.dirty.add(key)

    def retry(self, key: K) -> None:
        """Try a refused row again."""
        self.waiting.discard(key)
        self.dirty.add(key)

    def mark_adopted(self) -> None:
        """Mark the keys of rows of an earlier run."""
        self.dirty |= self.adopted

    def let_go(self, key: K) -> None:
        """Keep a row of an earlier run no longer: its route was withdrawn."""
        self.adopted.discard(key)
        self.dirty.add(key)

    def forget(self) -> None:
        """Forget what the kernel holds: the devices are others now."""
        self.known = False
        self.actual.clear()
        self.foreign.clear()
        self.adopted.clear()
        self.drift.clear()
