"""The numbers that metrics show, as the agent hands them over."""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field

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


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Counters and gauges at one moment; named as in the interface's Metrics."""

    peer_up: Mapping[str, bool] = field(default_factory=dict)
    """By peer address."""
    routes: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    """By peer, type and state."""
    evi_ready: Mapping[str, bool] = field(default_factory=dict)
    """By name."""
    fdb_entries: int = 0
    neighbor_entries: int = 0
    flood_list_size: Mapping[int, int] = field(default_factory=dict)
    """By VNI."""
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
    max_routes: Mapping[str, int] = field(default_factory=dict)
    """By peer address, where there is a limit."""
    routes_over_limit: Mapping[str, int] = field(default_factory=dict)
    """By peer address, where there is a limit."""
    mac_moves: int = 0
    duplicate_macs: int = 0
    duplicate_ips: int = 0
    convergence: Histogram = field(default_factory=Histogram)
    """Route in to row in the kernel."""
