"""The flood list of a VXLAN device: rows of the all-zero MAC, one for each VTEP."""

from collections.abc import Collection, Iterable
from collections.abc import Set as AbstractSet

from evpnd.core.tables.table import Table
from evpnd.model.ids import format_ip


class FloodList(Table[bytes, bytes]):
    """VTEPs, each to itself; a foreign one is in the list without our mark."""

    def __init__(self) -> None:
        """Start with nothing known; all VTEPs are dirty."""
        super().__init__("flood", format_ip, lambda vtep: vtep)
        self.all_dirty = True
        """All VTEPs are dirty."""
        self.unmarked: set[bytes] = set()
        """VTEPs that the first dump had in the list without our mark: an operator's
        append takes it from the whole list, so they may be ours."""
        self.unmarked_told = False
        self.left_out: dict[bytes, None] = {}
        """VTEPs for which the list has no room, in the order they came."""
        self.refused: set[object] = set()
        """Peers that had their share of it when it was full; empty when it changes."""

    def __contains__(self, vtep: bytes) -> bool:
        """Return whether a VTEP is in the list, by whomever."""
        return vtep in self.actual or vtep in self.foreign

    def __len__(self) -> int:
        """Return how many VTEPs are in the list."""
        return len(self.actual) + len(self.foreign)

    def put(self, vtep: bytes, *, ours: bool) -> None:
        """Store that a VTEP is in the list; a mark of ours that was seen stays."""
        if ours or vtep in self.actual:
            self.foreign.discard(vtep)
            self.actual[vtep] = vtep
        else:
            self.foreign.add(vtep)
        self.dirty.add(vtep)

    def drop(self, vteps: Iterable[bytes]) -> None:
        """Store that VTEPs are not in the list, and that nobody took them away."""
        for vtep in vteps:
            self.actual.pop(vtep, None)
            self.foreign.discard(vtep)

    def lose(self, vtep: bytes) -> None:
        """Record that a VTEP is no longer in the list."""
        self.foreign.discard(vtep)
        if self.actual.pop(vtep, None) is not None:
            self.drift.lose(vtep)
        self.drift.unheard.discard(vtep)
        self.dirty.add(vtep)

    def claim(self, vtep: bytes) -> None:
        """Record a VTEP that may be ours as ours: it is wanted."""
        self.unmarked.discard(vtep)
        self.left_out.pop(vtep, None)
        if vtep in self.foreign:
            self.foreign.discard(vtep)
            self.actual[vtep] = vtep

    def present(self) -> AbstractSet[bytes]:
        """Return all VTEPs of the list."""
        return {*self.actual, *self.foreign}

    def adopt(self, known: Collection[bytes]) -> None:
        """Adopt what has our mark, but for keys that are known."""
        super().adopt(known)
        self.unmarked.update(self.foreign)

    def take_dirty(self) -> set[bytes]:
        """Return the VTEPs to look at; none is dirty then."""
        self.all_dirty = False
        return super().take_dirty()

    def begin_dump(self) -> list[bytes]:
        """Forget what is there; all VTEPs are looked at afterwards."""
        self.all_dirty = True
        return super().begin_dump()

    @property
    def is_dirty(self) -> bool:
        """Return whether a VTEP is dirty."""
        return self.all_dirty or bool(self.dirty)

    def mark_all(self) -> None:
        """Mark all VTEPs as dirty, those of routes too."""
        self.all_dirty = True

    def mark_adopted(self) -> None:
        """Mark all VTEPs as dirty: decide again which are in the list."""
        self.all_dirty = True

    def forget(self) -> None:
        """Forget what the kernel holds: the devices are others now."""
        super().forget()
        self.unmarked.clear()
        self.unmarked_told = False
