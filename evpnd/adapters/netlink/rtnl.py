"""rtnetlink as octets: numbers, attributes, sockets (linux/rtnetlink.h)."""

import errno
import socket
import struct
from collections.abc import Iterator
from typing import NamedTuple

NLMSG_NOOP = 1
NLMSG_ERROR = 2
NLMSG_DONE = 3
RTM_NEWLINK = 16
RTM_DELLINK = 17
RTM_GETLINK = 18
RTM_SETLINK = 19
RTM_NEWADDR = 20
RTM_DELADDR = 21
RTM_GETADDR = 22
RTM_NEWROUTE = 24
RTM_DELROUTE = 25
RTM_GETROUTE = 26
RTM_NEWNEIGH = 28
RTM_DELNEIGH = 29
RTM_GETNEIGH = 30
RTM_NEWNEXTHOP = 104
RTM_DELNEXTHOP = 105
RTM_GETNEXTHOP = 106
RTM_NEWVLAN = 112
RTM_DELVLAN = 113
RTM_GETVLAN = 114
RTM_NEWTUNNEL = 120
RTM_DELTUNNEL = 121
RTM_GETTUNNEL = 122

NLM_F_REQUEST = 0x001
NLM_F_ACK = 0x004
NLM_F_DUMP_INTR = 0x010
NLM_F_REPLACE = 0x100
NLM_F_EXCL = 0x200
NLM_F_BULK = 0x200
"""In a deletion: all rows that match, not one (Linux 5.19 for bridges)."""
NLM_F_DUMP = 0x300
NLM_F_CREATE = 0x400
NLM_F_APPEND = 0x800
NLA_F_NESTED = 0x8000
NLA_TYPE = 0x3FFF

NDA_DST = 1
NDA_LLADDR = 2
NDA_CACHEINFO = 3
NDA_VLAN = 5
NDA_VNI = 7
NDA_IFINDEX = 8
NDA_MASTER = 9
NDA_SRC_VNI = 11
NDA_PROTOCOL = 12
NDA_NH_ID = 13
NDA_FLAGS_EXT = 15
NDA_NDM_FLAGS_MASK = 17

AF_BRIDGE = 7
FAMILY_OF = {4: socket.AF_INET, 16: socket.AF_INET6}
"""By the length of an address."""

GROUP_LINK = 1 << 0
GROUP_NEIGH = 1 << 2
GROUP_IPV4_IFADDR = 1 << 4
GROUP_IPV4_ROUTE = 1 << 6
GROUP_IPV6_IFADDR = 1 << 8
GROUP_IPV6_ROUTE = 1 << 10
GROUP_NEXTHOP = 1 << 31
GROUP_BRVLAN = 1 << 32
"""Joined by `subscribe` alone, as the next: a bind has room for 32 groups."""
GROUP_TUNNEL = 1 << 34

HEADER = struct.Struct("=IHHII")
"""nlmsghdr: length, type, flags, sequence, port id."""
NDMSG = struct.Struct("=BxxxiHBB")
"""ndmsg: family, ifindex, state, flags, type."""
IFINFOMSG = struct.Struct("=BxHiII")
"""ifinfomsg: family, type, index, flags, change."""
ATTRIBUTE = struct.Struct("=HH")
ERROR = struct.Struct("=i")
_U32 = struct.Struct("=HHI")

RECEIVE = 256 << 10
"""Octets for one recv. A dump fills 32 KiB of it; with less it starts over more."""

_SOL_NETLINK = 270
_NETLINK_ADD_MEMBERSHIP = 1
_NETLINK_GET_STRICT_CHK = 12
_SO_SNDBUFFORCE = 32
_SO_RCVBUFFORCE = 33


def attribute(kind: int, value: bytes) -> bytes:
    """Pack one attribute, padded to four octets."""
    return ATTRIBUTE.pack(4 + len(value), kind) + value + bytes(-len(value) % 4)


def u32(kind: int, value: int) -> bytes:
    """Pack an attribute of 32 bits."""
    return _U32.pack(8, kind, value)


def nested(kind: int, *attributes: bytes) -> bytes:
    """Pack an attribute that holds attributes."""
    return attribute(kind | NLA_F_NESTED, b"".join(attributes))


def message(kind: int, flags: int, body: bytes, sequence: int = 0) -> bytes:
    """Pack one message; flags beside NLM_F_REQUEST."""
    return HEADER.pack(16 + len(body), kind, NLM_F_REQUEST | flags, sequence, 0) + body


def attributes(octets: bytes, start: int, end: int) -> Iterator[tuple[int, bytes]]:
    """Yield type and value of each attribute; stop at the first that is cut off."""
    while start + 4 <= end:
        length, kind = ATTRIBUTE.unpack_from(octets, start)
        if length < 4 or start + length > end:
            return
        yield kind & NLA_TYPE, octets[start + 4 : start + length]
        start += (length + 3) & ~3


def messages(octets: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Yield type, flags, start of the body and end of each message.

    Stops at the first message that is cut off.
    """
    start, end = 0, len(octets)
    while start + 16 <= end:
        length, kind, flags, _, _ = HEADER.unpack_from(octets, start)
        if length < 16 or start + length > end:
            return
        yield kind, flags, start + 16, start + length
        start += (length + 3) & ~3


class Ending(NamedTuple):
    """What a buffer says about the dump that it is part of."""

    done: bool
    interrupted: bool
    """The table changed meanwhile (NLM_F_DUMP_INTR)."""
    errno: int


def read_ending(octets: bytes) -> Ending:
    """Return whether a dump ends with this buffer, and how."""
    done, interrupted, code = False, False, 0
    for kind, flags, start, end in messages(octets):
        interrupted = interrupted or bool(flags & NLM_F_DUMP_INTR)
        if kind in (NLMSG_DONE, NLMSG_ERROR):
            done = True
            if start + ERROR.size <= end:
                code = -ERROR.unpack_from(octets, start)[0]
    return Ending(done, interrupted, code)


def open_socket(
    *, groups: int = 0, receive: int = 0, send: int = 0, strict: bool = False
) -> socket.socket:
    """Open and bind a NETLINK_ROUTE socket.

    `receive` and `send` are buffer sizes in octets, 0 for the kernel's own; beyond
    net.core.{r,w}mem_max only with CAP_NET_ADMIN in the first user namespace, else
    as much as that limit allows.
    """
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    for octets, forced, plain in (
        (receive, _SO_RCVBUFFORCE, socket.SO_RCVBUF),
        (send, _SO_SNDBUFFORCE, socket.SO_SNDBUF),
    ):
        if octets:
            try:
                sock.setsockopt(socket.SOL_SOCKET, forced, octets)
            except PermissionError:
                sock.setsockopt(socket.SOL_SOCKET, plain, octets)
    if strict:
        sock.setsockopt(_SOL_NETLINK, _NETLINK_GET_STRICT_CHK, 1)
    sock.bind((0, groups))
    return sock


def request(sock: socket.socket, kind: int, flags: int, body: bytes) -> bytes:
    """Ask once and wait for the answer, which is returned, or for the acknowledgement.

    Raises OSError with the kernel's errno.
    """
    sock.send(message(kind, flags, body))
    octets = sock.recv(RECEIVE)
    if len(octets) >= 20 and HEADER.unpack_from(octets)[1] == NLMSG_ERROR:
        (code,) = ERROR.unpack_from(octets, 16)
        if code:
            raise OSError(-code, errno.errorcode.get(-code, str(-code)))
        return b""
    return octets


def subscribe(sock: socket.socket, group: int) -> None:
    """Join a multicast group, given as its bit."""
    sock.setsockopt(_SOL_NETLINK, _NETLINK_ADD_MEMBERSHIP, group.bit_length())
