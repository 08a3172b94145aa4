"""A metrics server in a thread, and what it is asked."""

import asyncio
import threading
import urllib.request
from collections.abc import Callable
from typing import Self

from prometheus_client.parser import text_string_to_metric_families

from evpnd.adapters.metrics import (
    EviNumbers,
    MetricsServer,
    PeerNumbers,
    Snapshot,
)

SAMPLE = Snapshot(
    peers=[
        PeerNumbers(
            "10.0.0.254",
            65000,
            "spine1",
            up=True,
            findings=3,
            received={"mac-ip": 7},
            advertised={"imet": 12},
            max_routes=1000,
            over_limit=7,
        ),
        PeerNumbers("2001:db8::fe", 4200000000),
    ],
    evis=[EviNumbers("red", 10100, True, *range(21, 31))],
    netlink_errors={("fdb", 28): 5, ("fdb", 9999): 1},
    resyncs={"overrun": 1},
    drift_repaired={("fdb", "audit"): 6},
    malformed={"treated-as-withdraw": 8},
    policy_verdicts={("guard", "gateways", "reject"): 10},
    limit_waiting={("few", "macs 2 per peer"): 4},
    log_lines_dropped=11,
)
FEW = Snapshot(evis=[EviNumbers("red", 10100, fdb_entries=3)])
FDB = "evpnd_fdb_entries{'evi': 'red', 'vni': '10100'}"
OPENMETRICS = "application/openmetrics-text; version=1.0.0"


class Served:
    """A metrics server in the event loop of a thread."""

    def __init__(
        self,
        snapshot: Callable[[], Snapshot],
        host: str = "127.0.0.1",
        port: int = 0,
        fresh: float = 0.0,
        *,
        large: bool = False,
    ) -> None:
        self.complaints: list[object] = []
        self.loop = asyncio.new_event_loop()
        self.loop.set_exception_handler(lambda _, told: self.complaints.append(told))
        self._server = MetricsServer(
            (host, port), snapshot, is_large=lambda: large, fresh=fresh
        )
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


def scraped(
    snapshot: Snapshot, host: str = "127.0.0.1", *, large: bool = False
) -> Served:
    return Served(lambda: snapshot, host, large=large)


def fetch(server: Served, accept: str = "", host: str = "127.0.0.1") -> bytes:
    url = f"http://{host}:{server.port}/metrics"
    asked = urllib.request.Request(url, headers={"Accept": accept})
    with urllib.request.urlopen(asked, timeout=20) as answer:
        text: bytes = answer.read()
    return text


def read(server: Served, host: str = "127.0.0.1") -> dict[str, float]:
    text = fetch(server, host=host).decode()
    return {
        name + (str(dict(sorted(labels.items()))) if labels else ""): value
        for family in text_string_to_metric_families(text)
        for name, labels, value, *_ in family.samples
    }
