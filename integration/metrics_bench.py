"""What a scrape costs a busy agent: `python -m integration.metrics_bench`.

A core with the routes of two reflectors, and its metrics server, in one event loop, as
the agent has them. A heartbeat of a millisecond tells how late the loop comes to it
while nobody scrapes, and during each scrape: for so long a route would have waited.
"""

import argparse
import asyncio
import contextlib
import gc
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from evpnd.adapters.config import load_config
from evpnd.adapters.metrics import MetricsServer
from evpnd.adapters.reports import Reports
from evpnd.core.engine import Engine
from evpnd.model.domain import Vtep
from evpnd.model.events import PeerWentUp, UpdateReceived
from evpnd.model.ids import Peer, parse_ip, parse_rd, parse_route_target
from evpnd.model.routes import ImetRoute, MacIpBatch, PathAttributes, Update

PEERS = (Peer("10.0.0.253"), Peer("10.0.0.254"))
FIRST_VNI = 10_001
VTEPS = 10
BEAT = 0.001
"""Seconds between two beats."""
OPENMETRICS = "application/openmetrics-text;version=1.0.0"
YAML = """
asn: 65000
vtep: {{address: 10.0.0.1}}
peers: [{{address: 10.0.0.253, asn: 65000}}, {{address: 10.0.0.254, asn: 65000}}]
evis: [{{vnis: {first}-{last}, vxlan: "vx{{vni}}"}}]
"""


def routes(evis: int, macs: int) -> list[Update]:
    """Return the routes of ten VTEPs: type 3 in each EVI, and MACs spread over all."""
    updates = []
    each = max(1, macs // (evis * VTEPS))
    number = 0
    for vni in range(FIRST_VNI, FIRST_VNI + evis):
        target = parse_route_target(f"65000:{vni}")
        for vtep in range(1, VTEPS + 1):
            address = Vtep(parse_ip(f"10.0.1.{vtep}"))
            path = PathAttributes(
                next_hop=address, route_targets=(target,), encapsulations=(8,)
            )
            rd = parse_rd(f"10.0.1.{vtep}:{vni - FIRST_VNI}")
            keys = [
                (0x020000000000 + mac).to_bytes(6)
                for mac in range(number, number + each)
            ]
            number += each
            batch = MacIpBatch(rd, bytes(4), bytes(10), vni.to_bytes(3), keys)
            imet = ImetRoute(rd, bytes(4), address)
            updates.append(Update(path, [batch], [imet], [], []))
    return updates


class Heart:
    """Beats in the loop; keeps how late the latest beat was."""

    def __init__(self) -> None:
        """Start with no beat."""
        self.worst = 0.0
        """Seconds."""

    async def run(self) -> None:
        """Beat until cancelled."""
        while True:
            due = time.monotonic() + BEAT
            await asyncio.sleep(BEAT)
            self.worst = max(self.worst, time.monotonic() - due)

    def take(self) -> float:
        """Return how late the latest beat was since the last call."""
        worst, self.worst = self.worst, 0.0
        return worst


@asynccontextmanager
async def beating() -> AsyncIterator[Heart]:
    """Run a heart."""
    heart = Heart()
    task = asyncio.create_task(heart.run())
    try:
        yield heart
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def scrape(port: int) -> int:
    """Scrape as Prometheus does; return the octets of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET /metrics HTTP/1.1\r\nAccept: {OPENMETRICS}\r\n\r\n".encode())
    answer = await reader.read(-1)
    writer.close()
    assert answer.endswith(b"# EOF\n")
    return len(answer)


def filled(evis: int, macs: int) -> Engine:
    """Return a core that has the routes from both reflectors."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "evpnd.yaml")
        file.write_text(YAML.format(first=FIRST_VNI, last=FIRST_VNI + evis - 1))
        engine = Engine(load_config(file), time.monotonic())
    updates = routes(evis, macs)
    end = Update(None, [], [], [], [], end_of_rib=True)
    for peer in PEERS:
        engine.handle(PeerWentUp(peer), time.monotonic())
        for update in (*updates, end):
            engine.handle(UpdateReceived(peer, update), time.monotonic())
    return engine


async def bench(evis: int, macs: int, scrapes: int, *, copy: bool) -> None:
    """Measure and print."""
    engine = filled(evis, macs)
    # As the agent does at its start.
    gc.freeze()
    reports = Reports(engine)
    began = time.perf_counter()
    reports.snapshot()
    print(f"counting, in the loop: {(time.perf_counter() - began) * 1000:.1f} ms")
    server = MetricsServer(
        ("127.0.0.1", 0), reports.snapshot, is_large=lambda: copy, fresh=0.0
    )
    server.start()
    try:
        async with beating() as heart:
            await asyncio.sleep(1)
            print(f"latest beat, no scrape: {heart.take() * 1000:.1f} ms late")
            took, late = [], []
            for _ in range(scrapes):
                heart.take()
                began = time.perf_counter()
                octets = await scrape(server.port)
                took.append(time.perf_counter() - began)
                late.append(heart.take())
                await asyncio.sleep(0.2)
            heart.take()
    finally:
        await server.close()
        await reports.close()
    print(
        f"{scrapes} scrapes of {octets / 1000:.0f} kB, {evis} EVIs, {macs} MACs from "
        f"{len(PEERS)} peers: {statistics.median(took) * 1000:.0f} ms each; latest "
        f"beat p50 {statistics.median(late) * 1000:.1f} ms, worst "
        f"{max(late) * 1000:.1f} ms late"
    )


def main() -> None:
    """Read the sizes, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--evis", type=int, default=1_000)
    parser.add_argument("--macs", type=int, default=100_000)
    parser.add_argument("--scrapes", type=int, default=20)
    parser.add_argument("--loop", action="store_true", help="answer without a copy")
    given = parser.parse_args()
    asyncio.run(bench(given.evis, given.macs, given.scrapes, copy=not given.loop))


if __name__ == "__main__":
    main()
