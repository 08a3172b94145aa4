"""The MTU of the routes to given addresses (linux/rtnetlink.h, struct rtmsg)."""

import socket
import struct
from collections.abc import Iterable
from contextlib import closing, suppress
from typing import NamedTuple

from evpnd.adapters.netlink.dump import read_link
from evpnd.adapters.netlink.rtnl import attribute, attributes, open_socket, request
from evpnd.model.events import PathsMeasured
from evpnd.model.ids import IPV4_LENGTH

RTM_GETROUTE = 26
RTA_DST = 1
RTA_OIF = 4
RTA_GATEWAY = 5
RTA_METRICS = 8
RTA_VIA = 18
RTAX_MTU = 2
RTN_UNICAST = 1
RTN_LOCAL = 2
_RTMSG = struct.Struct("=BBBBBBBBI")
"""family, dst_len, src_len, tos, table, protocol, scope, type, flags."""
_U32 = struct.Struct("=I")


class Path(NamedTuple):
    """The route that the kernel takes to an address."""

    kind: int
    """RTN_UNICAST, or another type of route (linux/rtnetlink.h)."""
    ifindex: int
    gateway: bytes
    """Empty: the address is on the link itself."""
    mtu: int
    """Of the route, octets; 0: that of the device counts."""


def measure_paths(addresses: Iterable[bytes]) -> PathsMeasured:
    """Return the routes to some addresses; addresses without one are left out."""
    mtus: dict[bytes, int] = {}
    of_links: dict[int, int] = {}
    with closing(open_socket()) as sock:
        for address in addresses:
            with suppress(OSError):  # no route leads there
                path = find_path(sock, address)
                # Another kind is no way to others.
                if path is not None and path.kind == RTN_UNICAST:
                    mtu = path.mtu or _of_link(path.ifindex, of_links)
                    if mtu:
                        mtus[address] = mtu
    return PathsMeasured(mtus)


def find_path(sock: socket.socket, address: bytes) -> Path | None:
    """Ask for the route to an address; None: the answer is cut off.

    Raises OSError with the kernel's errno where no packet goes there.
    """
    answer = request(sock, RTM_GETROUTE, 0, _question(address))
    start = 16 + _RTMSG.size
    if len(answer) < start:
        return None
    found = dict(attributes(answer, start, len(answer)))
    metrics = found.get(RTA_METRICS, b"")
    of_route = dict(attributes(metrics, 0, len(metrics))).get(RTAX_MTU)
    return Path(
        kind=_RTMSG.unpack_from(answer, 16)[7],
        ifindex=_U32.unpack(found.get(RTA_OIF, bytes(4)))[0],
        gateway=found.get(RTA_GATEWAY) or found.get(RTA_VIA, b"")[2:],
        mtu=_U32.unpack(of_route)[0] if of_route is not None else 0,
    )


def _question(address: bytes) -> bytes:
    family = socket.AF_INET if len(address) == IPV4_LENGTH else socket.AF_INET6
    head = _RTMSG.pack(family, 8 * len(address), 0, 0, 0, 0, 0, 0, 0)
    return head + attribute(RTA_DST, address)


def _of_link(ifindex: int, of_links: dict[int, int]) -> int:
    if ifindex not in of_links:
        link = read_link(ifindex)
        of_links[ifindex] = link.mtu if link is not None else 0
    return of_links[ifindex]
