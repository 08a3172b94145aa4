import asyncio
import contextlib
import http.client
import socket
import threading
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import pytest
from prometheus_client.parser import text_string_to_metric_families

from evpnd.adapters.metrics import Histogram, MetricsServer, Snapshot
from evpnd.adapters.metrics import server as server_module
from evpnd.adapters.metrics.families import families
from evpnd.adapters.metrics.server import MAX_CLIENTS

SAMPLE = Snapshot(
    peer_up={"10.0.0.254": True, "2001:db8::fe": False},
    routes={("10.0.0.254", "mac-ip", "received"): 7},
    evi_ready={"red": True},
    fdb_entries=3,
    neighbor_entries=2,
    flood_list_size={10100: 4},
    netlink_errors={("fdb", 28): 5, ("fdb", 9999): 1},
    resyncs={"overrun": 1},
    drift_repaired={("fdb", "audit"): 6},
    malformed={"treated-as-withdraw": 8},
    policy_verdicts={("guard", "gateways", "reject"): 10},
    limit_waiting={("few", "macs 2 per peer"): 4},
    max_routes={"10.0.0.254": 1000},
    routes_over_limit={"10.0.0.254": 7},
    log_lines_dropped=11,
    mac_moves=9,
    duplicate_macs=1,
    duplicate_ips=2,
)


class Served:
    """A metrics server in the event loop of a thread."""

    def __init__(
        self,
        snapshot: Callable[[], Snapshot],
        host: str = "127.0.0.1",
        port: int = 0,
        fresh: float = 0.0,
    ) -> None:
        self.complaints: list[object] = []
        self.loop = asyncio.new_event_loop()
        self.loop.set_exception_handler(lambda _, told: self.complaints.append(told))
        self._server = MetricsServer((host, port), snapshot, fresh=fresh)
        self._thread = threading.Thread(target=self.loop.run_forever)
        self._thread.start()

    @property
    def port(self) -> int:
        return self._server.port

    def __enter__(self) -> Self:
        async def start() -> None:
            self._server.start()

        try:
            asyncio.run_coroutine_threadsafe(start(), self.loop).result(10)
        except OSError:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._server.close(), self.loop).result(10)
        self._end()

    def _end(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()


def scraped(snapshot: Snapshot, host: str = "127.0.0.1") -> Served:
    return Served(lambda: snapshot, host)


def read(server: Served, host: str = "127.0.0.1") -> dict[str, float]:
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
        "evpnd_drift_repaired_total{'cause': 'audit', 'table': 'fdb'}": 6,
        "evpnd_malformed_total{'treatment': 'treated-as-withdraw'}": 8,
        "evpnd_policy_verdicts_total"
        "{'policy': 'guard', 'rule': 'gateways', 'verdict': 'reject'}": 10,
        "evpnd_limit_waiting_routes{'limit': 'macs 2 per peer', 'policy': 'few'}": 4,
        "evpnd_max_routes{'peer': '10.0.0.254'}": 1000,
        "evpnd_routes_over_limit{'peer': '10.0.0.254'}": 7,
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
    with Served(lambda: Snapshot(mac_moves=next(counts))) as server:
        seen = [read(server)["evpnd_mac_moves_total"] for _ in range(2)]

    assert seen == [1, 2]


def test_scrapes_in_a_row_share_a_snapshot() -> None:
    counts = iter([1, 2])
    with Served(lambda: Snapshot(mac_moves=next(counts)), fresh=3600) as server:
        seen = [read(server)["evpnd_mac_moves_total"] for _ in range(3)]

    assert seen == [1, 1, 1]


def test_it_listens_on_ipv6() -> None:
    with scraped(SAMPLE, "::1") as server:
        assert read(server, "[::1]")["evpnd_fdb_entries"] == 3


def test_a_port_in_use_is_a_sentence() -> None:
    with (
        scraped(SAMPLE) as first,
        pytest.raises(OSError, match=r"metrics\.listen 127.*another program"),
        Served(Snapshot, port=first.port),
    ):
        pass


def test_a_slow_client_does_not_hold_up_the_next() -> None:
    with scraped(SAMPLE) as server:
        slow = http.client.HTTPConnection("127.0.0.1", server.port)
        slow.connect()

        assert read(server)["evpnd_fdb_entries"] == 3
        slow.close()


def test_idle_connections_cost_no_threads_and_are_left_after_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server_module, "PATIENCE", 3.0)
    with scraped(SAMPLE) as server, ExitStack() as stack:
        threads = threading.active_count()
        idle = [
            stack.enter_context(
                socket.create_connection(("127.0.0.1", server.port), timeout=20)
            )
            for _ in range(200)
        ]
        answers = [connection.recv(100) for connection in idle]

        assert all(answer == b"" or b" 503 " in answer for answer in answers)
        assert answers.count(b"") >= MAX_CLIENTS
        assert any(answers)
        assert threading.active_count() <= threads
        assert read(server)["evpnd_fdb_entries"] == 3
        assert server.complaints == []


def test_a_scrape_while_tables_change_never_fails() -> None:
    """The snapshot is taken between two changes, not in the middle of one."""
    table = {0: 1}

    def snapshot() -> Snapshot:
        return Snapshot(flood_list_size={vni: size + 1 for vni, size in table.items()})

    with Served(snapshot) as server:

        def change(number: int) -> None:
            for vni in range(200):
                table[number * 200 + vni] = vni
            table.clear()
            # The loop is never idle for long, and leaves time for the answers.
            server.loop.call_later(0.0005, change, number + 1)

        server.loop.call_soon_threadsafe(change, 1)
        for _ in range(200):
            assert "evpnd_fdb_entries" in read(server)
        assert server.complaints == []


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"GET /metrics HTTP/1.1", 200),
        (b"HEAD /metrics HTTP/1.0", 200),
        (b"POST /metrics HTTP/1.1", 405),
        (b"\x16\x03\x01", 405),
    ],
)
def test_only_reading_is_served(request_line: bytes, status: int) -> None:
    with (
        scraped(SAMPLE) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=20) as client,
    ):
        client.sendall(request_line + b"\r\nHost: x\r\n\r\n")
        answer = b"".join(iter(lambda: client.recv(65536), b""))

    head, _, text = answer.partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert bool(text) == request_line.startswith(b"GET")


def test_a_head_without_end_is_left() -> None:
    with (
        scraped(SAMPLE) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=20) as client,
    ):
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            client.sendall(b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 100_000)
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(100) == b""

        assert read(server)["evpnd_fdb_entries"] == 3


def test_the_format_is_what_prometheus_asks_for() -> None:
    with scraped(SAMPLE) as server:
        url = f"http://127.0.0.1:{server.port}/metrics"
        asked = urllib.request.Request(
            url, headers={"Accept": "application/openmetrics-text; version=1.0.0"}
        )
        with urllib.request.urlopen(asked, timeout=10) as answer:
            kind, text = answer.headers["Content-Type"], answer.read()

    assert kind.startswith("application/openmetrics-text")
    assert text.endswith(b"# EOF\n")
