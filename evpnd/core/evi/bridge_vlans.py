"""Bridges with `vlan_filtering 1`: which of their VLANs an EVI has.

It is the VLAN of frames that come out of the tunnel: the pvid of the VXLAN device's
port, or, of a device for many VNIs, that which its port maps to the VNI. MACs, bindings
and rows of the bridge's other VLANs are not the EVI's; they may be those of other EVIs.
A bridge without filtering has no VLANs, and its EVI all that it knows.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from evpnd.core.evi.links import Links
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.core.evi.readiness import Devices
from evpnd.core.evi.shared_device import (
    is_shared,
    lacks_tunnel,
    lacks_vni,
    map_another,
    served_vlan,
)
from evpnd.model.config import EviConfig
from evpnd.model.rows import Link


class BridgeVlan(NamedTuple):
    """One VLAN of a bridge, as an EVI uses it."""

    vlan: int
    """0: the bridge has no VLANs."""
    svi: int
    """ifindex of the device that has the host's addresses and neighbours in it: the
    bridge itself or its VLAN device; 0: none."""


def find_vlan(links: Links, vxlan: Link, bridge: Link, vni: int) -> BridgeVlan | None:
    """Return the VLAN that a VXLAN device has for a VNI in its bridge; None: none.

    The bridge looks for neighbours of a VLAN on its VLAN device alone
    (``br_do_proxy_suppress_arp`` in net/bridge/br_arp_nd_proxy.c). Where there is none,
    the host's own addresses in the VLAN are the bridge's, if untagged frames to it are
    of that VLAN.
    """
    vlan = 0
    if is_shared(vxlan):
        vlan = served_vlan(links, vxlan, vni) if bridge.vlan_filtering else 0
    elif not bridge.vlan_filtering:
        return BridgeVlan(0, bridge.ifindex)
    elif own := links.vlans.get(vxlan.ifindex):
        vlan = own.pvid
    if not vlan:
        return None
    device = links.vlan_device(bridge.ifindex, vlan)
    if device is not None:
        return BridgeVlan(vlan, device.ifindex)
    itself = links.vlans.get(bridge.ifindex)
    same = itself is not None and itself.pvid == vlan
    return BridgeVlan(vlan, bridge.ifindex if same else 0)


def vlan_of(vrf: MacVrf, links: Links, found: Devices) -> BridgeVlan:
    """Return the VLAN that an EVI has on its devices.

    While the VXLAN device's port has none, it is that which it had: nothing changes as
    long as the EVI waits for another. A device for many VNIs that no longer carries
    that of the EVI is left.
    """
    if found.vxlan is None or found.bridge is None:
        return BridgeVlan(0, 0)
    vlan = find_vlan(links, found.vxlan, found.bridge, vrf.config.vni)
    if vlan is not None:
        return vlan
    if is_shared(found.vxlan):
        return BridgeVlan(0, 0)
    return BridgeVlan(vrf.domain.vlan, vrf.domain.svi)


def with_vlan(links: Links, found: Devices, evi: EviConfig) -> Devices:
    """Return the devices of an EVI, with the reason if they have no VLAN for it."""
    vxlan, bridge = found.vxlan, found.bridge
    if found.reason or vxlan is None or bridge is None:
        return found
    if is_shared(vxlan):
        reason = lacks_tunnel(links, vxlan, bridge)
        reason = reason or lacks_vni(links, vxlan, evi.vni, evi.vlan)
    else:
        reason = _no_vlan(links, vxlan, bridge, evi)
    return found if reason is None else found._replace(reason=reason)


def _no_vlan(links: Links, vxlan: Link, bridge: Link, evi: EviConfig) -> str | None:
    wanted = evi.vlan
    if not bridge.vlan_filtering:
        if wanted is None:
            return None
        return (
            f"{bridge.name} does not filter VLANs, but the EVI has VLAN {wanted} of "
            "it: "
            f"`ip link set {bridge.name} type bridge vlan_filtering 1`"
        )
    own = find_vlan(links, vxlan, bridge, evi.vni)
    if own is not None and wanted in (None, own.vlan):
        return None
    if vxlan.ifindex not in links.vlans:
        return f"the VLANs of {vxlan.name} are not known yet"
    vlan = "VLAN" if wanted is None else wanted
    fix = f"`bridge vlan add dev {vxlan.name} vid {vlan} pvid untagged`"
    what = "no untagged VLAN" if own is None else f"VLAN {own.vlan}, not {wanted},"
    return f"{vxlan.name} has {what} in {bridge.name}, which filters VLANs: {fix}"


def in_own_vlan(
    vrf: MacVrf, found: Devices, vlan: int, claimed: Mapping[tuple[int, int], MacVrf]
) -> Devices:
    """Return the devices of an EVI, with the reason if another EVI has the place.

    Places are bridges with a VLAN; 0: the bridge has none.
    """
    bridge, vxlan = found.bridge, found.vxlan
    if bridge is None or vxlan is None:
        return found
    other = claimed.get((bridge.ifindex, vlan), vrf)
    if other is vrf:
        return found
    name = other.config.name
    if vlan and found.reason:
        return Devices(found.reason)
    if vlan:
        taken = f"VLAN {vlan} of {bridge.name} already carries EVI {name}; "
        if is_shared(vxlan):
            return Devices(f"{taken}{map_another(vxlan, vrf.config.vni, vlan)}")
        return Devices(
            f"{taken}give {vxlan.name} another: `bridge vlan add dev {vxlan.name} vid "
            "VLAN pvid untagged`"
        )
    return Devices(
        f"{bridge.name} already carries EVI {name}; give each VNI its own bridge, or a "
        f"VLAN of it: `ip link set {bridge.name} type bridge vlan_filtering 1`"
    )


def vlan_notes(
    links: Links, vxlan: Link, bridge: Link, vni: int, *, suppress: bool
) -> Iterator[str]:
    """Yield notes on the VLAN of an EVI that is ready."""
    found = find_vlan(links, vxlan, bridge, vni)
    if found is None or not found.vlan:
        return
    own = links.vlans[vxlan.ifindex]
    if is_shared(vxlan):
        if own.pvid == found.vlan:
            yield (
                f"{vxlan.name} has PVID {own.pvid}, and so frames of VNIs that it maps "
                f"to no VLAN come into VLAN {own.pvid}: `bridge vlan add dev "
                f"{vxlan.name} vid {own.pvid}`"
            )
    elif others := sorted(own.vlans - {found.vlan}):
        text = ", ".join(map(str, others[:3]))
        more = f" and {len(others) - 3} more" if len(others) > 3 else ""
        yield (
            f"{vxlan.name} is in VLAN {text}{more} of {bridge.name} as well, and so "
            f"sends frames of it into the VNI of VLAN {found.vlan}: `bridge vlan del "
            f"dev {vxlan.name} vid {others[0]}`"
        )
    if suppress and links.vlan_device(bridge.ifindex, found.vlan) is None:
        name = f"{bridge.name}.{found.vlan}"
        yield (
            f"{bridge.name} answers no ARP or ND in VLAN {found.vlan}: it needs a VLAN "
            f"device (`ip link add link {bridge.name} name {name} type vlan id "
            f"{found.vlan}`)"
        )
