"""Bridges of `bridges`: what the kernel lacks of them, and has too much.

evpnd makes such a bridge with all its devices: a VXLAN device for each VNI or one for
all, and a VLAN device for the neighbours of each VLAN. It keeps the VLANs of the ports
that the configuration names. What it made has its alias; nothing else is removed.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from evpnd.core.evi.device_retries import Attempts
from evpnd.core.evi.links import Links
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.core.evi.made_ports import (
    NO_VLANS,
    attachments,
    entry_of,
    port_vlans,
    told,
    vlan_change,
)
from evpnd.core.evi.made_tunnels import (
    is_complete,
    suppression_change,
    suppression_refused,
    tunnel_change,
)
from evpnd.core.evi.made_tunnels import told as tunnels_told
from evpnd.core.evi.managed_devices import Surroundings
from evpnd.core.evi.readiness import MANAGED_ALIAS, can_become
from evpnd.core.evi.underlay import likely_mtu
from evpnd.core.turn import Turn
from evpnd.model.actions import Action, ReleasePorts
from evpnd.model.bridge_actions import (
    AttachPorts,
    MakeBridge,
    MakeSharedVxlan,
    MakeVlanDevices,
    MakeVxlanDevices,
    SetPortVlans,
    SetTunnels,
    SetVlanSuppression,
    VlanDevice,
    VxlanDevice,
)
from evpnd.model.bridges import BridgeConfig, as_ranges, vlan_device
from evpnd.model.config import Config, EviConfig
from evpnd.model.rows import Link, PortVlans

AT_ONCE = 500
"""Most devices of one action: what else there is to do comes in between."""


class _Look(NamedTuple):
    """One look at the devices."""

    host: Surroundings
    attempts: Attempts
    turn: Turn
    busy: set[str]
    """Devices that are being made: they were asked for, and nothing was told since."""

    @property
    def links(self) -> Links:
        return self.host.links

    def may(self, what: str) -> bool:
        """Return whether something may be tried now."""
        return self.attempts.may(what, self.turn.now)

    def pieces(self, names: Iterable[str]) -> Iterator[list[str]]:
        """Yield those of many devices that may be made now, some at a time."""
        due = [name for name in names if name not in self.busy and self.may(name)]
        self.busy.update(due)
        for start in range(0, len(due), AT_ONCE):
            yield due[start : start + AT_ONCE]


class _Trouble(NamedTuple):
    """What is wrong with a port."""

    vlans: frozenset[int]
    sentence: str


class MadeBridges:
    """The bridges of a configuration, compared with those of the kernel."""

    def __init__(self, config: Config) -> None:
        """Store the bridges that there are to be."""
        self._bridges: Mapping[str, BridgeConfig] = {}
        self._ports: dict[tuple[str, str], PortVlans] = {}
        """VLANs that ports are to have, by bridge and by name of the entry."""
        self._troubles: dict[str, list[_Trouble]] = {}
        self._busy: set[str] = set()
        self.configure(config)

    def configure(self, config: Config) -> None:
        """Replace the bridges that there are to be."""
        self._bridges = {bridge.name: bridge for bridge in config.bridges}
        self._ports = {
            (bridge.name, entry.name): port_vlans(entry)
            for bridge in config.bridges
            for entry in bridge.ports
        }

    def tried(self, devices: frozenset[str]) -> None:
        """Record that devices were made, or refused."""
        self._busy -= devices

    def names(self, links: Links, vrfs: Iterable[MacVrf]) -> Iterator[str]:
        """Yield the names of the devices that evpnd makes, bridges last."""
        for vrf in vrfs:
            evi = vrf.config
            if not evi.made or evi.bridge is None or evi.vlan is None:
                continue
            if evi.vxlan is not None:
                yield evi.vxlan
            if evi.suppress:
                bridge = links.by_name.get(evi.bridge)
                device = bridge and links.vlan_device(bridge.ifindex, evi.vlan)
                yield device.name if device else vlan_device(evi.bridge, evi.vlan)
        yield from self._bridges

    def complete(
        self,
        host: Surroundings,
        vrfs: Iterable[MacVrf],
        attempts: Attempts,
        turn: Turn,
    ) -> Iterator[Action]:
        """Yield what makes the bridges as they are to be.

        VLAN devices come before VXLAN devices: an EVI that is ready has both.
        """
        if not self._bridges:
            return
        look = _Look(host, attempts, turn, self._busy)
        on: dict[str, list[MacVrf]] = {name: [] for name in self._bridges}
        for vrf in vrfs:
            if vrf.config.made and vrf.config.bridge in on:
                on[vrf.config.bridge].append(vrf)
        for name in self._bridges:
            yield from _make_bridge(name, look)
        yield from self._attach(look)
        for name, bridge in self._bridges.items():
            link = host.links.by_name.get(name)
            if link is not None and link.alias != MANAGED_ALIAS:
                continue  # it is refused
            yield from _make_vlan_devices(name, link, on[name], look)
            if bridge.vxlan is not None:
                yield from _make_shared_vxlan(bridge.vxlan, name, link, on[name], look)
            else:
                yield from _make_vxlan_devices(name, link, on[name], look)
            if link is not None:
                yield from self._set_vlans(bridge, link, on[name], look)

    def _attach(self, look: _Look) -> Iterator[AttachPorts]:
        ports: dict[str, list[str]] = {}
        for port, bridge in attachments(
            self._bridges.values(), look.links, look.host.vtep
        ):
            master = look.links.by_name.get(bridge)
            if not (master and port.master == master.ifindex and port.up):
                ports.setdefault(bridge, []).append(port.name)
        for bridge, names in ports.items():
            if due := [name for name in names if look.may(name)]:
                look.turn.inform("ports_attached", bridge=bridge, ports=due)
                yield AttachPorts(bridge, tuple(due))

    def _set_vlans(
        self, bridge: BridgeConfig, link: Link, vrfs: Sequence[MacVrf], look: _Look
    ) -> Iterator[SetPortVlans | SetTunnels | SetVlanSuppression]:
        links, known = look.links, look.links.vlans
        own = {vrf.config.vxlan: vrf.config.vlan for vrf in vrfs}
        tunnels = {vrf.config.vlan or 0: int(vrf.config.vni) for vrf in vrfs}
        for port in links.ports_of(link.ifindex):
            if port.name == bridge.vxlan:
                yield from _set_tunnels(port, tunnels, look)
                yield from _set_suppression(port, vrfs, look)
            elif port.name in own:
                # A new one is known once its VLAN is.
                vlan, has = own[port.name], known.get(port.ifindex)
                if vlan is not None and has is not None:
                    wanted = PortVlans(vlan, frozenset({vlan}))
                    yield from _set_vlans(port, wanted, has, look)
            elif (entry := entry_of(bridge, port)) is not None:
                # Nobody tells of the VLANs of a port that has none.
                has = known.get(port.ifindex, NO_VLANS)
                wanted = self._ports[bridge.name, entry.name]
                yield from _set_vlans(port, wanted, has, look)
        yield from _set_own_vlans(link, vrfs, look)

    def leave(self, links: Links, new: Config) -> list[Action]:
        """Return what takes from ports what a new configuration no longer gives them.

        Devices are removed when they are found to be too much.
        """
        kept = {bridge.name: bridge for bridge in new.bridges}
        actions: list[Action] = []
        for name, old in self._bridges.items():
            bridge = links.by_name.get(name)
            if name in kept and bridge is not None and bridge.alias == MANAGED_ALIAS:
                actions += _leave_ports(links, bridge, old, kept[name])
        return actions

    def find_troubles(self, links: Links, refused: Mapping[str, str]) -> None:
        """Find the ports named in full that are not there, or were refused."""
        self._troubles = {}
        for name, bridge in self._bridges.items():
            for entry in bridge.ports:
                port = entry.name
                if entry.is_pattern or (port in links.by_name and port not in refused):
                    continue
                vlans = self._ports[name, port].vlans
                what = refused.get(port, "does not exist")
                trouble = _Trouble(vlans, f"port {port} {what}")
                self._troubles.setdefault(name, []).append(trouble)

    def notes(self, evi: EviConfig, refused: Mapping[str, str]) -> Iterator[str]:
        """Yield notes on the ports and the VLAN device of an EVI."""
        if not evi.made or evi.bridge is None or evi.vlan is None:
            return
        for vlans, sentence in self._troubles.get(evi.bridge, ()):
            if evi.vlan in vlans:
                yield sentence
        device = vlan_device(evi.bridge, evi.vlan)
        if evi.suppress and device in refused:
            yield (
                f"{evi.bridge} answers no ARP or ND in VLAN {evi.vlan}: {device} "
                f"{refused[device]}"
            )


def _leave_ports(
    links: Links, bridge: Link, old: BridgeConfig, new: BridgeConfig
) -> Iterator[Action]:
    """Yield what takes from ports what only the old configuration gave them."""
    for port in links.ports_of(bridge.ifindex):
        entry = entry_of(old, port)
        if entry is None or entry_of(new, port) is not None:
            continue
        if entry.attach:
            yield ReleasePorts(bridge.name, (port.name,))
        elif has := links.vlans.get(port.ifindex):
            given = port_vlans(entry).vlans & has.vlans
            yield SetPortVlans(port.ifindex, remove=as_ranges(given))


def _make_bridge(name: str, look: _Look) -> Iterator[MakeBridge]:
    link = look.links.by_name.get(name)
    if (
        link is not None
        and link.alias == MANAGED_ALIAS
        and (link.kind, link.up) == ("bridge", True)
        and (link.vlan_filtering, link.default_pvid) == (True, 0)
    ):
        look.attempts.succeeded((name,))
    elif look.may(name):
        look.turn.inform("bridge_configured", device=name)
        yield MakeBridge(name)


def _make_vlan_devices(
    name: str, bridge: Link | None, vrfs: Iterable[MacVrf], look: _Look
) -> Iterator[MakeVlanDevices]:
    missing: dict[str, VlanDevice] = {}
    for vrf in vrfs:
        vlan = vrf.config.vlan
        if vlan is None or not vrf.config.suppress:
            continue
        link = bridge and look.links.vlan_device(bridge.ifindex, vlan)
        made = link.name if link else vlan_device(name, vlan)
        if link and not (link.alias == MANAGED_ALIAS and link.up):
            look.attempts.succeeded((made,))
        else:
            missing[made] = VlanDevice(made, vlan)
    for names in look.pieces(missing):
        _tell(look, name, "vlan", names)
        yield MakeVlanDevices(name, tuple(missing[each] for each in names))


def _make_vxlan_devices(
    name: str, bridge: Link | None, vrfs: Iterable[MacVrf], look: _Look
) -> Iterator[MakeVxlanDevices]:
    host = look.host
    if not host.vtep:
        return
    missing: dict[str, VxlanDevice] = {}
    likely: int | None = None
    for vrf in vrfs:
        evi = vrf.config
        if evi.vxlan is None or evi.vlan is None:
            continue
        link = look.links.by_name.get(evi.vxlan)
        ours = link is not None and link.alias == MANAGED_ALIAS
        room = host.underlay.room(vrf)
        if room is not None:
            mtu = room.mtu
        elif link is not None and ours:
            mtu = link.mtu  # it stays as long as no VTEP is known
        else:
            if likely is None:
                likely = likely_mtu(host.links, host.vtep, ())
            mtu = likely
        if (
            link is not None
            and ours
            and link.vxlan is not None
            and can_become(link.vxlan, evi.vni, host.vtep, host.config.udp_port)
            and link.vxlan.local == host.vtep
            and (link.mtu, link.up) == (mtu, True)
            and bridge is not None
            and link.master == bridge.ifindex
        ):
            look.attempts.succeeded((evi.vxlan,))
            continue
        device = VxlanDevice(evi.vxlan, evi.vni, evi.vlan, mtu, evi.suppress)
        missing[evi.vxlan] = device
    for names in look.pieces(missing):
        _tell(look, name, "vxlan", names)
        devices = tuple(missing[each] for each in names)
        yield MakeVxlanDevices(name, host.vtep, host.config.udp_port, devices)


def _set_vlans(
    port: Link, wanted: PortVlans, has: PortVlans, look: _Look
) -> Iterator[SetPortVlans]:
    change = vlan_change(port.ifindex, wanted, has)
    if change is None:
        if port.alias != MANAGED_ALIAS:
            look.attempts.succeeded((port.name,))
    elif look.may(f"VLANs of {port.name}"):
        look.turn.inform("port_vlans_set", device=port.name, **told(change))
        yield change


def _make_shared_vxlan(
    vxlan: str, name: str, bridge: Link | None, vrfs: Sequence[MacVrf], look: _Look
) -> Iterator[MakeSharedVxlan]:
    host, link = look.host, look.links.by_name.get(vxlan)
    if not (host.vtep and vrfs):
        return
    rooms = [room.mtu for room in map(host.underlay.room, vrfs) if room is not None]
    if rooms:
        mtu = min(rooms)
    elif link is not None and link.alias == MANAGED_ALIAS:
        mtu = link.mtu  # it stays as long as no VTEP is known
    else:
        mtu = likely_mtu(host.links, host.vtep, ())
    suppress = any(vrf.config.suppress for vrf in vrfs)
    port = host.config.udp_port
    wanted = MakeSharedVxlan(name, vxlan, host.vtep, port, mtu, suppress)
    if is_complete(link, bridge, wanted):
        look.attempts.succeeded((vxlan,))
    elif look.may(vxlan):
        _tell(look, name, "vxlan", [vxlan])
        yield wanted


def _set_tunnels(
    port: Link, tunnels: Mapping[int, int], look: _Look
) -> Iterator[SetPortVlans | SetTunnels]:
    """Give a device of all VNIs its VLANs, all with a tag, and map them."""
    has = look.links.vlans.get(port.ifindex, NO_VLANS)
    vlans = frozenset(tunnels)
    yield from _set_vlans(port, PortVlans(0, vlans, vlans), has, look)
    vni_filter = look.links.vni_filters.get(port.ifindex, ())
    change = tunnel_change(port.ifindex, tunnels, has.tunnels, vni_filter)
    if change is not None and look.may(f"tunnels of {port.name}"):
        look.turn.inform("tunnels_set", device=port.name, **tunnels_told(change))
        yield change


def _set_suppression(
    port: Link, vrfs: Iterable[MacVrf], look: _Look
) -> Iterator[SetVlanSuppression]:
    """Tell the VLANs of a device apart where its EVIs differ in `suppress`."""
    name = suppression_refused(port.name)
    if name in look.attempts.refused:
        return  # a kernel that does not know it never will
    suppress = {vrf.config.vlan or 0: vrf.config.suppress for vrf in vrfs}
    has = look.links.vlans.get(port.ifindex, NO_VLANS)
    change = suppression_change(port, has, suppress)
    if change is not None and look.may(name):
        yield change


def _set_own_vlans(
    bridge: Link, vrfs: Iterable[MacVrf], look: _Look
) -> Iterator[SetPortVlans]:
    """Let frames to VLAN devices of others in, which are gateways; ours are down."""
    links = look.links
    inside = links.vlans.get(bridge.ifindex, NO_VLANS).vlans
    lacking = {
        vlan
        for vlan in (vrf.config.vlan for vrf in vrfs)
        if vlan is not None
        and vlan not in inside
        and (device := links.vlan_device(bridge.ifindex, vlan)) is not None
        and device.up
        and device.alias != MANAGED_ALIAS
    }
    if lacking and look.may(f"VLANs of {bridge.name}"):
        change = SetPortVlans(bridge.ifindex, tagged=as_ranges(lacking), itself=True)
        look.turn.inform("port_vlans_set", device=bridge.name, **told(change))
        yield change


def _tell(look: _Look, bridge: str, kind: str, devices: list[str]) -> None:
    """Report devices that are made or mended; of many, how many."""
    few = devices[:10]
    fields: dict[str, object] = {"bridge": bridge, "kind": kind, "devices": few}
    if len(devices) > len(few):
        fields["more"] = len(devices) - len(few)
    look.turn.inform("devices_made", **fields)
