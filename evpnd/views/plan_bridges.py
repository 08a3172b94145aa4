"""What the actions on VLAN-aware bridges would change, for the plan."""

from collections.abc import Iterator, Mapping

from evpnd.core.evi.links import Links
from evpnd.core.evi.made_ports import NO_VLANS
from evpnd.core.evi.made_refusals import refusals
from evpnd.core.evi.readiness import MANAGED_ALIAS
from evpnd.model.bridge_actions import (
    AttachPorts,
    BridgeAction,
    MakeBridge,
    MakeSharedVxlan,
    MakeVlanDevices,
    MakeVxlanDevices,
    SetPortVlans,
    SetTunnels,
    SetVlanSuppression,
)
from evpnd.model.events import (
    DeviceActionFailed,
    DevicesTried,
    Event,
    LinkObserved,
    VlansObserved,
)
from evpnd.model.rows import BridgePort, Link, PortVlans, VniFilter, VxlanLink

IN_THE_PLAN = 1 << 30
"""Base of made-up ifindexes for planned devices; above any real one, so no real
device's rows are taken for theirs."""


def free_index(links: Links) -> int:
    """Return an ifindex that no device has."""
    return max(IN_THE_PLAN, *links.by_index) + 1


def new_link(ifindex: int, name: str, kind: str, *, up: bool = True) -> Link:
    """Return a device of ours."""
    return Link(
        ifindex,
        name,
        kind,
        up=up,
        carrier=True,
        master=0,
        mac=b"",
        mtu=0,
        alias=MANAGED_ALIAS,
    )


def obey(action: BridgeAction, links: Links) -> Iterator[Event]:
    """Yield what the kernel would tell; each is known before the next is asked for."""
    if isinstance(action, SetPortVlans | SetTunnels):
        has, filters = links.vlans.get(action.ifindex, NO_VLANS), links.vni_filters
        if isinstance(action, SetPortVlans):
            has = _changed(action, has)
        else:
            has = has._replace(tunnels=_mapped(action, has.tunnels))
            vnis = _filtered(action, filters.get(action.ifindex, ()))
            filters = {**filters, action.ifindex: vnis}
        yield VlansObserved({**links.vlans, action.ifindex: has}, filters)
        return
    if isinstance(action, SetVlanSuppression):
        yield from _set_suppression(action, links)
        return
    refused = {each.device: each.reason for each in refusals(action, links.by_name)}
    yield from (DeviceActionFailed(*each) for each in refused.items())
    bridge = None if isinstance(action, MakeBridge) else action.bridge
    if bridge in refused or (bridge and bridge not in links.by_name):
        return
    match action:
        case MakeBridge(name):
            link = links.by_name.get(name) or new_link(
                free_index(links), name, "bridge"
            )
            yield LinkObserved(
                link._replace(up=True, vlan_filtering=True, default_pvid=0)
            )
        case AttachPorts(_, ports):
            master = links.by_name[action.bridge].ifindex
            for port in map(links.by_name.get, ports):
                if port is not None and port.name not in refused:
                    yield LinkObserved(port._replace(master=master, up=True))
        case MakeVlanDevices():
            yield from _make_vlan_devices(action, links, refused)
        case MakeVxlanDevices():
            yield from _make_vxlan_devices(action, links, refused)
        case MakeSharedVxlan(name=name) if name not in refused:
            yield _make_shared_vxlan(action, links)
        case MakeSharedVxlan():
            pass


def _make_vlan_devices(
    action: MakeVlanDevices, links: Links, refused: dict[str, str]
) -> Iterator[Event]:
    bridge, free = links.by_name[action.bridge].ifindex, free_index(links)
    for at, device in enumerate(action.devices):
        if device.name in refused:
            continue
        known = links.by_name.get(device.name)
        link = known or new_link(free + at, device.name, "vlan")
        made = link._replace(up=False, lower=bridge, vlan_id=device.vlan)
        yield LinkObserved(made)
    yield DevicesTried(frozenset(each.name for each in action.devices))


def _make_vxlan_devices(
    action: MakeVxlanDevices, links: Links, refused: dict[str, str]
) -> Iterator[Event]:
    bridge, free = links.by_name[action.bridge].ifindex, free_index(links)
    vlans = dict(links.vlans)
    for at, device in enumerate(action.devices):
        if device.name in refused:
            continue
        known = links.by_name.get(device.name)
        link = known or new_link(free + at, device.name, "vxlan")
        tunnel = VxlanLink(
            vni=device.vni,
            local=action.vtep,
            udp_port=action.udp_port,
            learning=False,
            external=False,
        )
        port = BridgePort(
            learning=False, neigh_suppress=device.suppress, forwarding=True
        )
        made = link._replace(up=True, master=bridge, mtu=device.mtu)
        yield LinkObserved(made._replace(vxlan=tunnel, port=port))
        if link.master != bridge:
            vlans[link.ifindex] = PortVlans(device.vlan, frozenset({device.vlan}))
    yield VlansObserved(vlans, links.vni_filters)
    yield DevicesTried(frozenset(each.name for each in action.devices))


def _make_shared_vxlan(action: MakeSharedVxlan, links: Links) -> LinkObserved:
    known = links.by_name.get(action.name)
    link = known or new_link(free_index(links), action.name, "vxlan")
    tunnel = VxlanLink(
        vni=0,
        local=action.vtep,
        udp_port=action.udp_port,
        learning=False,
        external=True,
        vnifilter=True,
    )
    port = BridgePort(
        learning=False,
        neigh_suppress=action.suppress,
        forwarding=True,
        vlan_tunnel=True,
    )
    bridge = links.by_name[action.bridge].ifindex
    made = link._replace(up=True, master=bridge, mtu=action.mtu)
    return LinkObserved(made._replace(vxlan=tunnel, port=port))


def _mapped(action: SetTunnels, has: Mapping[int, int]) -> dict[int, int]:
    gone = {vlan for each in action.unmapped for vlan in each}
    tunnels = {vlan: vni for vlan, vni in has.items() if vlan not in gone}
    for vlans, vni in action.mapped:
        tunnels |= dict(zip(vlans, range(vni, vni + len(vlans)), strict=True))
    return tunnels


def _set_suppression(action: SetVlanSuppression, links: Links) -> Iterator[Event]:
    link = links.by_index.get(action.ifindex)
    if link is not None and link.port is not None:
        port = link.port._replace(neigh_vlan_suppress=action.apart)
        yield LinkObserved(link._replace(port=port))
        vlans = _answering(action, links.vlans.get(action.ifindex, NO_VLANS))
        yield VlansObserved({**links.vlans, action.ifindex: vlans}, links.vni_filters)


def _answering(action: SetVlanSuppression, has: PortVlans) -> PortVlans:
    on = {vlan for each in action.answered for vlan in each}
    off = {vlan for each in action.flooded for vlan in each}
    return has._replace(suppressed=(has.suppressed | on) - off)


def _filtered(action: SetTunnels, has: VniFilter) -> VniFilter:
    kept = [each for each in has if each not in action.filtered]
    return tuple(sorted((*kept, *action.taken_in), key=lambda each: each.start))


def _changed(action: SetPortVlans, has: PortVlans) -> PortVlans:
    removed = {vlan for each in action.remove for vlan in each}
    tagged = {vlan for each in action.tagged for vlan in each}
    pvid = 0 if has.pvid in removed | tagged else has.pvid
    vlans, with_tag = (has.vlans - removed) | tagged, (has.tagged - removed) | tagged
    tunnels = {vlan: vni for vlan, vni in has.tunnels.items() if vlan not in removed}
    if action.untagged is not None:
        pvid = action.untagged
        vlans, with_tag = vlans | {pvid}, with_tag - {pvid}
    return PortVlans(pvid, vlans, with_tag, tunnels, has.suppressed & vlans)
