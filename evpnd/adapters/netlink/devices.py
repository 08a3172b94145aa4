"""Bridge and VXLAN devices of managed EVIs: made, completed, removed.

A device is ours if its alias says so (IFLA_IFALIAS).
"""

import errno
import socket
from collections.abc import Iterable, Mapping
from contextlib import closing

from evpnd.adapters.netlink.dump import dump_links
from evpnd.adapters.netlink.links import (
    IFF_UP,
    IFLA_AF_SPEC,
    IFLA_IFALIAS,
    IFLA_IFNAME,
    IFLA_INFO_DATA,
    IFLA_INFO_KIND,
    IFLA_LINKINFO,
    IFLA_MASTER,
    IFLA_MTU,
    IFLA_VXLAN_ID,
    IFLA_VXLAN_LEARNING,
    IFLA_VXLAN_LOCAL,
    IFLA_VXLAN_LOCAL6,
    IFLA_VXLAN_PORT,
)
from evpnd.adapters.netlink.port import (
    DeviceRefusedError,
    configure_vxlan_port,
    describe,
)
from evpnd.adapters.netlink.rtnl import (
    IFINFOMSG,
    NLM_F_ACK,
    NLM_F_CREATE,
    NLM_F_EXCL,
    RTM_DELLINK,
    RTM_NEWLINK,
    attribute,
    nested,
    open_socket,
    request,
    u32,
)
from evpnd.core.evi.readiness import MANAGED_ALIAS, can_become, port_refusal, refusal
from evpnd.model.actions import CreateDevices
from evpnd.model.rows import Link

_IFLA_BR_FORWARD_DELAY = 1
_IFLA_BR_STP_STATE = 5
_NO_DELAY = (u32(_IFLA_BR_FORWARD_DELAY, 0), u32(_IFLA_BR_STP_STATE, 0))
"""A port forwards as soon as it is in the bridge."""
_IFLA_INET6_ADDR_GEN_MODE = 8
_IN6_ADDR_GEN_MODE_NONE = 1
_NO_LINK_LOCAL = nested(
    IFLA_AF_SPEC,
    nested(
        socket.AF_INET6,
        attribute(_IFLA_INET6_ADDR_GEN_MODE, bytes([_IN6_ADDR_GEN_MODE_NONE])),
    ),
)


def create_devices(action: CreateDevices) -> None:
    """Make bridge and VXLAN device, or complete what is there; safe to repeat.

    A tenant port that does not exist yet is left for the next time. Raises
    DeviceRefusedError.
    """
    links = {link.name: link for link in dump_links().links}
    refused = refusal(action, links)
    if refused is not None:
        raise DeviceRefusedError(*refused)
    with closing(open_socket()) as sock:
        bridge = _bridge(sock, links, action.bridge)
        vxlan = _vxlan(sock, links, action, bridge)
        _up(sock, action.bridge, bridge, links)
        for name in action.evi.ports:
            if name in links:
                refused = port_refusal(links[name], action.bridge, links)
                if refused is not None:
                    raise DeviceRefusedError(*refused)
                _port(sock, links[name], bridge)
    configure_vxlan_port(vxlan, suppress=action.evi.suppress)


def remove_devices(names: Iterable[str]) -> None:
    """Remove those of the devices that are ours; absent is success.

    Raises DeviceRefusedError.
    """
    links = {link.name: link for link in dump_links().links}
    with closing(open_socket()) as sock:
        for name in names:
            if name in links and links[name].alias == MANAGED_ALIAS:
                _remove(sock, links[name])


def release_ports(bridge: str, names: Iterable[str]) -> None:
    """Remove ports from a bridge; those that are not in it are left alone.

    Raises DeviceRefusedError.
    """
    links = {link.name: link for link in dump_links().links}
    inside = links[bridge].ifindex if bridge in links else 0
    with closing(open_socket()) as sock:
        for name in names:
            if inside and name in links and links[name].master == inside:
                _set(sock, name, links[name].ifindex, u32(IFLA_MASTER, 0))


def _bridge(sock: socket.socket, links: Mapping[str, Link], name: str) -> int:
    link = links.get(name)
    if link is None or link.kind != "bridge":
        ifindex = _make(sock, link, name, "bridge")
    else:
        ifindex = link.ifindex
    _set(sock, name, ifindex, _kind("bridge", *_NO_DELAY))
    return ifindex


def _vxlan(
    sock: socket.socket, links: Mapping[str, Link], action: CreateDevices, bridge: int
) -> int:
    name, vni, port = action.vxlan, action.evi.vni, action.udp_port
    link = links.get(name)
    family = IFLA_VXLAN_LOCAL if len(action.vtep) == 4 else IFLA_VXLAN_LOCAL6
    tunnel = (u32(IFLA_VXLAN_ID, vni), attribute(family, action.vtep))
    if (
        link is None
        or link.vxlan is None
        or not can_become(link.vxlan, vni, action.vtep, port)
    ):
        ifindex = _make(
            sock,
            link,
            name,
            "vxlan",
            *tunnel,
            attribute(IFLA_VXLAN_PORT, port.to_bytes(2, "big")),
            attribute(IFLA_VXLAN_LEARNING, b"\0"),
        )
        link = None
    else:
        ifindex = link.ifindex
        if link.vxlan.local != action.vtep:
            _set(sock, name, ifindex, _kind("vxlan", *tunnel))
    if link is None or link.mtu != action.mtu:
        _set(sock, name, ifindex, u32(IFLA_MTU, action.mtu))
    if link is None or link.master != bridge:
        _set(sock, name, ifindex, u32(IFLA_MASTER, bridge))
    _up(sock, name, ifindex, links)
    return ifindex


def _port(sock: socket.socket, link: Link, bridge: int) -> None:
    if not link.master:
        _set(sock, link.name, link.ifindex, u32(IFLA_MASTER, bridge))
    if not link.up:
        _set(sock, link.name, link.ifindex, flags=IFF_UP)


def _make(
    sock: socket.socket, earlier: Link | None, name: str, kind: str, *settings: bytes
) -> int:
    if earlier is not None:
        _remove(sock, earlier)
    named = attribute(IFLA_IFNAME, name.encode() + b"\0")
    body = IFINFOMSG.pack(socket.AF_UNSPEC, 0, 0, 0, 0) + named + _kind(kind, *settings)
    _request(sock, name, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, body)
    ifindex = socket.if_nametoindex(name)
    # The kernel takes no alias at creation, and no addrgenmode.
    _set(sock, name, ifindex, attribute(IFLA_IFALIAS, MANAGED_ALIAS.encode()))
    try:
        _set(sock, name, ifindex, _NO_LINK_LOCAL)
    except DeviceRefusedError as refused:
        if refused.errno != errno.EAFNOSUPPORT:  # without IPv6 there is no link-local
            raise
    return ifindex


def _kind(kind: str, *settings: bytes) -> bytes:
    return nested(
        IFLA_LINKINFO,
        attribute(IFLA_INFO_KIND, kind.encode() + b"\0"),
        nested(IFLA_INFO_DATA, *settings),
    )


def _up(
    sock: socket.socket, name: str, ifindex: int, links: Mapping[str, Link]
) -> None:
    link = links.get(name)
    if link is None or link.ifindex != ifindex or not link.up:
        _set(sock, name, ifindex, flags=IFF_UP)


def _set(
    sock: socket.socket, name: str, ifindex: int, *settings: bytes, flags: int = 0
) -> None:
    """Change attributes of a link; `flags` are those that are to be on."""
    head = IFINFOMSG.pack(socket.AF_UNSPEC, 0, ifindex, flags, flags)
    _request(sock, name, RTM_NEWLINK, 0, head + b"".join(settings))


def _remove(sock: socket.socket, link: Link) -> None:
    head = IFINFOMSG.pack(socket.AF_UNSPEC, 0, link.ifindex, 0, 0)
    _request(sock, link.name, RTM_DELLINK, 0, head)


def _request(
    sock: socket.socket, name: str, kind: int, flags: int, body: bytes
) -> None:
    try:
        request(sock, kind, NLM_F_ACK | flags, body)
    except OSError as error:
        reason = describe(error)
        raise DeviceRefusedError(name, reason, error.errno or 0) from error
