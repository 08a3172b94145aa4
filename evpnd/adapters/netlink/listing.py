"""Lists the MACs of large VXLAN devices, beside everything else.

The kernel's dump of a large FDB takes long, and holds the RTNL lock for each piece of
it. So it has a thread of its own here, which pauses between pieces: others, our own
writes too, have the lock for most of the time.
"""

import threading
import time
from collections.abc import Callable

from evpnd.adapters.netlink.dump import deletions, dump
from evpnd.adapters.netlink.parse import parse_neighbors
from evpnd.adapters.netlink.rtnl import AF_BRIDGE, NDMSG, RTM_GETNEIGH, Ending
from evpnd.model.actions import ListMacs
from evpnd.model.events import MacsListed
from evpnd.model.ids import FLOOD_MAC
from evpnd.model.rows import FdbRow

PAUSE = 3
"""How many times as long as a piece takes the lock is left to others, by this thread's
processor time: what it waited for others is no time that it held the lock."""
TOLD_AT_ONCE = 8192
"""MACs in one event."""


class _SupersededError(Exception):
    """The list is not wanted any more."""


class Lister:
    """A daemon thread that lists one device after the other."""

    def __init__(
        self,
        tell: Callable[[MacsListed], None],
        failed: Callable[[Exception], None],
    ) -> None:
        self._tell = tell
        self._failed = failed
        self._asked: dict[int, ListMacs] = {}
        """By VXLAN device; the one at work is among them."""
        self._changed = threading.Condition()
        self._stopping = False
        self._thread: threading.Thread | None = None

    def ask(self, action: ListMacs) -> None:
        """Start to list a device; an older list of it ends."""
        with self._changed:
            self._asked.pop(action.domain.vxlan, None)
            self._asked[action.domain.vxlan] = action
            self._changed.notify()
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._run, name="netlink-lister", daemon=True
            )
            self._thread.start()

    def stop(self) -> None:
        """End with the piece at hand; blocks until then."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._asked or self._stopping)
                if self._stopping:
                    return
                action = next(iter(self._asked.values()))
            try:
                self._list(action)
            except _SupersededError:
                continue
            except Exception as error:  # noqa: BLE001 - it is judged over there
                self._failed(error)
            with self._changed:
                if self._asked.get(action.domain.vxlan) is action:
                    del self._asked[action.domain.vxlan]

    def _list(self, action: ListMacs) -> None:
        """List a device; twice where rows went, as a dump misses some then."""
        macs: dict[bytes, None] = {}
        flood: dict[bytes, bool] = {}
        with deletions() as went:
            self._dump(action, macs, flood)
            again = went()
        if again:
            self._dump(action, macs, flood)
        found = list(macs)
        starts = range(0, len(found), TOLD_AT_ONCE) or [0]
        for start in starts:
            part = found[start : start + TOLD_AT_ONCE]
            last = start == starts[-1]
            known = flood if last else {}
            self._tell(MacsListed(action.domain, action.reading, part, known, last))

    def _dump(
        self, action: ListMacs, macs: dict[bytes, None], flood: dict[bytes, bool]
    ) -> None:
        vxlan = action.domain.vxlan
        body = NDMSG.pack(AF_BRIDGE, vxlan, 0, 0, 0)
        began = time.thread_time()

        def take(octets: bytes) -> Ending:
            nonlocal began
            spent = time.thread_time() - began
            rows: list[FdbRow] = []
            ending = parse_neighbors(octets, rows, [])
            for row in rows:
                if row.mac == FLOOD_MAC:
                    flood[row.dst] = row.is_ours
                elif row.ifindex == vxlan:
                    macs[row.mac] = None
            last = ending.done or ending.errno
            if not last and not self._pause(action, spent * PAUSE):
                raise _SupersededError
            began = time.thread_time()
            return ending

        dump(RTM_GETNEIGH, body, take)

    def _pause(self, action: ListMacs, seconds: float) -> bool:
        """Wait; return whether the list is still wanted."""

        def superseded() -> bool:
            return self._stopping or self._asked.get(action.domain.vxlan) is not action

        with self._changed:
            return not self._changed.wait_for(superseded, seconds)
