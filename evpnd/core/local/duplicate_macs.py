"""MACs that keep moving: duplicate addresses (RFC 7432, section 15.1).

Each move between us and a remote VTEP counts, in both directions; remote VTEPs count
the moves among themselves. A MAC at the limit is reported once. With `freeze`, its rows
and routes stay as they are until its time is over or an operator releases it. A freeze
does not outlive its location: we withdraw when the local row ages out and drop the row
when the frozen VTEP withdraws.
"""

from collections.abc import Mapping

from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.core.turn import Turn
from evpnd.model.actions import Notice
from evpnd.model.config import DuplicateDetection
from evpnd.model.ids import format_mac

MOST = 1 << 16
"""Maximum number of MACs whose moves are remembered; the oldest are forgotten."""

HERE = b""
"""The location of a local MAC."""

Key = tuple[int, bytes]
"""(VNI, MAC)."""


class Duplicates:
    """The moves of each MAC within the window, and the MACs that had too many."""

    def __init__(self, settings: DuplicateDetection) -> None:
        """Start with no moves."""
        self.settings = settings
        self.found: dict[Key, float] = {}
        """Duplicates, to the time of their release; earliest first."""
        self._moves: dict[Key, tuple[float, ...]] = {}
        """The latest moves; the MAC that has not moved for longest comes first."""

    def count(self, vrf: MacVrf, mac: bytes, place: bytes, turn: Turn) -> None:
        """Count one move of a MAC, to a VTEP or to `HERE`."""
        settings = self.settings
        if not settings.enabled or mac in vrf.macs.frozen:
            return
        key = (vrf.config.vni, mac)
        times = (*self._moves.pop(key, ()), turn.now)[-settings.moves :]
        self._moves[key] = times
        if len(times) == settings.moves and times[0] >= turn.now - settings.window:
            self._find(vrf, mac, place, turn)
        if len(self._moves) > MOST:
            del self._moves[next(iter(self._moves))]

    def _find(self, vrf: MacVrf, mac: bytes, place: bytes, turn: Turn) -> None:
        settings = self.settings
        key = (vrf.config.vni, mac)
        known = self.found.pop(key, None) is not None
        pause = settings.freeze_for if settings.freeze else settings.window
        self.found[key] = turn.now + pause
        if settings.freeze:
            vrf.macs.freeze(mac, place)
        if not known:
            turn.tell(_notice(vrf, mac, "duplicate_mac_found", settings))

    @property
    def is_empty(self) -> bool:
        """Return whether no MAC moved within the window."""
        return not (self.found or self._moves)

    def expire(self, vrfs: Mapping[int, MacVrf], turn: Turn) -> None:
        """Release the MACs whose time is over, and forget moves out of the window."""
        now = turn.now
        while self.found:
            key = next(iter(self.found))
            if self.found[key] > now and len(self.found) <= MOST:
                break
            self._release(key, vrfs, turn)
        oldest = now - self.settings.window
        while self._moves:
            key = next(iter(self._moves))
            if self._moves[key][-1] >= oldest:
                break
            del self._moves[key]

    def clear(self, key: Key, vrfs: Mapping[int, MacVrf], turn: Turn) -> bool:
        """Release one MAC for an operator; return whether it was a duplicate."""
        if key not in self.found:
            return False
        self._release(key, vrfs, turn)
        return True

    def configure(
        self,
        settings: DuplicateDetection,
        vrfs: Mapping[int, MacVrf],
        turn: Turn,
    ) -> None:
        """Store other settings: duplicates found by the old ones are released."""
        if settings == self.settings:
            return
        for key in list(self.found):
            self._release(key, vrfs, turn)
        self._moves.clear()
        self.settings = settings

    def forget(self, vrfs: Mapping[int, MacVrf]) -> None:
        """Forget the MACs of EVIs that are gone or started again."""
        self.found = {
            (vni, mac): until
            for (vni, mac), until in self.found.items()
            if vni in vrfs
            and (not self.settings.freeze or mac in vrfs[vni].macs.frozen)
        }
        self._moves = {key: t for key, t in self._moves.items() if key[0] in vrfs}

    def _release(self, key: Key, vrfs: Mapping[int, MacVrf], turn: Turn) -> None:
        del self.found[key]
        self._moves.pop(key, None)
        vrf = vrfs.get(key[0])
        if vrf is not None:
            vrf.macs.release(key[1])
            turn.tell(_notice(vrf, key[1], "duplicate_mac_released", self.settings))

    def next_due(self) -> float | None:
        """Return when the next MAC is released."""
        return next(iter(self.found.values()), None)


def _notice(
    vrf: MacVrf, mac: bytes, event: str, settings: DuplicateDetection
) -> Notice:
    action = "freeze" if settings.freeze else "warn"
    return vrf.notice("warning", event, mac=format_mac(mac), action=action)
