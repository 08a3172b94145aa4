"""VLAN-aware bridges that evpnd makes: their devices, their ports, the ports' VLANs.

Each function looks at what is there, does what is missing, and returns what was
refused. A thousand devices are some sends, not a thousand rounds.
"""

import errno
import socket
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path

from evpnd.adapters.netlink.dump import dump_links
from evpnd.adapters.netlink.link_requests import (
    ANSWERS,
    NO_DELAY,
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
    IFLA_BR_VLAN_DEFAULT_PVID,
    IFLA_BR_VLAN_FILTERING,
    IFLA_LINK,
    IFLA_MASTER,
    IFLA_MTU,
    IFLA_VLAN_ID,
    IFLA_VXLAN_ID,
    IFLA_VXLAN_LEARNING,
    IFLA_VXLAN_PORT,
)
from evpnd.adapters.netlink.port import describe, link_name
from evpnd.adapters.netlink.rtnl import (
    RTM_DELLINK,
    RTM_SETLINK,
    attribute,
    nested,
    open_socket,
    u32,
)
from evpnd.adapters.netlink.shared_vxlan import (
    make_shared_vxlan,
    set_tunnels,
    set_vlan_suppression,
)
from evpnd.core.evi.made_refusals import Making, refusals
from evpnd.core.evi.readiness import Refusal, can_become
from evpnd.model.bridge_actions import (
    AttachPorts,
    BridgeAction,
    MakeBridge,
    MakeSharedVxlan,
    MakeVlanDevices,
    MakeVxlanDevices,
    SetPortVlans,
    SetTunnels,
    SetVlanSuppression,
    VxlanDevice,
)
from evpnd.model.rows import Link

_FILTERING = (
    attribute(IFLA_BR_VLAN_FILTERING, b"\1"),
    attribute(IFLA_BR_VLAN_DEFAULT_PVID, bytes(2)),
)
_IFLA_VLAN_FLAGS = 2
_LOOSE_BINDING = 0x04
_VLAN_FLAGS = attribute(
    _IFLA_VLAN_FLAGS, struct.pack("=II", _LOOSE_BINDING, _LOOSE_BINDING)
)
_IFLA_BRIDGE_FLAGS = 0
_IFLA_BRIDGE_VLAN_INFO = 2
_SELF = attribute(_IFLA_BRIDGE_FLAGS, struct.pack("=H", 2))
_VLAN_INFO = struct.Struct("=HH")
"""bridge_vlan_info: flags, VLAN (linux/if_bridge.h)."""
_PVID, _UNTAGGED = 0x02, 0x04


def change_bridge(action: BridgeAction) -> Iterable[Refusal]:
    """Carry an action out; return what was refused."""
    if isinstance(action, SetPortVlans):
        return _set_port_vlans(action)
    if isinstance(action, SetTunnels):
        return set_tunnels(action)
    if isinstance(action, SetVlanSuppression):
        return set_vlan_suppression(action)
    links = {link.name: link for link in dump_links().links}
    refused = list(refusals(action, links))
    others = {each.device for each in refused}
    bridge = _bridge_of(action)
    if bridge in others or not (isinstance(action, MakeBridge) or bridge in links):
        return refused
    with closing(open_socket(send=ANSWERS, receive=ANSWERS)) as sock:
        match action:
            case MakeBridge(name):
                return _make_bridge(sock, name, links.get(name))
            case AttachPorts():
                errors = _attach(sock, action, links, others)
            case MakeVlanDevices():
                errors = _make_vlan_devices(sock, action, links, others)
            case MakeVxlanDevices():
                errors = _make_vxlan_devices(sock, action, links, others)
            case MakeSharedVxlan():
                errors = {}
                if action.name not in others:
                    errors = make_shared_vxlan(sock, action, links)
    return [*refused, *_tell(action, errors)]


def _bridge_of(action: Making) -> str:
    return action.name if isinstance(action, MakeBridge) else action.bridge


def _tell(action: Making, errors: Mapping[str, int]) -> Iterator[Refusal]:
    for device, code in errors.items():
        reason = describe(code)
        if code == errno.EXFULL:
            reason = (
                f"finds no place in {_bridge_of(action)}, which has as many ports as "
                "Linux allows (1,023): add `vxlan: vx0` to the bridge in `bridges`, "
                "one VXLAN device for all VNIs"
            )
        elif code == errno.EADDRINUSE and isinstance(
            action, MakeVxlanDevices | MakeSharedVxlan
        ):
            reason = (
                f"cannot share UDP port {action.udp_port}: another VXLAN device has it "
                "with other settings (gbp, gpe, or an IPv6 address without IPv4); "
                "change those, or vtep.udp-port"
            )
        yield Refusal(device, reason)


def _make_bridge(sock: socket.socket, name: str, link: Link | None) -> list[Refusal]:
    batch = Batch(sock)
    if link is None or link.kind != "bridge":
        if link is not None:
            batch.add(name, remove_link(link.ifindex))
        batch.add(name, make_link(name, "bridge", *NO_DELAY, *_FILTERING))
        ifindex = 0 if batch.finish() else index_of(name)
        if ifindex:
            mark(batch, name, ifindex)
    else:
        ifindex = link.ifindex
        batch.add(name, set_link(ifindex, link_kind("bridge", *NO_DELAY, *_FILTERING)))
    if ifindex:
        batch.add(name, set_link(ifindex, up=True))
    return [Refusal(name, _why_no_bridge(code)) for code in batch.finish().values()]


def _why_no_bridge(code: int) -> str:
    if code == errno.EOPNOTSUPP:
        return "cannot filter VLANs: the kernel lacks CONFIG_BRIDGE_VLAN_FILTERING"
    return describe(code)


def _make_vxlan_devices(
    sock: socket.socket,
    action: MakeVxlanDevices,
    links: Mapping[str, Link],
    refused: set[str],
) -> Mapping[str, int]:
    batch = Batch(sock)
    local = local_address(action.vtep)
    udp_port = attribute(IFLA_VXLAN_PORT, action.udp_port.to_bytes(2, "big"))
    quiet = attribute(IFLA_VXLAN_LEARNING, b"\0")
    devices = [each for each in action.devices if each.name not in refused]
    kept: dict[str, Link] = {}
    for device in devices:
        link = links.get(device.name)
        if link is not None and link.vxlan is not None:
            same = device.vni, action.vtep, action.udp_port
            if can_become(link.vxlan, *same):
                kept[device.name] = link
                continue
        if link is not None:
            batch.add(device.name, remove_link(link.ifindex))
        settings = (u32(IFLA_VXLAN_ID, device.vni), local, udp_port, quiet)
        mtu = u32(IFLA_MTU, device.mtu)
        batch.add(device.name, make_link(device.name, "vxlan", *settings, before=mtu))
    failed = batch.finish()
    master = links[action.bridge].ifindex
    for device in devices:
        name = device.name
        link = kept.get(name)
        ifindex = link.ifindex if link else index_of(name)
        if not ifindex or (link is None and name in failed):
            continue
        if link is None:
            mark(batch, name, ifindex)
        elif link.vxlan is not None and link.vxlan.local != action.vtep:
            tunnel = link_kind("vxlan", u32(IFLA_VXLAN_ID, device.vni), local)
            batch.add(name, set_link(ifindex, tunnel))
        if link is not None and link.mtu != device.mtu:
            batch.add(name, set_link(ifindex, u32(IFLA_MTU, device.mtu)))
        if link is None or link.master != master:
            batch.add(name, set_link(ifindex, u32(IFLA_MASTER, master)))
            batch.add(name, _vxlan_port(ifindex, device))
        batch.add(name, set_link(ifindex, up=True))
    return batch.finish()


def _vxlan_port(ifindex: int, device: VxlanDevice) -> Request:
    """Return the settings of a VXLAN device in the bridge, before it is up."""
    flags = vxlan_port(suppress=device.suppress)
    vlan = nested(IFLA_AF_SPEC, _vlan(device.vlan, _PVID | _UNTAGGED))
    return Request(RTM_SETLINK, 0, port_head(ifindex) + flags + vlan)


def _make_vlan_devices(
    sock: socket.socket,
    action: MakeVlanDevices,
    links: Mapping[str, Link],
    refused: set[str],
) -> Mapping[str, int]:
    batch = Batch(sock)
    lower = u32(IFLA_LINK, links[action.bridge].ifindex)
    devices = [each for each in action.devices if each.name not in refused]
    for device in devices:
        link = links.get(device.name)
        if link is not None:
            batch.add(device.name, set_link(link.ifindex, up=False))
            continue
        vlan = attribute(IFLA_VLAN_ID, struct.pack("=H", device.vlan))
        made = make_link(device.name, "vlan", vlan, _VLAN_FLAGS, before=lower)
        batch.add(device.name, made)
    failed = batch.finish()
    for device in devices:
        name = device.name
        if name not in links and name not in failed and (ifindex := index_of(name)):
            mark(batch, name, ifindex)
            _enable_ipv6(name)
    return batch.finish()


def _enable_ipv6(name: str) -> None:
    """Let a device have IPv6 neighbours, where the host's default is no IPv6.

    There is no netlink message for it. Where /proc/sys cannot be written, the kernel
    refuses the neighbours, and that is told of them.
    """
    setting = Path("/proc/sys/net/ipv6/conf", name, "disable_ipv6")
    with suppress(OSError):
        if setting.read_text().strip() != "0":
            setting.write_text("0")


def _attach(
    sock: socket.socket,
    action: AttachPorts,
    links: Mapping[str, Link],
    refused: set[str],
) -> Mapping[str, int]:
    batch = Batch(sock)
    master = links[action.bridge].ifindex
    for name in action.ports:
        port = links.get(name)
        if port is None or name in refused:
            continue
        if port.master != master:
            batch.add(name, set_link(port.ifindex, u32(IFLA_MASTER, master)))
        if not port.up:
            batch.add(name, set_link(port.ifindex, up=True))
    return batch.finish()


def _set_port_vlans(action: SetPortVlans) -> Iterable[Refusal]:
    head, own = port_head(action.ifindex), (_SELF,) * action.itself
    removed = [part for each in action.remove for part in _vlans(each)]
    added = [part for each in action.tagged for part in _vlans(each)]
    if action.untagged is not None:
        added.append(_vlan(action.untagged, _PVID | _UNTAGGED))
    name = link_name(action.ifindex)
    with closing(open_socket(receive=ANSWERS)) as sock:
        batch = Batch(sock)
        for kind, vlans in ((RTM_DELLINK, removed), (RTM_SETLINK, added)):
            if vlans:
                spec = nested(IFLA_AF_SPEC, *own, *vlans)
                batch.add(name, Request(kind, 0, head + spec), errno.ENODEV)
        errors = batch.finish()
    return [Refusal(name, describe(code)) for code in errors.values()]


def _vlans(vlans: range) -> Iterator[bytes]:
    if len(vlans) == 1:
        yield _vlan(vlans[0], 0)
    else:
        yield _vlan(vlans[0], RANGE_BEGIN)
        yield _vlan(vlans[-1], RANGE_END)


def _vlan(vlan: int, flags: int) -> bytes:
    return attribute(_IFLA_BRIDGE_VLAN_INFO, _VLAN_INFO.pack(flags, vlan))
