"""Convert a snapshot to Prometheus' metric families."""

import errno
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate

from prometheus_client import Metric
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)

from evpnd.adapters.metrics.snapshot import (
    EviNumbers,
    Histogram,
    PeerNumbers,
    Snapshot,
)

Samples = Iterable[tuple[tuple[str, ...], int]]

_TYPES_OF_ROUTES = ("peer", "type", "state")


class Collector:
    """Collector for a Prometheus registry, which calls it at every scrape."""

    def __init__(self, snapshot: Callable[[], Snapshot]) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterator[Metric]:
        """Return the metric families of a new snapshot."""
        return families(self._snapshot())


def families(now: Snapshot) -> Iterator[Metric]:
    """Yield a metric family, with name, help and labels, for every number."""
    yield from _of_peers(now.peers)
    yield from _of_evis(now.evis)
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
    yield _convergence(now.convergence)


def _of_peers(peers: Iterable[PeerNumbers]) -> Iterator[Metric]:
    information = InfoMetricFamily(
        "evpnd_peer",
        "The configured peers; join by peer to have AS number and description.",
        labels=("peer",),
    )
    for each in peers:
        more = {"asn": str(each.asn), "description": each.description}
        information.add_metric((each.address,), more)
    yield information
    yield _gauge(
        "peer_up",
        "1 while the session with the peer is established.",
        (((each.address,), int(each.up)) for each in peers),
        "peer",
    )
    yield _gauge(
        "peer_findings",
        "What evpnd found wrong with the peer's routes and session.",
        (((each.address,), each.findings) for each in peers),
        "peer",
    )
    yield _gauge(
        "routes",
        "Routes received from and advertised to the peer, by type and state.",
        (
            ((each.address, kind, state), count)
            for each in peers
            for state, counts in (
                ("received", each.received),
                ("advertised", each.advertised),
            )
            for kind, count in counts.items()
        ),
        *_TYPES_OF_ROUTES,
    )
    yield _gauge(
        "max_routes",
        "Maximum number of routes that the peer may send (peers[].max-routes).",
        (((p.address,), p.max_routes) for p in peers if p.max_routes is not None),
        "peer",
    )
    yield _gauge(
        "routes_over_limit",
        "Routes that the peer sent beyond its max-routes.",
        (((p.address,), p.over_limit) for p in peers if p.over_limit is not None),
        "peer",
    )


def _of_evis(evis: Iterable[EviNumbers]) -> Iterator[Metric]:
    labels = [(each.name, str(each.vni)) for each in evis]

    def gauge(name: str, text: str) -> Metric:
        numbers = (int(getattr(each, name)) for each in evis)
        return _gauge(name, text, zip(labels, numbers, strict=True), "evi", "vni")

    yield _gauge(
        "evi_ready",
        "1 while the EVI's devices are usable and its kernel tables have been read.",
        zip(labels, (int(each.ready) for each in evis), strict=True),
        *("evi", "vni"),
    )
    yield _gauge(
        "evi_notes",
        "Notes of the EVI in `evpnd show evis`.",
        zip(labels, (each.notes for each in evis), strict=True),
        *("evi", "vni"),
    )
    yield gauge("local_macs", "MACs behind tenant ports, and static ones.")
    yield gauge("local_ips", "IPs of local MACs.")
    yield gauge("advertised_macs", "Local MACs that are announced, before policies.")
    yield gauge("fdb_entries", "Remote MACs that are installed in the FDB.")
    yield gauge("neighbor_entries", "Neighbours that evpnd installed.")
    yield gauge("flood_list_size", "Remote VTEPs in the flood list.")
    yield _counter(
        "mac_moves",
        "Moves of MACs between VTEPs.",
        zip(labels, (each.mac_moves for each in evis), strict=True),
        *("evi", "vni"),
    )
    yield gauge("duplicate_macs", "MACs that are duplicates (moved too often).")
    yield gauge("duplicate_ips", "IPs that two MACs use at the same time.")


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
        unit="seconds",
    )
    bounds = [*map(str, durations.bounds), "+Inf"]
    counts = accumulate(durations.counts)
    family.add_metric([], list(zip(bounds, counts, strict=True)), durations.total)
    return family
