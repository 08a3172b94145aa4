"""The links and addresses of the host, as they were seen last."""

from collections.abc import Container, Iterable, Mapping

from evpnd.model.events import LinksDumped, VlansObserved
from evpnd.model.ids import is_host_ip, is_link_local
from evpnd.model.rows import Link, PortVlans, VniFilter


class Links:
    """The links and addresses of the host, by index and by name."""

    def __init__(self) -> None:
        """Start empty."""
        self.by_index: dict[int, Link] = {}
        self.by_name: dict[str, Link] = {}
        self._addresses: dict[int, set[bytes]] = {}
        """Of each link that has any."""
        self._lengths: dict[int, dict[bytes, int]] = {}
        """Of the prefixes of addresses."""
        self._vxlans: dict[int, Link] | None = None
        self._ports: dict[int, list[Link]] = {}
        self._vlan_devices: dict[tuple[int, int], Link] = {}
        self._shared: list[Link] = []
        self._mapped: dict[int, dict[int, int]] = {}
        """By ifindex, VNIs to VLANs."""
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
            self._shared = []
            for link in self.by_index.values():
                if link.vxlan is not None and not link.vxlan.external:
                    self._vxlans.setdefault(link.vxlan.vni, link)
                elif link.vxlan is not None and link.master:
                    self._shared.append(link)
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
        self._mapped = {}
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
        self._mapped = {}
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
        """Return the VXLAN device that has a VNI alone; the oldest of several."""
        return self._index().get(vni)

    def shared_vxlans(self) -> list[Link]:
        """Return the VXLAN devices for many VNIs that are in a bridge."""
        self._index()
        return self._shared

    def mapped_vlan(self, ifindex: int, vni: int) -> int:
        """Return the VLAN that a port maps to a VNI; 0: none."""
        known = self._mapped.get(ifindex)
        if known is None:
            own = self.vlans.get(ifindex)
            tunnels = {} if own is None else own.tunnels
            known = {each: vlan for vlan, each in tunnels.items()}
            self._mapped[ifindex] = known
        return known.get(vni, 0)

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

    def lengths(self) -> frozenset[tuple[int, bytes, int]]:
        """Return addresses with their prefix lengths, as in `LinksDumped`."""
        return frozenset(
            (ifindex, ip, length)
            for ifindex, known in self._lengths.items()
            for ip, length in known.items()
        )

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
