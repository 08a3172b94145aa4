"""Finds the devices of an EVI, and what is missing."""

from collections.abc import Container, Iterable, Mapping
from typing import NamedTuple

from evpnd.model.actions import CreateDevices
from evpnd.model.config import VXLAN_PORT, EviConfig
from evpnd.model.events import LinksDumped, VlansObserved
from evpnd.model.ids import format_ip, is_host_ip, is_link_local
from evpnd.model.rows import Link, PortVlans, VniFilter, VxlanLink

MANAGED_ALIAS = "evpnd"
"""IFLA_IFALIAS of devices that evpnd created, so that a fresh one knows them."""


class Links:
    """The links and addresses of the host, by index and by name."""

    def __init__(self) -> None:
        """Start empty."""
        self.by_index: dict[int, Link] = {}
        self.by_name: dict[str, Link] = {}
        self._addresses: dict[int, set[bytes]] = {}
        self._lengths: dict[int, dict[bytes, int]] = {}
        """Of the prefixes of addresses."""
        """Of each link that has any."""
        self._vxlans: dict[int, Link] | None = None
        self._ports: dict[int, list[Link]] = {}
        self._vlan_devices: dict[tuple[int, int], Link] = {}
        self.vlans: Mapping[int, PortVlans] = {}
        """VLANs of bridges and their ports, by ifindex."""
        self.vni_filters: Mapping[int, VniFilter] = {}
        """VNI filters of VXLAN devices, by ifindex; those that are empty are left
        out."""

    def _index(self) -> dict[int, Link]:
        """Index VXLAN devices by VNI and ports by bridge, once for each change."""
        if self._vxlans is None:
            self._vxlans = {}
            self._ports = {}
            self._vlan_devices = {}
            for link in self.by_index.values():
                if link.vxlan is not None:
                    self._vxlans.setdefault(link.vxlan.vni, link)
                if link.master:
                    self._ports.setdefault(link.master, []).append(link)
                if link.vlan_id:
                    self._vlan_devices[link.lower, link.vlan_id] = link
        return self._vxlans

    def vlan_device(self, bridge: int, vlan: int) -> Link | None:
        """Return the VLAN device of a bridge for one of its VLANs."""
        self._index()
        return self._vlan_devices.get((bridge, vlan))

    def replace(self, dump: LinksDumped) -> None:
        """Store a dump."""
        self.vlans, self.vni_filters = dump.vlans, dict(dump.vni_filters)
        self.by_index = {link.ifindex: link for link in dump.links}
        self.by_name = {link.name: link for link in self.by_index.values()}
        self._addresses = {}
        for ifindex, ip in dump.addresses:
            self._addresses.setdefault(ifindex, set()).add(ip)
        self._lengths = {}
        for ifindex, ip, length in dump.lengths:
            self._lengths.setdefault(ifindex, {})[ip] = length
        self._vxlans = None

    def put_vlans(self, event: VlansObserved) -> bool:
        """Store VLANs, tunnel maps and VNI filters; return whether any changed."""
        if event == (self.vlans, self.vni_filters):
            return False
        self.vlans, self.vni_filters = event.vlans, dict(event.vni_filters)
        self._vxlans = None
        return True

    def put(self, link: Link) -> bool:
        """Store a new or changed link; return whether that changed anything."""
        old = self.by_index.get(link.ifindex)
        if old == link:
            return False
        if old is not None and self.by_name.get(old.name) is old:
            del self.by_name[old.name]
        self.by_index[link.ifindex] = link
        self.by_name[link.name] = link
        self._vxlans = None
        return True

    def drop(self, ifindex: int) -> None:
        """Forget a link and its addresses."""
        old = self.by_index.pop(ifindex, None)
        if old is not None and self.by_name.get(old.name) is old:
            del self.by_name[old.name]
        self._addresses.pop(ifindex, None)
        self._lengths.pop(ifindex, None)
        self._vxlans = None

    def vxlan_of(self, vni: int) -> Link | None:
        """Return the VXLAN device that carries a VNI; the oldest of several."""
        return self._index().get(vni)

    def ports_of(self, bridge: int) -> list[Link]:
        """Return the ports of a bridge."""
        self._index()
        return self._ports.get(bridge, [])

    def inside(self, bridge: str, names: Iterable[str]) -> set[str]:
        """Return the links that are ports of a bridge."""
        found = self.by_name.get(bridge)
        links = ((name, self.by_name.get(name)) for name in names)
        return {
            name
            for name, link in links
            if found and link and link.master == found.ifindex
        }

    def addresses_of(self, ifindex: int) -> set[bytes]:
        """Return the IP addresses of a link."""
        return set(self._addresses.get(ifindex, ()))

    def has_address(self, ip: bytes) -> bool:
        """Return whether a link has an IP address."""
        return any(ip in addresses for addresses in self._addresses.values())

    def observe_address(
        self, ifindex: int, ip: bytes, *, present: bool, length: int | None = None
    ) -> None:
        """Store or remove an address; `length` is its prefix length."""
        if present:
            self._addresses.setdefault(ifindex, set()).add(ip)
            if length is not None:
                self._lengths.setdefault(ifindex, {})[ip] = length
        elif (known := self._addresses.get(ifindex)) is not None:
            known.discard(ip)
            self._lengths.get(ifindex, {}).pop(ip, None)
            if not known:
                # It may be of a link that is gone, and nobody tells of it again.
                del self._addresses[ifindex]
                self._lengths.pop(ifindex, None)

    def no_hosts(self, tenants: Container[int]) -> frozenset[bytes]:
        """Return the IPv4 network and broadcast addresses of all subnets.

        Those on `tenants` (ifindexes) are left out, and those of prefixes of 31 and 32
        bits, which have none (RFC 3021).
        """
        found = set()
        for ifindex, lengths in self._lengths.items():
            for ip, length in () if ifindex in tenants else lengths.items():
                if len(ip) == 4 and length <= 30:
                    hosts = (1 << 32 - length) - 1
                    network = int.from_bytes(ip, "big") & ~hosts
                    found.add(network.to_bytes(4, "big"))
                    found.add((network | hosts).to_bytes(4, "big"))
        return frozenset(found)

    def vtep_of(self, name: str) -> bytes:
        """Return the VTEP address of a device; empty while it has none.

        Loopback and link-local addresses do not count; IPv4 comes before IPv6,
        and the lowest of several is taken, so that a restart takes the same.
        """
        link = self.by_name.get(name)
        if link is None:
            return b""
        usable = [
            ip
            for ip in self.addresses_of(link.ifindex)
            if is_host_ip(ip) and not is_link_local(ip)
        ]
        return min(usable, key=lambda ip: (len(ip), ip), default=b"")


class Devices(NamedTuple):
    """The devices of one EVI; `reason` says what is missing."""

    reason: str | None
    vxlan: Link | None = None
    bridge: Link | None = None
    renumbers: bool = False
    """Only the local address is missing, which evpnd can set on its own device."""


def bridge_name(evi: EviConfig) -> str:
    """Return the name of a managed EVI's bridge."""
    return evi.bridge or f"br{evi.vni}"


def vxlan_name(evi: EviConfig) -> str:
    """Return the name of a managed EVI's VXLAN device."""
    return evi.vxlan or f"vx{evi.vni}"


def find_devices(
    evi: EviConfig, links: Links, vtep: bytes, udp_port: int = VXLAN_PORT
) -> Devices:
    """Return the devices of an EVI, and why it is not ready."""
    wanted = vxlan_name(evi) if evi.manage else evi.vxlan
    vxlan = links.by_name.get(wanted) if wanted else links.vxlan_of(evi.vni)
    if vxlan is None:
        what = wanted or f"with VNI {evi.vni}"
        return Devices(f"there is no VXLAN device {what}")
    if vxlan.vxlan is None:
        return Devices(
            f"{vxlan.name} is not a VXLAN device (kind: {vxlan.kind or 'none'})"
        )
    if vxlan.vxlan.external:
        return Devices(f"{vxlan.name} is external (collect metadata), not for one VNI")
    if vxlan.vxlan.vni != evi.vni:
        return Devices(f"{vxlan.name} carries VNI {vxlan.vxlan.vni}, not {evi.vni}")
    bridge = links.by_index.get(vxlan.master)
    wanted = bridge_name(evi) if evi.manage else evi.bridge
    if wanted and wanted not in links.by_name:
        return Devices(f"there is no bridge {wanted}", vxlan)
    if bridge is None or bridge.kind != "bridge":
        return Devices(f"{vxlan.name} is not in a bridge", vxlan)
    if wanted and bridge.name != wanted:
        return Devices(f"{vxlan.name} is in {bridge.name}, not in {wanted}", vxlan)
    if not vtep:
        return Devices("the VTEP address is not known yet", vxlan, bridge)
    local = vxlan.vxlan.local
    if not local:
        return Devices(f"{vxlan.name} has no local address", vxlan, bridge)
    if vxlan.vxlan.udp_port != udp_port:
        return Devices(
            f"{vxlan.name} uses UDP port {vxlan.vxlan.udp_port}, "
            f"not vtep.udp-port {udp_port}",
            vxlan,
            bridge,
        )
    for link in (vxlan, bridge):
        if not link.up:
            return Devices(f"{link.name} is down", vxlan, bridge)
    if local != vtep:
        reason = f"{vxlan.name} has local address {format_ip(local)}, "
        reason += f"not the VTEP address {format_ip(vtep)}"
        ours = evi.manage and vxlan.alias == MANAGED_ALIAS
        same = can_become(vxlan.vxlan, evi.vni, vtep, udp_port)
        return Devices(reason, vxlan, bridge, renumbers=ours and same)
    return Devices(None, vxlan, bridge)


def can_become(vxlan: VxlanLink, vni: int, vtep: bytes, udp_port: int) -> bool:
    """Return whether a VXLAN device has the attributes that cannot be changed.

    Its address can, within the family (vxlan_changelink, drivers/net/vxlan).
    """
    return (
        (vxlan.vni, vxlan.udp_port) == (vni, udp_port)
        and not vxlan.external
        and len(vxlan.local) == len(vtep)
    )


def tenant_ports(links: Links, bridge: Link) -> frozenset[int]:
    """Return the ports of a bridge that lead to tenants: all but VXLAN devices."""
    return frozenset(
        link.ifindex for link in links.ports_of(bridge.ifindex) if link.vxlan is None
    )


def open_ports(links: Links, bridge: Link, ports: frozenset[int]) -> frozenset[int]:
    """Return a bridge's ports that forward frames."""
    if not bridge.up:
        return frozenset()
    return frozenset(
        port
        for port in ports
        if (link := links.by_index.get(port)) is not None
        and link.up
        and link.carrier
        and (link.port is None or link.port.forwarding)
    )


class Refusal(NamedTuple):
    """Why evpnd does not change a device."""

    device: str
    reason: str


def refusal(action: CreateDevices, links: Mapping[str, Link]) -> Refusal | None:
    """Return why the devices of a managed EVI cannot be created; None: they can.

    What was there before is somebody's, unless its alias says that it is ours.
    """
    for name in (action.bridge, action.vxlan):
        link = links.get(name)
        if link is not None and link.alias != MANAGED_ALIAS:
            return Refusal(
                name,
                "exists, but evpnd did not create it; remove it or set manage: false",
            )
    wanted = action.evi.vni, action.udp_port
    for other in links.values():
        vxlan = other.vxlan
        taken = vxlan is not None and (vxlan.vni, vxlan.udp_port) == wanted
        if taken and other.name != action.vxlan:
            return Refusal(action.vxlan, f"VNI {wanted[0]} is already on {other.name}")
    return None


def port_refusal(port: Link, bridge: str, links: Mapping[str, Link]) -> Refusal | None:
    """Return why a tenant port cannot be added to a bridge; None: it can."""
    others = {link.ifindex: link for link in links.values()}
    master = others.get(port.master)
    if master is None or master.name == bridge:
        return None
    return Refusal(
        port.name,
        f"is a port of {master.name}; remove it from there before it can be a port of "
        f"{bridge}",
    )
