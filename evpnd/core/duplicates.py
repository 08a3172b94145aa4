"""MACs that keep moving: duplicate addresses (RFC 7432, section 15.1).

Each move between us and a remote VTEP counts, either way; moves among remote VTEPs
are theirs to count. A MAC at the limit is told of once; with `freeze` it is left as
it is, in the tables and towards the peers, until its time is over or an operator
releases it.
"""

from collections import deque
from collections.abc import Mapping

from evpnd.core.evi import MacVrf
from evpnd.model.actions import Notice
from evpnd.model.config import DuplicateDetection
from evpnd.model.ids import format_mac

Key = tuple[int, bytes]
"""(VNI, MAC)."""


class Duplicates:
    """The moves of each MAC within the window, and the MACs that had too many."""

    def __init__(self, settings: DuplicateDetection) -> None:
        """Begin with no move seen."""
        self.settings = settings
        self.found: dict[Key, float] = {}
        """Duplicates, to the time when they count as such no more."""
        self._moves: dict[Key, deque[float]] = {}

    def count(self, vrf: MacVrf, now: float, notices: list[Notice]) -> None:
        """Take the moves that an EVI saw since the last call."""
        moved, vrf.moved = vrf.moved, []
        settings = self.settings
        if not settings.enabled:
            return
        for mac in moved:
            key = (vrf.config.vni, mac)
            times = self._moves.setdefault(key, deque(maxlen=settings.moves))
            times.append(now)
            if len(times) < settings.moves or times[0] < now - settings.window:
                continue
            known = key in self.found
            pause = settings.freeze_for if settings.freeze else settings.window
            self.found[key] = now + pause
            if settings.freeze:
                vrf.frozen.add(mac)
            if not known:
                notices.append(_notice(vrf, mac, "duplicate_mac_found", settings))

    def expire(
        self, now: float, vrfs: Mapping[int, MacVrf], notices: list[Notice]
    ) -> None:
        """Release the MACs whose time is over, and forget moves out of the window."""
        for key in [key for key, until in self.found.items() if until <= now]:
            self._release(key, vrfs, notices)
        oldest = now - self.settings.window
        if len(self._moves) > len(self.found):
            self._moves = {
                key: times for key, times in self._moves.items() if times[-1] >= oldest
            }

    def clear(
        self, key: Key, vrfs: Mapping[int, MacVrf], notices: list[Notice]
    ) -> bool:
        """Release one MAC for an operator; tells whether it was a duplicate."""
        if key not in self.found:
            return False
        self._release(key, vrfs, notices)
        return True

    def _release(
        self, key: Key, vrfs: Mapping[int, MacVrf], notices: list[Notice]
    ) -> None:
        del self.found[key]
        self._moves.pop(key, None)
        vrf = vrfs.get(key[0])
        if vrf is not None:
            vrf.frozen.discard(key[1])
            vrf.dirty_macs.add(key[1])
            notices.append(
                _notice(vrf, key[1], "duplicate_mac_released", self.settings)
            )

    def next_due(self) -> float | None:
        """Say when the next MAC is released."""
        return min(self.found.values(), default=None)


def _notice(
    vrf: MacVrf, mac: bytes, event: str, settings: DuplicateDetection
) -> Notice:
    fields: dict[str, object] = {
        "evi": vrf.config.name,
        "vni": vrf.config.vni,
        "mac": format_mac(mac),
        "action": "freeze" if settings.freeze else "warn",
    }
    return Notice("warning", event, fields)
