"""Convert a snapshot to Prometheus' metric families."""

import errno
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate

from prometheus_client import Metric
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)

from evpnd.adapters.metrics.snapshot import Histogram, Snapshot

Samples = Iterable[tuple[tuple[str, ...], int]]


class Collector:
    """Collector for a Prometheus registry, which calls it at every scrape."""

    def __init__(self, snapshot: Callable[[], Snapshot]) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterator[Metric]:
        """Return the metric families of a new snapshot."""
        return families(self._snapshot())


def families(now: Snapshot) -> Iterator[Metric]:
    """Yield a metric family, with name, help and labels, for every number."""
    yield _gauge(
        "peer_up",
        "1 while the session with the peer is established.",
        (((peer,), int(up)) for peer, up in now.peer_up.items()),
        "peer",
    )
    yield _gauge(
        "routes",
        "Routes received, by peer, type and state.",
        now.routes.items(),
        *("peer", "type", "state"),
    )
    yield _gauge(
        "evi_ready",
        "1 while the EVI's devices are usable and its kernel tables have been read.",
        (((evi,), int(ready)) for evi, ready in now.evi_ready.items()),
        "evi",
    )
    yield _gauge(
        "fdb_entries",
        "Remote MACs that are installed in the FDB.",
        [((), now.fdb_entries)],
    )
    yield _gauge(
        "neighbor_entries",
        "Neighbours that evpnd installed.",
        [((), now.neighbor_entries)],
    )
    yield _gauge(
        "flood_list_size",
        "Remote VTEPs in the flood list.",
        (((str(vni),), size) for vni, size in now.flood_list_size.items()),
        "vni",
    )
    yield _counter(
        "netlink_errors",
        "Rows that the kernel refused.",
        (
            ((operation, errno.errorcode.get(number, str(number))), count)
            for (operation, number), count in now.netlink_errors.items()
        ),
        *("operation", "errno"),
    )
    yield _counter(
        "resyncs",
        "Complete readings of the kernel's tables.",
        (((reason,), count) for reason, count in now.resyncs.items()),
        "reason",
    )
    yield _counter(
        "drift_repaired",
        "Rows that evpnd restored after another program or the kernel changed them.",
        now.drift_repaired.items(),
        "table",
        "cause",
    )
    yield _counter(
        "malformed",
        "Malformed routes and attributes, by treatment (RFC 7606).",
        (((treatment,), count) for treatment, count in now.malformed.items()),
        "treatment",
    )
    yield _counter(
        "policy_verdicts",
        "Policy evaluations of routes, by the rule that decided.",
        now.policy_verdicts.items(),
        *("policy", "rule", "verdict"),
    )
    yield _gauge(
        "limit_waiting_routes",
        "Routes that a limit rejects until there is room.",
        now.limit_waiting.items(),
        *("policy", "limit"),
    )
    yield _counter(
        "log_lines_dropped",
        "Log lines that the agent could not write.",
        [((), now.log_lines_dropped)],
    )
    yield _gauge(
        "max_routes",
        "Maximum number of routes that the peer may send (peers[].max-routes).",
        (((peer,), limit) for peer, limit in now.max_routes.items()),
        "peer",
    )
    yield _gauge(
        "routes_over_limit",
        "Routes that the peer sent beyond its max-routes.",
        (((peer,), over) for peer, over in now.routes_over_limit.items()),
        "peer",
    )
    yield _counter("mac_moves", "Moves of MACs between VTEPs.", [((), now.mac_moves)])
    yield _gauge(
        "duplicate_macs",
        "MACs that are duplicates (moved too often).",
        [((), now.duplicate_macs)],
    )
    yield _gauge(
        "duplicate_ips",
        "IPs that two MACs use at the same time.",
        [((), now.duplicate_ips)],
    )
    yield _convergence(now.convergence)


def _gauge(name: str, text: str, samples: Samples, *labels: str) -> Metric:
    family = GaugeMetricFamily(f"evpnd_{name}", text, labels=labels)
    for values, number in samples:
        family.add_metric(values, number)
    return family


def _counter(name: str, text: str, samples: Samples, *labels: str) -> Metric:
    family = CounterMetricFamily(f"evpnd_{name}", text, labels=labels)
    for values, number in samples:
        family.add_metric(values, number)
    return family


def _convergence(durations: Histogram) -> Metric:
    family = HistogramMetricFamily(
        "evpnd_convergence_seconds",
        "Seconds from receiving a route to its row in the kernel.",
    )
    bounds = [*map(str, durations.bounds), "+Inf"]
    counts = accumulate(durations.counts)
    family.add_metric([], list(zip(bounds, counts, strict=True)), durations.total)
    return family
