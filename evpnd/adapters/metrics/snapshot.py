"""The numbers that metrics show, as the agent hands them over."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

CONVERGENCE_BOUNDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
"""Seconds: upper bounds of the buckets; what is slower counts in the last, open one."""


@dataclass(slots=True)
class Histogram:
    """Durations in seconds, counted by size."""

    bounds: tuple[float, ...] = CONVERGENCE_BOUNDS
    counts: list[int] = field(default_factory=list)
    """One more than bounds; each counts its own bucket alone."""
    total: float = 0.0
    """Seconds, all together."""

    def __post_init__(self) -> None:
        if not self.counts:
            self.counts = [0] * (len(self.bounds) + 1)

    def observe(self, seconds: float, times: int = 1) -> None:
        """Count a duration, for so many routes at once."""
        self.counts[bisect_left(self.bounds, seconds)] += times
        self.total += seconds * times


class PeerNumbers(NamedTuple):
    """Of one configured peer."""

    address: str
    asn: int = 0
    description: str = ""
    up: bool = False
    findings: int = 0
    """Sentences of `show peers`."""
    received: Mapping[str, int] = {}
    """Routes by type, before policies."""
    advertised: Mapping[str, int] = {}
    """Routes by type, after policies."""
    max_routes: int | None = None
    over_limit: int | None = None
    """Routes beyond `max-routes`; None: there is no limit."""


class EviNumbers(NamedTuple):
    """Of one EVI."""

    name: str
    vni: int
    ready: bool = False
    notes: int = 0
    local_macs: int = 0
    local_ips: int = 0
    advertised_macs: int = 0
    fdb_entries: int = 0
    neighbor_entries: int = 0
    flood_list_size: int = 0
    mac_moves: int = 0
    duplicate_macs: int = 0
    duplicate_ips: int = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Counters and gauges at one moment; named as in the interface's Metrics."""

    peers: Sequence[PeerNumbers] = ()
    evis: Sequence[EviNumbers] = ()
    netlink_errors: Mapping[tuple[str, int], int] = field(default_factory=dict)
    """By operation and errno."""
    resyncs: Mapping[str, int] = field(default_factory=dict)
    """By reason."""
    drift_repaired: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """By table and cause."""
    malformed: Mapping[str, int] = field(default_factory=dict)
    """By treatment (RFC 7606, section 2)."""
    policy_verdicts: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    """By policy, rule and verdict."""
    limit_waiting: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """By policy and limit."""
    log_lines_dropped: int = 0
    convergence: Histogram = field(default_factory=Histogram)
    """Route in to row in the kernel."""
