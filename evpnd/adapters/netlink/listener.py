"""Notifications of the kernel: links, addresses, FDB rows, neighbours, routes.

Several sockets, so that a flood of rows loses no link. All are read in the loop's
thread, many messages a wakeup; what was read in one wakeup is one event.
"""

import asyncio
import errno
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from evpnd.adapters.netlink import bpf
from evpnd.adapters.netlink.links import parse_links
from evpnd.adapters.netlink.parse import parse_neighbors
from evpnd.adapters.netlink.routes import parse_routes
from evpnd.adapters.netlink.rtnl import (
    GROUP_BRVLAN,
    GROUP_IPV4_IFADDR,
    GROUP_IPV4_ROUTE,
    GROUP_IPV6_IFADDR,
    GROUP_IPV6_ROUTE,
    GROUP_LINK,
    GROUP_NEIGH,
    GROUP_NEXTHOP,
    GROUP_TUNNEL,
    open_socket,
    subscribe,
)
from evpnd.model.events import (
    Event,
    FdbObserved,
    KernelOverran,
    NeighborsObserved,
)
from evpnd.model.rows import FdbRow, NeighborRow, NexthopRow, RouteRow
from evpnd.model.vrf_events import NexthopsObserved, RoutesObserved

ROWS_BUFFER = 64 << 20
"""Octets for queued rows: 160,000, as the kernel doubles it and counts 832 for each."""
_LINKS_BUFFER = 8 << 20
_RECEIVES = 512
"""Most notifications of a wakeup: about a millisecond of the loop's time."""
_LARGEST = 32 << 10
"""Octets of one notification, at most."""


class Recording:
    """Events of some kinds, kept from when a dump begins to when it is delivered.

    The loop may read, and deliver, a notification of what happened during a dump
    before the dump itself. The recording is delivered again after it, so that what
    the core ends with is what happened last.
    """

    def __init__(self, kinds: tuple[type, ...]) -> None:
        self.kinds = kinds
        self.events: list[Event] = []


class Listener:
    """The sockets, subscribed from the start, read from `start()` on."""

    def __init__(
        self,
        on_event: Callable[[Event], None],
        on_rows: Callable[[list[Event]], None],
        on_port_change: Callable[[set[int], bool], None],
        rows_buffer: int = ROWS_BUFFER,
    ) -> None:
        self._on_event = on_event
        self._on_rows = on_rows
        self._on_port_change = on_port_change
        self._recordings: list[Recording] = []
        self.rows = open_socket(groups=GROUP_NEIGH, receive=rows_buffer)
        bpf.attach(self.rows, bpf.WITHOUT_GHOSTS)
        self._links = open_socket(
            groups=GROUP_LINK | GROUP_IPV4_IFADDR | GROUP_IPV6_IFADDR,
            receive=_LINKS_BUFFER,
        )
        # Kernels before 5.6, without VLANs on bridges, or without VNI filters (before
        # 5.18) have no such groups, and nothing to tell.
        for group in (GROUP_BRVLAN, GROUP_TUNNEL):
            with suppress(OSError):
                subscribe(self._links, group)
        self._routes: socket.socket | None = None
        self._buffer = memoryview(bytearray(8 * _LARGEST))

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Read whenever there is something, in the loop's thread."""
        loop.add_reader(self._links, self._read_links)
        loop.add_reader(self.rows, self._read_rows)

    def close(self, loop: asyncio.AbstractEventLoop) -> None:
        """Stop reading and close the sockets."""
        for sock in (self._links, self.rows, self._routes):
            if sock is not None:
                loop.remove_reader(sock)
                sock.close()

    def hear_routes(self, loop: asyncio.AbstractEventLoop, port_id: int) -> None:
        """Subscribe to routes and nexthop objects, but for those of a port id.

        Hosts without VRFs are not woken for them. Any thread may; what comes until the
        loop reads it waits in the socket.
        """
        if self._routes is None:
            self._routes = open_socket(receive=ROWS_BUFFER)
            bpf.attach(self._routes, bpf.of_vrfs(port_id))
            for group in (GROUP_IPV4_ROUTE, GROUP_IPV6_ROUTE, GROUP_NEXTHOP):
                subscribe(self._routes, group)
            loop.call_soon_threadsafe(
                loop.add_reader, self._routes, self._read_routes, self._routes
            )

    @contextmanager
    def without_links(self) -> Iterator[None]:
        """Hear nothing of links; who uses it reads all of them afterwards."""
        bpf.attach(self._links, bpf.NOTHING)
        try:
            yield
        finally:
            bpf.attach(self._links, bpf.EVERYTHING)

    def record(self, *kinds: type) -> Recording:
        """Start to record; any thread may."""
        recording = Recording(kinds)
        self._recordings.append(recording)
        return recording

    def end(self, recording: Recording) -> list[Event]:
        """End a recording and return it."""
        self._recordings.remove(recording)
        return recording.events

    def _record(self, event: Event) -> None:
        for recording in self._recordings:
            if isinstance(event, recording.kinds):
                recording.events.append(event)

    def _read_rows(self) -> None:
        octets, lost = self._receive(self.rows)
        fdb: list[FdbRow] = []
        neighbors: list[NeighborRow] = []
        parse_neighbors(octets, fdb, neighbors)
        events: list[Event] = []
        if fdb:
            events.append(FdbObserved(fdb))
        if neighbors:
            events.append(NeighborsObserved(neighbors))
        for event in events if self._recordings else ():
            self._record(event)
        if lost:
            events.append(KernelOverran("notifications of rows were lost"))
        if events:
            self._on_rows(events)

    def _read_routes(self, sock: socket.socket) -> None:
        octets, lost = self._receive(sock)
        routes: list[RouteRow] = []
        nexthops: list[NexthopRow] = []
        parse_routes(octets, routes, nexthops)
        events: list[Event] = []
        if nexthops:
            events.append(NexthopsObserved(nexthops))
        if routes:
            events.append(RoutesObserved(routes))
        for event in events:
            self._record(event)
            self._on_event(event)
        if lost:
            self._on_event(KernelOverran("notifications of routes were lost"))

    def _read_links(self) -> None:
        octets, lost = self._receive(self._links)
        told = parse_links(octets)
        for event in told.events:
            self._record(event)
            self._on_event(event)
        if told.ports or told.vlans:
            self._on_port_change(told.ports, told.vlans)
        if lost:
            self._on_event(KernelOverran("notifications of links were lost"))

    def _receive(self, sock: socket.socket) -> tuple[bytes, bool]:
        """Read what there is, within bounds, in one piece; tell of an overrun."""
        view, used, lost = self._buffer, 0, False
        receive, end = sock.recv_into, len(self._buffer) - _LARGEST
        try:
            for _ in range(_RECEIVES):
                size = receive(view[used:], 0, socket.MSG_DONTWAIT)
                used += (size + 3) & ~3
                if used > end:
                    break
        except BlockingIOError:
            pass
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
            lost = True
        return bytes(view[:used]), lost
