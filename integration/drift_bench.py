"""What others change while evpnd writes bulks: `python -m integration.drift_bench`.

A core and a netlink adapter, without sessions, in a namespace; routes are handed to
the core. One by one bulks of rows are announced, moved and withdrawn, beside a table
that stays, while somebody else deletes and changes rows of both at random. Then the
kernel's tables are compared with what the routes want, until they are the same.
"""

import argparse
import asyncio
import os
import random
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Self

from evpnd.adapters.config import load_config
from evpnd.adapters.netlink.dump import dump_fdb
from evpnd.adapters.netlink.kernel import Kernel
from evpnd.adapters.netlink.rtnl import (
    AF_BRIDGE,
    NDA_LLADDR,
    NDMSG,
    RTM_DELNEIGH,
    attribute,
    message,
    open_socket,
)
from evpnd.adapters.netlink.writer import Writer
from evpnd.core.engine import Engine
from evpnd.model.actions import (
    DeleteRemoteMacs,
    DeleteVxlanRows,
    KernelAction,
    Notice,
    UpsertRemoteMacs,
)
from evpnd.model.domain import Vtep
from evpnd.model.events import Event, PeerWentUp, UpdateReceived
from evpnd.model.ids import Peer, parse_ip, parse_rd, parse_route_target
from evpnd.model.routes import MacIpBatch, PathAttributes, Update
from evpnd.model.rows import NTF_MASTER, NTF_SELF
from integration.lab_netns import inside, ip, sweep
from integration.netlink_bench import VTEP, Bench, mac

PEER = Peer("10.0.0.254")
YAML = f"""
asn: 65000
vtep: {{address: {VTEP}}}
peers: [{{address: {PEER}, asn: 65000}}]
evis: [{{vni: 100, vxlan: vx0}}]
"""
NEAR, FAR, ELSEWHERE = (Vtep(parse_ip(f"10.0.0.{last}")) for last in (2, 3, 99))
OPEN = Update(None, [], [], [], [], end_of_rib=True)


@dataclass
class Damage:
    """Rows that are not as the routes want them."""

    missing: int = 0
    wrong: int = 0
    halves: int = 0
    """VXLAN rows without their bridge row."""
    stray: int = 0
    """Rows that no route wants."""

    def __bool__(self) -> bool:
        return bool(self.missing or self.wrong or self.halves or self.stray)


@dataclass
class Result:
    """What was left, and how long it took."""

    changes: int
    at_once: Damage
    """When the last bulk was written."""
    left: Damage
    seconds: float
    """From then until nothing was left, or until patience ended."""
    writing: float
    """Seconds for the bulks."""
    repaired: dict[tuple[str, str], int] = field(default_factory=dict)


class Agent:
    """The core and the kernel's adapter, as the agent puts them together."""

    def __init__(self, folder: Path) -> None:
        path = folder / "evpnd.yaml"
        path.write_text(YAML)
        self.engine = Engine(load_config(path), time.monotonic())
        self.kernel = Kernel(self.take)
        self.wanted: dict[bytes, bytes] = {}
        self._ready = asyncio.Event()
        self._turn_due: asyncio.Handle | None = None
        self._timer: asyncio.TimerHandle | None = None

    def take(self, event: Event) -> None:
        """Hand an event to the core, and let it act soon."""
        if self.engine.handle(event, time.monotonic()) and self._turn_due is None:
            self._turn_due = asyncio.get_running_loop().call_soon(self.turn)

    def turn(self) -> None:
        """Let the core act."""
        self._turn_due = None
        now = time.monotonic()
        actions = self.engine.reconcile(now)
        kernel = [each for each in actions if isinstance(each, KernelAction)]
        if kernel:
            self.kernel.submit(kernel)
        assert not [
            each
            for each in actions
            if isinstance(each, Notice) and each.event == "row_refused"
        ]
        if all(vrf.ready for vrf in self.engine.inventory.vrfs.values()):
            self._ready.set()
        if self._timer is not None:
            self._timer.cancel()
        deadline = self.engine.next_deadline()
        if deadline is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(max(0.001, deadline - now), self.turn)

    async def start(self) -> None:
        """Read the tables and hear a peer out."""
        await self.kernel.start()
        self.turn()
        self.take(PeerWentUp(PEER))
        self.take(UpdateReceived(PEER, OPEN))
        await self._ready.wait()

    def announce(self, vtep: bytes, macs: list[bytes]) -> None:
        """Take routes from the peer."""
        self.wanted.update(dict.fromkeys(macs, vtep))
        target = parse_route_target("65000:100")
        path = PathAttributes(next_hop=vtep, route_targets=(target,))
        for part in _parts(macs):
            batch = MacIpBatch(RD, bytes(4), bytes(10), (100).to_bytes(3), part)
            self.take(UpdateReceived(PEER, Update(path, [batch], [], [], [])))

    def withdraw(self, macs: list[bytes]) -> None:
        """Take routes back."""
        for each in macs:
            del self.wanted[each]
        for part in _parts(macs):
            batch = MacIpBatch(RD, bytes(4), b"", b"", part)
            self.take(UpdateReceived(PEER, Update(None, [], [], [batch], [])))

    async def written(self) -> None:
        """Wait until all that is wanted so far was written."""
        await asyncio.sleep(0)
        await self.kernel.drain()


RD = parse_rd("10.0.0.2:100")


def _parts(macs: list[bytes]) -> Iterator[list[bytes]]:
    return (macs[start : start + 200] for start in range(0, len(macs), 200))


class Vandal:
    """Somebody else, with a socket and a thread of their own."""

    def __init__(self, bench: Bench, macs: list[bytes], pause: float) -> None:
        self.changes = 0
        self._bench, self._macs, self._pause = bench, macs, pause
        self._stop = threading.Event()
        self._choice = random.Random(1)
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        with inside(self._bench.namespace):
            writer, plain = Writer(lambda _: None), open_socket()
        with closing(writer), closing(plain):
            while not self._stop.wait(self._pause):
                self._change(writer, plain)
                self.changes += 1

    def _change(self, writer: Writer, plain: socket.socket) -> None:
        victim, domain = [self._choice.choice(self._macs)], self._bench.domain
        match self._choice.randrange(4):
            case 0:
                writer.write([DeleteRemoteMacs(domain, victim)])
            case 1:
                writer.write([DeleteVxlanRows(domain, victim)])
            case 2:
                writer.write([UpsertRemoteMacs(domain, ELSEWHERE, victim)])
            case _:
                row = NDMSG.pack(AF_BRIDGE, domain.vxlan, 0, NTF_MASTER, 0)
                row += attribute(NDA_LLADDR, victim[0])
                plain.send(message(RTM_DELNEIGH, 0, row))


def damage(bench: Bench, wanted: dict[bytes, bytes]) -> Damage:
    """Compare the kernel's tables with what is wanted."""
    own, bridged = {}, set()
    for row in dump_fdb(bench.br0).rows:
        if row.ifindex == bench.vx0 and row.is_ours:
            if row.flags & NTF_SELF:
                own[row.mac] = row.dst
            else:
                bridged.add(row.mac)
    return Damage(
        sum(each not in own for each in wanted),
        sum(own.get(each, vtep) != vtep for each, vtep in wanted.items()),
        sum(each in own and each not in bridged for each in wanted),
        len((own.keys() | bridged) - wanted.keys()),
    )


class Work(NamedTuple):
    """What is written."""

    bulks: int
    rows: int
    """Rows of each bulk."""
    base: int
    """Rows that stay."""


async def disturb(bench: Bench, folder: Path, work: Work, patience: float) -> Result:
    """Write bulks while somebody else changes rows; `patience` is in seconds."""
    agent = Agent(folder)
    await agent.start()
    try:
        stay = [mac(1 << 24 | number) for number in range(work.base)]
        bulk = [mac(number) for number in range(work.rows)]
        agent.announce(NEAR, stay)
        await agent.written()
        started = time.monotonic()
        with Vandal(bench, stay + bulk, 0.0005) as vandal:
            for number in range(work.bulks):
                match number % 3:
                    case 0:
                        agent.announce(NEAR, bulk)
                    case 1:
                        agent.announce(FAR, bulk)
                    case _:
                        agent.withdraw(bulk)
                await agent.written()
        ended = time.monotonic()
        at_once = left = damage(bench, agent.wanted)
        while left and time.monotonic() < ended + patience:
            await asyncio.sleep(0.2)
            left = await asyncio.to_thread(damage, bench, agent.wanted)
        repaired = dict(agent.engine.rows.repaired)
        seconds = time.monotonic() - ended
        writing = ended - started
        return Result(vandal.changes, at_once, left, seconds, writing, repaired)
    finally:
        await agent.kernel.close()


@contextmanager
def bench_alone() -> Iterator[Bench]:
    """Make a namespace for a run outside of tests."""
    prefix = f"en{os.getpid()}"
    name = f"{prefix}-d"
    ip([f"netns add {name}"])
    try:
        yield Bench(name)
    finally:
        sweep(prefix)


def main() -> None:
    """Run once and print the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bulks", type=int, default=198)
    parser.add_argument("--rows", type=int, default=8_000)
    parser.add_argument("--base", type=int, default=4_000)
    parser.add_argument("--patience", type=float, default=60.0)
    given = parser.parse_args()
    with (
        bench_alone() as bench,
        tempfile.TemporaryDirectory() as folder,
        inside(bench.namespace),
    ):
        work = Work(given.bulks, given.rows, given.base)
        run = disturb(bench, Path(folder), work, given.patience)
        print(asyncio.run(run))


if __name__ == "__main__":
    main()
