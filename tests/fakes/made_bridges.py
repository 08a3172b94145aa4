"""A model of a kernel whose bridges evpnd makes: links and VLANs, no rows.

integration/test_made_bridges.py shows on the real kernel what it claims here.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from evpnd.core.evi.made_refusals import Making, refusals
from evpnd.core.evi.made_tunnels import suppression_refused
from evpnd.core.evi.readiness import MANAGED_ALIAS
from evpnd.model.actions import (
    Action,
    ConfigureVxlanPort,
    DumpFdb,
    DumpLinks,
    DumpNeighbors,
    ReleasePorts,
    RemoveDevices,
)
from evpnd.model.bridge_actions import (
    AttachPorts,
    MakeBridge,
    MakeSharedVxlan,
    MakeVlanDevices,
    MakeVxlanDevices,
    SetPortVlans,
    SetTunnels,
    SetVlanSuppression,
    VxlanDevice,
)
from evpnd.model.bridges import BridgeConfig, as_ranges
from evpnd.model.bridges import BridgePort as PortEntry
from evpnd.model.config import Config, EviConfig
from evpnd.model.events import (
    ConfigChanged,
    DeviceActionFailed,
    DevicesTried,
    Event,
    FdbDumped,
    LinkObserved,
    LinksDumped,
    LinkVanished,
    NeighborsDumped,
    VlansObserved,
)
from evpnd.model.ids import parse_vni
from evpnd.model.rows import BridgePort, Link, PortVlans, VniFilter, VxlanLink
from evpnd.model.targets import auto_export_target, auto_import_targets
from tests.fakes.host import VTEP, Host, config

LOOPBACK = 1
PORTS = 1023
"""That a bridge takes."""
NO_VLANS = PortVlans(0, frozenset())


class MadeKernel:
    """Links by name, and the VLANs of bridge ports."""

    def __init__(self, vtep: bytes) -> None:
        self.vtep = vtep
        self.links: dict[str, Link] = {}
        self.vlans: dict[int, PortVlans] = {}
        self.old = False
        """It is a kernel before 6.3."""
        self.filters: dict[int, VniFilter] = {}
        self.refused: set[str] = set()
        """Devices that the kernel does not change."""
        self.done: list[Action] = []
        self._next = LOOPBACK
        self.add("lo", "", mtu=1550)

    def add(self, name: str, kind: str = "tun", **more: object) -> list[Event]:
        """Somebody makes a device."""
        index, self._next = self._next, self._next + 1
        mac = bytes((2, 0, 0, 0, *index.to_bytes(2)))
        link = Link(index, name, kind, True, True, 0, mac, 1500, "")
        return self.put(link._replace(**more))

    def put(self, link: Link) -> list[Event]:
        """A device has these properties now; a new master takes its VLANs."""
        before = self.links.get(link.name)
        self.links[link.name] = link
        told: list[Event] = [LinkObserved(link)]
        if before is not None and before.master != link.master:
            self.vlans.pop(link.ifindex, None)
            told.append(self._vlans())
        return told

    def change(self, name: str, **what: object) -> list[Event]:
        """Somebody changes a device."""
        return self.put(self.links[name]._replace(**what))

    def remove(self, name: str) -> list[Event]:
        """Somebody removes a device; what stands on it goes with it."""
        link = self.links.pop(name, None)
        if link is None:
            return []
        self.vlans.pop(link.ifindex, None)
        self.filters.pop(link.ifindex, None)
        told: list[Event] = []
        for other in list(self.links.values()):
            if other.lower == link.ifindex:
                told += self.remove(other.name)
            elif other.master == link.ifindex:
                told += self.put(other._replace(master=0, port=None))
        return [*told, LinkVanished(link.ifindex), self._vlans()]

    def attach(self, name: str, bridge: str) -> list[Event]:
        """Somebody puts a device into a bridge: it has no VLAN there."""
        return self.change(name, master=self.links[bridge].ifindex)

    def set_vlans(self, name: str, vlans: PortVlans) -> list[Event]:
        """Somebody changes the VLANs of a port."""
        self.vlans[self.links[name].ifindex] = vlans
        return [self._vlans()]

    def _vlans(self) -> VlansObserved:
        return VlansObserved(dict(self.vlans), dict(self.filters))

    def vlans_of(self, name: str) -> PortVlans:
        return self.vlans.get(self.links[name].ifindex, NO_VLANS)

    def ours(self) -> set[str]:
        """Names of the devices with evpnd's alias."""
        return {link.name for link in self.links.values() if is_ours(link)}

    def apply(self, action: Action) -> list[Event]:
        """Do what an action says; returns notifications and refusals."""
        return list(self._apply(action))

    def _apply(self, action: Action) -> Iterator[Event]:
        match action:
            case DumpLinks():
                addresses = frozenset({(LOOPBACK, self.vtep)})
                links = tuple(self.links.values())
                yield LinksDumped(
                    links, addresses, dict(self.vlans), frozenset(), dict(self.filters)
                )
                return
            case DumpFdb(bridge):
                yield FdbDumped(bridge, [])
                return
            case DumpNeighbors(ifindex):
                yield NeighborsDumped(ifindex, [])
                return
            case ConfigureVxlanPort(ifindex, suppress):
                link = self._at(ifindex)
                port = link.port or BridgePort(False, suppress, True)
                port = port._replace(learning=False, neigh_suppress=suppress)
                yield from self.put(link._replace(port=port))
            case RemoveDevices(names):
                for name in names:
                    if name in self.links and is_ours(self.links[name]):
                        yield from self.remove(name)
            case ReleasePorts(bridge, names):
                for name in names:
                    if self._is_in(name, bridge):
                        yield from self.change(name, master=0)
            case MakeBridge():
                yield from self._refuse(action, self._make_bridge(action))
            case AttachPorts():
                yield from self._refuse(action, self._attach(action))
            case MakeVlanDevices():
                yield from self._refuse(action, self._make_vlan_devices(action))
                yield from self._apply(DumpLinks())
                yield DevicesTried(frozenset(each.name for each in action.devices))
            case MakeVxlanDevices():
                yield from self._refuse(action, self._make_vxlan_devices(action))
                yield DevicesTried(frozenset(each.name for each in action.devices))
            case MakeSharedVxlan():
                made = [(action.name, self._make_shared_vxlan(action))]
                yield from self._refuse(action, iter(made))
            case SetPortVlans():
                yield from self._set_port_vlans(action)
            case SetTunnels():
                yield from self._set_tunnels(action)
            case SetVlanSuppression():
                yield from self._set_vlan_suppression(action)
            case _:
                return
        self.done.append(action)

    def _refuse(
        self,
        action: Making,
        made: Iterator[tuple[str, Iterable[Event]]],
    ) -> Iterator[Event]:
        others = {each.device: each.reason for each in refusals(action, self.links)}
        yield from (DeviceActionFailed(*each) for each in others.items())
        bridge = None if isinstance(action, MakeBridge) else action.bridge
        if bridge is None or (bridge in self.links and bridge not in others):
            for name, told in made:
                if name in self.refused:
                    yield DeviceActionFailed(name, "EPERM: not today")
                elif name not in others:
                    yield from told

    def _make_bridge(self, action: MakeBridge) -> Iterator[tuple[str, Iterable[Event]]]:
        what: dict[str, Any] = {"kind": "bridge", "up": True, "vlan_filtering": True}
        yield action.name, self._make(action.name, **what, default_pvid=0)

    def _attach(self, action: AttachPorts) -> Iterator[tuple[str, Iterable[Event]]]:
        for name in action.ports:
            if name in self.links:
                yield name, self._attach_one(name, action.bridge)

    def _attach_one(self, name: str, bridge: str) -> Iterator[Event]:
        yield from self.change(name, master=self.links[bridge].ifindex, up=True)

    def _make_vlan_devices(
        self, action: MakeVlanDevices
    ) -> Iterator[tuple[str, Iterable[Event]]]:
        for device in action.devices:
            lower = self.links[action.bridge].ifindex
            what: dict[str, Any] = {"kind": "vlan", "up": False, "lower": lower}
            yield device.name, self._make(device.name, **what, vlan_id=device.vlan)

    def _make_vxlan_devices(
        self, action: MakeVxlanDevices
    ) -> Iterator[tuple[str, Iterable[Event]]]:
        for device in action.devices:
            yield device.name, self._make_vxlan(action, device)

    def _make_vxlan(
        self, action: MakeVxlanDevices, device: VxlanDevice
    ) -> Iterator[Event]:
        bridge = self.links[action.bridge].ifindex
        inside = sum(link.master == bridge for link in self.links.values())
        if inside >= PORTS:
            yield DeviceActionFailed(device.name, "EXFULL: no room")
            return
        new = not self._is_in(device.name, action.bridge)
        tunnel = VxlanLink(device.vni, action.vtep, action.udp_port, False, False)
        port = BridgePort(False, device.suppress, True)
        what: dict[str, Any] = {
            "kind": "vxlan",
            "up": True,
            "mtu": device.mtu,
            "master": bridge,
        }
        yield from self._make(device.name, **what, vxlan=tunnel, port=port)
        if new:
            vlans = PortVlans(device.vlan, frozenset({device.vlan}))
            yield from self.set_vlans(device.name, vlans)

    def _make_shared_vxlan(self, action: MakeSharedVxlan) -> Iterator[Event]:
        tunnel = VxlanLink(0, action.vtep, action.udp_port, False, True, True)
        port = BridgePort(False, action.suppress, True, True)
        bridge = self.links[action.bridge].ifindex
        what = {"kind": "vxlan", "up": True, "mtu": action.mtu, "master": bridge}
        yield from self._make(action.name, **what, vxlan=tunnel, port=port)

    def _set_tunnels(self, action: SetTunnels) -> Iterator[Event]:
        index = action.ifindex
        link = next((x for x in self.links.values() if x.ifindex == index), None)
        if link is None:
            return
        if link.name in self.refused:
            yield DeviceActionFailed(link.name, "EPERM: not today")
            return
        has = self.vlans.get(index, NO_VLANS)
        gone = {vlan for each in action.unmapped for vlan in each}
        tunnels = {vlan: vni for vlan, vni in has.tunnels.items() if vlan not in gone}
        for vlans, first in action.mapped:
            for vlan, vni in zip(vlans, range(first, first + 5000), strict=False):
                # net/bridge/br_vlan_tunnel.c: EEXIST, and no VLAN, no tunnel
                if vni in tunnels.values() or vlan not in has.vlans:
                    yield DeviceActionFailed(link.name, f"EEXIST: VNI {vni}")
                    return
                tunnels[vlan] = vni
        vnis = {vni for each in self.filters.get(index, ()) for vni in each}
        vnis -= {vni for each in action.filtered for vni in each}
        vnis |= {vni for each in action.taken_in for vni in each}
        self.filters[index] = as_ranges(vnis)
        yield from self.set_vlans(link.name, has._replace(tunnels=tunnels))

    def _set_vlan_suppression(self, action: SetVlanSuppression) -> Iterator[Event]:
        link = self._at(action.ifindex)
        if self.old:
            yield DeviceActionFailed(suppression_refused(link.name), "is not there")
            return
        assert link.port is not None
        port = link.port._replace(neigh_vlan_suppress=action.apart)
        yield from self.put(link._replace(port=port))
        has = self.vlans[action.ifindex]
        on = {vlan for each in action.answered for vlan in each}
        off = {vlan for each in action.flooded for vlan in each}
        suppressed = (has.suppressed | on) - off
        yield from self.set_vlans(link.name, has._replace(suppressed=suppressed))

    def _make(self, name: str, **what: object) -> Iterator[Event]:
        if name not in self.links:
            # The alias comes a moment later, and untold where the device is down.
            yield from self.add(name, **what)
        told = self.change(name, **what, alias=MANAGED_ALIAS)
        if self.links[name].up:
            yield from told

    def _set_port_vlans(self, action: SetPortVlans) -> Iterator[Event]:
        link = next(
            (x for x in self.links.values() if x.ifindex == action.ifindex), None
        )
        if link is None:
            return
        if link.name in self.refused:
            yield DeviceActionFailed(link.name, "EPERM: not today")
            return
        has = self.vlans.get(action.ifindex, NO_VLANS)
        removed = {vlan for each in action.remove for vlan in each}
        tagged = {vlan for each in action.tagged for vlan in each}
        pvid = 0 if has.pvid in removed | tagged else has.pvid
        vlans = (has.vlans - removed) | tagged
        with_tag = (has.tagged - removed) | tagged
        if action.untagged is not None:
            pvid = action.untagged
            vlans |= {pvid}
            with_tag -= {pvid}
        tunnels = {vlan: vni for vlan, vni in has.tunnels.items() if vlan in vlans}
        yield from self.set_vlans(
            link.name,
            has._replace(
                pvid=pvid,
                vlans=vlans,
                tagged=with_tag,
                tunnels=tunnels,
                suppressed=has.suppressed & vlans,
            ),
        )

    def _at(self, ifindex: int) -> Link:
        return next(link for link in self.links.values() if link.ifindex == ifindex)

    def _is_in(self, name: str, bridge: str) -> bool:
        link, master = self.links.get(name), self.links.get(bridge)
        return bool(link and master and link.master == master.ifindex)


def is_ours(link: Link) -> bool:
    return link.alias == MANAGED_ALIAS


def made_evi(
    vlan: int,
    *,
    bridge: str = "br0",
    suppress: bool = True,
    vxlan: str | None = None,
) -> EviConfig:
    """An EVI in a VLAN of a bridge of `bridges`; its VNI is 10000 more."""
    (evi,) = config().evis
    vni = parse_vni(10_000 + vlan)
    return replace(
        evi,
        vni=vni,
        name=f"vlan-{vlan}",
        export_targets=(auto_export_target(65000, vni),),
        import_targets=auto_import_targets(vni),
        bridge=bridge,
        vxlan=vxlan or f"vx{vni}",
        vlan=vlan,
        made=True,
        suppress=suppress,
    )


def made_config(
    *vlans: int, ports: tuple[PortEntry, ...] = (), **more: object
) -> Config:
    """One bridge with an EVI in each of some VLANs."""
    evis = tuple(map(made_evi, vlans))
    settings: dict[str, Any] = {
        "evis": evis,
        "bridges": (BridgeConfig("br0", None, ports),),
    }
    return config(**(settings | more))


class MadeHost(Host):
    """A host with such a kernel."""

    def __init__(self, configuration: Config, kernel: MadeKernel | None = None) -> None:
        self.devices = kernel or MadeKernel(VTEP)
        super().__init__(self.devices, configuration)  # type: ignore[arg-type]

    def states(self) -> dict[int | None, str | None]:
        """Why each EVI is not ready, by VLAN."""
        vrfs = self.engine.inventory.vrfs.values()
        return {vrf.config.vlan: vrf.reason for vrf in vrfs}

    def reload(self, configuration: Config) -> None:
        self.run(ConfigChanged(configuration))

    def done(self, *kinds: type) -> list[Action]:
        """What the kernel was asked for since the last time."""
        done, self.devices.done = self.devices.done, []
        return [each for each in done if not kinds or isinstance(each, kinds)]
