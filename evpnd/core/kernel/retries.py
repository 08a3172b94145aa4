"""Rows that the kernel refused: each is retried alone, with growing pauses."""

import heapq
from collections.abc import Callable, Container

from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.core.vrf.ip_vrf import IpVrf
from evpnd.model.events import RowFailed

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
"""Window, in seconds."""

Key = tuple[int, str, bytes]


class Retries:
    """Refused rows by (VNI, table, key), with the time of the next try."""

    def __init__(self) -> None:
        """Start empty."""
        self.counts: dict[tuple[str, int], int] = {}
        """Refusals by (table, errno)."""
        self._failed: dict[Key, tuple[float, float, int]] = {}
        """To (due, pause, errno)."""
        self._heap: list[tuple[float, Key]] = []
        self._told: set[tuple[int, str, int]] = set()

    def failed(self, vrf: MacVrf | IpVrf, failure: RowFailed, now: float) -> bool:
        """Store a refusal; returns whether it is the first of its kind there."""
        vni, table = vrf.config.vni, vrf.tables.named(failure.table)
        table.undo(failure.key, deleting=failure.deleting)
        table.waiting.add(failure.key)
        count = self.counts.get((failure.table, failure.errno), 0)
        self.counts[failure.table, failure.errno] = count + 1
        key = (vni, failure.table, failure.key)
        known = self._failed.get(key)
        pause = FIRST_PAUSE if known is None else min(known[1] * 2, LONGEST_PAUSE)
        self._failed[key] = (now + pause, pause, failure.errno)
        heapq.heappush(self._heap, (now + pause, key))
        kind = (vni, failure.table, failure.errno)
        first = kind not in self._told
        self._told.add(kind)
        return first

    def errno(self, vni: int, table: str, key: bytes) -> int | None:
        """Return the errno of a row's last refusal."""
        found = self._failed.get((vni, table, key))
        return None if found is None else found[2]

    def release(self, now: float, find: Callable[[int], MacVrf | IpVrf | None]) -> None:
        """Mark the rows that are due as dirty; `find` looks up who has a VNI."""
        while self._heap and self._heap[0][0] <= now:
            _, key = heapq.heappop(self._heap)
            vni, table, row = key
            known = self._failed.get(key)
            if known is None or known[0] > now:
                continue
            vrf = find(vni)
            rows = None if vrf is None else vrf.tables.named(table)
            if rows is None or row not in rows.waiting:
                # Tried again one pause ago and not refused since.
                del self._failed[key]
                continue
            due = now + known[1]
            self._failed[key] = (due, *known[1:])
            heapq.heappush(self._heap, (due, key))
            rows.retry(row)

    def forget(self, vrfs: Container[int]) -> None:
        """Drop the rows of EVIs that are gone."""
        self._failed = {k: v for k, v in self._failed.items() if k[0] in vrfs}
        self._told = {kind for kind in self._told if kind[0] in vrfs}

    def next_due(self) -> float | None:
        """Return when the next row is due."""
        return self._heap[0][0] if self._heap else None
