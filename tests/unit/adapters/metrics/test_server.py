"""How it is served, to whomever asks."""

import contextlib
import http.client
import os
import socket
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from evpnd.adapters.metrics import (
    EviNumbers,
    Snapshot,
)
from evpnd.adapters.metrics import server as server_module
from evpnd.adapters.metrics.server import MAX_CLIENTS
from tests.unit.adapters.metrics.served import (
    FDB,
    FEW,
    OPENMETRICS,
    SAMPLE,
    Served,
    fetch,
    read,
    scraped,
)

DROPPED = "evpnd_log_lines_dropped_total"


def dropped(count: int) -> Snapshot:
    return Snapshot(log_lines_dropped=count)


def test_every_scrape_takes_a_new_snapshot() -> None:
    counts = iter([1, 2])
    with Served(lambda: dropped(next(counts))) as server:
        seen = [read(server)[DROPPED] for _ in range(2)]

    assert seen == [1, 2]


def test_scrapes_in_a_row_share_a_snapshot() -> None:
    counts = iter([1, 2])
    with Served(lambda: dropped(next(counts)), fresh=3600) as server:
        seen = [read(server)[DROPPED] for _ in range(3)]

    assert seen == [1, 1, 1]


def test_it_listens_on_ipv6() -> None:
    with scraped(FEW, "::1") as server:
        assert read(server, "[::1]")[FDB] == 3


def test_a_port_in_use_is_a_sentence() -> None:
    with (
        scraped(SAMPLE) as first,
        pytest.raises(OSError, match=r"metrics\.listen 127.*another program"),
        Served(Snapshot, port=first.port),
    ):
        pass


def test_a_slow_client_does_not_hold_up_the_next() -> None:
    with scraped(FEW) as server:
        slow = http.client.HTTPConnection("127.0.0.1", server.port)
        slow.connect()

        assert read(server)[FDB] == 3
        slow.close()


def test_idle_connections_cost_no_threads_and_are_left_after_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server_module, "PATIENCE", 3.0)
    with scraped(FEW) as server, ExitStack() as stack:
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
        assert read(server)[FDB] == 3
        assert server.complaints == []


def test_a_scrape_while_tables_change_never_fails() -> None:
    """The snapshot is taken between two changes, not in the middle of one."""
    table = {0: 1}

    def snapshot() -> Snapshot:
        return Snapshot([], [EviNumbers("a", vni, size) for vni, size in table.items()])

    with Served(snapshot) as server:

        def change(number: int) -> None:
            for vni in range(200):
                table[number * 200 + vni] = vni
            table.clear()
            # The loop is never idle for long, and leaves time for the answers.
            server.loop.call_later(0.0005, change, number + 1)

        server.loop.call_soon_threadsafe(change, 1)
        for _ in range(200):
            assert DROPPED in read(server)
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
        scraped(FEW) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=20) as client,
    ):
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            client.sendall(b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 100_000)
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(100) == b""

        assert read(server)[FDB] == 3


def test_the_format_is_what_prometheus_asks_for() -> None:
    with scraped(SAMPLE) as server:
        url = f"http://127.0.0.1:{server.port}/metrics"
        asked = urllib.request.Request(url, headers={"Accept": OPENMETRICS})
        with urllib.request.urlopen(asked, timeout=10) as answer:
            kind, text = answer.headers["Content-Type"], answer.read()

    assert kind.startswith("application/openmetrics-text")
    assert text.endswith(b"# EOF\n")


def test_a_copy_that_dies_is_an_error_and_the_next_scrape_is_served() -> None:
    here = os.getpid()
    dies = [True]

    def snapshot() -> Snapshot:
        if dies[0] and os.getpid() != here:
            os.abort()
        return FEW

    with Served(snapshot, large=True) as server:
        with pytest.raises(urllib.error.HTTPError, match="503"):
            read(server)
        dies[0] = False

        assert read(server)[FDB] == 3


def test_who_comes_while_a_copy_counts_gets_the_same_answer(tmp_path: Path) -> None:
    counted = tmp_path / "counted"

    def snapshot() -> Snapshot:
        with counted.open("a") as file:
            file.write("once ")
        time.sleep(0.3)
        return FEW

    with (
        Served(snapshot, fresh=60, large=True) as server,
        ThreadPoolExecutor(5) as pool,
    ):
        texts = list(pool.map(lambda _: fetch(server), range(5)))

    assert len(set(texts)) == 1
    assert counted.read_text() == "once "
