"""Which VTEPs get copies of broadcast, unknown unicast and multicast frames."""

from collections.abc import Callable, Iterator
from typing import Final

from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.core.reasons import Reason
from evpnd.core.turn import Turn

FLOOD_MOST: Final = 2048
"""VTEPs in one flood list. The kernel sends each BUM frame that often: at 1 Mb/s of
ARP and ND the uplink carries more than 2 Gb/s. Larger fabrics replicate in switches."""


class FloodChanges:
    """What a flood list gains and loses; kept for one pass."""

    def __init__(self, vrf: MacVrf, waits: Callable[[bytes], bool]) -> None:
        """Take what changed; `waits` tells of VTEPs whose row failed a moment ago."""
        self._vrf = vrf
        self._waits = waits
        everything, vrf.dirty_flood = vrf.dirty_flood, False
        self.dirty, vrf.dirty_vteps = vrf.dirty_vteps, set()
        """VTEPs that were looked at."""
        self.add: dict[bytes, None] = {}
        self.gone: dict[bytes, None] = {}
        if everything:
            vrf.flood_left_out.clear()
            vrf.flood_refused.clear()
            self.dirty.update(vrf.routes.imets.vteps(), vrf.flood_rows)

    def find(self, turn: Turn) -> None:
        """Compare what is wanted with what is there, within the bound."""
        vrf = self._vrf
        settled = vrf.may_lose_rows(turn)
        full = bool(vrf.flood_left_out)
        for vtep in self.dirty:
            wanted = decide(vrf, vtep)
            if wanted is vtep or wanted is Reason.NO_ROOM:
                vrf.adopted_vteps.discard(vtep)
                if vtep in vrf.unmarked_vteps:
                    vrf.unmarked_vteps.discard(vtep)
                    vrf.flood_rows[vtep] = True
                if vtep not in vrf.flood_rows and not self._waits(vtep):
                    self.add[vtep] = None
                continue
            vrf.flood_left_out.pop(vtep, None)
            if vrf.flood_rows.get(vtep):
                held = vtep in vrf.adopted_vteps and not settled
                if not held and not self._waits(vtep):
                    self.gone[vtep] = None
        if vrf.flood_left_out or self._room() < 0:
            self._share(settled=settled)
        if vrf.flood_left_out and not full:
            count = len(vrf.flood_left_out)
            fields: dict[str, object] = {"most": FLOOD_MOST, "left_out": count}
            turn.tell(vrf.notice("warning", "flood_list_full", **fields))

    def _room(self) -> int:
        rows = len(self._vrf.flood_rows) + len(self.add) - len(self.gone)
        return FLOOD_MOST - rows

    def _share(self, *, settled: bool) -> None:
        """Choose who is in, at a cost that does not grow with those who are not.

        Those that are in stay in, and those that came first come first; but a peer
        with fewer VTEPs in the list takes the place of one with more. So a peer that
        announces thousands displaces nobody else's.
        """
        left_out, refused = self._vrf.flood_left_out, self._vrf.flood_refused
        owner = self._vrf.routes.imets.owner
        newcomers = sorted(vtep for vtep in self.add if vtep not in left_out)
        self.add.clear()
        room = self._room()
        if self.gone or room:
            refused.clear()
        while room > 0 and left_out:
            vtep = next(iter(left_out))
            del left_out[vtep]
            if vtep not in self._vrf.flood_rows:
                self.add[vtep] = None
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
            self.add[vtep] = None
        while settled and room < 0 and any(shares.values()):
            self._leave_out(max(shares.values(), key=len).pop())
            room += 1

    def _shares(self) -> dict[object, list[bytes]]:
        """Map peers to their VTEPs in the list."""
        vrf = self._vrf
        shares: dict[object, list[bytes]] = {}
        for vtep, ours in vrf.flood_rows.items():
            if ours and vtep not in self.gone and vtep in vrf.routes.imets:
                shares.setdefault(vrf.routes.imets.owner(vtep), []).append(vtep)
        for vtep in self.add:
            shares.setdefault(vrf.routes.imets.owner(vtep), []).append(vtep)
        return shares

    def _leave_out(self, vtep: bytes) -> None:
        self._vrf.flood_left_out[vtep] = None
        if vtep in self.add:
            del self.add[vtep]
        else:
            self.gone[vtep] = None


def decide(vrf: MacVrf, vtep: bytes) -> bytes | Reason:
    """Return the VTEP if the flood list is to hold it, or why it is not."""
    if vtep not in vrf.routes.imets:
        return Reason.NO_IMET
    if not vrf.config.flood:
        return Reason.NO_FLOOD
    if vtep == vrf.vtep:
        return Reason.OWN_VTEP
    if vtep in vrf.no_hosts:
        return Reason.NO_VTEP
    if len(vtep) != len(vrf.vtep):
        return Reason.OTHER_FAMILY
    return Reason.NO_ROOM if vtep in vrf.flood_left_out else vtep


def flood_note(vrf: MacVrf) -> Iterator[str]:
    """Return the note for an operator where VTEPs are left out."""
    if vrf.flood_left_out:
        yield (
            f"the flood list has {FLOOD_MOST} VTEPs, which is the maximum; "
            f"{len(vrf.flood_left_out)} more are left out"
        )
