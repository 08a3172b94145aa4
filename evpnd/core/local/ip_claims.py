"""IPs that two MACs claim: duplicate addresses (RFC 9161, section 3.7).

When an IP goes from one MAC to another, the MAC that lost it is asked. If it
answers, both have the IP: that is told, and the IP goes back, for the new one may have
it no more (an address that fails over and back). After so many moves within the window
(RFC 9721) it stays with the MAC that has it, until one of the two is gone: the holder,
or the other one for longer than a move takes. A tenant here is gone as well where it
does not answer; it is asked every five seconds.
"""

from collections import deque
from math import inf
from typing import NamedTuple

from evpnd.model.config import DuplicateDetection

ANSWER_TIME = 4.0
"""Seconds for which a word of the MAC that lost an IP counts as its answer."""

MOVE_TIME = 5.0
"""Seconds that an IP may have routes with two MACs: a move is over by then."""
WATCHED_MOST = 4096
RECHECK = 5.0
"""Seconds after which a tenant here that lost a contest is asked again."""

Key = tuple[int, bytes]
"""(VNI, IP)."""


class DuplicateIp(NamedTuple):
    """An IP that two MACs have."""

    holder: bytes
    other: bytes
    heard: float
    """When the other one last claimed it, monotonic seconds; infinite where a route
    that is still there says so."""
    held: bool = False
    """It has moved too often, and stays."""


class Contests:
    """Moves of IPs, questions to those who lost one, and the duplicates found."""

    def __init__(self, settings: DuplicateDetection) -> None:
        """Begin with none."""
        self.settings = settings
        self.found: dict[Key, DuplicateIp] = {}
        self._asked: dict[Key, tuple[bytes, float]] = {}
        """The MAC that lost the IP, and until when its word is an answer."""
        self._moves: dict[Key, deque[float]] = {}
        self._watched: dict[Key, float] = {}
        """IPs with routes of two MACs, or duplicates that one of the two is gone of,
        and when that is no move any more."""
        self._rechecks: dict[Key, float] = {}
        """When the other owner of a duplicate is to be asked next."""

    def watch(self, key: Key, now: float) -> None:
        """Look at an IP again that got a second MAC, or lost it."""
        if key not in self._watched and len(self._watched) < WATCHED_MOST:
            self._watched[key] = now + MOVE_TIME

    def ripe(self, now: float) -> list[Key]:
        """Hand out the IPs whose time to move is over."""
        due: list[Key] = []
        for key, until in self._watched.items():
            if until > now:
                break
            due.append(key)
        for key in due:
            del self._watched[key]
        return due

    def may_recheck(self, key: Key, now: float) -> bool:
        """Return whether the other owner of a duplicate is to be asked now."""
        if now < self._rechecks.setdefault(key, now + RECHECK):
            return False
        self._rechecks[key] = now + RECHECK
        return True

    def move(self, key: Key, loser: bytes, now: float) -> None:
        """Note that a MAC loses an IP.

        Tables are in the order of the last change, so that what is over is found
        at their front.
        """
        self._asked.pop(key, None)
        self._asked[key] = (loser, now + ANSWER_TIME)
        times = self._moves.pop(key, None) or deque(maxlen=self.settings.moves)
        self._moves[key] = times
        times.append(now)

    def moved_often(self, key: Key, now: float) -> bool:
        """Tell whether an IP moved as often as it may within the window."""
        times = self._moves.get(key)
        if times is None or len(times) < self.settings.moves:
            return False
        return times[0] >= now - self.settings.window

    def is_answer(self, key: Key, mac: bytes, now: float) -> bool:
        """Tell whether a MAC that lost an IP a moment ago still claims it."""
        asked = self._asked.get(key)
        return asked is not None and asked[0] == mac and now <= asked[1]

    def find(self, key: Key, pair: DuplicateIp) -> bool:
        """Note a duplicate; tells whether it is news."""
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
        """Forget what is over; returns the IPs that are duplicates no more."""
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
        """Say when the next duplicate is over, or the next move."""
        heard = min((each.heard for each in self.found.values()), default=inf)
        ripe = next(iter(self._watched.values()), inf)
        recheck = min(self._rechecks.values(), default=inf)
        due = min(heard + self.settings.window, ripe, recheck)
        return None if due == inf else due
