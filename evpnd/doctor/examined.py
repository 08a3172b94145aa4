"""What is examined: the host, the configuration, and the EVIs with their devices."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from evpnd.core.evi.bridge_vlans import find_vlan
from evpnd.core.evi.discovery import carried, discoverable
from evpnd.core.evi.links import Links
from evpnd.core.evi.readiness import bridge_name, vxlan_name
from evpnd.core.evi.shared_device import find_shared, is_shared
from evpnd.doctor.daemon import Daemon
from evpnd.doctor.facts import Host
from evpnd.model.config import VXLAN_PORT, Config, EviConfig, discovered_evi
from evpnd.model.ids import is_host_ip, is_link_local, parse_ip, parse_vni
from evpnd.model.rows import Link

_BONDS = ("bond", "team")


class Overlay(NamedTuple):
    """One EVI, or VXLAN device, as it is on this host."""

    name: str
    vni: int
    evi: EviConfig | None
    """None: no configuration was given."""
    vxlan: Link | None
    """None: evpnd has not made it yet, or there is none."""
    bridge: Link | None
    ports: tuple[Link, ...]
    """Tenant ports of its bridge, in its VLAN."""
    vteps: tuple[bytes, ...]
    """Remote VTEPs, as the rows of the device or the daemon tell them."""

    @property
    def subject(self) -> str:
        """Return what its findings are of: the device, or the EVI."""
        return self.vxlan.name if self.vxlan is not None else self.name


class Examined(NamedTuple):
    """All that checks look at."""

    host: Host
    config: Config | None
    """None: no file was given, and there is no default one."""
    daemon: Daemon | None
    """None: no evpnd answers."""
    overlays: tuple[Overlay, ...]
    vtep: bytes
    """Our VTEP address; empty: not known."""
    uplinks: tuple[Link, ...]
    """Devices that lead to remote VTEPs, or may do so, with the members of bonds."""

    @property
    def links(self) -> Links:
        """Return the host's links."""
        return self.host.links

    @property
    def udp_port(self) -> int:
        """Return the UDP port of VXLAN that is configured."""
        return VXLAN_PORT if self.config is None else self.config.vtep.udp_port

    @property
    def vteps(self) -> list[bytes]:
        """Return all remote VTEPs."""
        return sorted({vtep for each in self.overlays for vtep in each.vteps})

    @property
    def present(self) -> Iterator[tuple[Overlay, Link]]:
        """Yield the EVIs that have a VXLAN device."""
        for each in self.overlays:
            if each.vxlan is not None:
                yield each, each.vxlan

    def name(self, ifindex: int) -> str:
        """Return the name of a device."""
        found = self.links.by_index.get(ifindex)
        return found.name if found is not None else f"device {ifindex}"


def _uplinks(host: Host, overlays: Iterable[Overlay], vtep: bytes) -> Iterator[Link]:
    """Yield the devices that lead to remote VTEPs, and those below them."""
    links = host.links.by_index
    leading = _leading(host, (far for each in overlays for far in each.vteps))
    if not leading:
        likely = likely_uplinks(host.links, vtep)
        leading = {link.ifindex for link in likely}
        if len(leading) > 1:  # where peers are, VTEPs are, too
            leading = _leading(host, host.routes) or leading
    leading |= {links[i].lower for i in leading if i in links and links[i].vlan_id}
    bonds = {i for i in leading if i in links and links[i].kind in _BONDS}
    members = {i for i, link in links.items() if link.master in bonds}
    yield from (links[i] for i in sorted(leading | members) if i in links)


def _leading(host: Host, addresses: Iterable[bytes]) -> set[int]:
    routes = (host.routes.get(address) for address in addresses)
    return {r.ifindex for r in routes if r and not r.local and not r.refused}


def likely_uplinks(links: Links, vtep: bytes) -> list[Link]:
    """Return the device with the VTEP address, or else those with a routed address."""
    candidates = [
        link
        for link in links.by_index.values()
        if link.up
        and any(link.mac)
        and not link.master
        and link.kind not in ("bridge", "vxlan", "dummy")
        and not all(map(is_link_local, links.addresses_of(link.ifindex)))
    ]
    return [
        link for link in candidates if vtep in links.addresses_of(link.ifindex)
    ] or candidates


def examine(host: Host, config: Config | None, daemon: Daemon | None) -> Examined:
    """Return what checks look at."""
    return _examined(host, config, daemon, _told(daemon))


def configured_devices(links: Links, config: Config | None) -> list[Link]:
    """Return the VXLAN devices that are examined."""
    return [each.vxlan for each in _places(links, config) if each.vxlan is not None]


def alone(host: Host, config: Config, vteps: Mapping[int, Iterable[bytes]]) -> Examined:
    """Return what checks look at where VTEPs are known, by VNI, without other facts."""
    return _examined(host, config, None, vteps)


def _examined(
    host: Host,
    config: Config | None,
    daemon: Daemon | None,
    vteps: Mapping[int, Iterable[bytes]],
) -> Examined:
    overlays = tuple(_overlays(host, config, vteps))
    vtep = _vtep(host.links, config)
    uplinks = tuple(_uplinks(host, overlays, vtep))
    return Examined(host, config, daemon, overlays, vtep, uplinks)


def _vtep(links: Links, config: Config | None) -> bytes:
    if config is not None:
        return config.vtep.address or links.vtep_of(config.vtep.interface or "")
    of_devices = [
        link.vxlan.local
        for link in links.by_index.values()
        if link.vxlan is not None and link.vxlan.local
    ]
    return max(of_devices, key=of_devices.count, default=b"")


class _Place(NamedTuple):
    """An EVI and its VXLAN device."""

    name: str
    vni: int
    evi: EviConfig | None
    vxlan: Link | None


def _places(links: Links, config: Config | None) -> Iterator[_Place]:
    if config is None:
        for link in sorted(links.by_index.values()):
            for vni in carried(links, link):
                yield _Place(f"vni-{vni}", vni, None, link)
        return
    for evi in config.evis:
        wanted = vxlan_name(evi) if evi.manage else evi.vxlan
        if wanted:
            named = links.by_name.get(wanted)
        else:
            named = links.vxlan_of(evi.vni) or find_shared(evi, links)
        is_vxlan = named is not None and named.vxlan is not None
        yield _Place(evi.name, evi.vni, evi, named if is_vxlan else None)
    for vni, link in sorted(discoverable(config, links).items()):
        evi = discovered_evi(config, parse_vni(vni), link.name)
        yield _Place(evi.name, vni, evi, link)


def _told(daemon: Daemon | None) -> dict[int, set[bytes]]:
    told: dict[int, set[bytes]] = {}
    for row in () if daemon is None else daemon.vteps:
        for vni in row["vnis"]:
            told.setdefault(vni, set()).add(bytes(parse_ip(row["vtep"])))
    return told


def _overlays(
    host: Host, config: Config | None, told: Mapping[int, Iterable[bytes]]
) -> Iterator[Overlay]:
    links = host.links
    for name, vni, evi, vxlan in _places(links, config):
        vteps = set(told.get(vni, ()))
        bridge: Link | None = None
        if vxlan is not None:
            rows = host.rows.get(vxlan.ifindex, ())
            its = 0 if not is_shared(vxlan) else vni
            of_vni = (row.dst for row in rows if row.vni == its)
            vteps |= {vtep for vtep in of_vni if is_host_ip(vtep)}
            bridge = links.by_index.get(vxlan.master)
        elif evi is not None:
            wanted = bridge_name(evi) if evi.owns_devices else evi.bridge
            bridge = links.by_name.get(wanted) if wanted else None
        ports = tuple(_ports(links, vni, evi, vxlan, bridge))
        yield Overlay(name, vni, evi, vxlan, bridge, ports, tuple(sorted(vteps)))


def _ports(
    links: Links,
    vni: int,
    evi: EviConfig | None,
    vxlan: Link | None,
    bridge: Link | None,
) -> Iterator[Link]:
    """Yield the tenant ports: those of the bridge, or those that it is to get."""
    if bridge is None:
        names = () if evi is None else evi.ports
        yield from (links.by_name[name] for name in names if name in links.by_name)
        return
    own = None if vxlan is None else find_vlan(links, vxlan, bridge, vni)
    for port in sorted(links.ports_of(bridge.ifindex)):
        if port.vxlan is not None:
            continue
        member = links.vlans.get(port.ifindex)
        if own and own.vlan and (member is None or own.vlan not in member.vlans):
            continue
        yield port
