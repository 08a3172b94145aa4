"""What evpnd does not do to devices, because they are somebody else's.

The core does not look before it asks: who carries an action out looks at that moment.
"""

from collections.abc import Iterable, Iterator, Mapping

from evpnd.core.evi.readiness import MANAGED_ALIAS, Refusal
from evpnd.model.bridge_actions import (
    AttachPorts,
    MakeBridge,
    MakeSharedVxlan,
    MakeVlanDevices,
    MakeVxlanDevices,
)
from evpnd.model.rows import Link

Making = MakeBridge | MakeVlanDevices | MakeVxlanDevices | MakeSharedVxlan | AttachPorts


def refusals(action: Making, links: Mapping[str, Link]) -> Iterator[Refusal]:
    """Yield the devices that an action does not change, and why.

    If the bridge is among them, or is not there, nothing is done.
    """
    if isinstance(action, MakeBridge):
        yield from _not_ours((action.name,), links)
        return
    bridge = links.get(action.bridge)
    if bridge is None:
        return
    if bridge.alias != MANAGED_ALIAS:
        yield from _not_ours((action.bridge,), links)
        return
    if isinstance(action, AttachPorts):
        yield from _ports_of_others(action, links, bridge)
        return
    if isinstance(action, MakeSharedVxlan):
        yield from _not_ours((action.name,), links)
        return
    if isinstance(action, MakeVxlanDevices):
        yield from _not_ours((each.name for each in action.devices), links)
        yield from _vnis_of_others(action, links)
        return
    for device in action.devices:
        link = links.get(device.name)
        if link is not None and (link.lower, link.vlan_id) != (
            bridge.ifindex,
            device.vlan,
        ):
            yield from _not_ours((device.name,), links)


def _not_ours(names: Iterable[str], links: Mapping[str, Link]) -> Iterator[Refusal]:
    for name in names:
        link = links.get(name)
        if link is not None and link.alias != MANAGED_ALIAS:
            yield Refusal(
                name,
                "exists, but evpnd did not create it; remove it, or take it out of "
                "`bridges`",
            )


def _vnis_of_others(
    action: MakeVxlanDevices, links: Mapping[str, Link]
) -> Iterator[Refusal]:
    there = {
        link.vxlan.vni: link.name
        for link in links.values()
        if link.vxlan is not None
        and link.vxlan.udp_port == action.udp_port
        and not link.vxlan.external
    }
    for device in action.devices:
        other = there.get(device.vni, device.name)
        if other != device.name:
            yield Refusal(device.name, f"VNI {device.vni} is already on {other}")


def _ports_of_others(
    action: AttachPorts, links: Mapping[str, Link], bridge: Link
) -> Iterator[Refusal]:
    names = {link.ifindex: link.name for link in links.values()}
    for port in map(links.get, action.ports):
        if port is not None and port.master not in (0, bridge.ifindex):
            yield Refusal(
                port.name,
                f"is a port of {names.get(port.master, port.master)}; remove it from "
                f"there before it can be a port of {action.bridge}",
            )
