"""What a flood list gains and loses, where it has not room for all VTEPs."""

from typing import final

from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.core.reasons import Reason
from evpnd.core.tables.table import Delta
from evpnd.core.turn import Turn
from evpnd.core.want import floods


@final
class FloodChanges:
    """Additions and removals of a flood list in one pass."""

    def __init__(self, vrf: MacVrf, *, settled: bool) -> None:
        """Store what changed; `settled`: unconfirmed rows may be deleted."""
        self._vrf = vrf
        self._floods = vrf.floods
        self._settled = settled
        everything = self._floods.all_dirty
        self.dirty = self._floods.take_dirty()
        """VTEPs that are compared."""
        self.add: dict[bytes, bytes] = {}
        self.gone: dict[bytes, None] = {}
        if everything:
            self._floods.left_out.clear()
            self._floods.refused.clear()
            there = self._floods.present()
            self.dirty.update(vrf.routes.imets.vteps(), there)

    def find(self, turn: Turn) -> Delta[bytes, bytes]:
        """Compare the wanted with the actual flood list, within the limit."""
        vrf, table = self._vrf, self._floods
        full = bool(table.left_out)
        for vtep in table.left_out.keys() & self.dirty:
            if floods.decide(vrf, vtep) is not Reason.NO_ROOM:
                del table.left_out[vtep]
        for vtep in table.unmarked & self.dirty:
            if floods.decide(vrf, vtep) in (vtep, Reason.NO_ROOM):
                table.claim(vtep)
        settled = self._settled
        delta = table.difference(self.dirty, vrf, floods.decide, settled=settled)
        self.add, self.gone = delta.upserts, dict.fromkeys(delta.deletes)
        if table.left_out or self._room() < 0:
            self._share(settled=settled)
        if table.left_out and not full:
            left_out = len(table.left_out)
            fields = {"most": floods.FLOOD_MOST, "left_out": left_out}
            turn.tell(vrf.notice("warning", "flood_list_full", **fields))
        return Delta(self.dirty, self.add, list(self.gone))

    def _room(self) -> int:
        rows = len(self._floods) + len(self.add) - len(self.gone)
        return floods.FLOOD_MOST - rows

    def _share(self, *, settled: bool) -> None:
        """Choose the VTEPs in the list, at a cost that is independent of the others.

        Those that are in stay in, and those that came first come first; but a peer
        with fewer VTEPs in the list takes the place of one with more. So a peer that
        announces thousands displaces nobody else's.
        """
        left_out, refused = self._floods.left_out, self._floods.refused
        owner = self._vrf.routes.imets.owner
        newcomers = sorted(vtep for vtep in self.add if vtep not in left_out)
        self.add.clear()
        room = self._room()
        if self.gone or room:
            refused.clear()
        while room > 0 and left_out:
            vtep = next(iter(left_out))
            del left_out[vtep]
            if vtep not in self._floods:
                self.add[vtep] = vtep
                room -= 1
        left_out.update(dict.fromkeys(v for v in newcomers if owner(v) in refused))
        newcomers = [vtep for vtep in newcomers if vtep not in left_out]
        if not newcomers and room >= 0:
            return
        shares = self._shares()
        for vtep in newcomers:
            share = shares.setdefault(owner(vtep), [])
            if room <= 0:
                largest = max(shares.values(), key=len)
                if not settled or len(largest) <= len(share) + 1:
                    left_out[vtep] = None
                    refused.add(owner(vtep))
                    continue
                self._leave_out(largest.pop())
                refused.clear()
            else:
                room -= 1
            share.append(vtep)
            self.add[vtep] = vtep
        while settled and room < 0 and any(shares.values()):
            self._leave_out(max(shares.values(), key=len).pop())
            room += 1

    def _shares(self) -> dict[object, list[bytes]]:
        """Return the VTEPs in the list by peer."""
        vrf = self._vrf
        shares: dict[object, list[bytes]] = {}
        for vtep in vrf.floods.actual:
            if vtep not in self.gone and vtep in vrf.routes.imets:
                shares.setdefault(vrf.routes.imets.owner(vtep), []).append(vtep)
        for vtep in self.add:
            shares.setdefault(vrf.routes.imets.owner(vtep), []).append(vtep)
        return shares

    def _leave_out(self, vtep: bytes) -> None:
        self._floods.left_out[vtep] = None
        if vtep in self.add:
            del self.add[vtep]
        else:
            self.gone[vtep] = None
