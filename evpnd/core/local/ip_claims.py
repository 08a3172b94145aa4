"""IPs that two MACs claim: duplicate addresses (RFC 9161, section 3.7).

When an IP moves from one MAC to another, the MAC that lost it is probed. If it answers,
both have the IP. That is reported, and the IP goes back, because the new MAC may no
longer have it (an address that fails over and back). After the configured number of
moves within the window (RFC 9721) the IP stays with the MAC that has it, until one of
the two is gone: the holder, or the other one for longer than a move takes. A local
tenant is also gone if it does not answer; it is probed every five seconds.
"""

from collections import deque
from math import inf
from typing import NamedTuple

from evpnd.model.config import DuplicateDetection

ANSWER_TIME = 4.0
"""Seconds for which a claim by the MAC that lost an IP counts as its answer."""

MOVE_TIME = 5.0
"""Seconds that an IP may have routes with two MACs: a move is over by then."""
WATCHED_MOST = 4096
RECHECK = 5.0
"""Seconds after which a local tenant that lost an IP is probed again."""

Key = tuple[int, bytes]
"""(VNI, IP)."""


class DuplicateIp(NamedTuple):
    """An IP that two MACs have."""

    holder: bytes
    other: bytes
    heard: float
    """When the other one last claimed it, monotonic seconds; infinite if a present
    route claims it."""
    held: bool = False
    """The IP moved too often, and stays with its holder."""


class Contests:
    """Moves of IPs, probes of MACs that lost one, and the duplicates."""

    def __init__(self, settings: DuplicateDetection) -> None:
        """Start empty."""
        self.settings = settings
        self.found: dict[Key, DuplicateIp] = {}
        self._asked: dict[Key, tuple[bytes, float]] = {}
        """The MAC that lost the IP, and until when its word is an answer."""
        self._moves: dict[Key, deque[float]] = {}
        self._watched: dict[Key, float] = {}
        """IPs advertised with two MACs, or duplicates whose other owner is gone, to the
        time after which that counts as a duplicate, not a move."""
        self._rechecks: dict[Key, float] = {}
        """When the other owner of a duplicate is to be asked next."""

    @property
    def is_empty(self) -> bool:
        """Return whether no IP moved, is watched or is a duplicate."""
        return not (self.found or self._asked or self._moves or self._watched)

    def watch(self, key: Key, now: float) -> None:
        """Watch an IP that got a second MAC, or lost it."""
        if key not in self._watched and len(self._watched) < WATCHED_MOST:
            self._watched[key] = now + MOVE_TIME

    def ripe(self, now: float) -> list[Key]:
        """Return the IPs whose time to move is over."""
        due: list[Key] = []
        for key, until in self._watched.items():
            if until > now:
                break
            due.append(key)
        for key in due:
            del self._watched[key]
        return due

    def may_recheck(self, key: Key, now: float) -> bool:
        """Return whether to probe the other owner of a duplicate now."""
        if now < self._rechecks.setdefault(key, now + RECHECK):
            return False
        self._rechecks[key] = now + RECHECK
        return True

    def move(self, key: Key, loser: bytes, now: float) -> None:
        """Record that a MAC loses an IP.

        Tables are in the order of the last change, so that what is over is found
        at their front.
        """
        self._asked.pop(key, None)
        self._asked[key] = (loser, now + ANSWER_TIME)
        times = self._moves.pop(key, None) or deque(maxlen=self.settings.moves)
        self._moves[key] = times
        times.append(now)

    def moved_often(self, key: Key, now: float) -> bool:
        """Return whether an IP moved as often as it may within the window."""
        times = self._moves.get(key)
        if times is None or len(times) < self.settings.moves:
            return False
        return times[0] >= now - self.settings.window

    def is_answer(self, key: Key, mac: bytes, now: float) -> bool:
        """Return whether a MAC that lost an IP a moment ago still claims it."""
        asked = self._asked.get(key)
        return asked is not None and asked[0] == mac and now <= asked[1]

    def find(self, key: Key, pair: DuplicateIp) -> bool:
        """Record a duplicate; return whether it is new."""
        if not self.settings.enabled:
            return False
        news = key not in self.found
        self.found[key] = pair
        return news

    def release(self, key: Key) -> DuplicateIp | None:
        """Forget a duplicate: its holder is gone."""
        self._asked.pop(key, None)
        self._moves.pop(key, None)
        self._rechecks.pop(key, None)
        return self.found.pop(key, None)

    def expire(self, now: float) -> list[Key]:
        """Forget what is over; return the IPs that are no longer duplicates."""
        while self._asked:
            key, (_, until) = next(iter(self._asked.items()))
            if until >= now:
                break
            del self._asked[key]
        oldest = now - self.settings.window
        while self._moves:
            key, times = next(iter(self._moves.items()))
            if times[-1] >= oldest:
                break
            del self._moves[key]
        over = [key for key, each in self.found.items() if each.heard <= oldest]
        for key in over:
            self.release(key)
        return over

    def next_due(self) -> float | None:
        """Return when the next duplicate or move is over."""
        if not (self.found or self._watched or self._rechecks):
            return None
        heard = min((each.heard for each in self.found.values()), default=inf)
        ripe = next(iter(self._watched.values()), inf)
        recheck = min(self._rechecks.values(), default=inf)
        due = min(heard + self.settings.window, ripe, recheck)
        return None if due == inf else due
