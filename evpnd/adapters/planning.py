"""What starting or reloading with a file would change; reads, touches nothing."""

import time
from collections.abc import Callable
from typing import assert_never

from evpnd.adapters.netlink.dump import dump_fdb, dump_links, dump_neighbors
from evpnd.adapters.netlink.lookup import look_up
from evpnd.adapters.netlink.paths import measure_paths
from evpnd.core.engine import Engine
from evpnd.core.evi.discovery import describe_reload
from evpnd.model.actions import (
    DumpFdb,
    DumpLinks,
    DumpNeighbors,
    LookUpMacs,
    MeasurePaths,
)
from evpnd.model.config import Config
from evpnd.model.events import ConfigChanged, Event
from evpnd.views.plan import Change, Dump, difference, picture, pretend, restarts
from evpnd.views.query import Query


def plan_start(config: Config) -> list[Change]:
    """Compare with the kernel alone: no daemon runs, peers have said nothing.

    Raises OSError where the kernel's tables cannot be read.
    """
    now = time.monotonic()
    engine = Engine(config, now)
    before = pretend(engine, now, read_kernel)
    return list(difference(before, picture(Query(engine))))


def plan_reload(
    engine: Engine,
    config: Config,
    now: float | None = None,
    read: Callable[[Dump], Event] | None = None,
) -> dict[str, object]:
    """Compare with a running daemon's state; `engine` is a copy and used up.

    A replay has its own time, and its own tables.
    """
    now = time.monotonic() if now is None else now
    read = read or read_kernel
    pretend(engine, now, read)
    query = Query(engine)
    before = picture(query)
    changes = describe_reload(query.config, config, query.links, query.vrfs)
    sessions = restarts(query)
    engine.handle(ConfigChanged(config), now)
    before = pretend(engine, now, read) | before
    return {
        "ok": True,
        "configuration": changes,
        "result": list(difference(before, picture(query), sessions)),
    }


def read_kernel(action: Dump | LookUpMacs) -> Event:
    """Answer a dump at once, in this thread."""
    match action:
        case DumpLinks():
            return dump_links()
        case DumpFdb(bridge):
            return dump_fdb(bridge)
        case LookUpMacs():
            return look_up(action)
        case DumpNeighbors(ifindex):
            return dump_neighbors(ifindex)
        case MeasurePaths(vteps):
            return measure_paths(vteps)
        case _:
            assert_never(action)
