"""The VXLAN device of all VNIs of a bridge: made, with its tunnel map and VNI filter.

A range of VLANs or VNIs is one attribute or two; the kernel makes 4,000 of them in a
fifth of a second.
"""

import errno
import socket
import struct
from collections.abc import Iterator, Mapping
from contextlib import closing

from evpnd.adapters.netlink.dump import read_link
from evpnd.adapters.netlink.link_requests import (
    ANSWERS,
    RANGE_BEGIN,
    RANGE_END,
    Batch,
    Request,
    index_of,
    link_kind,
    local_address,
    make_link,
    mark,
    port_head,
    remove_link,
    set_link,
    vxlan_port,
)
from evpnd.adapters.netlink.links import (
    IFLA_AF_SPEC,
    IFLA_BRPORT_NEIGH_VLAN_SUPPRESS,
    IFLA_BRPORT_VLAN_TUNNEL,
    IFLA_MASTER,
    IFLA_MTU,
    IFLA_PROTINFO,
    IFLA_VXLAN_COLLECT_METADATA,
    IFLA_VXLAN_LEARNING,
    IFLA_VXLAN_PORT,
    IFLA_VXLAN_VNIFILTER,
)
from evpnd.adapters.netlink.port import describe, link_name
from evpnd.adapters.netlink.rtnl import (
    AF_BRIDGE,
    RTM_DELLINK,
    RTM_DELTUNNEL,
    RTM_NEWTUNNEL,
    RTM_NEWVLAN,
    RTM_SETLINK,
    attribute,
    nested,
    open_socket,
    u32,
)
from evpnd.adapters.netlink.vlans import TABLE_MSG
from evpnd.core.evi.made_tunnels import can_become_shared, suppression_refused
from evpnd.core.evi.readiness import Refusal
from evpnd.model.bridge_actions import (
    MakeSharedVxlan,
    SetTunnels,
    SetVlanSuppression,
    Tunnels,
)
from evpnd.model.rows import Link

_PIECES = 500
"""Ranges of one request: what holds them has a length of 16 bits."""
_IFLA_BRIDGE_VLAN_TUNNEL_INFO = 3
_TUNNEL_ID, _TUNNEL_VLAN, _TUNNEL_FLAGS = 1, 2, 3
_VLAN_ENTRY, _ENTRY_INFO, _ENTRY_RANGE, _ENTRY_SUPPRESS = 1, 1, 2, 9
_ONLY_OPTIONS = 0x40
"""BRIDGE_VLAN_INFO_ONLY_OPTS: the VLAN itself stays as it is."""
_VNIFILTER_ENTRY, _VNI_START, _VNI_END = 1, 1, 2


def make_shared_vxlan(
    sock: socket.socket, action: MakeSharedVxlan, links: Mapping[str, Link]
) -> Mapping[str, int]:
    """Create the device, or complete it; return the errnos of what was refused."""
    batch, name = Batch(sock), action.name
    link = links.get(name)
    local = local_address(action.vtep)
    kept = (
        link is not None
        and link.vxlan is not None
        and can_become_shared(link.vxlan, action.vtep, action.udp_port)
    )
    if not kept:
        if link is not None:
            batch.add(name, remove_link(link.ifindex))
        settings = (
            local,
            attribute(IFLA_VXLAN_COLLECT_METADATA, b"\1"),
            attribute(IFLA_VXLAN_VNIFILTER, b"\1"),
            attribute(IFLA_VXLAN_PORT, action.udp_port.to_bytes(2, "big")),
            attribute(IFLA_VXLAN_LEARNING, b"\0"),
        )
        mtu = u32(IFLA_MTU, action.mtu)
        batch.add(name, make_link(name, "vxlan", *settings, before=mtu))
        ifindex = 0 if batch.finish() else index_of(name)
        if not ifindex:
            return batch.finish()
        mark(batch, name, ifindex)
    else:
        assert link is not None
        assert link.vxlan is not None
        ifindex = link.ifindex
        if link.vxlan.local != action.vtep:
            batch.add(name, set_link(ifindex, link_kind("vxlan", local)))
        if link.mtu != action.mtu:
            batch.add(name, set_link(ifindex, u32(IFLA_MTU, action.mtu)))
    master = links[action.bridge].ifindex
    if link is None or not kept or link.master != master:
        batch.add(name, set_link(ifindex, u32(IFLA_MASTER, master)))
    batch.add(name, _port(ifindex, suppress=action.suppress))
    batch.add(name, set_link(ifindex, up=True))
    return batch.finish()


def set_tunnels(action: SetTunnels) -> list[Refusal]:
    """Change tunnel map and VNI filter; return what was refused."""
    name = link_name(action.ifindex)
    with closing(open_socket(receive=ANSWERS)) as sock:
        batch = Batch(sock)
        unmapped = [Tunnels(vlans, 0) for vlans in action.unmapped]
        for kind, tunnels in (
            (RTM_DELLINK, unmapped),
            (RTM_SETLINK, list(action.mapped)),
        ):
            for start in range(0, len(tunnels), _PIECES):
                parts = [p for t in tunnels[start : start + _PIECES] for p in _info(t)]
                head = port_head(action.ifindex)
                request = Request(kind, 0, head + nested(IFLA_AF_SPEC, *parts))
                batch.add(name, request, errno.ENODEV)
        for kind, vnis in (
            (RTM_DELTUNNEL, action.filtered),
            (RTM_NEWTUNNEL, action.taken_in),
        ):
            for start in range(0, len(vnis), _PIECES):
                entries = b"".join(map(_entry, vnis[start : start + _PIECES]))
                head = TABLE_MSG.pack(AF_BRIDGE, action.ifindex)
                batch.add(name, Request(kind, 0, head + entries), errno.ENODEV)
        errors = batch.finish()
    return [Refusal(name, describe(code)) for code in errors.values()]


def set_vlan_suppression(action: SetVlanSuppression) -> list[Refusal]:
    """Let VLANs of a port answer ARP and ND, or not; return what was refused.

    A kernel before 6.3 takes the setting of the port and says nothing.
    """
    name, index = link_name(action.ifindex), action.ifindex
    apart = attribute(IFLA_BRPORT_NEIGH_VLAN_SUPPRESS, bytes([action.apart]))
    head = port_head(index) + nested(IFLA_PROTINFO, apart)
    with closing(open_socket(receive=ANSWERS)) as sock:
        batch = Batch(sock)
        batch.add(name, Request(RTM_SETLINK, 0, head), errno.ENODEV)
        errors = batch.finish()
        link = read_link(index)
        if link is None or link.port is None:
            return []
        refused = Refusal(
            suppression_refused(name),
            "is not there before Linux 6.3: all EVIs of the device answer ARP and ND",
        )
        if link.port.neigh_vlan_suppress != action.apart:
            return [refused]
        entries = [_suppress(each, on=True) for each in action.answered]
        entries += [_suppress(each, on=False) for each in action.flooded]
        for start in range(0, len(entries), _PIECES):
            body = b"".join(entries[start : start + _PIECES])
            vlans = Request(RTM_NEWVLAN, 0, TABLE_MSG.pack(AF_BRIDGE, index) + body)
            batch.add(name, vlans, errno.ENODEV)
        errors = batch.finish()
    return [Refusal(name, describe(code)) for code in errors.values()]


def _suppress(vlans: range, *, on: bool) -> bytes:
    info = attribute(_ENTRY_INFO, struct.pack("=HH", _ONLY_OPTIONS, vlans[0]))
    last = attribute(_ENTRY_RANGE, struct.pack("=H", vlans[-1]))
    setting = attribute(_ENTRY_SUPPRESS, bytes([on]))
    parts = (info, last, setting) if len(vlans) > 1 else (info, setting)
    return nested(_VLAN_ENTRY, *parts)


def _port(ifindex: int, *, suppress: bool) -> Request:
    tunnels = attribute(IFLA_BRPORT_VLAN_TUNNEL, b"\1")
    flags = vxlan_port(tunnels, suppress=suppress)
    return Request(RTM_SETLINK, 0, port_head(ifindex) + flags)


def _info(tunnels: Tunnels) -> Iterator[bytes]:
    vlans, vni = tunnels
    if len(vlans) == 1:
        yield _tunnel(vlans[0], vni, 0)
        return
    yield _tunnel(vlans[0], vni, RANGE_BEGIN)
    yield _tunnel(vlans[-1], vni + len(vlans) - 1, RANGE_END)


def _tunnel(vlan: int, vni: int, flags: int) -> bytes:
    return nested(
        _IFLA_BRIDGE_VLAN_TUNNEL_INFO,
        u32(_TUNNEL_ID, vni),
        attribute(_TUNNEL_VLAN, struct.pack("=H", vlan)),
        attribute(_TUNNEL_FLAGS, struct.pack("=H", flags)),
    )


def _entry(vnis: range) -> bytes:
    end = (u32(_VNI_END, vnis[-1]),) if len(vnis) > 1 else ()
    return nested(_VNIFILTER_ENTRY, u32(_VNI_START, vnis[0]), *end)
