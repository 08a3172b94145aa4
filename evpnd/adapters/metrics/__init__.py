"""Prometheus metrics.

Read `snapshot`, `counting`, `findings`, `families`, `processes`, `server`.
"""

from evpnd.adapters.metrics.counting import Counting
from evpnd.adapters.metrics.server import MetricsServer
from evpnd.adapters.metrics.snapshot import (
    EviNumbers,
    Histogram,
    PeerNumbers,
    Snapshot,
)

__all__ = [
    "Counting",
    "EviNumbers",
    "Histogram",
    "MetricsServer",
    "PeerNumbers",
    "Snapshot",
]
