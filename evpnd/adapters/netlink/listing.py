"""Lists the MACs of large VXLAN devices, beside everything else.

The kernel's dump of a large FDB takes long, and holds the RTNL lock for each piece of
it. So it has a thread of its own here, which pauses between pieces: others, our own
writes too, have the lock for most of the time. EVIs that share a device are answered by
one dump.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from evpnd.adapters.netlink.dump import deletions, dump
from evpnd.adapters.netlink.parse import parse_neighbors
from evpnd.adapters.netlink.rtnl import AF_BRIDGE, NDMSG, RTM_GETNEIGH, Ending
from evpnd.model.actions import ListMacs
from evpnd.model.events import MacsListed
from evpnd.model.ids import FLOOD_MAC
from evpnd.model.rows import NTF_SELF, FdbRow

PAUSE = 3
"""How many times as long as a piece takes the lock is left to others, by this thread's
processor time: what it waited for others is no time that it held the lock."""
TOLD_AT_ONCE = 8192
"""MACs in one event."""


Key = tuple[int, int]
"""A VXLAN device and the VNI of the rows that are listed; 0: all."""


class _Found(NamedTuple):
    """What is listed for one EVI."""

    macs: dict[bytes, None]
    flood: dict[bytes, bool]


class _Listing:
    """The rows of a device, for each of those that asked."""

    def __init__(self, asked: Sequence[ListMacs]) -> None:
        self.answers = [(action, _Found({}, {})) for action in asked]
        domains = [(action.domain, found) for action, found in self.answers]
        first, everything = domains[0]
        self.vxlan = first.vxlan
        self._all = None if first.vni else everything
        self._by_vni = {domain.vni: found for domain, found in domains}
        self._by_vlan = {domain.vlan: found for domain, found in domains}

    def take(self, octets: bytes) -> Ending:
        """Store the rows of a piece of the dump."""
        rows: list[FdbRow] = []
        ending = parse_neighbors(octets, rows, [])
        for row in rows:
            own = row.flags & NTF_SELF
            found = self._all or (
                self._by_vni.get(row.vni) if own else self._by_vlan.get(row.vlan)
            )
            if found is None:
                continue
            if row.mac == FLOOD_MAC:
                found.flood[row.dst] = row.is_ours
            elif row.ifindex == self.vxlan:
                found.macs[row.mac] = None
        return ending


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
        self._asked: dict[Key, ListMacs] = {}
        """Those at work are among them."""
        self._changed = threading.Condition()
        self._stopping = False
        self._thread: threading.Thread | None = None

    def ask(self, action: ListMacs) -> None:
        """Start to list a device, or one VNI of it; an older list of it ends."""
        with self._changed:
            self._asked.pop(_key(action), None)
            self._asked[_key(action)] = action
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
                first = next(iter(self._asked.values())).domain
                actions = [
                    action
                    for action in self._asked.values()
                    if action.domain.vxlan == first.vxlan
                ]
            try:
                self._list(actions)
            except _SupersededError:
                continue
            except Exception as error:  # noqa: BLE001 - it is judged over there
                self._failed(error)
            with self._changed:
                for action in filter(self._is_wanted, actions):
                    del self._asked[_key(action)]

    def _list(self, actions: Sequence[ListMacs]) -> None:
        """List a device; twice where rows went, as a dump misses some then."""
        listing = _Listing(actions)
        with deletions() as went:
            self._dump(listing)
            again = went()
        if again:
            self._dump(listing)
        for action, found in listing.answers:
            self._answer(action, *found)

    def _answer(
        self, action: ListMacs, macs: dict[bytes, None], flood: dict[bytes, bool]
    ) -> None:
        found = list(macs)
        starts = range(0, len(found), TOLD_AT_ONCE) or [0]
        for start in starts:
            part = found[start : start + TOLD_AT_ONCE]
            last = start == starts[-1]
            known = flood if last else {}
            self._tell(MacsListed(action.domain, action.reading, part, known, last))

    def _dump(self, listing: _Listing) -> None:
        body = NDMSG.pack(AF_BRIDGE, listing.vxlan, 0, 0, 0)
        began = time.thread_time()

        def take(octets: bytes) -> Ending:
            nonlocal began
            spent = time.thread_time() - began
            ending = listing.take(octets)
            last = ending.done or ending.errno
            if not last and not self._pause(listing, spent * PAUSE):
                raise _SupersededError
            began = time.thread_time()
            return ending

        dump(RTM_GETNEIGH, body, take)

    def _is_wanted(self, action: ListMacs) -> bool:
        return self._asked.get(_key(action)) is action

    def _pause(self, listing: _Listing, seconds: float) -> bool:
        """Wait; return whether the list is still wanted by one of those that asked."""

        def superseded() -> bool:
            wanted = any(self._is_wanted(action) for action, _ in listing.answers)
            return self._stopping or not wanted

        with self._changed:
            return not self._changed.wait_for(superseded, seconds)


def _key(action: ListMacs) -> Key:
    return action.domain.vxlan, action.domain.vni
