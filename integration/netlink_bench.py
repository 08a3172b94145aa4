"""The netlink adapter alone, in a namespace with a bridge and its VXLAN device."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from typing import TypeVar

import pytest

from evpnd.adapters.netlink.dump import read_link
from evpnd.adapters.netlink.kernel import Kernel
from evpnd.adapters.netlink.listener import ROWS_BUFFER
from evpnd.model.actions import KernelAction
from evpnd.model.domain import Domain
from evpnd.model.events import Event, RowFailed
from integration.lab_netns import LabError, inside, ip, sweep, wait_until

T = TypeVar("T")
E = TypeVar("E")
VTEP = "10.0.0.1"
PATIENCE = 5.0
"""Seconds to wait for what must come."""


class Bench:
    """A namespace: bridge br0 with VXLAN device vx0 (VNI 100) and port p0."""

    def __init__(self, namespace: str) -> None:
        """Make the devices; the namespace is there."""
        self.namespace = namespace
        self.ip(
            "link set lo up",
            f"addr add {VTEP}/32 dev lo",
            "link add br0 address 02:00:00:00:ff:00 type bridge mcast_snooping 0",
            f"link add vx0 type vxlan id 100 dstport 4789 local {VTEP} nolearning",
            "link add h0 type veth peer name p0",
            "link set vx0 master br0",
            "link set p0 master br0",
            *(
                f"link set {device} addrgenmode none"
                for device in ("br0", "vx0", "p0", "h0")
            ),
            *(f"link set {device} up" for device in ("br0", "vx0", "p0", "h0")),
        )
        self.br0, self.vx0, self.p0 = map(self.index, ("br0", "vx0", "p0"))
        self.domain = Domain(bridge=self.br0, vxlan=self.vx0, svi=self.br0)
        wait_until(self._forwards, 10, "p0 to forward")

    def _forwards(self) -> bool:
        """Return whether the kernel has noticed that the port has a carrier."""
        with inside(self.namespace):
            link = read_link(self.p0)
        return link is not None and link.port is not None and link.port.forwarding

    def ip(self, *lines: str) -> None:
        """Make what lines for iproute2 say."""
        ip(lines, self.namespace)

    def index(self, device: str) -> int:
        """Return the index of a device."""
        with inside(self.namespace):
            return socket.if_nametoindex(device)

    def run(
        self,
        scenario: Callable[["Driver"], Awaitable[T]],
        *,
        rows_buffer: int = ROWS_BUFFER,
    ) -> T:
        """Run a scenario with a started adapter in the namespace."""

        async def main() -> T:
            driver = Driver(rows_buffer)
            await driver.kernel.start()
            try:
                return await scenario(driver)
            finally:
                await driver.kernel.close()

        with inside(self.namespace):
            return asyncio.run(main())

    def do(self, *actions: KernelAction) -> list[Event]:
        """Have actions done by a fresh adapter; give what it told until then."""

        async def scenario(driver: "Driver") -> list[Event]:
            await driver.do(*actions)
            return driver.heard

        return self.run(scenario)

    def failures(self, *actions: KernelAction) -> list[RowFailed]:
        """Have actions done, and give the rows that were refused."""
        return [event for event in self.do(*actions) if isinstance(event, RowFailed)]


class Driver:
    """A running adapter, and all that it told."""

    def __init__(self, rows_buffer: int) -> None:
        """Make the adapter, not started."""
        self.heard: list[Event] = []
        self.kernel = Kernel(self.heard.append, rows_buffer=rows_buffer)

    async def do(self, *actions: KernelAction) -> None:
        """Submit actions and wait until they are done."""
        self.kernel.submit(actions)
        await self.kernel.drain()

    def all(self, kind: type[E]) -> list[E]:
        """Return the events of a kind so far."""
        return [event for event in self.heard if isinstance(event, kind)]

    async def event(
        self, kind: type[E], matches: Callable[[E], bool] = lambda _: True
    ) -> E:
        """Wait for an event; one that was told already counts."""
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while asyncio.get_running_loop().time() < deadline:
            for event in self.all(kind):
                if matches(event):
                    return event
            await asyncio.sleep(0.01)
        raise LabError(f"no such {kind.__name__} among {self.heard[-20:]}")

    async def quiet(self) -> None:
        """Let everything that is under way arrive."""
        await asyncio.sleep(0.15)


@pytest.fixture
def bench() -> Iterator[Bench]:
    """Make a namespace that is gone after the test."""
    prefix = f"en{os.getpid()}"
    with ExitStack() as stack:
        sweep(prefix)
        stack.callback(sweep, prefix)
        ip([f"netns add {prefix}-a"])
        yield Bench(f"{prefix}-a")


def mac(number: int) -> bytes:
    """Make the MAC of a number."""
    return b"\x02\x00" + number.to_bytes(4)
