"""How each figure is measured: a daemon, a peer, the kernel's tables, and a clock.

Time is from the first octet that the peer sends to the last notification of a row, and
the tables are counted afterwards: a daemon that installs less than all has no figure.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from evpnd.adapters.netlink.rtnl import RTM_DELNEIGH, RTM_NEWNEIGH
from integration.bench import tables
from integration.bench.daemons import Daemon, Known
from integration.bench.place import Place, Speaker, made
from integration.bench.routes import VTEPS, Load, mac
from integration.bench.tables import Count, Watch
from integration.lab_netns import OWN, LabError

MOVES = 200
ARRIVALS = 100
IDLE = 10.0
"""Seconds over which the processor time of a daemon at rest is counted."""
NEW = 1_000
"""Routes that are new after a restart, beside those that have rows already."""
_PAUSE = 0.01

Figures = dict[str, float]
"""By the names of `rows.Figure`."""


class Bench(NamedTuple):
    """What is measured on: a daemon, and files."""

    known: Known
    folder: Path


class Running(NamedTuple):
    """A daemon at work, and its peer."""

    place: Place
    daemon: Daemon
    peer: Speaker


@contextmanager
def host(bench: Bench, vnis: int, *, gateways: bool = False) -> Iterator[Place]:
    """Make the host."""
    with made(f"{OWN}-b", bench.folder, vnis, gateways=gateways) as place:
        yield place


@contextmanager
def running(
    bench: Bench, load: Load, *, at_once: bool = False, rest: bool = True
) -> Iterator[Running]:
    """Start a daemon; go on when the session is up and all is quiet.

    At the end its logs are in the text of what went wrong.
    """
    with host(bench, load.vnis, gateways=load.with_ips) as place:
        peer = Speaker(place, load, at_once=at_once)
        daemon = bench.known.run(place)
        try:
            if rest:
                daemon.start()
                peer.wait("established", 60)
                time.sleep(2 + load.vnis / 50)
            yield Running(place, daemon, peer)
        except LabError as error:
            raise LabError(f"{bench.known.name}: {error}\n{daemon.log()}") from error
        finally:
            peer.close()
            daemon.kill()


def learn(bench: Bench, load: Load) -> Figures:
    """Measure routes to rows, and their withdrawal."""
    n = load.macs
    all_rows = Count(n, n, n if load.with_ips else 0)
    with running(bench, load) as (place, daemon, peer):
        watch = Watch(place.host, n)
        before = daemon.usage()
        peer.say("feed")
        began = peer.wait("fed")["at"]
        ended = watch.until(all_rows)
        time.sleep(1)
        after = daemon.usage()
        peer.say("withdraw")
        gone = peer.wait("withdrawn")["at"]
        empty = watch.until(Count(0, 0, 0))
        watch.close()
    return {
        "seconds": ended - began,
        "cpu": after.cpu - before.cpu,
        "peak": after.peak,
        "withdraw": empty - gone,
    }


def advertise(bench: Bench, load: Load) -> Figures:
    """Measure local MACs that come all at once, to routes at the peer."""
    with running(bench, load._replace(macs=0)) as (place, daemon, peer):
        ports = tables.indices(place.host, "lv", load.vnis)
        rows = tables.local_rows(range(load.macs), ports)
        before = daemon.usage()
        peer.say(f"hear {load.macs}")
        began, _ = tables.write(place.host, rows)
        heard = peer.wait("heard")
        after = daemon.usage()
    return {"seconds": heard["at"] - began, "cpu": after.cpu - before.cpu}


def move(bench: Bench, load: Load) -> Figures:
    """Measure one MAC after the other that moves to another VTEP (RFC 7432, 15)."""
    return _move(bench, load, "move")


def replace(bench: Bench, load: Load) -> Figures:
    """Measure the same, with the old route withdrawn in the same write."""
    return _move(bench, load, "replace")


def _move(bench: Bench, load: Load, word: str) -> Figures:
    times = []
    with running(bench, load) as (place, _, peer):
        watch = Watch(place.host, load.macs)
        peer.say("feed")
        watch.until(Count(load.macs, load.macs, 0))
        watch.close()
        watch = Watch(place.host, 1)
        for number in range(MOVES):
            where, _ = load.place_of(number)
            peer.say(f"{word} {number} {(where + 1) % VTEPS} 1")
            moved = peer.wait("moved")
            there = watch.row(mac(number), moved["vtep"])
            if there is None:
                raise LabError(f"move {number} did not reach the kernel")
            times.append(there - moved["at"])
            time.sleep(_PAUSE)
        watch.close()
    return _quantiles(times)


def local(bench: Bench, load: Load) -> Figures:
    """Measure one local MAC after the other, to its route at the peer."""
    times = []
    with running(bench, load._replace(macs=0)) as (place, _, peer):
        ports = tables.indices(place.host, "lv", load.vnis)
        for number in range(ARRIVALS):
            peer.say(f"hear {number + 1}")
            rows = tables.local_rows(range(number, number + 1), ports)
            began, _ = tables.write(place.host, rows)
            times.append(peer.wait("heard", 120)["at"] - began)
            time.sleep(_PAUSE)
    return _quantiles(times)


def cold(bench: Bench, load: Load) -> Figures:
    """Measure a start while a peer waits with routes, to the last row."""
    with running(bench, load, at_once=True, rest=False) as (place, daemon, _):
        watch = Watch(place.host, load.macs)
        began = time.monotonic()
        daemon.start()
        ended = watch.until(Count(load.macs, load.macs, 0))
        watch.close()
    return {"seconds": ended - began}


def restart(bench: Bench, load: Load) -> Figures:
    """Measure a start after a crash, with the rows there, to the last new row.

    All processes are killed at once. When they start again the peer has a thousand
    routes more. `lost` are rows that went meanwhile, that of one MAC counted twice.
    """
    old, new = load.macs, load.macs + NEW
    with host(bench, load.vnis) as place:
        daemon = bench.known.run(place)
        try:
            first = Speaker(place, load)
            with _closing(first):
                watch = Watch(place.host, old)
                daemon.start()
                first.wait("established", 60)
                time.sleep(2)
                first.say("feed")
                watch.until(Count(old, old, 0))
                watch.close()
            daemon.kill()
            second = Speaker(place, load._replace(macs=new), at_once=True)
            with _closing(second):
                watch = Watch(place.host, old)
                began = time.monotonic()
                daemon.start()
                ended = watch.until(Count(new, new, 0))
                lost = watch.deletions
                watch.close()
        finally:
            daemon.kill()
    return {"seconds": ended - began, "lost": lost}


@contextmanager
def _closing(peer: Speaker) -> Iterator[None]:
    try:
        yield
    finally:
        peer.close()


def idle(bench: Bench, load: Load) -> Figures:
    """Measure a daemon that has nothing to do."""
    with running(bench, load._replace(macs=0)) as (_, daemon, _peer):
        before = daemon.usage()
        time.sleep(IDLE)
        after = daemon.usage()
    return {"share": after.share, "cpu": after.cpu - before.cpu}


def memory(bench: Bench, load: Load) -> Figures:
    """Measure the memory that a daemon has with all routes."""
    with running(bench, load) as (place, daemon, peer):
        watch = Watch(place.host, load.macs)
        peer.say("feed")
        watch.until(Count(load.macs, load.macs, 0))
        watch.close()
        time.sleep(3)
        return {"share": daemon.usage().share}


# The kernel alone


def kernel_rows(folder: Path, load: Load) -> Figures:
    """Write and delete all rows, as fast as the kernel takes packed messages."""
    n = load.macs
    with made(f"{OWN}-b", folder, load.vnis, gateways=load.with_ips) as place:
        devices = tables.indices(place.host, "vx", load.vnis)
        add = tables.remote_rows(load, devices, RTM_NEWNEIGH)
        gone = tables.remote_rows(load, devices, RTM_DELNEIGH)
        if load.with_ips:
            bridges = tables.indices(place.host, "br", load.vnis)
            add += tables.neighbor_rows(load, bridges, RTM_NEWNEIGH)
            gone += tables.neighbor_rows(load, bridges, RTM_DELNEIGH)
        began, ended = tables.write(place.host, add)
        wanted = Count(n, n, n if load.with_ips else 0)
        if (found := tables.count(place.host)) != wanted:
            raise LabError(f"the kernel has {found}, not {wanted}")
        deleting, deleted = tables.write(place.host, gone)
        if any(left := tables.count(place.host)):
            raise LabError(f"the kernel has {left} after all was deleted")
    return {"seconds": ended - began, "withdraw": deleted - deleting}


def _quantiles(times: list[float]) -> Figures:
    ranked = sorted(times)

    def at(share: float) -> float:
        return ranked[min(len(ranked) - 1, int(len(ranked) * share))] * 1000

    return {"p50": at(0.5), "p99": at(0.99)}


Measure = Callable[[Bench, Load], Figures]
