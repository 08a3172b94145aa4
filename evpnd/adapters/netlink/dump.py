"""Dumps: links with addresses, one link, the FDB of a bridge, neighbours of a device.

Each opens a socket of its own, so that one that failed half-way leaves nothing to be
read by the next. All raise OSError with the kernel's errno.
"""

import errno
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager

from evpnd.adapters.netlink import bpf
from evpnd.adapters.netlink.links import parse_links
from evpnd.adapters.netlink.parse import parse_neighbors
from evpnd.adapters.netlink.rtnl import (
    AF_BRIDGE,
    GROUP_NEIGH,
    IFINFOMSG,
    NDA_IFINDEX,
    NDA_MASTER,
    NDMSG,
    NLM_F_DUMP,
    RECEIVE,
    RTM_GETADDR,
    RTM_GETLINK,
    RTM_GETNEIGH,
    RTM_GETTUNNEL,
    RTM_GETVLAN,
    Ending,
    message,
    open_socket,
    read_ending,
    request,
    subscribe,
    u32,
)
from evpnd.adapters.netlink.vlans import TABLE_MSG, FilterDump, VlanDump
from evpnd.model.events import (
    AddressObserved,
    FdbDumped,
    FdbTooLarge,
    LinkObserved,
    LinksDumped,
    NeighborsDumped,
    PortsDumped,
    VlansObserved,
)
from evpnd.model.rows import (
    NTF_SELF,
    FdbRow,
    Link,
    NeighborRow,
)

ATTEMPTS = 3
READINGS = 4
"""How often an FDB is read from which rows go at every reading. What none of them has,
the audit finds."""
LARGE = 50_000
"""Rows of one device that are dumped at once: the kernel takes 0.2 s for them, and for
four times as many 16 times as long."""
LARGE_BRIDGE = 250_000
"""Rows of a bridge with many devices: 1,000 devices of 100 MACs each take 1.2 s. Of one
device with the rows of many EVIs, too: as many MACs take 2 s there on Linux 6.12, 0.8 s
on 7.2, but each EVI would take a reading of its own by parts."""
_MANY = 8
"""Devices from which on all neighbours of the host are read once."""
_IFLA_EXT_MASK = 29
_RTEXT_FILTER_SKIP_STATS = 1 << 3
_IFADDRMSG_SIZE = 8
_DUMPED = {
    RTM_GETLINK: "links",
    RTM_GETADDR: "addresses",
    RTM_GETVLAN: "VLANs",
    RTM_GETTUNNEL: "VNI filters",
}


class DumpInterruptedError(Exception):
    """The table changed during every attempt (NLM_F_DUMP_INTR)."""


def dump_links() -> LinksDumped:
    """Read all links, their addresses, and what `dump_vlans` reads.

    Raises DumpInterruptedError.
    """
    body = IFINFOMSG.pack(socket.AF_UNSPEC, 0, 0, 0, 0) + _without_statistics()
    links = tuple(
        event.link
        for buffer in _consistent(RTM_GETLINK, body)
        for event in parse_links(buffer).events
        if isinstance(event, LinkObserved)
    )
    addresses = [
        event
        for buffer in _consistent(RTM_GETADDR, bytes(_IFADDRMSG_SIZE))
        for event in parse_links(buffer).events
        if isinstance(event, AddressObserved)
    ]
    vlans, filters = dump_vlans()
    return LinksDumped(
        links,
        frozenset((each.ifindex, each.ip) for each in addresses),
        vlans,
        frozenset(
            (each.ifindex, each.ip, each.length)
            for each in addresses
            if each.length is not None
        ),
        filters,
    )


def dump_vlans() -> VlansObserved:
    """Read the VLANs of all bridges and ports, their tunnel maps, and VNI filters.

    Raises DumpInterruptedError.
    """
    vlans, filters = VlanDump(), FilterDump()
    for kind, into in ((RTM_GETVLAN, vlans.take), (RTM_GETTUNNEL, filters.take)):
        for buffer in _table(kind):
            into(buffer)
    return VlansObserved(vlans.read(), filters.read())


def _table(kind: int) -> list[bytes]:
    """Dump a table that not every kernel has; without it, return nothing.

    RTM_GETVLAN tells of tunnel maps since Linux 5.7, RTM_GETTUNNEL is there since 5.18,
    both with the first bridge or VXLAN device.
    """
    try:
        return _consistent(kind, TABLE_MSG.pack(AF_BRIDGE, 0))
    except OSError as error:
        if error.errno != errno.EOPNOTSUPP:
            raise
        return []


def read_link(ifindex: int) -> Link | None:
    """Read one link; None where there is none of this index."""
    body = IFINFOMSG.pack(socket.AF_UNSPEC, 0, ifindex, 0, 0) + _without_statistics()
    with closing(open_socket()) as sock:
        try:
            answer = request(sock, RTM_GETLINK, 0, body)
        except OSError as error:
            if error.errno == errno.ENODEV:
                return None
            raise
    for event in parse_links(answer).events:
        if isinstance(event, LinkObserved):
            return event.link
    return None


def dump_fdb(bridge: int) -> FdbDumped:
    """Read the FDB of a bridge and of its ports; empty where the bridge is gone.

    The kernel dumps an FDB piece by piece, by position: a row that goes meanwhile
    makes it skip another one, and nothing is flagged. So where rows went, the table
    is read again, until none went or READINGS times, and all readings count: what is
    in doubt stays in, and the notification of its going, which comes later, takes it
    out.
    """
    return FdbDumped(bridge, _dump_until_still([_of_bridge(bridge)]))


def read_fdb(bridge: int, *, many: bool = False) -> FdbDumped | FdbTooLarge:
    """Read the FDB of a bridge, but where it is large, give up.

    `many`: one device has the rows of many EVIs.
    """
    most = LARGE_BRIDGE if many else LARGE
    try:
        return FdbDumped(bridge, _dump_until_still([_of_bridge(bridge)], most=most))
    except _TooLargeError as error:
        ours = frozenset(row.ifindex for row in error.rows if row.is_ours)
        return FdbTooLarge(bridge, ours)


def dump_ports(bridge: int, ports: frozenset[int]) -> PortsDumped:
    """Read the bridge rows of some ports; of the bridge, those of no port.

    For each the kernel walks the FDB once, but sends what is the port's alone.
    """
    rows = _dump_until_still(
        [NDMSG.pack(AF_BRIDGE, port, 0, 0, 0) for port in sorted(ports)]
    )
    bridged = [row for row in rows if not row.flags & NTF_SELF]
    return PortsDumped(bridge, ports, bridged)


def dump_device(ifindex: int) -> list[FdbRow]:
    """Read the FDB rows of one device: its own, and as a port of a bridge."""
    return _dump_until_still([NDMSG.pack(AF_BRIDGE, ifindex, 0, 0, 0)])


def dump_neighbors(ifindex: int) -> NeighborsDumped:
    """Read the IPv4 and IPv6 neighbours of a device.

    Raises DumpInterruptedError.
    """
    wanted = u32(NDA_IFINDEX, ifindex)
    rows = _dump_neighbor_rows(wanted, f"neighbours of link {ifindex}")
    return NeighborsDumped(ifindex, rows)


def read_neighbors(ifindexes: Sequence[int]) -> list[NeighborsDumped]:
    """Read the IPv4 and IPv6 neighbours of devices; of many by one dump of all.

    The kernel walks its whole table for each dump, also for one of a single device.
    Raises DumpInterruptedError.
    """
    if len(ifindexes) < _MANY:
        return [dump_neighbors(ifindex) for ifindex in ifindexes]
    found: dict[int, list[NeighborRow]] = {ifindex: [] for ifindex in ifindexes}
    for row in _dump_neighbor_rows(b"", "neighbours"):
        if row.ifindex in found:
            found[row.ifindex].append(row)
    return [NeighborsDumped(ifindex, rows) for ifindex, rows in found.items()]


def _dump_neighbor_rows(wanted: bytes, what: str) -> list[NeighborRow]:
    """Dump the neighbours of both families that an attribute asks for."""
    body = NDMSG.pack(socket.AF_UNSPEC, 0, 0, 0, 0) + wanted
    for _ in range(ATTEMPTS):
        rows: list[NeighborRow] = []

        def take(octets: bytes, into: list[NeighborRow] = rows) -> Ending:
            return parse_neighbors(octets, [], into)

        if not dump(RTM_GETNEIGH, body, take):
            return rows
    raise DumpInterruptedError(what)


class _TooLargeError(Exception):
    """An FDB has more rows than were wanted."""

    def __init__(self, rows: list[FdbRow]) -> None:
        super().__init__()
        self.rows = rows


def _of_bridge(bridge: int) -> bytes:
    return NDMSG.pack(AF_BRIDGE, 0, 0, 0, 0) + u32(NDA_MASTER, bridge)


def _dump_until_still(bodies: list[bytes], most: int | None = None) -> list[FdbRow]:
    """Dump FDB rows, and again where rows went; none of devices that are gone."""
    rows: list[FdbRow] = []
    for reading in range(READINGS):
        with deletions() as went:
            limit = most if reading == 0 else None
            pieces = [_dump_fdb_rows(body, rows, limit) for body in bodies]
            if max(pieces, default=0) <= 1 or not went():
                break
    if reading == 0:
        return rows
    latest = {(row.ifindex, row.mac, row.vlan, row.dst): row for row in rows}
    return list(latest.values())


def _dump_fdb_rows(body: bytes, rows: list[FdbRow], most: int | None) -> int:
    """Append the rows of a dump; tell in how many pieces they came."""
    pieces = 0

    def take(octets: bytes) -> Ending:
        nonlocal pieces
        before = len(rows)
        ending = parse_neighbors(octets, rows, [])
        pieces += len(rows) > before
        if most is not None and is_large(rows, most):
            raise _TooLargeError(rows)
        return ending

    try:
        dump(RTM_GETNEIGH, body, take)
    except OSError as error:
        if error.errno != errno.ENODEV:
            raise
    return pieces


def is_large(rows: list[FdbRow], most: int) -> bool:
    """Return whether these are too many, on one device or together.

    The kernel tells of one device after the other.
    """
    count = len(rows)
    if count <= most:
        return False
    return count > LARGE_BRIDGE or rows[-1].ifindex == rows[-1 - most].ifindex


@contextmanager
def deletions() -> Iterator[Callable[[], bool]]:
    """Watch for FDB rows that go; the value says whether any went."""
    with closing(open_socket()) as sock:
        bpf.attach(sock, bpf.FDB_DELETIONS)
        subscribe(sock, GROUP_NEIGH)

        def went() -> bool:
            try:
                sock.recv(1, socket.MSG_DONTWAIT | socket.MSG_PEEK)
            except BlockingIOError:
                return False
            except OSError as error:
                return error.errno == errno.ENOBUFS
            return True

        yield went


def _consistent(kind: int, body: bytes) -> list[bytes]:
    for _ in range(ATTEMPTS):
        buffers: list[bytes] = []

        def take(octets: bytes, into: list[bytes] = buffers) -> Ending:
            into.append(octets)
            return read_ending(octets)

        if not dump(kind, body, take):
            return buffers
    raise DumpInterruptedError(_DUMPED[kind])


def dump(kind: int, body: bytes, take: Callable[[bytes], Ending]) -> bool:
    """Dump once, `take` each piece; returns whether the dump was interrupted."""
    interrupted = False
    with closing(open_socket(receive=4 << 20, strict=True)) as sock:
        sock.send(message(kind, NLM_F_DUMP, body))
        while True:
            ending = take(sock.recv(RECEIVE))
            interrupted = interrupted or ending.interrupted
            if ending.errno:
                raise OSError(ending.errno, os.strerror(ending.errno))
            if ending.done:
                return interrupted


def _without_statistics() -> bytes:
    return u32(_IFLA_EXT_MASK, _RTEXT_FILTER_SKIP_STATS)
