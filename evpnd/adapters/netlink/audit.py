"""Reads rows to compare them: whole tables by a dump, single rows by RTM_GETNEIGH.

The kernel's dump of a large FDB is quadratic, and holds the RTNL lock. Single rows
cost the same in any table (rtnl_fdb_get, neigh_get; Linux 5.0).
"""

import errno
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress

from evpnd.adapters.netlink.dump import DumpInterruptedError, dump_fdb, dump_neighbors
from evpnd.adapters.netlink.parse import parse_neighbors
from evpnd.adapters.netlink.rtnl import (
    AF_BRIDGE,
    ERROR,
    FAMILY_OF,
    HEADER,
    NDA_DST,
    NDA_LLADDR,
    NDA_MASTER,
    NDA_VLAN,
    NDMSG,
    NLMSG_ERROR,
    RTM_GETNEIGH,
    attribute,
    attributes,
    message,
    open_socket,
    u32,
)
from evpnd.model.actions import AuditRows, AuditTables
from evpnd.model.events import RowsAudited
from evpnd.model.rows import NTF_MASTER, NTF_SELF, FdbRow, NeighborRow

_AT_ONCE = 128
"""Requests in one send: their answers wait in the socket, of 4 KiB each."""
_BUFFER = 4 << 20
_ANSWER = 32 << 10
_ROW = HEADER.size + ERROR.size + HEADER.size + NDMSG.size
"""Where the attributes of the request stand in an NLMSG_ERROR."""


def audit_tables(asked: AuditTables) -> RowsAudited:
    """Read the FDB and the neighbours of a bridge."""
    fdb = dump_fdb(asked.bridge).rows
    neighbors = None
    if asked.svi:
        with suppress(DumpInterruptedError):
            neighbors = dump_neighbors(asked.svi).rows
    return RowsAudited(asked.bridge, True, fdb, neighbors)  # noqa: FBT003


def audit_rows(asked: AuditRows) -> RowsAudited:
    """Read the rows that are named."""
    fdb: list[FdbRow] = []
    neighbors: list[NeighborRow] = []
    requests = list(_requests(asked))
    with closing(open_socket(receive=_BUFFER)) as sock:
        for start in range(0, len(requests), _AT_ONCE):
            part = requests[start : start + _AT_ONCE]
            sock.send(b"".join(part))
            found = []
            for answer in _answers(sock, len(part)):
                if HEADER.unpack_from(answer)[1] == NLMSG_ERROR:
                    _read_absence(asked, answer, fdb, neighbors)
                else:
                    found.append(answer + bytes(-len(answer) % 4))
            parse_neighbors(b"".join(found), fdb, neighbors)
    return RowsAudited(asked.bridge, False, fdb, neighbors)  # noqa: FBT003


def _requests(asked: AuditRows) -> Iterator[bytes]:
    own = NDMSG.pack(AF_BRIDGE, asked.vxlan, 0, NTF_SELF, 0)
    bridged = NDMSG.pack(AF_BRIDGE, 0, 0, NTF_MASTER, 0)
    master = u32(NDA_MASTER, asked.bridge)
    if asked.vlan:
        master += attribute(NDA_VLAN, asked.vlan.to_bytes(2, sys.byteorder))
    for mac in asked.macs:
        address = attribute(NDA_LLADDR, mac)
        yield message(RTM_GETNEIGH, 0, own + address)
        yield message(RTM_GETNEIGH, 0, bridged + address + master)
    for ip in asked.ips:
        body = NDMSG.pack(FAMILY_OF[len(ip)], asked.svi, 0, 0, 0)
        yield message(RTM_GETNEIGH, 0, body + attribute(NDA_DST, ip))


def _answers(sock: socket.socket, requests: int) -> Sequence[bytes]:
    """Read one answer to each request; the kernel gave them within our send."""
    answers: list[bytes] = []
    try:
        while len(answers) < requests:
            answers.append(sock.recv(_ANSWER, socket.MSG_DONTWAIT))
    except BlockingIOError:
        pass
    return answers


def _read_absence(
    asked: AuditRows,
    answer: bytes,
    fdb: list[FdbRow],
    neighbors: list[NeighborRow],
) -> None:
    """Record a row that is not there; what else an error says is no answer."""
    if len(answer) < _ROW or -ERROR.unpack_from(answer, 16)[0] != errno.ENOENT:
        return
    family, *_, flags, _ = NDMSG.unpack_from(answer, 20 + HEADER.size)
    key = dict(attributes(answer, _ROW, len(answer)))
    if family == AF_BRIDGE:
        mac, own = key.get(NDA_LLADDR, b""), flags & NTF_SELF
        vlan = 0 if own else asked.vlan
        fdb.append(FdbRow(False, asked.vxlan, mac, vlan, 0, own, b""))  # noqa: FBT003
    else:
        ip = key.get(NDA_DST, b"")
        gone = NeighborRow(False, asked.svi, ip, b"", 0, 0, 0)  # noqa: FBT003
        neighbors.append(gone)
