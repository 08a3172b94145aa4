"""Limits of import policies: the first routes are accepted, the others wait.

A route that policies accepted takes a place in every limit on its way into an EVI,
or waits at the first that is full. Routes with the same MAC (or IP) share a place.
Who waits is let in, in order of arrival, when a place is free again.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from heapq import heappop, heappush
from typing import NamedTuple, final

from evpnd.core.bgp.evi_routes import EviRoutes
from evpnd.core.bgp.limit_buckets import Bucket, Entrant, Gate, Limiter, Need
from evpnd.core.bgp.path import Path
from evpnd.core.bgp.pieces import Pieces
from evpnd.model.ids import Peer
from evpnd.model.policy import Policy

TELL_EVERY = 60.0
"""Seconds between two events about the same places."""

Source = tuple[Peer, bytes]
"""The peer, and the RD with the Ethernet Tag: within them a key is one route."""


class Coming(NamedTuple):
    """Routes that arrive together at the limits between a path and an EVI."""

    gate: Gate
    source: Source
    path: Path
    keys: Sequence[bytes]
    late: Pieces[Hashable, float] | None = None
    """Arrival times of routes that came later than their path."""

    def came(self, key: bytes) -> float:
        """Return when one of the routes came."""
        late = self.late and self.late.get(key)
        return late or self.path.source.received_at


@final
class Limits:
    """All limits of the import policies, and the accepted routes."""

    def __init__(self) -> None:
        """Start with no limit."""
        self.limiters: dict[str, tuple[Limiter, ...]] = {}
        """By policy, those that are named for import alone."""
        self._entrants: dict[Source, dict[int, dict[bytes, Entrant]]] = {}
        """By source, VNI of the EVI, and key."""
        self._arrivals = 0
        self._settled = False
        """Every configured peer sent End-of-RIB, or its timer expired."""
        self._inside_before: dict[int, set[bytes]] = {}
        """Until then, by VNI: the keys of the rows that an earlier run left."""
        self._roomy: dict[Bucket, None] = {}

    def configure(self, policies: Mapping[str, Policy], named: Iterable[str]) -> None:
        """Store the policies in use; `rebuild` decides which routes are accepted."""
        told = {
            (name, limiter.limit.counted, limiter.limit.per): limiter.told
            for name, limiters in self.limiters.items()
            for limiter in limiters
        }
        self.limiters = {
            name: tuple(Limiter(policy, limit) for limit in policy.limits)
            for name in dict.fromkeys(named)
            if (policy := policies.get(name)) is not None and policy.limits
        }
        for name, limiters in self.limiters.items():
            for limiter in limiters:
                same = (name, limiter.limit.counted, limiter.limit.per)
                limiter.told = told.get(same, limiter.told)

    def gate(
        self, names: Iterable[str], evi: EviRoutes, path: Path, peer: bytes
    ) -> Gate | None:
        """Return the limits between a path and an EVI; None: there are none."""
        limiters = [each for name in names for each in self.limiters.get(name, ())]
        if not limiters:
            return None
        found = dict.fromkeys((each, each.values(path, peer)) for each in limiters)
        return Gate(evi, tuple(found))

    def enter(self, coming: Coming, let_in: Callable[[Entrant], None]) -> set[bytes]:
        """Accept routes as far as there is room; return the accepted keys.

        A route that came before keeps its turn, and its place if it still needs
        the same. `let_in` is told who else gets in by it.
        """
        gate, source, path, keys, _ = coming
        known = self._table(source, gate.evi)
        for key in keys:
            entrant = known.get(key)
            needs = gate.needs(key)
            if entrant is None:
                entrant = known[key] = self._arrive(gate.evi, key)
                self._begin(entrant, path, needs)
            elif entrant.needs == needs:
                entrant.path = path
            else:
                self._end(entrant)
                # Looked up again: a bucket that nobody names is gone.
                self._begin(entrant, path, gate.needs(key))
                self.wake(let_in)
        return {key for key in keys if known[key].blocker is None}

    def recognise(self, vni: int, rows: Iterable[bytes]) -> bool:
        """Accept routes that have rows of an earlier run.

        `rows` are their keys. The peers may be quicker than the kernel. Returns as
        `review` does.
        """
        if not self.limiters:
            return False
        before = self._inside_before.get(vni, set())
        before.update(rows)
        if not self._settled:
            self._inside_before[vni] = before
        for tables in self._entrants.values():
            for entrant in tables.get(vni, {}).values():
                entrant.earlier |= entrant.key in before
        return self.review(vni)

    def settle(self) -> None:
        """Every peer sent End-of-RIB (or timed out): expect no more earlier rows."""
        self._settled = True
        self._inside_before.clear()

    def review(self, vni: int | None = None) -> bool:
        """Return whether a route waits that an earlier run had accepted.

        The peers do not send in the order of that run: `rebuild` lets in first who
        was inside then.
        """
        entrants = [
            entrant
            for tables in self._entrants.values()
            for number, table in tables.items()
            if vni is None or number == vni
            for entrant in table.values()
            if entrant.earlier
        ]
        if any(each.blocker is not None for each in entrants):
            return True
        if self._settled:
            for entrant in entrants:
                entrant.earlier = False
        return False

    def take_filled(self, now: float) -> list[Bucket]:
        """Return the buckets that became full, except those reported a moment ago."""
        found = []
        for limiters in self.limiters.values():
            for limiter in limiters:
                if not limiter.filled:
                    continue
                filled, limiter.filled = limiter.filled, {}
                told = limiter.told
                for values in [v for v, at in told.items() if now >= at + TELL_EVERY]:
                    del told[values]
                for bucket in filled:
                    if bucket.parked and bucket.values not in told:
                        told[bucket.values] = now
                        found.append(bucket)
        return found

    def leave(
        self, source: Source, keys: Iterable[bytes], evi: EviRoutes | None
    ) -> None:
        """Remove routes from one EVI, or all; then `wake` accepts others."""
        tables = self._entrants.get(source)
        if tables is None:
            return
        wanted = list(tables) if evi is None else [evi.config.vni]
        for vni in wanted:
            known = tables.get(vni)
            if known is None:
                continue
            for key in keys:
                entrant = known.pop(key, None)
                if entrant is not None:
                    self._end(entrant)
            if not known:
                del tables[vni]
        if not tables:
            del self._entrants[source]

    def wake(self, let_in: Callable[[Entrant], None]) -> None:
        """Accept waiting routes where there is room now, in order of arrival."""
        if not self._roomy:
            return
        roomy, self._roomy = self._roomy, {}
        candidates: list[tuple[int, Entrant]] = []
        for bucket in roomy:
            _offer(bucket, candidates)
        while candidates:
            entrant = heappop(candidates)[1]
            waited_at = entrant.blocker
            if waited_at is None:
                continue
            blocker = _blocker(entrant.needs)
            if blocker is not None and blocker[0] is waited_at:
                continue
            waited_at.unpark(entrant)
            if blocker is not None:
                blocker[0].park(entrant, blocker[1])
            else:
                _hold(entrant, candidates)
                let_in(entrant)
            _offer(waited_at, candidates)

    def rebuild(self, coming: Iterable[Coming]) -> list[Entrant]:
        """Decide again about all routes; return the accepted ones.

        Those inside come first, then those that waited, each in order of arrival;
        then those that no limit was for, by the time they came. Before all of them,
        once after a start, those that were inside before it.
        """
        old, self._entrants = self._entrants, {}
        self._roomy.clear()
        for limiters in self.limiters.values():
            for limiter in limiters:
                limiter.buckets.clear()
        order: list[tuple[int, float, int, Coming, bytes]] = []
        for each in coming:
            before = old.get(each.source, {}).get(each.gate.evi.config.vni, {})
            for key in each.keys:
                known = before.get(key)
                if known is None:
                    came = each.came(key)
                    turn = 2, came
                elif known.earlier:
                    turn = -1, float(known.arrival)
                else:
                    turn = int(known.blocker is not None), float(known.arrival)
                order.append((*turn, len(order), each, key))
        order.sort(key=lambda entry: entry[:3])
        inside = []
        for *_, each, key in order:
            known = old.get(each.source, {}).get(each.gate.evi.config.vni, {}).get(key)
            entrant = self._arrive(each.gate.evi, key)
            if known is not None:
                entrant.arrival = known.arrival
                entrant.earlier = known.earlier and not self._settled
            self._table(each.source, each.gate.evi)[key] = entrant
            self._begin(entrant, each.path, each.gate.needs(key))
            if entrant.blocker is None:
                inside.append(entrant)
        return inside

    def blocker(self, source: Source, evi: EviRoutes, key: bytes) -> Limiter | None:
        """Return the limit that keeps a route out of an EVI."""
        tables = self._entrants.get(source, {})
        entrant = tables.get(evi.config.vni, {}).get(key)
        if entrant is None or entrant.blocker is None:
            return None
        return entrant.blocker.limiter

    def _table(self, source: Source, evi: EviRoutes) -> dict[bytes, Entrant]:
        tables = self._entrants.setdefault(source, {})
        return tables.setdefault(evi.config.vni, {})

    def _arrive(self, evi: EviRoutes, key: bytes) -> Entrant:
        self._arrivals += 1
        entrant = Entrant(self._arrivals, evi, key)
        entrant.earlier = key in self._inside_before.get(evi.config.vni, ())
        return entrant

    def _begin(self, entrant: Entrant, path: Path, needs: tuple[Need, ...]) -> None:
        entrant.path = path
        entrant.needs = needs
        for bucket, _ in needs:
            bucket.claimants += 1
        blocker = _blocker(needs)
        if blocker is None:
            _hold(entrant, None)
        else:
            blocker[0].park(entrant, blocker[1])

    def _end(self, entrant: Entrant) -> None:
        """Release all places of a route."""
        inside = entrant.blocker is None
        if entrant.blocker is not None:
            entrant.blocker.unpark(entrant)
        for bucket, item in entrant.needs:
            if inside:
                count = bucket.members[item] - 1
                if count:
                    bucket.members[item] = count
                else:
                    del bucket.members[item]
                    if bucket.waiting:
                        self._roomy[bucket] = None
            bucket.claimants -= 1
            if not bucket.claimants:
                bucket.limiter.buckets.pop(bucket.values, None)
        entrant.needs = ()


def _blocker(needs: Iterable[Need]) -> Need | None:
    """Return the first limit without a place for a route."""
    for need in needs:
        bucket, item = need
        if item not in bucket.members and bucket.full:
            return need
    return None


def _hold(entrant: Entrant, candidates: list[tuple[int, Entrant]] | None) -> None:
    """Occupy all places of a route; routes that wait for the same ones may enter."""
    for bucket, item in entrant.needs:
        count = bucket.members.get(item, 0)
        bucket.members[item] = count + 1
        if not count and candidates is not None:
            for other in bucket.waiting.get(item, ()):
                heappush(candidates, (other.arrival, other))


def _offer(bucket: Bucket, candidates: list[tuple[int, Entrant]]) -> None:
    if bucket.waiting and not bucket.full:
        entrant = bucket.first()
        if entrant is not None:
            heappush(candidates, (entrant.arrival, entrant))
