"""What is measured, row by row of the table in docs/performance.md."""

from typing import Final, NamedTuple

from integration.bench import measures
from integration.bench.measures import Measure
from integration.bench.routes import Load


class Figure(NamedTuple):
    """One figure of a row."""

    key: str
    """In what a measure returns."""
    text: str
    """What it is, with `{macs}` and `{vnis}`."""
    unit: str


class Row(NamedTuple):
    """One kind of work; each figure is a line of the table."""

    name: str
    """As in ROWS=..."""
    measure: Measure
    load: Load
    figures: tuple[Figure, ...]
    limit: bool = False
    """The kernel alone is measured as well."""


_TEN = Load(100_000, 10)

ROWS: Final = (
    Row(
        "learn",
        measures.learn,
        _TEN,
        (
            Figure("seconds", "learn {macs} MACs in {vnis} VNIs", "s"),
            Figure("cpu", "the same, processor time", "s"),
            Figure("peak", "the same, peak memory", "MiB"),
            Figure("withdraw", "withdraw {macs} MACs", "s"),
        ),
        limit=True,
    ),
    Row(
        "learn-alone",
        measures.learn,
        _TEN._replace(alone=True),
        (Figure("seconds", "learn {macs}, one route in an UPDATE", "s"),),
    ),
    Row(
        "mac-ip",
        measures.learn,
        _TEN._replace(with_ips=True),
        (
            Figure("seconds", "learn {macs} MACs with IPs, and neighbours", "s"),
            Figure("withdraw", "withdraw {macs} MACs with IPs", "s"),
        ),
        limit=True,
    ),
    Row(
        "cold",
        measures.cold,
        _TEN,
        (Figure("seconds", "start with {macs} routes waiting", "s"),),
    ),
    Row(
        "restart",
        measures.restart,
        _TEN,
        (
            Figure(
                "seconds",
                "start after a crash with {macs} rows there and 1,000 routes new",
                "s",
            ),
            Figure("lost", "the same, rows deleted meanwhile", "rows"),
        ),
    ),
    Row(
        "advertise",
        measures.advertise,
        Load(50_000, 10),
        (
            Figure("seconds", "advertise {macs} local MACs", "s"),
            Figure("cpu", "the same, processor time", "s"),
        ),
    ),
    Row(
        "move",
        measures.move,
        Load(10_000, 1),
        (
            Figure("p50", "one MAC moves: route in to row in the kernel, p50", "ms"),
            Figure("p99", "the same, p99", "ms"),
        ),
    ),
    Row(
        "replace",
        measures.replace,
        Load(10_000, 1),
        (
            Figure("p50", "the same move, with the old route withdrawn, p50", "ms"),
            Figure("p99", "the same, p99", "ms"),
        ),
    ),
    Row(
        "local",
        measures.local,
        Load(1, 1),
        (
            Figure("p50", "one local MAC: row in the bridge to route out, p50", "ms"),
            Figure("p99", "the same, p99", "ms"),
        ),
    ),
    Row(
        "memory",
        measures.memory,
        _TEN,
        (Figure("share", "memory with {macs} MACs, at rest", "MiB"),),
    ),
    Row(
        "idle",
        measures.idle,
        Load(0, 10),
        (
            Figure("share", "memory with {vnis} VNIs and no route", "MiB"),
            Figure("cpu", "processor time in 10 s without work", "s"),
        ),
    ),
)
