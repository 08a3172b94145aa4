"""Version, memory and processor time of agent and speaker, for Prometheus."""

import os
import sys
from collections.abc import Iterator, Mapping
from typing import Final

from prometheus_client import Metric, ProcessCollector
from prometheus_client.core import InfoMetricFamily

import evpnd

LABEL: Final = "process"


class Processes:
    """Collector of what /proc says of the processes, and of the version."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        """Store the pids by the name of the process."""
        self._of = {
            name: ProcessCollector(pid=lambda pid=pid: pid, registry=None)  # type: ignore[misc] # its pid is bound
            for name, pid in pids.items()
        }

    def collect(self) -> Iterator[Metric]:
        """Yield `evpnd_build_info`, and the standard `process_` families.

        A process that is gone, or whose files may not be read, has no samples.
        """
        versions = {
            "version": evpnd.__version__,
            "python_version": sys.version.partition(" ")[0],
        }
        text = "Version of evpnd, and of the Python that runs it."
        yield InfoMetricFamily("evpnd_build", text, versions)
        found: dict[str, Metric] = {}
        for name, collector in self._of.items():
            for one in collector.collect():
                family = found.get(one.name)
                if family is None:
                    unit = one.name.rpartition("_")[2]
                    family = found[one.name] = Metric(
                        one.name,
                        one.documentation,
                        one.type,
                        unit if unit in ("bytes", "seconds") else "",
                    )
                for sample in one.samples:
                    family.add_sample(sample.name, {LABEL: name}, sample.value)
        yield from found.values()


def agent_and_speaker() -> Processes:
    """Return the collector of this process and its parent."""
    return Processes({"agent": os.getpid(), "speaker": os.getppid()})
