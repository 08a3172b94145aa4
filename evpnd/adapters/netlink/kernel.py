"""The kernel as the agent sees it: actions go in, events come out.

Nothing here blocks the loop. Rows, dumps and devices are one worker thread's, in the
order submitted; notifications and what tenants say are read in the loop's thread,
where every event is delivered.
"""

import asyncio
from collections.abc import Callable, Sequence

from evpnd.adapters.netlink.jobs import CloseSockets, Reach, ReadLinks
from evpnd.adapters.netlink.listener import ROWS_BUFFER, Listener
from evpnd.adapters.netlink.preflight import missing_capabilities
from evpnd.adapters.netlink.snoop import Snooper
from evpnd.adapters.netlink.worker import Worker
from evpnd.model.actions import KernelAction, SnoopPorts
from evpnd.model.events import Event

_SETTLE, _SETTLE_MOST = 0.02, 0.32
"""Seconds for which changes of bridge ports gather before they are read: of the first,
and of changes that go on and on. Each reading is of all VLANs of all ports."""
_ON_AND_ON = 0.25
"""Seconds after a reading within which the next change is one that goes on."""


class Kernel:
    """The netlink adapter; used in one event loop, between `start` and `close`."""

    def __init__(
        self,
        on_event: Callable[[Event], None],
        on_rows: Callable[[list[Event]], None] | None = None,
        *,
        rows_buffer: int = ROWS_BUFFER,
    ) -> None:
        """Store who is told.

        `on_rows` gets the notifications of rows, all that are read at a time; without
        it they are events as the others. `rows_buffer`: octets of them that the kernel
        may queue.
        """
        self._on_event = on_event
        self._on_rows = on_rows or self._tell_all
        self._rows_buffer = rows_buffer
        self._changed_ports: set[int] = set()
        self._changed_vlans = False
        self._ports_wait = False
        self._settle = _SETTLE
        self._read_at = 0.0

    async def start(self) -> None:
        """Subscribe to notifications and begin to deliver them; ask for nothing.

        Raises PermissionError without CAP_NET_ADMIN.
        """
        if "CAP_NET_ADMIN" in missing_capabilities():
            raise PermissionError(
                "changing the kernel's tables needs CAP_NET_ADMIN: run evpnd as root, "
                "or give its service AmbientCapabilities=CAP_NET_ADMIN"
            )
        self._loop = asyncio.get_running_loop()
        self._listener = Listener(
            self._on_event, self._on_rows, self._ports_changed, self._rows_buffer
        )
        self._snooper = Snooper(self._on_event)
        self._worker = Worker(self._loop, self._listener, self._snooper, self._on_event)
        self._listener.start(self._loop)
        self._worker.start()

    def submit(self, actions: Sequence[KernelAction]) -> None:
        """Queue actions; a dump sees the rows that were submitted before it."""
        self._worker.submit(actions)

    def backlog(self) -> int:
        """Count the rows that are queued and not written yet."""
        return self._worker.backlog()

    def call_when_done(self, done: Callable[[], None]) -> None:
        """Call back, in the loop, when all that was submitted is done."""
        self._worker.submit([Reach(done)])

    def call_when_few(self, most: int, few: Callable[[], None]) -> None:
        """Call back, in the loop, once so few rows wait; the last to ask counts.

        Rows are counted after each send: where none follows, nobody is called.
        """
        self._worker.call_when_few(most, few)

    async def drain(self) -> None:
        """Wait until all that was submitted is done and its events are delivered."""
        done = asyncio.Event()
        self.call_when_done(done.set)
        await done.wait()

    async def close(self) -> None:
        """Finish the action at hand, drop the others, close everything."""
        await asyncio.to_thread(self._worker.stop)
        self._listener.close(self._loop)
        self._worker.submit(
            [CloseSockets(self._snooper.adopt(self._loop, SnoopPorts(frozenset()), {}))]
        )
        await asyncio.to_thread(self._worker.close)

    def _tell_all(self, events: list[Event]) -> None:
        for event in events:
            self._on_event(event)

    def _ports_changed(self, ifindexes: set[int], vlans: bool) -> None:  # noqa: FBT001
        if not self._ports_wait:
            self._ports_wait = True
            # Who changes a thousand VLANs one by one is read a dozen times.
            again = self._loop.time() - self._read_at < _ON_AND_ON
            self._settle = min(2 * self._settle, _SETTLE_MOST) if again else _SETTLE
            self._loop.call_later(self._settle, self._read_ports)
        self._changed_ports |= ifindexes
        self._changed_vlans |= vlans

    def _read_ports(self) -> None:
        ports = frozenset(self._changed_ports)
        self._worker.submit([ReadLinks(ports, vlans=self._changed_vlans)])
        self._read_at = self._loop.time()
        self._changed_ports.clear()
        self._ports_wait = self._changed_vlans = False
