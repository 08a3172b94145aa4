import http.client
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from evpnd.adapters.metrics import Histogram, MetricsServer, Snapshot
from evpnd.adapters.metrics.families import families

SAMPLE = Snapshot(
    peer_up={"10.0.0.254": True, "2001:db8::fe": False},
    routes={("10.0.0.254", "mac-ip", "received"): 7},
    evi_ready={"red": True},
    fdb_entries=3,
    neighbor_entries=2,
    flood_list_size={10100: 4},
    netlink_errors={("fdb", 28): 5, ("fdb", 9999): 1},
    resyncs={"overrun": 1},
    drift_repaired={"fdb": 6},
    malformed={"treated-as-withdraw": 8},
    policy_verdicts={("guard", "gateways", "reject"): 10},
    limit_waiting={("few", "macs 2 per peer"): 4},
    log_lines_dropped=11,
    mac_moves=9,
    duplicate_macs=1,
    duplicate_ips=2,
)


@contextmanager
def scraped(snapshot: Snapshot, host: str = "127.0.0.1") -> Iterator[MetricsServer]:
    server = MetricsServer((host, 0), lambda: snapshot)
    server.start()
    try:
        yield server
    finally:
        server.close()


def read(server: MetricsServer, host: str = "127.0.0.1") -> dict[str, float]:
    url = f"http://{host}:{server.port}/metrics"
    with urllib.request.urlopen(url, timeout=10) as answer:
        text = answer.read().decode()
    return {
        name + (str(dict(sorted(labels.items()))) if labels else ""): value
        for family in text_string_to_metric_families(text)
        for name, labels, value, *_ in family.samples
    }


def test_every_metric_is_in_the_documentation() -> None:
    text = (Path(__file__).parents[4] / "docs/metrics.md").read_text()

    for family in families(SAMPLE):
        total = "_total" if family.type == "counter" else ""
        assert f"`{family.name}{total}`" in text


def test_every_metric_of_the_interface_is_served_by_its_name() -> None:
    with scraped(SAMPLE) as server:
        samples = read(server)

    assert {name: samples[name] for name in samples if "convergence" not in name} == {
        "evpnd_peer_up{'peer': '10.0.0.254'}": 1,
        "evpnd_peer_up{'peer': '2001:db8::fe'}": 0,
        "evpnd_routes{'peer': '10.0.0.254', 'state': 'received', 'type': 'mac-ip'}": 7,
        "evpnd_evi_ready{'evi': 'red'}": 1,
        "evpnd_fdb_entries": 3,
        "evpnd_neighbor_entries": 2,
        "evpnd_flood_list_size{'vni': '10100'}": 4,
        "evpnd_netlink_errors_total{'errno': 'ENOSPC', 'operation': 'fdb'}": 5,
        "evpnd_netlink_errors_total{'errno': '9999', 'operation': 'fdb'}": 1,
        "evpnd_resyncs_total{'reason': 'overrun'}": 1,
        "evpnd_drift_repaired_total{'table': 'fdb'}": 6,
        "evpnd_malformed_total{'treatment': 'treated-as-withdraw'}": 8,
        "evpnd_policy_verdicts_total"
        "{'policy': 'guard', 'rule': 'gateways', 'verdict': 'reject'}": 10,
        "evpnd_limit_waiting_routes{'limit': 'macs 2 per peer', 'policy': 'few'}": 4,
        "evpnd_log_lines_dropped_total": 11,
        "evpnd_mac_moves_total": 9,
        "evpnd_duplicate_macs": 1,
        "evpnd_duplicate_ips": 2,
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


def test_every_scrape_takes_a_new_snapshot() -> None:
    counts = iter([1, 2])
    server = MetricsServer(("127.0.0.1", 0), lambda: Snapshot(mac_moves=next(counts)))
    server.start()

    seen = [read(server)["evpnd_mac_moves_total"] for _ in range(2)]

    server.close()
    assert seen == [1, 2]


def test_it_listens_on_ipv6() -> None:
    with scraped(SAMPLE, "::1") as server:
        assert read(server, "[::1]")["evpnd_fdb_entries"] == 3


def test_a_port_in_use_is_a_sentence() -> None:
    with (
        scraped(SAMPLE) as first,
        pytest.raises(OSError, match=r"metrics\.listen 127.*another program"),
    ):
        MetricsServer(("127.0.0.1", first.port), Snapshot).start()


def test_a_slow_client_does_not_hold_up_the_next() -> None:
    with scraped(SAMPLE) as server:
        slow = http.client.HTTPConnection("127.0.0.1", server.port)
        slow.connect()

        assert read(server)["evpnd_fdb_entries"] == 3
        slow.close()


def test_closing_ends_the_thread() -> None:
    before = set(threading.enumerate())
    with scraped(SAMPLE):
        serving = set(threading.enumerate()) - before
        assert serving

    assert not any(thread.is_alive() for thread in serving)
