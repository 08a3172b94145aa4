"""Requests about links as octets: made, changed, removed; and many of them at once."""

import errno
import socket
from collections.abc import Collection
from typing import NamedTuple

from evpnd.adapters.netlink.links import (
    IFF_UP,
    IFLA_AF_SPEC,
    IFLA_BRPORT_LEARNING,
    IFLA_BRPORT_NEIGH_SUPPRESS,
    IFLA_IFALIAS,
    IFLA_IFNAME,
    IFLA_INFO_DATA,
    IFLA_INFO_KIND,
    IFLA_LINKINFO,
    IFLA_PROTINFO,
    IFLA_VXLAN_LOCAL,
    IFLA_VXLAN_LOCAL6,
)
from evpnd.adapters.netlink.rtnl import (
    AF_BRIDGE,
    ERROR,
    HEADER,
    IFINFOMSG,
    NLM_F_CREATE,
    NLM_F_EXCL,
    NLMSG_ERROR,
    RTM_DELLINK,
    RTM_NEWLINK,
    attribute,
    message,
    nested,
    u32,
)
from evpnd.core.evi.readiness import MANAGED_ALIAS
from evpnd.model.ids import IPV4_LENGTH

_IFLA_INET6_ADDR_GEN_MODE = 8
_IN6_ADDR_GEN_MODE_NONE = 1
NO_LINK_LOCAL = nested(
    IFLA_AF_SPEC,
    nested(
        socket.AF_INET6,
        attribute(_IFLA_INET6_ADDR_GEN_MODE, bytes([_IN6_ADDR_GEN_MODE_NONE])),
    ),
)
"""Without IPv6 the kernel refuses it with EAFNOSUPPORT: there is no link-local then."""
_IFLA_BR_FORWARD_DELAY = 1
_IFLA_BR_STP_STATE = 5
NO_DELAY = (u32(_IFLA_BR_FORWARD_DELAY, 0), u32(_IFLA_BR_STP_STATE, 0))
"""Of a bridge: a port forwards as soon as it is in it."""
OUR_ALIAS = attribute(IFLA_IFALIAS, MANAGED_ALIAS.encode())
"""The kernel takes no alias when a link is created, and no addrgenmode."""
ANSWERS = 4 << 20
"""Octets of the answers that a batch may get."""
RANGE_BEGIN, RANGE_END = 0x08, 0x10
"""Flags of the first and the last of VLANs that follow each other
(linux/if_bridge.h)."""
_PIECE = 64 << 10
"""Octets of requests that are sent at once."""
_ANSWER = 64 << 10


class Request(NamedTuple):
    """A message without its header."""

    kind: int
    flags: int
    body: bytes


def make_link(name: str, kind: str, *settings: bytes, before: bytes = b"") -> Request:
    """Return the creation of a link; `before` are attributes beside its kind's."""
    named = attribute(IFLA_IFNAME, name.encode() + b"\0")
    head = IFINFOMSG.pack(socket.AF_UNSPEC, 0, 0, 0, 0)
    body = head + named + before + link_kind(kind, *settings)
    return Request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, body)


def set_link(ifindex: int, *settings: bytes, up: bool | None = None) -> Request:
    """Return a change of a link; `up` None: whether it is up stays as it is."""
    flags, mask = IFF_UP if up else 0, 0 if up is None else IFF_UP
    head = IFINFOMSG.pack(socket.AF_UNSPEC, 0, ifindex, flags, mask)
    return Request(RTM_NEWLINK, 0, head + b"".join(settings))


def remove_link(ifindex: int) -> Request:
    """Return the removal of a link."""
    return Request(RTM_DELLINK, 0, IFINFOMSG.pack(socket.AF_UNSPEC, 0, ifindex, 0, 0))


def link_kind(kind: str, *settings: bytes) -> bytes:
    """Return the attribute with the kind of a link and its settings."""
    return nested(
        IFLA_LINKINFO,
        attribute(IFLA_INFO_KIND, kind.encode() + b"\0"),
        nested(IFLA_INFO_DATA, *settings),
    )


def port_head(ifindex: int) -> bytes:
    """Return what a message about a bridge port begins with."""
    return IFINFOMSG.pack(AF_BRIDGE, 0, ifindex, 0, 0)


def vxlan_port(*more: bytes, suppress: bool) -> bytes:
    """Return the settings that evpnd needs of a VXLAN device's bridge port."""
    return nested(
        IFLA_PROTINFO,
        attribute(IFLA_BRPORT_LEARNING, b"\0"),
        attribute(IFLA_BRPORT_NEIGH_SUPPRESS, bytes([suppress])),
        *more,
    )


def local_address(vtep: bytes) -> bytes:
    """Return the attribute with the address of a VXLAN device."""
    family = IFLA_VXLAN_LOCAL if len(vtep) == IPV4_LENGTH else IFLA_VXLAN_LOCAL6
    return attribute(family, vtep)


class Batch:
    """Requests about devices, many to a send, in order.

    The kernel works a send off before it returns, and answers those that failed.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._octets: list[bytes] = []
        self._size = 0
        self._devices: list[tuple[str, Collection[int]]] = []
        """By sequence number less one: the device, and errnos that do not matter."""
        self._errors: dict[str, int] = {}

    def add(self, device: str, request: Request, *harmless: int) -> None:
        """Add a request; `harmless` are errnos that are no failure."""
        self._devices.append((device, harmless))
        octets = message(*request, sequence=len(self._devices))
        self._octets.append(octets)
        self._size += len(octets)
        if self._size > _PIECE:
            self._send()

    def finish(self) -> dict[str, int]:
        """Send the rest; return the first errno of each device that was refused."""
        self._send()
        return self._errors

    def _send(self) -> None:
        if self._octets:
            self._sock.send(b"".join(self._octets))
            self._octets.clear()
            self._size = 0
            self._read_errors()

    def _read_errors(self) -> None:
        while True:
            try:
                octets = self._sock.recv(_ANSWER, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            _, kind, _, sequence, _ = HEADER.unpack_from(octets)
            if kind != NLMSG_ERROR:
                continue
            code = -ERROR.unpack_from(octets, HEADER.size)[0]
            device, harmless = self._devices[sequence - 1]
            if code and code not in harmless:
                self._errors.setdefault(device, code)


def mark(batch: Batch, name: str, ifindex: int) -> None:
    """Make a new device ours, and keep it from making addresses."""
    batch.add(name, set_link(ifindex, OUR_ALIAS))
    batch.add(name, set_link(ifindex, NO_LINK_LOCAL), errno.EAFNOSUPPORT)


def index_of(name: str) -> int:
    """Return the index of a link; 0: there is none."""
    try:
        return socket.if_nametoindex(name)
    except OSError:
        return 0
