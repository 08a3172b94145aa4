"""How long a new agent takes over a large table: `python -m integration.reading_bench`.

A core and a netlink adapter, without sessions, in a namespace. An earlier run left the
rows of many MACs; a peer has routes for all but some. The time is taken until what an
earlier agent announced may be withdrawn (ready), until the rows of all routes are
known, and until those without a route are gone. Meanwhile new routes come one by one,
and the time from each to its row is taken. `--dump` reads the table whole, as before.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from evpnd.adapters.netlink import dump
from evpnd.adapters.netlink.lookup import look_up
from evpnd.adapters.netlink.writer import Writer
from evpnd.model.actions import LookUpMacs, UpsertRemoteMacs
from evpnd.model.events import PeerWentUp, UpdateReceived
from integration.drift_bench import NEAR, OPEN, PEER, Agent, bench_alone
from integration.lab_netns import inside
from integration.netlink_bench import Bench, mac

ROUTED, STRAY, NEW = 0, 1 << 24, 1 << 25
"""First of the numbers that MACs are made of."""
PAUSE = 0.1
"""Seconds between two new routes."""
AT_ONCE = 8192
_STAGES = ("ready", "known", "clean")

Tell = Callable[[str, float], None]
"""Takes a stage that was reached, and after how many seconds."""


class Result(NamedTuple):
    """Seconds since the start of the agent, but for `routes`."""

    ready: float
    known: float
    """The rows of all routes are known, and as they should be."""
    clean: float
    """The rows without a route are gone."""
    routes: list[float]
    """From each new route to its row, from `ready` on."""

    def __str__(self) -> str:
        waits = sorted(self.routes)
        return (
            f"ready {self.ready:.2f} s, rows known {self.known:.2f} s, "
            f"strays gone {self.clean:.1f} s; {len(waits)} new routes to rows: "
            f"p50 {statistics.median(waits) * 1000:.0f} ms, "
            f"longest {waits[-1] * 1000:.0f} ms"
        )


def leave_rows(bench: Bench, macs: list[bytes]) -> None:
    """Write the rows that an earlier run left."""
    with closing(Writer(lambda _: None)) as writer:
        for start in range(0, len(macs), AT_ONCE):
            part = macs[start : start + AT_ONCE]
            writer.write([UpsertRemoteMacs(bench.domain, NEAR, part)])


async def take_over(
    bench: Bench, folder: Path, macs: int, strays: int, tell: Tell = lambda *_: None
) -> Result:
    """Start an agent over rows that an earlier one left; tell of each stage."""
    routed = [mac(ROUTED + number) for number in range(macs)]
    without = [mac(STRAY + number) for number in range(strays)]
    leave_rows(bench, routed + without)
    agent = Agent(folder)
    started = time.monotonic()
    times: dict[str, float] = {}
    await agent.kernel.start()
    try:
        agent.turn()
        agent.take(PeerWentUp(PEER))
        agent.announce(NEAR, routed)
        agent.take(UpdateReceived(PEER, OPEN))
        routes: list[float] = []
        while "clean" not in times:
            await asyncio.sleep(0.005 if "ready" not in times else PAUSE)
            stage = _STAGES[len(times)]
            if _reached(stage, agent, bench, without):
                times[stage] = time.monotonic() - started
                tell(stage, times[stage])
            if "ready" in times:
                routes.append(await _new_route(agent, bench, mac(NEW + len(routes))))
        return Result(**times, routes=routes)
    finally:
        await agent.kernel.close()


def _reached(stage: str, agent: Agent, bench: Bench, without: list[bytes]) -> bool:
    (vrf,) = agent.engine.inventory.vrfs.values()
    if stage == "ready":
        return agent.engine.announced_first
    if stage == "known":
        return all(each in vrf.fdb.actual for each in agent.wanted)
    return not _there(bench, without)


def _there(bench: Bench, macs: list[bytes]) -> bool:
    found = look_up(LookUpMacs(bench.domain, macs))
    return any(row.present for row in found.rows)


async def _new_route(agent: Agent, bench: Bench, new: bytes) -> float:
    began = time.monotonic()
    agent.announce(NEAR, [new])
    while not _there(bench, [new]):  # noqa: ASYNC110 - the kernel does not tell
        await asyncio.sleep(0.001)
    return time.monotonic() - began


def main() -> None:
    """Run once and print the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--macs", type=int, default=200_000)
    parser.add_argument("--strays", type=int, default=1_000)
    parser.add_argument("--dump", action="store_true", help="read the table whole")
    given = parser.parse_args()
    if given.dump:
        dump.LARGE = 1 << 32
    with (
        bench_alone() as bench,
        tempfile.TemporaryDirectory() as folder,
        inside(bench.namespace),
    ):
        size = given.macs, given.strays
        print(asyncio.run(take_over(bench, Path(folder), *size, _print)))


def _print(stage: str, seconds: float) -> None:
    print(f"{stage} after {seconds:.2f} s", flush=True)


if __name__ == "__main__":
    main()
