"""Prometheus metrics."""

from evpnd.adapters.metrics.server import MetricsServer
from evpnd.adapters.metrics.snapshot import Histogram, Snapshot

__all__ = ["Histogram", "MetricsServer", "Snapshot"]
