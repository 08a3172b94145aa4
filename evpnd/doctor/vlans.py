"""VLAN-aware bridges: which VLANs a VXLAN device is in, and who answers ARP there."""

from collections.abc import Iterator

from evpnd.core.evi.bridge_vlans import find_vlan
from evpnd.doctor.examined import Examined
from evpnd.doctor.finding import Finding, fault, warning
from evpnd.doctor.fix import run


def membership(seen: Examined) -> Iterator[Finding]:
    """Yield VXLAN devices that are in more VLANs than their own."""
    for each, link in seen.present:
        bridge = each.bridge
        if bridge is None or not bridge.vlan_filtering:
            continue
        assert link.vxlan is not None
        own = find_vlan(seen.links, link, bridge, each.vni)
        member = seen.links.vlans.get(link.ifindex)
        if own is None or member is None or link.vxlan.external:
            continue
        others = sorted(member.vlans - {own.vlan})
        if not others:
            continue
        listed = ", ".join(map(str, others[:3])) + ("..." if len(others) > 3 else "")
        lines = [f"bridge vlan del dev {link.name} vid {vlan}" for vlan in others]
        yield fault(
            link.name,
            f"it is in VLAN {listed} of {bridge.name} besides its own, {own.vlan}: "
            f"broadcasts of these VLANs go out in VNI {link.vxlan.vni} as well "
            "(`vlan_default_pvid` puts each new port into VLAN 1)",
            run(*lines, safe=True),
        )


def suppression(seen: Examined) -> Iterator[Finding]:
    """Yield VLANs without a device, in which the bridge answers no ARP and ND."""
    for each, link in seen.present:
        bridge = each.bridge
        if bridge is None or not bridge.vlan_filtering:
            continue
        own = find_vlan(seen.links, link, bridge, each.vni)
        if own is None or (each.evi is not None and not each.evi.suppress):
            continue
        if seen.links.vlan_device(bridge.ifindex, own.vlan) is None:
            name = f"{bridge.name}.{own.vlan}"
            yield warning(
                bridge.name,
                f"VLAN {own.vlan} has no VLAN device, so ARP and ND of {each.name} are "
                "answered by nobody here and go to all VTEPs",
                run(
                    f"ip link add link {bridge.name} name {name} type vlan id "
                    f"{own.vlan}",
                    f"ip link set {name} addrgenmode none up",
                    safe=True,
                ),
            )
