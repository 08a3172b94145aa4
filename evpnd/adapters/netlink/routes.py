"""Routes and nexthop objects as netlink messages, both ways.

linux/rtnetlink.h, linux/nexthop.h. Of the routes of others no more is read than whether
they are there, who made them, and which metric they have.
"""

import errno
import socket
import struct
from collections.abc import Iterator
from typing import Any, assert_never

from evpnd.adapters.netlink.dump import (
    DumpInterruptedError,
    dump,
    dump_device,
    dump_neighbors,
)
from evpnd.adapters.netlink.pack import ROWS
from evpnd.adapters.netlink.rtnl import (
    FAMILY_OF,
    HEADER,
    NLM_F_CREATE,
    NLM_F_DUMP_INTR,
    NLM_F_REPLACE,
    NLM_F_REQUEST,
    RTM_DELNEXTHOP,
    RTM_DELROUTE,
    RTM_GETNEXTHOP,
    RTM_GETROUTE,
    RTM_NEWNEXTHOP,
    RTM_NEWROUTE,
    Ending,
    attribute,
    attributes,
    messages,
    read_ending,
    u32,
)
from evpnd.model.events import (
    RowFailed,
)
from evpnd.model.rows import (
    EVPND_PROTOCOL,
    ROUTE_METRIC,
    RTN_UNICAST,
    RTN_UNREACHABLE,
    UNREACHABLE_METRIC,
    NexthopRow,
    RouteRow,
)
from evpnd.model.vrf_actions import (
    DeleteNexthops,
    DeleteRoutes,
    DeleteUnreachable,
    DumpVrf,
    UpsertNexthopGroups,
    UpsertNexthops,
    UpsertRoutes,
    UpsertUnreachable,
    VrfRowAction,
)
from evpnd.model.vrf_events import VrfDumped

RTMSG = struct.Struct("=BBBBBBBBI")
"""rtmsg: family, length of destination and of source, TOS, table, protocol, scope,
type, flags."""
NHMSG = struct.Struct("=BBBxI")
"""nhmsg: family, scope, protocol, flags."""
RTA_DST, RTA_PRIORITY, RTA_TABLE, RTA_NH_ID = 1, 6, 15, 30
NHA_ID, NHA_GROUP, NHA_OIF, NHA_GATEWAY = 1, 2, 5, 6
_NEXTHOP_GRP = struct.Struct("=IBBH")
"""nexthop_grp: id, weight less one, and reserved octets."""
_RTNH_F_ONLINK = 4
_RTM_F_CLONED = 0x200
_TABLE_UNSPEC, _TABLE_BYTE_MOST = 0, 0xFF
_U32 = struct.Struct("=I")
_ATTEMPTS = 3
_UPSERT = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_REPLACE
_FAMILIES = (socket.AF_INET, socket.AF_INET6)


def pack_vrf(action: VrfRowAction) -> Iterator[tuple[bytes, int]]:
    """Yield the messages of an action in pieces of at most ROWS, and how many rows."""
    rows: list[Any] = action[-1]
    for start in range(0, len(rows), ROWS):
        part = rows[start : start + ROWS]
        yield b"".join(_messages(action, part)), len(part)


def _messages(action: VrfRowAction, part: list[Any]) -> Iterator[bytes]:
    match action:
        case UpsertRoutes(table, nexthop):
            via = u32(RTA_NH_ID, int.from_bytes(nexthop))
            tail = u32(RTA_PRIORITY, ROUTE_METRIC) + via
            for prefix in part:
                yield _route(RTM_NEWROUTE, _UPSERT, table, prefix, RTN_UNICAST, tail)
        case DeleteRoutes(table):
            tail = u32(RTA_PRIORITY, ROUTE_METRIC)
            for prefix in part:
                yield _route(
                    RTM_DELROUTE, NLM_F_REQUEST, table, prefix, RTN_UNICAST, tail
                )
        case UpsertUnreachable(table) | DeleteUnreachable(table):
            new = isinstance(action, UpsertUnreachable)
            kind, flags = RTM_DELROUTE, NLM_F_REQUEST
            if new:
                kind, flags = RTM_NEWROUTE, _UPSERT
            tail = u32(RTA_PRIORITY, UNREACHABLE_METRIC)
            for prefix in part:
                yield _route(kind, flags, table, prefix, RTN_UNREACHABLE, tail)
        case UpsertNexthops(domain):
            for nexthop, gateway in part:
                head = _nhmsg(FAMILY_OF[len(gateway)], _RTNH_F_ONLINK)
                body = head + u32(NHA_ID, int.from_bytes(nexthop))
                body += u32(NHA_OIF, domain.svi) + attribute(NHA_GATEWAY, gateway)
                yield _message(RTM_NEWNEXTHOP, _UPSERT, body)
        case UpsertNexthopGroups():
            for nexthop, members in part:
                inside = b"".join(
                    _NEXTHOP_GRP.pack(int.from_bytes(each), 0, 0, 0) for each in members
                )
                body = _nhmsg(socket.AF_UNSPEC, 0)
                body += u32(NHA_ID, int.from_bytes(nexthop))
                yield _message(
                    RTM_NEWNEXTHOP, _UPSERT, body + attribute(NHA_GROUP, inside)
                )
        case DeleteNexthops():
            for nexthop in part:
                # The kernel wants all but the id to be zero (nh_valid_get_del_req).
                body = NHMSG.pack(socket.AF_UNSPEC, 0, 0, 0)
                body += u32(NHA_ID, int.from_bytes(nexthop))
                yield _message(RTM_DELNEXTHOP, NLM_F_REQUEST, body)
        case _:
            assert_never(action)


def _nhmsg(family: int, flags: int) -> bytes:
    return NHMSG.pack(family, 0, EVPND_PROTOCOL, flags)


def _route(  # noqa: PLR0917 - the parts of one message
    kind: int, flags: int, table: int, prefix: bytes, route_type: int, tail: bytes
) -> bytes:
    address, bits = prefix[:-1], prefix[-1]
    low = table if table <= _TABLE_BYTE_MOST else _TABLE_UNSPEC
    head = RTMSG.pack(
        *(FAMILY_OF[len(address)], bits, 0, 0, low, EVPND_PROTOCOL, 0, route_type, 0)
    )
    named = u32(RTA_TABLE, table) + attribute(RTA_DST, address)
    return _message(kind, flags, head + named + tail)


def _message(kind: int, flags: int, body: bytes) -> bytes:
    return HEADER.pack(HEADER.size + len(body), kind, flags, 0, 0) + body


def parse_routes(
    octets: bytes, routes: list[RouteRow], nexthops: list[NexthopRow]
) -> Ending:
    """Append the rows of a buffer of messages; what is cut off is left out."""
    interrupted = False
    for kind, flags, start, end in messages(octets):
        interrupted = interrupted or bool(flags & NLM_F_DUMP_INTR)
        if kind in (RTM_NEWROUTE, RTM_DELROUTE) and start + RTMSG.size <= end:
            row = _read_route(octets, start, end, present=kind == RTM_NEWROUTE)
            if row is not None:
                routes.append(row)
        elif kind in (RTM_NEWNEXTHOP, RTM_DELNEXTHOP) and start + NHMSG.size <= end:
            nexthop = _read_nexthop(octets, start, end, present=kind == RTM_NEWNEXTHOP)
            if nexthop is not None:
                nexthops.append(nexthop)
    ending = read_ending(octets)
    return ending._replace(interrupted=ending.interrupted or interrupted)


def _read_route(
    octets: bytes, start: int, end: int, *, present: bool
) -> RouteRow | None:
    family, bits, _, tos, table, protocol, _, kind, flags = RTMSG.unpack_from(
        octets, start
    )
    if family not in _FAMILIES or tos or flags & _RTM_F_CLONED:
        return None
    found = dict(attributes(octets, start + RTMSG.size, end))
    size = 4 if family == socket.AF_INET else 16
    address = found.get(RTA_DST, bytes(size))
    nexthop = found.get(RTA_NH_ID, b"")
    return RouteRow(
        present=present,
        table=_u32(found.get(RTA_TABLE)) or table,
        prefix=address + bytes([bits]),
        protocol=protocol,
        metric=_u32(found.get(RTA_PRIORITY)),
        kind=kind,
        nexthop=_id(_u32(nexthop)) if nexthop else b"",
    )


def _read_nexthop(
    octets: bytes, start: int, end: int, *, present: bool
) -> NexthopRow | None:
    _, _, protocol, _ = NHMSG.unpack_from(octets, start)
    found = dict(attributes(octets, start + NHMSG.size, end))
    if NHA_ID not in found:
        return None
    group = found.get(NHA_GROUP, b"")
    members = sorted(
        _id(_NEXTHOP_GRP.unpack_from(group, at)[0])
        for at in range(0, len(group) - len(group) % 8, 8)
    )
    return NexthopRow(
        present=present,
        nexthop=_id(_u32(found[NHA_ID])),
        ifindex=_u32(found.get(NHA_OIF)),
        gateway=found.get(NHA_GATEWAY, b""),
        members=tuple(members),
        protocol=protocol,
    )


def _id(number: int) -> bytes:
    return number.to_bytes(4)


def _u32(octets: bytes | None) -> int:
    return _U32.unpack(octets)[0] if octets and len(octets) == 4 else 0


OF_VRFS = frozenset({RTM_NEWROUTE, RTM_DELROUTE, RTM_NEWNEXTHOP, RTM_DELNEXTHOP})
_GONE = frozenset({errno.ENOENT, errno.ESRCH, errno.ENODEV})


def failed_vrf_row(octets: bytes, start: int, kind: int, code: int) -> RowFailed | None:
    """Read a request that was refused; None where what is wanted is so already."""
    deleting = kind in (RTM_DELROUTE, RTM_DELNEXTHOP)
    if code == 0 or (deleting and code in _GONE) or len(octets) < start + NHMSG.size:
        return None
    if kind in (RTM_NEWNEXTHOP, RTM_DELNEXTHOP):
        nexthop = _read_nexthop(octets, start, len(octets), present=True)
        if nexthop is None:
            return None
        return RowFailed("nexthop", nexthop.ifindex, nexthop.nexthop, code, deleting)
    route = _read_route(octets, start, len(octets), present=True)
    if route is None:
        return None
    table = "unreachable" if route.kind == RTN_UNREACHABLE else "route"
    return RowFailed(table, route.table, route.prefix, code, deleting)


def dump_vrf(asked: DumpVrf) -> VrfDumped:
    """Read all that a VRF has; raises DumpInterruptedError and OSError."""
    domain = asked.domain
    fdb = dump_device(domain.vxlan)
    neighbors = dump_neighbors(domain.svi).rows
    _, nexthops = _dump(RTM_GETNEXTHOP, NHMSG.pack(socket.AF_UNSPEC, 0, 0, 0))
    routes: list[RouteRow] = []
    for family in _FAMILIES:
        body = RTMSG.pack(family, 0, 0, 0, 0, 0, 0, 0, 0)
        found, _ = _dump(RTM_GETROUTE, body + u32(RTA_TABLE, asked.table))
        # A kernel without strict checks sends all tables.
        routes += (row for row in found if row.table == asked.table)
    return VrfDumped(domain, asked.table, fdb, neighbors, nexthops, routes)


def _dump(kind: int, body: bytes) -> tuple[list[RouteRow], list[NexthopRow]]:
    for _ in range(_ATTEMPTS):
        routes: list[RouteRow] = []
        nexthops: list[NexthopRow] = []

        def take(
            octets: bytes,
            routes: list[RouteRow] = routes,
            nexthops: list[NexthopRow] = nexthops,
        ) -> Ending:
            return parse_routes(octets, routes, nexthops)

        try:
            if not dump(kind, body, take):
                return routes, nexthops
        except OSError as error:
            if error.errno != errno.ENOENT:  # there is no such table yet
                raise
            return [], []
    raise DumpInterruptedError("routes")
