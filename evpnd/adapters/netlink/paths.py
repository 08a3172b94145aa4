"""The MTU of the routes to given addresses (linux/rtnetlink.h, struct rtmsg)."""

import socket
import struct
from collections.abc import Iterable
from contextlib import closing, suppress

from evpnd.adapters.netlink.dump import read_link
from evpnd.adapters.netlink.rtnl import attribute, attributes, open_socket, request
from evpnd.model.events import PathsMeasured
from evpnd.model.ids import IPV4_LENGTH

RTM_GETROUTE = 26
RTA_DST = 1
RTA_OIF = 4
RTA_METRICS = 8
RTAX_MTU = 2
RTN_UNICAST = 1
_RTMSG = struct.Struct("=BBBBBBBBI")
"""family, dst_len, src_len, tos, table, protocol, scope, type, flags."""
_U32 = struct.Struct("=I")


def measure_paths(addresses: Iterable[bytes]) -> PathsMeasured:
    """Return the routes to some addresses; addresses without one are left out."""
    mtus: dict[bytes, int] = {}
    of_links: dict[int, int] = {}
    with closing(open_socket()) as sock:
        for address in addresses:
            with suppress(OSError):  # no route leads there
                mtu = _mtu(request(sock, RTM_GETROUTE, 0, _question(address)), of_links)
                if mtu:
                    mtus[address] = mtu
    return PathsMeasured(mtus)


def _question(address: bytes) -> bytes:
    family = socket.AF_INET if len(address) == IPV4_LENGTH else socket.AF_INET6
    head = _RTMSG.pack(family, 8 * len(address), 0, 0, 0, 0, 0, 0, 0)
    return head + attribute(RTA_DST, address)


def _mtu(answer: bytes, of_links: dict[int, int]) -> int:
    """Read the MTU of a route, else that of its device; 0: it is no way to others."""
    start = 16 + _RTMSG.size
    if len(answer) < start or _RTMSG.unpack_from(answer, 16)[7] != RTN_UNICAST:
        return 0
    found = dict(attributes(answer, start, len(answer)))
    metrics = found.get(RTA_METRICS, b"")
    of_route = dict(attributes(metrics, 0, len(metrics))).get(RTAX_MTU)
    if of_route is not None:
        return int(_U32.unpack(of_route)[0])
    (ifindex,) = _U32.unpack(found.get(RTA_OIF, bytes(4)))
    if ifindex not in of_links:
        link = read_link(ifindex)
        of_links[ifindex] = link.mtu if link is not None else 0
    return of_links[ifindex]
