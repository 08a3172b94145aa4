"""The EVIs of this host and their devices.

Devices come, go and change under us; an EVI follows them and says what it lacks.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from evpnd.core.evi.bridge_ports import BridgePorts
from evpnd.core.evi.bridge_vlans import (
    BridgeVlan,
    in_own_vlan,
    vlan_of,
    with_vlan,
)
from evpnd.core.evi.changes import (
    Change,
    DevicesLeft,
    PortsLost,
    PortsOpen,
    SviLeft,
    UnderlayChanged,
)
from evpnd.core.evi.device_retries import Attempts
from evpnd.core.evi.discovery import PassedOver, tell_gone
from evpnd.core.evi.domains import Domains, Reads
from evpnd.core.evi.instances import Changed, Instances
from evpnd.core.evi.links import Links
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.core.evi.made_bridges import MadeBridges
from evpnd.core.evi.managed_devices import (
    Surroundings,
    leave_ports,
    managed_names,
    sweep,
    vrf_device_names,
    what_is_missing,
)
from evpnd.core.evi.news import News
from evpnd.core.evi.notes import take_notes
from evpnd.core.evi.readiness import Devices, bridge_name, find_devices, vxlan_name
from evpnd.core.evi.shared_device import is_shared
from evpnd.core.evi.underlay import Underlay
from evpnd.core.evi.vtep_address import VtepAddress, tell_change
from evpnd.core.evi.vxlan_ports import VxlanPorts
from evpnd.core.turn import Turn
from evpnd.model.actions import (
    Action,
    CreateDevices,
    RemoveDevices,
    SnoopPorts,
)
from evpnd.model.config import Config
from evpnd.model.domain import Domain
from evpnd.model.events import AddressObserved, LinksDumped, VlansObserved
from evpnd.model.ids import Rd
from evpnd.model.rows import Link


class Reconfigured(NamedTuple):
    """Devices and ports that a new configuration no longer needs."""

    evis: Changed
    removals: list[Action]
    """Actions that release devices and ports that an EVI no longer needs."""


class Inventory:
    """EVIs by VNI, and the EVI of each device."""

    def __init__(self, config: Config) -> None:
        """Start with the EVIs of the configuration, none of them ready."""
        self.links = Links()
        self._instances = Instances(config)
        self.vrfs = self._instances.vrfs
        self.domains = Domains()
        self.vtep = b""
        self._vtep_here = True
        """An interface has the VTEP address, or it is not known."""
        self._vtep_address = VtepAddress()
        self._changed = True
        self._measured = False
        """Only the MTU of routes changed."""
        self.no_hosts: frozenset[bytes] = frozenset()
        """Network and broadcast addresses of the underlay's subnets."""
        self._snooped: frozenset[int] = frozenset()
        """Tenant ports on which ARP and ND are listened to."""
        self._tagged: frozenset[int] = frozenset()
        """Those of them where frames with a tag are, too."""
        self._bridges: dict[int, BridgePorts] = {}
        """Ports of the bridges that this look at the devices came by."""
        self._vxlan_ports = VxlanPorts()
        self._reads = Reads()
        self._config = config
        self.attempts = Attempts()
        self._made = MadeBridges(config)
        self._passed_over = PassedOver()
        self.underlay = Underlay()
        self._news = News(self.attempts)
        self.looks = 0
        """How often the devices were looked at."""

    @property
    def vrf_rds(self) -> Mapping[int, Rd]:
        """Return the RDs of the VRFs, by L3 VNI."""
        return self._instances.vrf_rds

    def replace_links(self, dump: LinksDumped) -> None:
        """Replace all links, with their addresses and VLANs."""
        self.links.replace(dump)
        self._changed = True

    def observe_vlans(self, event: VlansObserved) -> None:
        """Store the VLANs of all bridge ports, their tunnel maps, and VNI filters."""
        if self.links.put_vlans(event):
            self._changed = True

    def observe(self, link: Link) -> None:
        """Store a new or changed link."""
        if self.links.put(link):
            self._changed = True

    def vanish(self, ifindex: int) -> None:
        """Remove a link."""
        self.links.drop(ifindex)
        self._changed = True

    def observe_address(self, event: AddressObserved) -> None:
        """Store or remove an address."""
        self.links.observe_address(
            event.ifindex, event.ip, present=event.present, length=event.length
        )
        self._changed = True

    def take_paths(self, mtus: dict[bytes, int]) -> None:
        """Store the MTU of the routes to VTEPs."""
        if self.underlay.take(mtus):
            self._measured = self._changed = True

    def device_failed(self, device: str, reason: str, now: float) -> bool:
        """Record why a device was refused; return whether the reason is new."""
        self._changed = True
        return self.attempts.failed(device, reason, now)

    def devices_tried(self, devices: frozenset[str]) -> None:
        """Record that there is no more to wait for."""
        self._made.tried(devices)
        self._changed = True

    def _snoop(self, turn: Turn) -> None:
        """Snoop ARP and ND on the tenant ports, if the set of ports changed."""
        speaking = [
            vrf
            for vrf in self.vrfs.values()
            if vrf.reason is None and vrf.config.advertise.neighbors
        ]
        # EVIs of a bridge have the same sets, where they have the same ports.
        ports = frozenset[int]().union(*{vrf.members for vrf in speaking})
        tagged = frozenset[int]().union(*{vrf.tagged for vrf in speaking})
        if (ports, tagged) != (self._snooped, self._tagged):
            self._snooped, self._tagged = ports, tagged
            turn.do(SnoopPorts(ports, tagged))

    def next_due(self) -> float | None:
        """Return when to try a device again."""
        return self.attempts.due

    def stand(self, turn: Turn, actions: list[Action]) -> Iterator[Change]:
        """Follow the devices; yield the changes of the EVIs.

        Whoever asks acts upon each change before asking for the next.
        """
        now = turn.now
        due = self.attempts.due
        if not self._changed and (due is None or now < due):
            return
        if self._changed and not self._measured:
            self.underlay.doubt(now)
        self._changed = self._measured = False
        self.looks += 1
        self.attempts.due = None
        config = self._config
        underlay = self.vtep, self.no_hosts
        vtep = self._vtep_address.find(
            config.vtep, self.links, self.vtep, now, self.attempts
        )
        if vtep != self.vtep:
            turn.tell_all(tell_change(self.vtep, vtep))
            self.vtep = vtep
            self.attempts.begin_anew()
        names = self._names_of_ours()
        actions.extend(sweep(self.links, names, self.attempts, now))
        others = self._instances.discover(self.links)
        if others is not None:
            for vrf in others.gone:
                self._news.forget(vrf)
                turn.tell(tell_gone(vrf, config, self.links))
            yield others
        host = self._surroundings()
        made = self._made.complete(host, self.vrfs.values(), self.attempts, turn)
        actions.extend(made)
        self._made.find_troubles(self.links, self.attempts.refused)
        claimed: dict[tuple[int, int], MacVrf] = {}
        self.domains, self._reads = Domains(), Reads()
        self._bridges.clear()
        self._vxlan_ports = VxlanPorts()
        self._vtep_here = not self.vtep or self.links.has_address(self.vtep)
        for vrf in self.vrfs.values():
            yield from self._place(vrf, claimed, turn, actions)
        actions.extend(self._vxlan_ports.configure(self.attempts, turn))
        self._take_notes(turn)
        turn.tell_all(self._passed_over.tell(config, self.links, self.vrfs))
        actions.extend(self._reads.actions(self.domains, self.links.by_index))
        inside = self.domains.on_bridge.keys() | self.domains.by_svi.keys()
        self.no_hosts = no_hosts = self.links.no_hosts(inside)
        for vrf in self.vrfs.values():
            vrf.take_no_hosts(no_hosts)
        if underlay != (self.vtep, no_hosts):
            yield UnderlayChanged()
        self._snoop(turn)

    def _place(
        self,
        vrf: MacVrf,
        claimed: dict[tuple[int, int], MacVrf],
        turn: Turn,
        actions: list[Action],
    ) -> Iterator[Change]:
        evi, now = vrf.config, turn.now
        found = find_devices(evi, self.links, self.vtep, self._config.vtep.udp_port)
        found = with_vlan(self.links, found, evi)
        of_bridge = vlan_of(vrf, self.links, found)
        if found.reason is None and found.bridge is not None:
            claimed.setdefault((found.bridge.ifindex, of_bridge.vlan), vrf)
        found = in_own_vlan(vrf, found, of_bridge.vlan, claimed)
        if evi.manage:
            actions.extend(self._complete(vrf, found, now))
        if evi.owns_devices:
            refused = self.attempts.refused
            names = [n for n in (bridge_name(evi), vxlan_name(evi)) if n in refused]
            if found.reason is not None and names:
                found = found._replace(reason=f"{names[0]} {refused[names[0]]}")
            elif found.renumbers:
                # It has the address in a moment: no reason to withdraw anything.
                found = found._replace(reason=None)
        vxlan = found.vxlan.ifindex if found.vxlan else 0
        bridge = found.bridge.ifindex if found.bridge else 0
        if not (vxlan and bridge):
            of_bridge = BridgeVlan(0, 0)
        old = vrf.domain
        shared = found.vxlan is not None and is_shared(found.vxlan)
        vni = evi.vni if shared else 0
        domain = Domain(bridge, of_bridge.vlan, vxlan, vni, of_bridge.svi)
        moved = domain != old._replace(svi=domain.svi)
        if moved:
            yield self._leave(vrf, domain)
        elif domain.svi != old.svi:
            yield SviLeft(vrf, old.svi in self.links.by_index, domain.svi)
        vrf.domain = domain
        renumbered, vrf.vtep = vrf.vtep != self.vtep, self.vtep
        before = vrf.reason
        vrf.reason = found.reason
        if found.vxlan is None or found.bridge is None:
            vrf.ports = vrf.members = vrf.tagged = vrf.open_ports = frozenset()
        else:
            yield from self._take_ports(vrf, found.bridge)
            self._vxlan_ports.place(vrf, found.vxlan)
        self._news.tell(vrf, before, turn)
        if vrf.reason is None and (before is not None or moved):
            vrf.tables.unread()
            vrf.neighbors.known = not domain.svi
            self._reads.anew(vrf)
        if vrf.reason != before or moved or renumbered:
            vrf.mark_all()

    def _take_notes(self, turn: Turn) -> None:
        """Store what there is to note, once all EVIs have their places."""
        refused, here = self.attempts.refused, self._vtep_here
        for vrf in self.vrfs.values():
            room = self.underlay.room(vrf)
            made = self._made.notes(vrf.config, refused)
            more = (*made, *self._vxlan_ports.notes(vrf, refused))
            take_notes(
                vrf, self.links, refused, turn, vtep_here=here, room=room, more=more
            )

    def _leave(self, vrf: MacVrf, domain: Domain) -> DevicesLeft:
        """Return which of the devices that an EVI leaves still exist."""
        links, old = self.links.by_index, vrf.domain
        device = links.get(old.vxlan)
        elsewhere = (domain.vxlan, domain.vlan) != (old.vxlan, old.vlan)
        return DevicesLeft(
            vrf,
            vxlan=device is not None and (elsewhere or not domain.bridge),
            bridge=domain.svi != old.svi and old.svi in links,
            bridged=device is not None and device.master == old.bridge,
        )

    def _take_ports(self, vrf: MacVrf, bridge: Link) -> Iterator[Change]:
        known = self._bridges.get(bridge.ifindex)
        if known is None:
            known = self._bridges[bridge.ifindex] = BridgePorts(self.links, bridge)
        ports = known.tenants
        if ports != vrf.ports:
            yield PortsLost(vrf, ports)
            new = ports - vrf.ports
            if new and vrf.fdb.known:
                self._reads.ports(bridge.ifindex, new)
            vrf.ports = ports
        members = known.members(vrf.domain.vlan)
        vrf.members, vrf.tagged = members.all, members.tagged
        yield PortsOpen(vrf, members.open)
        self.domains.place(vrf, ports, filtering=bridge.vlan_filtering)
        vrf.ageing = bridge.ageing
        own_ips = self.links.addresses_of(vrf.domain.svi) if vrf.domain.svi else set()
        mac = self.links.by_index.get(vrf.domain.svi, bridge).mac
        vrf.take_own_ips(own_ips, mac)

    def _complete(self, vrf: MacVrf, found: Devices, now: float) -> list[CreateDevices]:
        """Create a managed EVI's devices, if the pause between attempts is over."""
        missing = what_is_missing(vrf, found, self._surroundings())
        if missing is None:
            evi = vrf.config
            self.attempts.succeeded((vxlan_name(evi), bridge_name(evi), *evi.ports))
        elif self.vtep and self.attempts.may(missing.vxlan, now):
            return [missing]
        return []

    def remove_managed(self) -> list[Action]:
        """Remove all devices that evpnd created."""
        names = tuple(self._names_of_ours())
        return [RemoveDevices(names)] if names else []

    def _names_of_ours(self) -> Iterator[str]:
        """Yield the names of the devices that evpnd makes, bridges last."""
        vrfs = self.vrfs.values()
        yield from managed_names(vrfs)
        yield from self._made.names(self.links, vrfs)
        yield from vrf_device_names(self._config)

    def _surroundings(self) -> Surroundings:
        return Surroundings(self.links, self.underlay, self.vtep, self._config.vtep)

    def reconfigure(self, config: Config) -> Reconfigured:
        """Apply a new configuration; return what it no longer needs."""
        managed = [vrf.config for vrf in self.vrfs.values() if vrf.config.manage]
        self._config = config
        changed = self._instances.reconfigure(config, self.links)
        self._changed = True
        for vrf in changed.gone:
            self._news.forget(vrf)
        removals: list[Action] = self._made.leave(self.links, config)
        self._made.configure(config)
        for old in managed:
            now = self.vrfs.get(old.vni)
            removals += leave_ports(self.links, old, now.config if now else None)
        return Reconfigured(changed, removals)
