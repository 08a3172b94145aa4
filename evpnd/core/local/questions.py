"""The queue of questions for tenants.

Whatever part of us has a question puts it here, and the prober (`probes.py`) takes it
once a turn, after the rows: so that a turn, however many events it stands for, asks
the same. There are three kinds:

- a question that cannot wait: whether a MAC still has an IP that moved away from it;
- MACs that the kernel flushed, which are asked for what they had as there is room;
- bindings that are to be watched: each is asked for when its tenant was silent for
  about half of the bridge's ageing time.
"""

import heapq
from collections.abc import Iterable, Mapping
from math import inf
from typing import NamedTuple

from evpnd.core.evi.mac_vrf import MacVrf

EARLIEST, LATEST = 1 / 2, 2 / 3
"""Of the bridge's ageing time: when a silent tenant is asked. Spread, so that those
who were heard together are not asked together."""
DEFAULT_AGEING = 300.0
"""Seconds, the bridge's default."""
URGENT_MOST = 4096
"""Questions that may wait to be asked at once; further ones are left out."""

Key = tuple[int, bytes]
"""(VNI, IP)."""


class Urgent(NamedTuple):
    """A question that cannot wait, ordered by the time it is due."""

    due: float
    vni: int
    ip: bytes
    mac: bytes
    tries: int
    serial: int
    """Tells a question that was put anew from the one before."""
    asked: float
    """When it was put, monotonic seconds."""


class Questions:
    """The questions of all EVIs; times are monotonic seconds."""

    def __init__(self) -> None:
        """Create an empty queue."""
        self._new: list[tuple[int, bytes, bytes]] = []
        """(VNI, MAC, IP) that were put since `gather`."""
        self._bound: dict[Key, None] = {}
        """Bindings that were made since then."""
        self._flushed: dict[int, dict[bytes, None]] = {}
        """By VNI, MACs to be asked as there is room, in order."""
        self._urgent: list[Urgent] = []
        self._open: dict[tuple[int, bytes, bytes], int] = {}
        """Serial numbers of the urgent questions by VNI, MAC and IP."""
        self._serial = 0
        self._silent: list[tuple[float, Key]] = []
        """When each watched binding is to be looked at."""
        self._watched: set[Key] = set()

    def ask(self, vrf: MacVrf, mac: bytes, ip: bytes) -> None:
        """Queue an urgent probe: whether a MAC still has an IP."""
        if len(self._new) + len(self._urgent) < URGENT_MOST:
            self._new.append((vrf.config.vni, mac, ip))

    def ask_flushed(self, vrf: MacVrf, macs: Iterable[bytes]) -> None:
        """Queue probes for the IPs of MACs that the kernel flushed."""
        self._flushed.setdefault(vrf.config.vni, {}).update(dict.fromkeys(macs))

    def watch(self, vrf: MacVrf, ip: bytes) -> None:
        """Watch a new binding: probe it whenever its tenant is silent."""
        self._bound[vrf.config.vni, ip] = None

    def is_new(self, vrf: MacVrf, ip: bytes) -> bool:
        """Return whether a binding was made in this turn: its tenant spoke just now."""
        return (vrf.config.vni, ip) in self._bound

    def gather(self, vrfs: Mapping[int, MacVrf], now: float) -> None:
        """Gather the questions since the last call, as far as there is room."""
        for key in self._bound:
            vrf = vrfs.get(key[0])
            if vrf is not None and key not in self._watched:
                self._watched.add(key)
                heapq.heappush(self._silent, (silent_at(vrf, key[1]), key))
        self._bound.clear()
        for question in self._new:
            self._put(question, now)
        self._new.clear()
        for vni in list(self._flushed):
            self._gather_flushed(vni, vrfs.get(vni), now)

    def _gather_flushed(self, vni: int, vrf: MacVrf | None, now: float) -> None:
        macs = self._flushed[vni]
        if vrf is None:
            macs.clear()
        while macs and vrf and vrf.ready and len(self._urgent) < URGENT_MOST:
            mac = next(iter(macs))
            del macs[mac]
            for ip in _had(vrf, mac):
                self._put((vni, mac, ip), now)
        if not macs:
            del self._flushed[vni]

    def _put(self, question: tuple[int, bytes, bytes], now: float) -> None:
        vni, mac, ip = question
        self._serial += 1
        self._open[question] = self._serial
        urgent = Urgent(now, vni, ip, mac, 0, self._serial, now)
        heapq.heappush(self._urgent, urgent)

    @property
    def next_urgent(self) -> float:
        """When the first urgent question is due."""
        return self._urgent[0].due if self._urgent else inf

    @property
    def next_silent(self) -> float:
        """When the first watched binding is to be looked at."""
        return self._silent[0][0] if self._silent else inf

    def take_urgent(self) -> Urgent | None:
        """Return the first urgent question; None: it was put anew since."""
        question = heapq.heappop(self._urgent)
        name = (question.vni, question.mac, question.ip)
        return question if self._open.get(name) == question.serial else None

    def ask_again(self, question: Urgent, due: float) -> None:
        """Repeat an urgent question that was asked once more."""
        again = question._replace(due=due, tries=question.tries + 1)
        heapq.heappush(self._urgent, again)

    def close(self, question: Urgent) -> None:
        """Forget an urgent question: it is answered, or was asked often enough."""
        del self._open[question.vni, question.mac, question.ip]

    def take_silent(self) -> Key:
        """Return the first watched binding."""
        return heapq.heappop(self._silent)[1]

    def watch_again(self, key: Key, due: float) -> None:
        """Schedule the next check of a binding."""
        heapq.heappush(self._silent, (due, key))

    def unwatch(self, key: Key) -> None:
        """Forget a binding that no longer exists."""
        self._watched.discard(key)


def interval(vrf: MacVrf, ip: bytes) -> float:
    """Return the seconds for which the tenant of a binding may be silent."""
    ageing = vrf.ageing or DEFAULT_AGEING
    return ageing * (EARLIEST + (LATEST - EARLIEST) * ip[-1] / 255)


def silent_at(vrf: MacVrf, ip: bytes) -> float:
    """Return when the tenant of a binding has been silent for too long."""
    return vrf.bindings.heard.get(ip, -inf) + interval(vrf, ip)


def _had(vrf: MacVrf, mac: bytes) -> list[bytes]:
    """Return the IPs for which a flushed MAC is to be probed."""
    lost = vrf.remembered.flushed.get(mac)
    if lost is not None:
        return list(lost.ips)
    return [ip for ip in vrf.bindings.ips_of.get(mac, ()) if ip in vrf.bindings.unsure]
