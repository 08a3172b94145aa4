"""Reads single rows by their keys (RTM_GETNEIGH).

They cost the same in any table (rtnl_fdb_get, neigh_get; Linux 5.0), while a dump of
a large FDB is quadratic.
"""

import errno
import socket
import struct
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing

from evpnd.adapters.netlink.parse import parse_neighbors
from evpnd.adapters.netlink.rtnl import (
    AF_BRIDGE,
    ATTRIBUTE,
    ERROR,
    HEADER,
    NDA_DST,
    NDA_LLADDR,
    NDA_MASTER,
    NDA_VLAN,
    NDA_VNI,
    NDMSG,
    NLM_F_REQUEST,
    NLMSG_ERROR,
    RTM_GETNEIGH,
    attribute,
    attributes,
    open_socket,
    u32,
)
from evpnd.model.actions import LookUpMacs
from evpnd.model.domain import NO_VTEP, Domain
from evpnd.model.events import MacsLookedUp
from evpnd.model.rows import NTF_MASTER, NTF_SELF, FdbRow, NeighborRow

AT_ONCE = 128
"""Requests in one send: their answers wait in the socket, of 4 KiB each."""
_RECEIVE = 4 << 20
_ANSWER = 1024
"""Octets of one answer, at most."""
_ROW = HEADER.size + ERROR.size + HEADER.size + NDMSG.size
"""Where the attributes of the request stand in an NLMSG_ERROR."""
_MAC = ATTRIBUTE.pack(10, NDA_LLADDR)
_KIND = struct.Struct("=H")


class RowReader:
    """A socket to ask for rows, and what was found; closed after use."""

    def __init__(self, domain: Domain) -> None:
        self._domain = domain
        self._socket = open_socket(receive=_RECEIVE)
        self._view = memoryview(bytearray(AT_ONCE * _ANSWER))
        self.fdb: list[FdbRow] = []
        self.neighbors: list[NeighborRow] = []

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def read_macs(self, macs: Sequence[bytes]) -> None:
        """Read the VXLAN and the bridge row of each MAC."""
        own, between, tail = _templates(self._domain)
        for part in _parts(macs, AT_ONCE // 2):
            messages = [own + mac + between + mac + tail for mac in part]
            self._ask(b"".join(messages), 2 * len(part))

    def read(self, requests: Sequence[bytes]) -> None:
        """Send requests for single rows, of whatever kind, and take the answers."""
        for part in _parts(requests, AT_ONCE):
            self._ask(b"".join(part), len(part))

    def _ask(self, requests: bytes, count: int) -> None:
        """Read one answer for each request; the kernel answered within our send."""
        self._socket.send(requests)
        view, used, receive = self._view, 0, self._socket.recv_into
        absent: list[bytes] = []
        try:
            for _ in range(count):
                size = receive(view[used:], 0, socket.MSG_DONTWAIT)
                if _KIND.unpack_from(view, used + 4)[0] == NLMSG_ERROR:
                    absent.append(bytes(view[used : used + size]))
                else:
                    used += (size + 3) & ~3
        except BlockingIOError:
            pass
        parse_neighbors(bytes(view[:used]), self.fdb, self.neighbors)
        for answer in absent:
            self._note_absent(answer)

    def _note_absent(self, answer: bytes) -> None:
        """Record a row that is absent; any other error is no answer."""
        if len(answer) < _ROW or -ERROR.unpack_from(answer, 16)[0] != errno.ENOENT:
            return
        family, *_, flags, _ = NDMSG.unpack_from(answer, 20 + HEADER.size)
        key = dict(attributes(answer, _ROW, len(answer)))
        domain = self._domain
        if family == AF_BRIDGE:
            mac, own = key.get(NDA_LLADDR, b""), flags & NTF_SELF
            vlan, vni = (0, domain.vni) if own else (domain.vlan, 0)
            self.fdb.append(
                FdbRow(False, domain.vxlan, mac, vlan, 0, own, NO_VTEP, vni)  # noqa: FBT003
            )
        else:
            ip = key.get(NDA_DST, b"")
            gone = NeighborRow(False, domain.svi, ip, b"", 0, 0, 0)  # noqa: FBT003
            self.neighbors.append(gone)


def look_up(asked: LookUpMacs) -> MacsLookedUp:
    """Read the VXLAN and the bridge row of MACs."""
    with closing(RowReader(asked.domain)) as reader:
        reader.read_macs(asked.macs)
    return MacsLookedUp(asked.domain, asked.macs, reader.fdb)


def _templates(domain: Domain) -> tuple[bytes, bytes, bytes]:
    """Pack what stands before, between and after a MAC in the requests for its rows.

    What a VXLAN row names as NDA_SRC_VNI is asked for as NDA_VNI (vxlan_fdb_get).
    """
    own_tail = u32(NDA_VNI, domain.vni) if domain.vni else b""
    tail = u32(NDA_MASTER, domain.bridge)
    if domain.vlan:
        tail += attribute(NDA_VLAN, domain.vlan.to_bytes(2, sys.byteorder))
    own = NDMSG.pack(AF_BRIDGE, domain.vxlan, 0, NTF_SELF, 0) + _MAC
    bridged = NDMSG.pack(AF_BRIDGE, 0, 0, NTF_MASTER, 0) + _MAC
    return (
        _head(own, len(own_tail)) + own,
        b"\0\0" + own_tail + _head(bridged, len(tail)) + bridged,
        b"\0\0" + tail,
    )


def _head(body: bytes, more: int) -> bytes:
    length = HEADER.size + len(body) + 8 + more
    return HEADER.pack(length, RTM_GETNEIGH, NLM_F_REQUEST, 0, 0)


def _parts(items: Sequence[bytes], most: int) -> Iterator[Sequence[bytes]]:
    for start in range(0, len(items), most):
        yield items[start : start + most]
