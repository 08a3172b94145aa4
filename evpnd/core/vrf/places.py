"""Finds the devices of a VRF: its VRF device, and the VXLAN device of its L3 VNI.

The L3 VNI leads into the VRF in one of two ways: its VXLAN device is in the VRF itself,
or in a bridge that is (as FRR has it).
"""

from typing import NamedTuple

from evpnd.core.evi.links import Links
from evpnd.model.config import VrfConfig
from evpnd.model.domain import NOWHERE, Domain
from evpnd.model.ids import format_ip, format_mac
from evpnd.model.rows import Link


class Place(NamedTuple):
    """Where a VRF stands; `reason` says what is missing."""

    reason: str | None
    vrf: Link | None = None
    domain: Domain = NOWHERE
    router_mac: bytes = b""


def find_place(
    config: VrfConfig, links: Links, vtep: bytes, udp_port: int, mac: bytes
) -> Place:
    """Return where a VRF stands, and why it is not ready.

    `mac` is the router's MAC that its devices are to have, if evpnd makes them or the
    configuration gives one; empty: whatever they have.
    """
    vrf = links.by_name.get(config.name)
    if vrf is None:
        return Place(f"there is no VRF device {config.name}")
    if vrf.kind != "vrf":
        kind = vrf.kind or "none"
        return Place(f"{vrf.name} is not a VRF device (kind: {kind})")
    if config.table not in (None, vrf.table):
        return Place(f"{vrf.name} has table {vrf.table}, not {config.table}")
    vxlan = (
        links.by_name.get(config.vxlan) if config.manage else links.vxlan_of(config.vni)
    )
    if vxlan is None or vxlan.vxlan is None:
        return Place(f"there is no VXLAN device with VNI {config.vni}", vrf)
    if vxlan.vxlan.vni != config.vni or vxlan.vxlan.external:
        return Place(f"{vxlan.name} does not carry VNI {config.vni}", vrf)
    bridge = links.by_index.get(vxlan.master)
    svi = vxlan
    if bridge is not None and bridge.kind == "bridge":
        svi = bridge
    if svi.master != vrf.ifindex:
        what = vxlan.name if svi is vxlan else f"{bridge_of(svi)} of {vxlan.name}"
        fix = f"ip link set {svi.name} master {vrf.name}"
        return Place(f"{what} is not in {vrf.name}: `{fix}`", vrf)
    inside = svi is not vxlan
    domain = Domain(svi.ifindex if inside else 0, 0, vxlan.ifindex, 0, svi.ifindex)
    reason = _lacks((vrf, svi, vxlan), vtep, udp_port, mac)
    return Place(reason, vrf, domain, svi.mac)


def bridge_of(svi: Link) -> str:
    """Return how a bridge is named in a sentence."""
    return f"bridge {svi.name}"


def _lacks(
    devices: tuple[Link, Link, Link],
    vtep: bytes,
    udp_port: int,
    mac: bytes,
) -> str | None:
    """Return what devices that are in their places lack; None: nothing."""
    _, svi, vxlan = devices
    found = vxlan.vxlan
    assert found is not None
    for link in devices:
        if not link.up:
            return f"{link.name} is down: `ip link set {link.name} up`"
    if not vtep:
        return "the VTEP address is not known yet"
    if found.udp_port != udp_port:
        return (
            f"{vxlan.name} uses UDP port {found.udp_port}, not vtep.udp-port {udp_port}"
        )
    if found.local != vtep:
        local = format_ip(found.local) if found.local else "no local address"
        return f"{vxlan.name} has {local}, not the VTEP address {format_ip(vtep)}"
    if mac and svi.mac != mac:
        given = format_mac(mac)
        return (
            f"{svi.name} has MAC {format_mac(svi.mac)}, not router-mac {given}: "
            f"`ip link set {svi.name} address {given}`"
        )
    if found.learning:
        return (
            f"{vxlan.name} learns from the data plane: "
            f"`ip link set {vxlan.name} type vxlan nolearning`"
        )
    return None
