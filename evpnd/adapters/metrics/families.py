"""A snapshot as Prometheus' metric families."""

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
    """What a registry asks at every scrape."""

    def __init__(self, snapshot: Callable[[], Snapshot]) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterator[Metric]:
        """Return the families of one new snapshot."""
        return families(self._snapshot())


def families(now: Snapshot) -> Iterator[Metric]:
    """Name, label and explain every number of a snapshot."""
    yield _gauge(
        "peer_up",
        "1 while the session to the peer is established.",
        (((peer,), int(up)) for peer, up in now.peer_up.items()),
        "peer",
    )
    yield _gauge(
        "routes",
        "Routes by peer, type and state.",
        now.routes.items(),
        *("peer", "type", "state"),
    )
    yield _gauge(
        "evi_ready",
        "1 while the EVI's devices are right and its tables known.",
        (((evi,), int(ready)) for evi, ready in now.evi_ready.items()),
        "evi",
    )
    yield _gauge(
        "fdb_entries",
        "Remote MACs that have their rows in the FDB.",
        [((), now.fdb_entries)],
    )
    yield _gauge(
        "neighbor_entries",
        "Our rows in the neighbour tables.",
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
        "Rows that others, or the kernel itself, took away and evpnd put back.",
        now.drift_repaired.items(),
        "table",
        "cause",
    )
    yield _counter(
        "malformed",
        "Malformed routes and attributes by treatment (RFC 7606).",
        (((treatment,), count) for treatment, count in now.malformed.items()),
        "treatment",
    )
    yield _counter(
        "policy_verdicts",
        "Routes by the rule that matched them, each time that they were judged.",
        now.policy_verdicts.items(),
        *("policy", "rule", "verdict"),
    )
    yield _gauge(
        "limit_waiting_routes",
        "Routes that a limit keeps out until there is room.",
        now.limit_waiting.items(),
        *("policy", "limit"),
    )
    yield _counter(
        "log_lines_dropped",
        "Lines of the agent's log that could not be written.",
        [((), now.log_lines_dropped)],
    )
    yield _gauge(
        "max_routes",
        "The most routes that the peer may send (peers[].max-routes).",
        (((peer,), limit) for peer, limit in now.max_routes.items()),
        "peer",
    )
    yield _gauge(
        "routes_over_limit",
        "Routes that the peer sent over its max-routes.",
        (((peer,), over) for peer, over in now.routes_over_limit.items()),
        "peer",
    )
    yield _counter("mac_moves", "Moves of MACs between VTEPs.", [((), now.mac_moves)])
    yield _gauge("duplicate_macs", "MACs that keep moving.", [((), now.duplicate_macs)])
    yield _gauge("duplicate_ips", "IPs that two MACs have.", [((), now.duplicate_ips)])
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
        "evpnd_convergence_seconds", "Route in to row in the kernel."
    )
    bounds = [*map(str, durations.bounds), "+Inf"]
    counts = accumulate(durations.counts)
    family.add_metric([], list(zip(bounds, counts, strict=True)), durations.total)
    return family
