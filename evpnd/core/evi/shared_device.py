"""One VXLAN device for many VNIs (`external`): where an EVI is on it.

Its bridge port maps VLANs to VNIs (`vlan_tunnel`), one to one: a frame of VLAN 10 is
sent with the VNI of VLAN 10, and a frame of that VNI comes in in VLAN 10
(net/bridge/br_vlan_tunnel.c). A device with a VNI filter takes in frames of the VNIs in
it alone; one without takes in all that no other device has. Either is used.
"""

from evpnd.core.evi.links import Links
from evpnd.model.config import EviConfig
from evpnd.model.rows import Link, has_vni


def find_shared(evi: EviConfig, links: Links) -> Link | None:
    """Return the device that an EVI stands on which names none and has none alone.

    It is that which maps a VLAN to its VNI, or else the only one there is.
    """
    devices = [
        device
        for device in links.shared_vxlans()
        if evi.bridge is None
        or ((bridge := links.by_index.get(device.master)) and bridge.name == evi.bridge)
    ]
    for device in devices:
        if links.mapped_vlan(device.ifindex, evi.vni):
            return device
    return devices[0] if len(devices) == 1 else None


def is_shared(vxlan: Link) -> bool:
    """Return whether a VXLAN device is for many VNIs."""
    return vxlan.vxlan is not None and vxlan.vxlan.external


def served_vlan(links: Links, vxlan: Link, vni: int) -> int:
    """Return the VLAN of a VNI that a device carries; 0: it does not carry it."""
    vlan = _mapped(links, vxlan, vni)
    return vlan if vlan and _is_taken_in(links, vxlan, vni) else 0


def _mapped(links: Links, vxlan: Link, vni: int) -> int:
    if vxlan.port is None or not vxlan.port.vlan_tunnel:
        return 0
    return links.mapped_vlan(vxlan.ifindex, vni)


def _is_taken_in(links: Links, vxlan: Link, vni: int) -> bool:
    if vxlan.vxlan is None or not vxlan.vxlan.vnifilter:
        return True
    return has_vni(links.vni_filters.get(vxlan.ifindex, ()), vni)


def lacks_tunnel(links: Links, vxlan: Link, bridge: Link) -> str | None:
    """Return why a device can serve no VNI, with the command that mends it."""
    if not bridge.vlan_filtering:
        return (
            f"{bridge.name} does not filter VLANs, and {vxlan.name} has a VLAN of it "
            f"for each VNI: `ip link set {bridge.name} type bridge vlan_filtering 1`"
        )
    if vxlan.port is None or not vxlan.port.vlan_tunnel:
        return (
            f"{vxlan.name} maps no VLANs to VNIs: "
            f"`bridge link set dev {vxlan.name} vlan_tunnel on`"
        )
    if vxlan.ifindex not in links.vlans:
        return f"the VLANs of {vxlan.name} are not known yet"
    return None


def lacks_vni(links: Links, vxlan: Link, vni: int, wanted: int | None) -> str | None:
    """Return why a device does not carry a VNI, with the command that mends it.

    `wanted` is the VLAN of the configuration; None: whichever it is mapped to.
    """
    name, vlan = vxlan.name, links.mapped_vlan(vxlan.ifindex, vni)
    if not vlan:
        fix = _mapping(links, vxlan, vni, wanted)
        return f"no VLAN of {name} is mapped to VNI {vni}: {fix}"
    if wanted not in (None, vlan):
        fix = _mapping(links, vxlan, vni, wanted)
        return f"{name} maps VLAN {vlan} to VNI {vni}, not VLAN {wanted}: {fix}"
    if vlan not in links.vlans[vxlan.ifindex].tagged:
        # The tag names the VNI, and a frame without one is dropped
        # (br_handle_egress_vlan_tunnel, vxlan_xmit).
        return (
            f"VLAN {vlan} is untagged on {name}, and so none of its frames is sent: "
            f"`bridge vlan add dev {name} vid {vlan}`"
        )
    if not _is_taken_in(links, vxlan, vni):
        return (
            f"VNI {vni} is not in the VNI filter of {name}: "
            f"`bridge vni add vni {vni} dev {name}`"
        )
    return None


def map_another(vxlan: Link, vni: int, vlan: int) -> str:
    """Return how to give a VNI another VLAN than it has."""
    words = f"dev {vxlan.name} vid VLAN"
    return (
        f"map another to VNI {vni}: `bridge vlan del dev {vxlan.name} vid {vlan} "
        f"tunnel_info id {vni} && bridge vlan add {words} && bridge vlan add {words} "
        f"tunnel_info id {vni}`"
    )


def _mapping(links: Links, vxlan: Link, vni: int, wanted: int | None) -> str:
    """Return the commands that map a VLAN to a VNI, and nothing else to either."""
    name, own = vxlan.name, links.vlans[vxlan.ifindex]
    vlan = wanted or "VLAN"
    commands = []
    before = links.mapped_vlan(vxlan.ifindex, vni)
    for left, its in ((before, vni), (wanted or 0, own.tunnels.get(wanted or 0))):
        if left and its:
            commands.append(
                f"bridge vlan del dev {name} vid {left} tunnel_info id {its}"
            )
    if wanted not in own.vlans:
        commands.append(f"bridge vlan add dev {name} vid {vlan}")
    commands.append(f"bridge vlan add dev {name} vid {vlan} tunnel_info id {vni}")
    return f"`{' && '.join(commands)}`"
