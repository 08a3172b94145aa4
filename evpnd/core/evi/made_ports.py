"""The ports of bridges that evpnd makes: which of them it attaches, and their VLANs."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from evpnd.core.evi.links import Links
from evpnd.core.evi.readiness import MANAGED_ALIAS
from evpnd.model.bridge_actions import SetPortVlans
from evpnd.model.bridges import BridgeConfig, BridgePort, as_ranges, format_ranges
from evpnd.model.rows import Link, PortVlans

NO_VLANS = PortVlans(0, frozenset())
"""Of a port that is in no VLAN."""


class Attachment(NamedTuple):
    """A port that is to be in a bridge of `bridges`."""

    port: Link
    bridge: str


def port_vlans(entry: BridgePort) -> PortVlans:
    """Return the VLANs that a port is to have."""
    tagged = frozenset(vlan for each in entry.tagged for vlan in each)
    if entry.untagged is None:
        return PortVlans(0, tagged, tagged)
    return PortVlans(entry.untagged, tagged | {entry.untagged}, tagged)


def entry_of(bridge: BridgeConfig, link: Link) -> BridgePort | None:
    """Return the entry of a port of a bridge; None: nobody names it, or it is ours."""
    if link.alias == MANAGED_ALIAS:
        return None
    entry = bridge.port(link.name)
    if entry is not None and entry.is_pattern and link.vxlan is not None:
        return None  # one of ours is without its alias for a moment
    return entry


def attachments(
    bridges: Iterable[BridgeConfig], links: Links, vtep: bytes
) -> Iterator[Attachment]:
    """Yield the ports that are to be in a bridge, and those that are.

    Where entries of several bridges match a port, the most exact name counts. A pattern
    never takes a loopback, a VXLAN device, a bridge or what stands on one, nor the
    device with the VTEP address.
    """
    found: dict[str, tuple[BridgePort, BridgeConfig]] = {}
    for bridge in bridges:
        own = links.by_name.get(bridge.name)
        for entry in bridge.ports:
            if not entry.attach:
                continue
            for link in _matches(entry, links, own, vtep):
                known = found.get(link.name)
                if known is None or known[0].exactness < entry.exactness:
                    found[link.name] = entry, bridge
    for name, (_, bridge) in found.items():
        yield Attachment(links.by_name[name], bridge.name)


def _matches(
    entry: BridgePort, links: Links, bridge: Link | None, vtep: bytes
) -> Iterator[Link]:
    if not entry.is_pattern:
        link = links.by_name.get(entry.name)
        if link is not None and link.alias != MANAGED_ALIAS:
            yield link
        return
    for link in links.by_index.values():
        if (
            link.alias != MANAGED_ALIAS
            and entry.matches(link.name)
            and link.kind not in ("bridge", "vxlan")
            and link.name != "lo"
            and not (bridge is not None and link.lower == bridge.ifindex)
            and not (vtep and vtep in links.addresses_of(link.ifindex))
        ):
            yield link


def vlan_change(ifindex: int, wanted: PortVlans, has: PortVlans) -> SetPortVlans | None:
    """Return what gives a port the VLANs that it is to have; None: it has them."""
    if wanted[:3] == has[:3]:  # a tunnel map is another matter
        return None
    tagged = {
        vlan
        for vlan in wanted.tagged
        if vlan not in has.vlans or vlan not in has.tagged or vlan == has.pvid
    }
    pvid = wanted.pvid
    right = pvid in has.vlans and pvid == has.pvid and pvid not in has.tagged
    return SetPortVlans(
        ifindex,
        remove=as_ranges(has.vlans - wanted.vlans),
        tagged=as_ranges(tagged),
        untagged=pvid if pvid and not right else None,
    )


def told(change: SetPortVlans) -> dict[str, object]:
    """Return a change of VLANs as fields of a notice."""
    fields: dict[str, object] = {}
    if change.tagged:
        fields["tagged"] = format_ranges(change.tagged)
    if change.untagged is not None:
        fields["untagged"] = change.untagged
    if change.remove:
        fields["removed"] = format_ranges(change.remove)
    return fields
