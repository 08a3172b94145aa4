"""VXLAN devices and bridges: the settings that EVPN needs."""

from collections.abc import Iterator

from evpnd.doctor.examined import Examined
from evpnd.doctor.finding import Finding, note, warning
from evpnd.doctor.fix import run

SHORTEST_AGEING = 60.0
"""Seconds: a Linux host asks again for a neighbour in use within less (net/core:
base_reachable_time 15 to 45 s, then delay and probes), so its MAC stays known."""
USUAL_AGEING = 300.0


def learning(seen: Examined) -> Iterator[Finding]:
    """Yield VXLAN devices that learn MACs from frames, beside BGP."""
    for _, link in seen.present:
        assert link.vxlan is not None
        if link.vxlan.learning:
            yield warning(
                link.name,
                "it learns MACs from received frames: a row that it learned sends "
                "frames to where a MAC was, and BGP does not take it back",
                run(f"ip link set {link.name} type vxlan nolearning", safe=True),
            )
        if link.port is not None and link.port.learning:
            yield warning(
                link.name,
                "as a bridge port it learns MACs from received frames (`learning on`): "
                "a MAC that moved there without a route stays there",
                run(
                    f"ip link set dev {link.name} type bridge_slave learning off",
                    safe=True,
                ),
            )


def suppression(seen: Examined) -> Iterator[Finding]:
    """Yield VXLAN devices that flood ARP and ND although the answers are known."""
    for each, link in seen.present:
        wanted = each.evi is None or each.evi.suppress
        if wanted and link.port is not None and not link.port.neigh_suppress:
            yield warning(
                link.name,
                "`neigh_suppress off`: every ARP and ND request of the tenants goes to "
                "all VTEPs, though the answer is known here",
                run(
                    f"ip link set dev {link.name} type bridge_slave neigh_suppress on",
                    safe=True,
                ),
            )


def ipv6(seen: Examined) -> Iterator[Finding]:
    """Yield bridges that take no IPv6 neighbours, so that ND is not suppressed."""
    told = set()
    for each in seen.overlays:
        suppress = each.evi is None or each.evi.suppress
        if each.bridge is None or not suppress or each.bridge.name in told:
            continue
        name = each.bridge.name
        told.add(name)
        if seen.host.sysctls.get(f"net/ipv6/conf/{name}/disable_ipv6"):
            yield warning(
                name,
                "IPv6 is disabled on it, so the kernel refuses the IPv6 neighbours of "
                "remote tenants (EINVAL), and their ND is flooded",
                run(f"sysctl -w net/ipv6/conf/{name}/disable_ipv6=0", safe=True),
            )


def ageing(seen: Examined) -> Iterator[Finding]:
    """Yield bridges that forget MACs before their hosts ask for a neighbour again."""
    told = set()
    for each in seen.overlays:
        bridge = each.bridge
        if bridge is None or bridge.ageing is None or bridge.name in told:
            continue
        told.add(bridge.name)
        if bridge.ageing < SHORTEST_AGEING:
            yield warning(
                bridge.name,
                f"it forgets a silent MAC after {bridge.ageing:g} s, before hosts "
                "refresh their ARP entries: routes of MACs come and go, and frames to "
                "silent hosts are flooded",
                run(
                    f"ip link set {bridge.name} type bridge ageing_time "
                    f"{int(USUAL_AGEING * 100)}",
                    safe=True,
                ),
            )


def external(seen: Examined) -> Iterator[Finding]:
    """Yield VXLAN devices of no EVI that share the UDP port with those of EVIs."""
    ours = {link.ifindex for _, link in seen.present}
    if seen.config is None:
        return
    for link in sorted(seen.links.by_index.values()):
        vxlan = link.vxlan
        if vxlan is None or link.ifindex in ours or vxlan.udp_port != seen.udp_port:
            continue
        what = "for many VNIs" if vxlan.external else f"with VNI {vxlan.vni}"
        yield note(
            link.name,
            f"a VXLAN device {what} has UDP port {vxlan.udp_port} too, and no EVI uses "
            "it: another program's, or an EVI is missing in the configuration",
        )
