"""Bridge and VXLAN devices of managed EVIs: made, completed, removed.

A device is ours if its alias says so (IFLA_IFALIAS).
"""

import errno
import socket
from collections.abc import Iterable, Mapping
from contextlib import closing

from evpnd.adapters.netlink.dump import dump_links
from evpnd.adapters.netlink.link_requests import (
    ANSWERS,
    NO_DELAY,
    NO_LINK_LOCAL,
    OUR_ALIAS,
    Batch,
    Request,
    link_kind,
    local_address,
    make_link,
    remove_link,
    set_link,
)
from evpnd.adapters.netlink.links import (
    IFLA_MASTER,
    IFLA_MTU,
    IFLA_VXLAN_ID,
    IFLA_VXLAN_LEARNING,
    IFLA_VXLAN_PORT,
)
from evpnd.adapters.netlink.port import (
    DeviceRefusedError,
    configure_vxlan_port,
    describe,
)
from evpnd.adapters.netlink.rtnl import (
    NLM_F_ACK,
    attribute,
    open_socket,
    request,
    u32,
)
from evpnd.core.evi.readiness import MANAGED_ALIAS, can_become, port_refusal, refusal
from evpnd.model.actions import CreateDevices
from evpnd.model.rows import Link


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
        bring_up(sock, action.bridge, bridge, links)
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
    with closing(open_socket(receive=ANSWERS)) as sock:
        batch = Batch(sock)
        for name in names:
            if name in links and links[name].alias == MANAGED_ALIAS:
                # A VLAN device goes with its bridge.
                batch.add(name, remove_link(links[name].ifindex), errno.ENODEV)
        errors = batch.finish()
    for name, code in errors.items():
        raise DeviceRefusedError(name, describe(code), code)


def release_ports(bridge: str, names: Iterable[str]) -> None:
    """Remove ports from a bridge; those that are not in it are left alone.

    Raises DeviceRefusedError.
    """
    links = {link.name: link for link in dump_links().links}
    inside = links[bridge].ifindex if bridge in links else 0
    with closing(open_socket()) as sock:
        for name in names:
            if inside and name in links and links[name].master == inside:
                change_device(sock, name, links[name].ifindex, u32(IFLA_MASTER, 0))


def _bridge(sock: socket.socket, links: Mapping[str, Link], name: str) -> int:
    link = links.get(name)
    if link is None or link.kind != "bridge":
        ifindex = make_device(sock, link, name, "bridge")
    else:
        ifindex = link.ifindex
    change_device(sock, name, ifindex, link_kind("bridge", *NO_DELAY))
    return ifindex


def _vxlan(
    sock: socket.socket, links: Mapping[str, Link], action: CreateDevices, bridge: int
) -> int:
    name, vni, port = action.vxlan, action.evi.vni, action.udp_port
    link = links.get(name)
    tunnel = (u32(IFLA_VXLAN_ID, vni), local_address(action.vtep))
    if (
        link is None
        or link.vxlan is None
        or not can_become(link.vxlan, vni, action.vtep, port)
    ):
        ifindex = make_device(
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
            change_device(sock, name, ifindex, link_kind("vxlan", *tunnel))
    if link is None or link.mtu != action.mtu:
        change_device(sock, name, ifindex, u32(IFLA_MTU, action.mtu))
    if link is None or link.master != bridge:
        change_device(sock, name, ifindex, u32(IFLA_MASTER, bridge))
    bring_up(sock, name, ifindex, links)
    return ifindex


def _port(sock: socket.socket, link: Link, bridge: int) -> None:
    if not link.master:
        change_device(sock, link.name, link.ifindex, u32(IFLA_MASTER, bridge))
    if not link.up:
        _request(sock, link.name, set_link(link.ifindex, up=True))


def make_device(
    sock: socket.socket,
    earlier: Link | None,
    name: str,
    kind: str,
    *settings: bytes,
    before: bytes = b"",
) -> int:
    """Make a device, in place of an earlier one of ours; return its ifindex.

    `before` are attributes beside those of its kind.
    """
    if earlier is not None:
        _remove(sock, earlier)
    _request(sock, name, make_link(name, kind, *settings, before=before))
    ifindex = socket.if_nametoindex(name)
    change_device(sock, name, ifindex, OUR_ALIAS)
    try:
        change_device(sock, name, ifindex, NO_LINK_LOCAL)
    except DeviceRefusedError as refused:
        if refused.errno != errno.EAFNOSUPPORT:
            raise
    return ifindex


def bring_up(
    sock: socket.socket, name: str, ifindex: int, links: Mapping[str, Link]
) -> None:
    """Bring a device up, unless it is."""
    link = links.get(name)
    if link is None or link.ifindex != ifindex or not link.up:
        _request(sock, name, set_link(ifindex, up=True))


def change_device(
    sock: socket.socket, name: str, ifindex: int, *settings: bytes
) -> None:
    """Change attributes of a link."""
    _request(sock, name, set_link(ifindex, *settings))


def _remove(sock: socket.socket, link: Link) -> None:
    _request(sock, link.name, remove_link(link.ifindex))


def _request(sock: socket.socket, name: str, wanted: Request) -> None:
    try:
        request(sock, wanted.kind, NLM_F_ACK | wanted.flags, wanted.body)
    except OSError as error:
        reason = describe(error)
        raise DeviceRefusedError(name, reason, error.errno or 0) from error
