"""Bridge and VXLAN devices of managed EVIs: made, completed, removed.

The only part of the package that needs pyroute2, so it is imported when the first
device is to be managed. A device is ours if its alias says so (IFLA_IFALIAS).
"""

import errno
import socket
from collections.abc import Iterable, Mapping

from pyroute2 import IPRoute, NetlinkError

from evpnd.adapters.netlink.dump import dump_links
from evpnd.adapters.netlink.port import (
    DeviceRefusedError,
    configure_vxlan_port,
    describe,
)
from evpnd.core.evi.readiness import MANAGED_ALIAS, can_become, port_refusal, refusal
from evpnd.model.actions import CreateDevices
from evpnd.model.ids import format_ip
from evpnd.model.rows import Link

_NO_LINK_LOCAL = {"attrs": [("AF_INET6", {"attrs": [("IFLA_INET6_ADDR_GEN_MODE", 1)]})]}


def create_devices(action: CreateDevices) -> None:
    """Make bridge and VXLAN device, or complete what is there; safe to repeat.

    A tenant port that does not exist yet is left for the next time. Raises
    DeviceRefusedError.
    """
    links = {link.name: link for link in dump_links().links}
    refused = refusal(action, links)
    if refused is not None:
        raise DeviceRefusedError(*refused)
    with IPRoute() as ipr:
        bridge = _bridge(ipr, links, action.bridge)
        vxlan = _vxlan(ipr, links, action, bridge)
        _up(ipr, action.bridge, bridge, links)
        for name in action.evi.ports:
            if name in links:
                refused = port_refusal(links[name], action.bridge, links)
                if refused is not None:
                    raise DeviceRefusedError(*refused)
                _port(ipr, links[name], bridge)
    configure_vxlan_port(vxlan, suppress=action.evi.suppress)


def remove_devices(names: Iterable[str]) -> None:
    """Remove those of the devices that are ours; absent is success.

    Raises DeviceRefusedError.
    """
    links = {link.name: link for link in dump_links().links}
    with IPRoute() as ipr:
        for name in names:
            if name in links and links[name].alias == MANAGED_ALIAS:
                _link(ipr, "del", name, index=links[name].ifindex)


def release_ports(bridge: str, names: Iterable[str]) -> None:
    """Remove ports from a bridge; those that are not in it are left alone.

    Raises DeviceRefusedError.
    """
    links = {link.name: link for link in dump_links().links}
    inside = links[bridge].ifindex if bridge in links else 0
    with IPRoute() as ipr:
        for name in names:
            if inside and name in links and links[name].master == inside:
                _link(ipr, "set", name, index=links[name].ifindex, master=0)


def _bridge(ipr: IPRoute, links: Mapping[str, Link], name: str) -> int:
    link = links.get(name)
    if link is None or link.kind != "bridge":
        ifindex = _make(ipr, link, name, kind="bridge")
    else:
        ifindex = link.ifindex
    _link(
        ipr,
        "set",
        name,
        index=ifindex,
        kind="bridge",
        br_forward_delay=0,
        br_stp_state=0,
    )
    return ifindex


def _vxlan(
    ipr: IPRoute,
    links: Mapping[str, Link],
    action: CreateDevices,
    bridge: int,
) -> int:
    name, vni, port = action.vxlan, action.evi.vni, action.udp_port
    link = links.get(name)
    local = "vxlan_local" if len(action.vtep) == 4 else "vxlan_local6"
    if (
        link is None
        or link.vxlan is None
        or not can_become(link.vxlan, vni, action.vtep, port)
    ):
        ifindex = _make(
            ipr,
            link,
            name,
            kind="vxlan",
            vxlan_id=vni,
            vxlan_port=port,
            vxlan_learning=0,
            **{local: format_ip(action.vtep)},
        )
        link = None
    else:
        ifindex = link.ifindex
        if link.vxlan.local != action.vtep:
            address = {local: format_ip(action.vtep)}
            _link(
                ipr, "set", name, index=ifindex, kind="vxlan", vxlan_id=vni, **address
            )
    if link is None or link.mtu != action.mtu:
        _link(ipr, "set", name, index=ifindex, mtu=action.mtu)
    if link is None or link.master != bridge:
        _link(ipr, "set", name, index=ifindex, master=bridge)
    _up(ipr, name, ifindex, links)
    return ifindex


def _port(ipr: IPRoute, link: Link, bridge: int) -> None:
    if not link.master:
        _link(ipr, "set", link.name, index=link.ifindex, master=bridge)
    if not link.up:
        _link(ipr, "set", link.name, index=link.ifindex, state="up")


def _make(
    ipr: IPRoute, earlier: Link | None, name: str, **fields: str | int | bytes
) -> int:
    if earlier is not None:
        _link(ipr, "del", name, index=earlier.ifindex)
    _link(ipr, "add", name, ifname=name, **fields)
    ifindex = socket.if_nametoindex(name)
    # The kernel takes no alias at creation, and no addrgenmode.
    _link(ipr, "set", name, index=ifindex, IFLA_IFALIAS=MANAGED_ALIAS)
    try:
        ipr.link("set", index=ifindex, IFLA_AF_SPEC=_NO_LINK_LOCAL)
    except NetlinkError as error:
        if error.code != errno.EAFNOSUPPORT:  # without IPv6 there is no link-local
            raise DeviceRefusedError(name, describe(error.code)) from error
    return ifindex


def _up(ipr: IPRoute, name: str, ifindex: int, links: Mapping[str, Link]) -> None:
    link = links.get(name)
    if link is None or link.ifindex != ifindex or not link.up:
        _link(ipr, "set", name, index=ifindex, state="up")


def _link(ipr: IPRoute, command: str, name: str, **fields: str | int | bytes) -> None:
    try:
        ipr.link(command, **fields)
    except NetlinkError as error:
        raise DeviceRefusedError(name, describe(error.code)) from error
