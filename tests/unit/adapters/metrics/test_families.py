"""What is served, by name, label and unit."""

import os
import platform
import subprocess
from pathlib import Path

import pytest
from prometheus_client import ProcessCollector
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as openmetrics_families,
)

from evpnd import __version__
from evpnd.adapters.metrics import (
    Histogram,
    Snapshot,
)
from evpnd.adapters.metrics.processes import Processes
from tests.unit.adapters.metrics.served import (
    FEW,
    OPENMETRICS,
    SAMPLE,
    fetch,
    read,
    scraped,
)

CHECKOUT = Path(__file__).parents[4]


def test_every_metric_is_in_the_documentation() -> None:
    text = (CHECKOUT / "docs/metrics.md").read_text()
    with scraped(SAMPLE) as server:
        names = {name.partition("{")[0] for name in read(server)}

    histogram = ("_bucket", "_count", "_sum")
    for name in names:
        for end in histogram:
            name = name.removesuffix(end)  # noqa: PLW2901 - it is the family's
        assert f"`{name}`" in text


@pytest.mark.parametrize("large", [False, True])
def test_every_metric_of_the_interface_is_served_by_its_name(*, large: bool) -> None:
    with scraped(SAMPLE, large=large) as server:
        samples = read(server)

    evi = "{'evi': 'red', 'vni': '10100'}"
    expected = {
        "evpnd_peer_info"
        "{'asn': '65000', 'description': 'spine1', 'peer': '10.0.0.254'}": 1,
        "evpnd_peer_info"
        "{'asn': '4200000000', 'description': '', 'peer': '2001:db8::fe'}": 1,
        "evpnd_peer_up{'peer': '10.0.0.254'}": 1,
        "evpnd_peer_up{'peer': '2001:db8::fe'}": 0,
        "evpnd_peer_findings{'peer': '10.0.0.254'}": 3,
        "evpnd_peer_findings{'peer': '2001:db8::fe'}": 0,
        "evpnd_routes{'peer': '10.0.0.254', 'state': 'received', 'type': 'mac-ip'}": 7,
        "evpnd_routes{'peer': '10.0.0.254', 'state': 'advertised', 'type': 'imet'}": 12,
        f"evpnd_evi_ready{evi}": 1,
        f"evpnd_evi_notes{evi}": 21,
        f"evpnd_local_macs{evi}": 22,
        f"evpnd_local_ips{evi}": 23,
        f"evpnd_advertised_macs{evi}": 24,
        f"evpnd_fdb_entries{evi}": 25,
        f"evpnd_neighbor_entries{evi}": 26,
        f"evpnd_flood_list_size{evi}": 27,
        f"evpnd_mac_moves_total{evi}": 28,
        f"evpnd_duplicate_macs{evi}": 29,
        f"evpnd_duplicate_ips{evi}": 30,
        "evpnd_netlink_errors_total{'errno': 'ENOSPC', 'operation': 'fdb'}": 5,
        "evpnd_netlink_errors_total{'errno': '9999', 'operation': 'fdb'}": 1,
        "evpnd_resyncs_total{'reason': 'overrun'}": 1,
        "evpnd_drift_repaired_total{'cause': 'audit', 'table': 'fdb'}": 6,
        "evpnd_malformed_total{'treatment': 'treated-as-withdraw'}": 8,
        "evpnd_policy_verdicts_total"
        "{'policy': 'guard', 'rule': 'gateways', 'verdict': 'reject'}": 10,
        "evpnd_limit_waiting_routes{'limit': 'macs 2 per peer', 'policy': 'few'}": 4,
        "evpnd_max_routes{'peer': '10.0.0.254'}": 1000,
        "evpnd_routes_over_limit{'peer': '10.0.0.254'}": 7,
        "evpnd_log_lines_dropped_total": 11,
    }
    ours = {
        name: value
        for name, value in samples.items()
        if name.startswith("evpnd_") and not name.startswith(("evpnd_conv", "evpnd_b"))
    }
    assert ours == expected
    python = platform.python_version()
    version = f"{{'python_version': '{python}', 'version': '{__version__}'}}"
    assert samples[f"evpnd_build_info{version}"] == 1


@pytest.mark.parametrize("large", [False, True])
def test_processes_are_told_apart(*, large: bool) -> None:
    """The agent is the process that serves, whoever writes; the speaker its parent."""
    with scraped(FEW, large=large) as server:
        samples = read(server)

    for name in (
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "process_virtual_memory_bytes",
        "process_start_time_seconds",
        "process_open_fds",
        "process_max_fds",
    ):
        for process in ("agent", "speaker"):
            assert f"{name}{{'process': '{process}'}}" in samples
    started = "process_start_time_seconds{'process': 'agent'}"
    assert samples[started] == pytest.approx(_start_time(os.getpid()), abs=0.02)


def _start_time(pid: int) -> float:
    (metric,) = [
        each
        for each in ProcessCollector(pid=lambda: pid, registry=None).collect()
        if each.name == "process_start_time_seconds"
    ]
    return float(metric.samples[0].value)


def test_a_process_that_is_gone_has_no_samples() -> None:
    child = subprocess.Popen(["true"])
    child.wait()

    names = [each.name for each in Processes({"speaker": child.pid}).collect()]
    assert names == ["evpnd_build"]


@pytest.mark.promtool
@pytest.mark.parametrize("accept", ["", "text/plain; version=0.0.4"])
def test_promtool_finds_nothing_to_improve(accept: str) -> None:
    with scraped(SAMPLE) as server:
        text = fetch(server, accept)
    done = subprocess.run(
        ["promtool", "check", "metrics"],
        input=text,
        capture_output=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


def test_units_are_told_in_openmetrics() -> None:
    with scraped(SAMPLE) as server:
        lines = fetch(server, OPENMETRICS).decode().splitlines()

    assert "# UNIT evpnd_convergence_seconds seconds" in lines
    assert "# UNIT process_cpu_seconds seconds" in lines
    assert "# UNIT process_resident_memory_bytes bytes" in lines
    assert "# TYPE evpnd_build info" in lines
    assert "# TYPE evpnd_mac_moves counter" in lines
    parsed = list(openmetrics_families("\n".join(lines) + "\n"))
    assert {"evpnd_mac_moves", "evpnd_peer", "process_cpu_seconds"} <= {
        each.name for each in parsed
    }


def test_durations_are_a_cumulative_histogram() -> None:
    convergence = Histogram(bounds=(0.1, 1.0))
    for seconds, times in [(0.1, 3), (0.5, 2), (9.0, 1)]:
        convergence.observe(seconds, times)

    with scraped(Snapshot(convergence=convergence)) as server:
        samples = read(server)

    name = "evpnd_convergence_seconds"
    assert samples[name + "_bucket{'le': '0.1'}"] == 3
    assert samples[name + "_bucket{'le': '1.0'}"] == 5
    assert samples[name + "_bucket{'le': '+Inf'}"] == 6
    assert samples[name + "_count"] == 6
    assert samples[name + "_sum"] == pytest.approx(0.3 + 1.0 + 9.0)
