"""One limit: its places, the routes that have them, and those that wait."""

from heapq import heapify, heappop, heappush
from typing import Any, NamedTuple, final

from evpnd.core.bgp.evi_routes import EviRoutes
from evpnd.core.bgp.path import Path
from evpnd.model.ids import format_ip, format_mac
from evpnd.model.key import IP, MAC
from evpnd.model.policy import Counted, Dimension, Limit, Policy

_SPARE = 16
"""Forgotten entries that a queue may always have."""

Values = tuple[bytes | int, ...]


@final
class Bucket:
    """The places of one combination of a limit's dimensions."""

    __slots__ = (
        "claimants",
        "limiter",
        "members",
        "parked",
        "queue",
        "values",
        "waiting",
    )

    def __init__(self, limiter: "Limiter", values: Values) -> None:
        """Start empty."""
        self.limiter = limiter
        self.values = values
        self.claimants = 0
        """Entrants that name it, inside or waiting anywhere."""
        self.members: dict[bytes, int] = {}
        """MAC or IP to the number of routes inside that have it."""
        self.waiting: dict[bytes, dict[Entrant, None]] = {}
        """Those that wait here, by MAC or IP."""
        self.parked = 0
        """How many wait."""
        self.queue: list[tuple[int, Entrant]] = []
        """A heap by arrival; those that do not wait here any more are skipped."""

    @property
    def full(self) -> bool:
        """Return whether no new route can enter."""
        return len(self.members) >= self.limiter.limit.most

    def first(self) -> "Entrant | None":
        """Return the route that has waited longest."""
        queue = self.queue
        while queue:
            entrant = queue[0][1]
            if entrant.blocker is self:
                return entrant
            heappop(queue)
        return None

    def park(self, entrant: "Entrant", item: bytes) -> None:
        """Add a route to those that wait here."""
        entrant.blocker = self
        entrant.item = item
        self.waiting.setdefault(item, {})[entrant] = None
        self.parked += 1
        if self.parked == 1:
            self.limiter.filled[self] = None
        heappush(self.queue, (entrant.arrival, entrant))

    def unpark(self, entrant: "Entrant") -> None:
        """Remove a route from those that wait here."""
        entrant.blocker = None
        others = self.waiting[entrant.item]
        del others[entrant]
        if not others:
            del self.waiting[entrant.item]
        self.parked -= 1
        if len(self.queue) > 2 * self.parked + _SPARE:
            live = {each for several in self.waiting.values() for each in several}
            self.queue = [(each.arrival, each) for each in live]
            heapify(self.queue)


Need = tuple[Bucket, bytes]


@final
class Entrant:
    """One route on its way into one EVI. Compared by identity."""

    __slots__ = (
        *("arrival", "blocker", "earlier", "evi", "item", "key", "needs", "path"),
    )

    def __init__(self, arrival: int, evi: EviRoutes, key: bytes) -> None:
        """Start as neither accepted nor waiting."""
        self.arrival = arrival
        self.evi = evi
        self.key = key
        self.path: Path
        self.needs: tuple[Need, ...] = ()
        self.blocker: Bucket | None = None
        """The bucket where it waits; None: it is accepted."""
        self.item = b""
        """The limit that it waits for."""
        self.earlier = False
        """It has rows of an earlier run: it was inside then, and is to be again."""


@final
class Limiter:
    """One limit of one policy."""

    __slots__ = (
        *("_coarse", "buckets", "by_mac", "filled", "limit", "of_ips", "policy"),
        "told",
    )

    def __init__(self, policy: Policy, limit: Limit) -> None:
        """Start with no route."""
        self.policy = policy
        self.limit = limit
        self.of_ips = limit.counted is Counted.IPS
        self.by_mac = Dimension.MAC in limit.per
        self._coarse = tuple(d for d in limit.per if d is not Dimension.MAC)
        self.buckets: dict[Values, Bucket] = {}
        self.filled: dict[Bucket, None] = {}
        """Buckets at which a route began to wait since `Limits` checked last."""
        self.told: dict[Values, float] = {}
        """When each combination was last reported as full."""

    @property
    def place(self) -> str:
        """Return file and line."""
        return f"{self.policy.file}:{self.limit.line}"

    @property
    def reason(self) -> str:
        """Return why a route over the limit is rejected."""
        where = f"policy {self.policy.name}, {self.place}"
        return f"limit {self.limit.text} reached ({where})"

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        """Return the names of a bucket's values, in their order."""
        return (*self._coarse, Dimension.MAC) if self.by_mac else self._coarse

    def values(self, path: Path, peer: bytes) -> Values:
        """Return a path's values of all dimensions but the MAC."""
        of: dict[Dimension, bytes | int] = {
            Dimension.PEER: peer,
            Dimension.VTEP: path.vtep,
            Dimension.VNI: int.from_bytes(path.labels[:3]),
        }
        return tuple(of[dimension] for dimension in self._coarse)

    def bucket(self, values: Values) -> Bucket:
        """Return the places of a combination."""
        found = self.buckets.get(values)
        if found is None:
            found = self.buckets[values] = Bucket(self, values)
        return found


class Gate(NamedTuple):
    """The limits between one path and one EVI."""

    evi: EviRoutes
    limits: tuple[tuple[Limiter, Values], ...]

    def needs(self, key: bytes) -> tuple[Need, ...]:
        """Return the places that a route needs."""
        found = []
        mac, ip = key[MAC], key[IP]
        for limiter, values in self.limits:
            item = ip if limiter.of_ips else mac
            if item:
                whole = (*values, mac) if limiter.by_mac else values
                found.append((limiter.bucket(whole), item))
        return tuple(found)


def reached(bucket: Bucket) -> dict[str, Any]:
    """Return the combination that is full, for an event."""
    limiter = bucket.limiter
    return {
        "policy": limiter.policy.name,
        "limit": limiter.limit.text,
        "at": limiter.place,
        **combination(bucket),
        "waiting": bucket.parked,
    }


def combination(bucket: Bucket) -> dict[str, Any]:
    """Return a limit's dimensions, with the values of one bucket."""
    use: dict[str, Any] = {}
    for dimension, value in zip(bucket.limiter.dimensions, bucket.values, strict=True):
        if isinstance(value, int):
            use[dimension.value] = value
        elif dimension is Dimension.MAC:
            use[dimension.value] = format_mac(value)
        else:
            use[dimension.value] = format_ip(value)
    return use
