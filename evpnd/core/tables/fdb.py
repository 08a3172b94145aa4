"""The FDB rows of remote MACs: a row of the VXLAN device and a bridge row, kept as one.

A MAC has its row in `actual` where both are there, and in `partial` where one is
missing: that differs from whatever is wanted, and so is written, or deleted.
"""

from collections.abc import Callable, Collection, Iterable

from evpnd.core.tables.reading import Reading
from evpnd.core.tables.table import Delta, Table
from evpnd.model.domain import NO_VTEP, Hop
from evpnd.model.ids import format_mac


class Fdb(Table[bytes, Hop]):
    """MACs to where their two rows lead."""

    def __init__(self) -> None:
        """Start with nothing known."""
        super().__init__("fdb", format_mac, lambda _: NO_VTEP)
        self.partial: dict[bytes, tuple[Hop, bool]] = {}
        """MACs with one of the two: (VTEP of the VXLAN row or empty, bridge row)."""
        self.taken: set[bytes] = set()
        """MACs whose bridge row a port took over: where the bridge knows VLANs,
        ours of another VLAN may be left."""
        self.fixed: dict[bytes, set[int]] = {}
        """MACs whose bridge row on the VXLAN device somebody else made static or
        sticky, to its VLANs: of theirs we have the VXLAN row alone."""
        self.reading: Reading | None = None
        """How far the table has been read that is too large for a dump; None: it has
        been read to its end, or not at all."""
        self.readings = 0
        """How often such a reading began."""

    def halves(self, mac: bytes) -> tuple[Hop, bool]:
        """Return the VTEP of the VXLAN row, or none, and whether the bridge row is."""
        vtep = self.actual.get(mac)
        if vtep is not None:
            return vtep, mac not in self.fixed
        return self.partial.get(mac, (NO_VTEP, False))

    def keep(self, mac: bytes, dst: Hop, *, in_bridge: bool) -> None:
        """Store which of a MAC's two rows are there."""
        self.dirty.add(mac)
        before = self.actual.pop(mac, None)
        self.partial.pop(mac, None)
        if dst and (in_bridge or mac in self.fixed):
            self.actual[mac] = dst
            if before is not None and before != dst:
                self.drift.change(mac, dst)
            return
        if dst or in_bridge:
            self.partial[mac] = (dst, in_bridge)
        if before is not None:
            self.drift.lose(mac)

    def removable(
        self, is_local: Callable[[bytes], bool], *, bridged: bool
    ) -> tuple[list[bytes], list[bytes]]:
        """Return the MACs whose two rows are to go, and those whose VXLAN row is.

        Without the bridge (`bridged`) the VXLAN device has no bridge rows. A bridge row
        of a MAC that is local is its port's.
        """
        both = list(self.actual) if bridged else []
        alone = [] if bridged else list(self.actual)
        for mac, (dst, _) in self.partial.items():
            if bridged and not is_local(mac):
                both.append(mac)
            elif dst:
                alone.append(mac)
        both = [mac for mac in both if mac not in self.foreign]
        alone = [mac for mac in alone if mac not in self.foreign]
        both, theirs = self.split_fixed(both)
        return both, alone + theirs

    def add_foreign(self, mac: bytes) -> None:
        """Store that somebody else made the VXLAN row of a MAC."""
        self.foreign.add(mac)
        self.dirty.add(mac)

    def mark_foreign(self) -> None:
        """Mark the MACs with rows of somebody else."""
        self.dirty.update(self.foreign, self.fixed)

    def fix(self, mac: bytes, vlan: int) -> None:
        """Store that somebody else has a fixed bridge row of a MAC in a VLAN."""
        self.fixed.setdefault(mac, set()).add(vlan)

    def unfix(self, mac: bytes, vlan: int) -> None:
        """Store that nobody else has a fixed bridge row of a MAC in a VLAN."""
        vlans = self.fixed.get(mac)
        if vlans is not None:
            vlans.discard(vlan)
            if not vlans:
                del self.fixed[mac]

    def split_fixed(self, macs: list[bytes]) -> tuple[list[bytes], list[bytes]]:
        """Part MACs with two rows of ours from those with a fixed one of others."""
        fixed = self.fixed
        if not fixed:
            return macs, []
        alone = [mac for mac in macs if mac in fixed]
        return [mac for mac in macs if mac not in fixed], alone

    def remains(self, _key: bytes) -> bool:
        """Return whether one of the two rows is there, or may be."""
        return _key in self.partial or _key in self.taken

    def complete(self, delta: Delta[bytes, Hop]) -> None:
        """Forget the halves of what is whole now, or gone."""
        for keys in (delta.upserts, delta.deletes):
            if self.partial:
                for mac in self.partial.keys() & keys:
                    del self.partial[mac]
            if self.taken:
                self.taken.difference_update(keys)

    def undo(self, key: bytes, *, deleting: bool) -> None:
        """Undo a write that was refused; half of a row may remain."""
        if not deleting:
            self.actual.pop(key, None)
        elif key not in self.actual:
            self.taken.add(key)

    def begin_reading(self, macs: Iterable[bytes]) -> None:
        """Start to read the table by parts; `macs` are looked up first."""
        old = self.reading
        first = not self.known or (old is not None and old.first)
        self.readings += 1
        self.reading = Reading(self.readings, old, first=first)
        self.reading.wanted.update(dict.fromkeys(macs))
        self.mark_foreign()

    def begin_dump(self) -> list[bytes]:
        """Forget what is there; returns the MACs that had both rows."""
        self.dirty.update(self.partial)
        self.partial.clear()
        self.fixed.clear()
        self.taken.clear()
        return super().begin_dump()

    def adopt(self, known: Collection[bytes]) -> None:
        """Adopt whole rows and halves, but for keys that are known."""
        self.adopted.update({*self.actual, *self.partial}.difference(known))

    def mark_all(self) -> None:
        """Mark all MACs that have a row, or may have."""
        self.dirty.update(self.actual, self.partial, self.taken)

    def forget(self) -> None:
        """Forget what the kernel holds: the devices are others now."""
        super().forget()
        self.reading = None
        self.partial.clear()
        self.fixed.clear()
        self.taken.clear()
