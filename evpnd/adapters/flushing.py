"""Removes what an evpnd that does not run any more left in the kernel."""

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from evpnd.adapters.netlink.dump import dump_links
from evpnd.adapters.netlink.kernel import Kernel
from evpnd.adapters.planning import read_kernel
from evpnd.core.engine import Engine
from evpnd.core.evi.readiness import MANAGED_ALIAS
from evpnd.model.actions import KernelAction, RemoveDevices
from evpnd.model.config import Config
from evpnd.model.events import Event
from evpnd.model.rows import Link
from evpnd.views.plan import Change, Picture, difference, pretend

_ROWS = ("flood", "fdb", "neighbor")


class Leftovers(NamedTuple):
    """What is there, and how it is removed."""

    changes: list[Change]
    """As `plan` tells them; all of them removals."""
    actions: list[KernelAction]


def find_leftovers(config: Config) -> Leftovers:
    """Return our rows on the devices of a configuration, and all devices of our alias.

    Raises OSError where the kernel's tables cannot be read.
    """
    now = time.monotonic()
    engine = Engine(config, now)
    found = pretend(engine, now, read_kernel)
    ours = list(_ours(dump_links().links))
    devices = {("device", link.name) for link in ours}
    left: Picture = {
        which: seen
        for which, seen in found.items()
        if which in devices or which[0] in _ROWS
    }
    actions = [each for each in engine.flush() if isinstance(each, KernelAction)]
    actions = [each for each in actions if not isinstance(each, RemoveDevices)]
    if ours:
        actions.append(RemoveDevices(tuple(link.name for link in ours)))
    return Leftovers(list(difference(left, {})), actions if left else [])


def _ours(links: Iterable[Link]) -> Iterator[Link]:
    """Yield the devices that evpnd made, bridges last."""
    made = [link for link in links if link.alias == MANAGED_ALIAS]
    yield from (link for link in made if link.kind != "bridge")
    yield from (link for link in made if link.kind == "bridge")


async def remove(actions: Sequence[KernelAction]) -> list[Event]:
    """Do it; return what the kernel said meanwhile.

    Raises PermissionError without CAP_NET_ADMIN.
    """
    heard: list[Any] = []
    kernel = Kernel(heard.append)
    await kernel.start()
    try:
        kernel.submit(actions)
        await kernel.drain()
    finally:
        await kernel.close()
    return heard
