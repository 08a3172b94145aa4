"""The devices of a VRF that evpnd makes: the VRF device, and a VXLAN device in it.

The VXLAN device of the L3 VNI needs no bridge: it is in the VRF itself, and its own MAC
is the router's.
"""

from contextlib import closing

from evpnd.adapters.netlink.devices import bring_up, change_device, make_device
from evpnd.adapters.netlink.dump import dump_links
from evpnd.adapters.netlink.link_requests import link_kind, local_address
from evpnd.adapters.netlink.links import (
    IFLA_ADDRESS,
    IFLA_MASTER,
    IFLA_MTU,
    IFLA_VRF_TABLE,
    IFLA_VXLAN_ID,
    IFLA_VXLAN_LEARNING,
    IFLA_VXLAN_PORT,
)
from evpnd.adapters.netlink.port import DeviceRefusedError
from evpnd.adapters.netlink.rtnl import attribute, open_socket, u32
from evpnd.core.evi.readiness import MANAGED_ALIAS, can_become
from evpnd.model.rows import Link
from evpnd.model.vrf_actions import CreateVrf


def create_vrf(action: CreateVrf) -> None:
    """Make both devices, or complete what is there; safe to repeat.

    Raises DeviceRefusedError.
    """
    links = {link.name: link for link in dump_links().links}
    _refuse(action, links)
    with closing(open_socket()) as sock:
        vrf = links.get(action.name)
        if vrf is None or vrf.table != action.table:
            table = u32(IFLA_VRF_TABLE, action.table)
            device = make_device(sock, vrf, action.name, "vrf", table)
        else:
            device = vrf.ifindex
        bring_up(sock, action.name, device, links)
        vxlan = links.get(action.vxlan)
        tunnel = (u32(IFLA_VXLAN_ID, action.vni), local_address(action.vtep))
        if (
            vxlan is None
            or vxlan.vxlan is None
            or not can_become(vxlan.vxlan, action.vni, action.vtep, action.udp_port)
        ):
            index = make_device(
                *(sock, vxlan, action.vxlan, "vxlan", *tunnel),
                attribute(IFLA_VXLAN_PORT, action.udp_port.to_bytes(2, "big")),
                attribute(IFLA_VXLAN_LEARNING, b"\0"),
                before=attribute(IFLA_ADDRESS, action.mac),
            )
            vxlan = None
        else:
            index = vxlan.ifindex
            if vxlan.vxlan.local != action.vtep:
                change_device(sock, action.vxlan, index, link_kind("vxlan", *tunnel))
            if vxlan.mac != action.mac:
                mac = attribute(IFLA_ADDRESS, action.mac)
                change_device(sock, action.vxlan, index, mac)
        if vxlan is None or vxlan.mtu != action.mtu:
            change_device(sock, action.vxlan, index, u32(IFLA_MTU, action.mtu))
        if vxlan is None or vxlan.master != device:
            change_device(sock, action.vxlan, index, u32(IFLA_MASTER, device))
        bring_up(sock, action.vxlan, index, links)


def _refuse(action: CreateVrf, links: dict[str, Link]) -> None:
    """Raise DeviceRefusedError where what is there is somebody else's."""
    for name in (action.name, action.vxlan):
        link = links.get(name)
        if link is not None and link.alias != MANAGED_ALIAS:
            raise DeviceRefusedError(
                name,
                "exists, but evpnd did not create it; remove it or set manage: false",
            )
    for other in links.values():
        if other.table == action.table and other.name != action.name:
            reason = f"table {action.table} is that of VRF device {other.name}"
            raise DeviceRefusedError(action.name, reason)
        vxlan = other.vxlan
        taken = vxlan is not None and (vxlan.vni, vxlan.udp_port) == (
            action.vni,
            action.udp_port,
        )
        if taken and other.name != action.vxlan:
            reason = f"VNI {action.vni} is already on {other.name}"
            raise DeviceRefusedError(action.vxlan, reason)
