"""Finds the devices of an EVI, and what is missing."""

from collections.abc import Mapping
from typing import NamedTuple

from evpnd.core.evi.links import Links
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
    vxlan = links.by_name.get(wanted) if wanted else links.vxlan_of(evi.vni)
    if vxlan is None:
        what = wanted or f"with VNI {evi.vni}"
        return Devices(f"there is no VXLAN device {what}")
    if vxlan.vxlan is None:
        return Devices(
            f"{vxlan.name} is not a VXLAN device (kind: {vxlan.kind or 'none'})"
        )
    if vxlan.vxlan.external:
        return Devices(f"{vxlan.name} is external (collect metadata), not for one VNI")
    if vxlan.vxlan.vni != evi.vni:
        return Devices(f"{vxlan.name} carries VNI {vxlan.vxlan.vni}, not {evi.vni}")
    bridge = links.by_index.get(vxlan.master)
    wanted = bridge_name(evi) if evi.manage else evi.bridge
    if wanted and wanted not in links.by_name:
        return Devices(f"there is no bridge {wanted}", vxlan)
    if bridge is None or bridge.kind != "bridge":
        return Devices(f"{vxlan.name} is not in a bridge", vxlan)
    if wanted and bridge.name != wanted:
        return Devices(f"{vxlan.name} is in {bridge.name}, not in {wanted}", vxlan)
    if not vtep:
        return Devices("the VTEP address is not known yet", vxlan, bridge)
    local = vxlan.vxlan.local
    if not local:
        return Devices(f"{vxlan.name} has no local address", vxlan, bridge)
    if vxlan.vxlan.udp_port != udp_port:
        return Devices(
            f"{vxlan.name} uses UDP port {vxlan.vxlan.udp_port}, "
            f"not vtep.udp-port {udp_port}",
            vxlan,
            bridge,
        )
    for link in (vxlan, bridge):
        if not link.up:
            return Devices(f"{link.name} is down", vxlan, bridge)
    if local != vtep:
        reason = f"{vxlan.name} has local address {format_ip(local)}, "
        reason += f"not the VTEP address {format_ip(vtep)}"
        ours = evi.owns_devices and vxlan.alias == MANAGED_ALIAS
        same = can_become(vxlan.vxlan, evi.vni, vtep, udp_port)
        return Devices(reason, vxlan, bridge, renumbers=ours and same)
    return Devices(None, vxlan, bridge)


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
