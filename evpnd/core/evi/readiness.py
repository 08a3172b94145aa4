"""Finds the devices of an EVI, and what is missing."""

from collections.abc import Mapping
from typing import NamedTuple

from evpnd.core.evi.links import Links
from evpnd.core.evi.shared_device import find_shared
from evpnd.model.actions import CreateDevices
from evpnd.model.config import VXLAN_PORT, EviConfig
from evpnd.model.ids import format_ip
from evpnd.model.rows import Link, VxlanLink

MANAGED_ALIAS = "evpnd"
"""IFLA_IFALIAS of devices that evpnd created, so that a fresh one knows them."""


class Devices(NamedTuple):
    """The devices of one EVI; `reason` says what is missing."""

    reason: str | None
    vxlan: Link | None = None
    bridge: Link | None = None
    renumbers: bool = False
    """Only the local address is missing, which evpnd can set on its own device."""


def bridge_name(evi: EviConfig) -> str:
    """Return the name of a managed EVI's bridge."""
    return evi.bridge or f"br{evi.vni}"


def vxlan_name(evi: EviConfig) -> str:
    """Return the name of a managed EVI's VXLAN device."""
    return evi.vxlan or f"vx{evi.vni}"


def find_devices(
    evi: EviConfig, links: Links, vtep: bytes, udp_port: int = VXLAN_PORT
) -> Devices:
    """Return the devices of an EVI, and why it is not ready."""
    wanted = vxlan_name(evi) if evi.manage else evi.vxlan
    if wanted:
        vxlan = links.by_name.get(wanted)
    else:
        vxlan = links.vxlan_of(evi.vni) or find_shared(evi, links)
    if vxlan is None:
        what = wanted or f"with VNI {evi.vni}"
        return Devices(f"there is no VXLAN device {what}")
    if vxlan.vxlan is None:
        return Devices(
            f"{vxlan.name} is not a VXLAN device (kind: {vxlan.kind or 'none'})"
        )
    shared = vxlan.vxlan.external
    if shared and evi.manage:
        return Devices(f"{vxlan.name} is external (collect metadata), not for one VNI")
    if not shared and vxlan.vxlan.vni != evi.vni:
        return Devices(f"{vxlan.name} carries VNI {vxlan.vxlan.vni}, not {evi.vni}")
    bridge = links.by_index.get(vxlan.master)
    wanted = bridge_name(evi) if evi.manage else evi.bridge
    if wanted and wanted not in links.by_name:
        return Devices(f"there is no bridge {wanted}", vxlan)
    if bridge is None or bridge.kind != "bridge":
        fix = f"ip link set {vxlan.name} master {wanted or 'BRIDGE'}"
        return Devices(_told(vxlan, f"{vxlan.name} is not in a bridge", fix), vxlan)
    if wanted and bridge.name != wanted:
        return Devices(f"{vxlan.name} is in {bridge.name}, not in {wanted}", vxlan)
    for link in (vxlan, bridge):
        # The kernel tells of no change of a device that is down (netdev_state_change).
        if not link.up:
            fix = f"ip link set {link.name} up"
            return Devices(_told(vxlan, f"{link.name} is down", fix), vxlan, bridge)
    if not vtep:
        return Devices("the VTEP address is not known yet", vxlan, bridge)
    local = vxlan.vxlan.local
    if not local:
        fix = f"ip link set {vxlan.name} type vxlan local {format_ip(vtep)}"
        reason = _told(vxlan, f"{vxlan.name} has no local address", fix)
        return Devices(reason, vxlan, bridge)
    if vxlan.vxlan.udp_port != udp_port:
        reason = (
            f"{vxlan.name} uses UDP port {vxlan.vxlan.udp_port}, "
            f"not vtep.udp-port {udp_port}"
        )
        return Devices(
            _told(vxlan, reason, _anew(vxlan, vtep, udp_port)), vxlan, bridge
        )
    if local != vtep:
        reason = f"{vxlan.name} has local address {format_ip(local)}, "
        reason += f"not the VTEP address {format_ip(vtep)}"
        fix = f"ip link set {vxlan.name} type vxlan local {format_ip(vtep)}"
        if len(local) != len(vtep):
            fix = _anew(vxlan, vtep, udp_port)
        reason = _told(vxlan, reason, fix)
        ours = evi.owns_devices and vxlan.alias == MANAGED_ALIAS
        same = can_become(vxlan.vxlan, evi.vni, vtep, udp_port)
        return Devices(reason, vxlan, bridge, renumbers=ours and same)
    return Devices(None, vxlan, bridge)


def _told(vxlan: Link, reason: str, fix: str) -> str:
    """Return a reason, of a device for many VNIs with the command that mends it."""
    shared = vxlan.vxlan is not None and vxlan.vxlan.external
    return f"{reason}: `{fix}`" if shared else reason


def _anew(vxlan: Link, vtep: bytes, udp_port: int) -> str:
    """Return how to make a device for many VNIs anew, where it cannot be changed."""
    name, local = vxlan.name, format_ip(vtep)
    return (
        f"ip link del {name} && ip link add {name} type vxlan external vnifilter local "
        f"{local} dstport {udp_port} nolearning"
    )


def can_become(vxlan: VxlanLink, vni: int, vtep: bytes, udp_port: int) -> bool:
    """Return whether a VXLAN device has the attributes that cannot be changed.

    Its address can, within the family (vxlan_changelink, drivers/net/vxlan).
    """
    return (
        (vxlan.vni, vxlan.udp_port) == (vni, udp_port)
        and not vxlan.external
        and len(vxlan.local) == len(vtep)
    )


def tenant_ports(links: Links, bridge: Link) -> frozenset[int]:
    """Return the ports of a bridge that lead to tenants: all but VXLAN devices."""
    return frozenset(
        link.ifindex for link in links.ports_of(bridge.ifindex) if link.vxlan is None
    )


def open_ports(links: Links, bridge: Link, ports: frozenset[int]) -> frozenset[int]:
    """Return a bridge's ports that forward frames."""
    if not bridge.up:
        return frozenset()
    return frozenset(
        port
        for port in ports
        if (link := links.by_index.get(port)) is not None
        and link.up
        and link.carrier
        and (link.port is None or link.port.forwarding)
    )


class Refusal(NamedTuple):
    """Why evpnd does not change a device."""

    device: str
    reason: str


def refusal(action: CreateDevices, links: Mapping[str, Link]) -> Refusal | None:
    """Return why the devices of a managed EVI cannot be created; None: they can.

    What was there before is somebody's, unless its alias says that it is ours.
    """
    for name in (action.bridge, action.vxlan):
        link = links.get(name)
        if link is not None and link.alias != MANAGED_ALIAS:
            return Refusal(
                name,
                "exists, but evpnd did not create it; remove it or set manage: false",
            )
    wanted = action.evi.vni, action.udp_port
    for other in links.values():
        vxlan = other.vxlan
        taken = vxlan is not None and (vxlan.vni, vxlan.udp_port) == wanted
        if taken and other.name != action.vxlan:
            return Refusal(action.vxlan, f"VNI {wanted[0]} is already on {other.name}")
    return None


def port_refusal(port: Link, bridge: str, links: Mapping[str, Link]) -> Refusal | None:
    """Return why a tenant port cannot be added to a bridge; None: it can."""
    others = {link.ifindex: link for link in links.values()}
    master = others.get(port.master)
    if master is None or master.name == bridge:
        return None
    return Refusal(
        port.name,
        f"is a port of {master.name}; remove it from there before it can be a port of "
        f"{bridge}",
    )
