"""The management network: who is in it, and with which addresses."""

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass, field

from lab.document import FileError, KeyPath
from lab.model import RESERVED, Node, Topology

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
SUBNETS = {4: "172.20.20.0/24", 6: "3fff:172:20:20::/64"}
"""containerlab's own."""
_BRIDGE = f"{RESERVED}mgmt"
SMALLEST_IPV6_MTU = 1280


@dataclass(slots=True)
class Management:
    """A plan of the network; not to be followed where it has errors."""

    bridge: str
    mtu: int
    gateways: list[str] = field(default_factory=list)
    """With prefix lengths: IPv4, then IPv6."""
    addresses: dict[str, list[str]] = field(default_factory=dict)
    """Of each node in it, in the order of the gateways."""
    exists: bool = False
    """Somebody is in it: a node, or the end of a link."""
    errors: list[FileError] = field(default_factory=list)


def plan(topology: Topology) -> Management:
    """Give every node that is to be in the network its addresses."""
    mgmt = topology.mgmt
    mtu = mgmt.get("mtu") or 1500
    assert isinstance(mtu, int)
    found = Management(str(mgmt.get("bridge") or _BRIDGE), mtu)
    if "driver-opts" in mgmt:
        reason = "is for a container engine's network, which this is not"
        found.errors.append(topology.error(("mgmt", "driver-opts"), reason))
    if found.mtu < SMALLEST_IPV6_MTU:
        reason = f"IPv6, which the network has, needs {SMALLEST_IPV6_MTU} at least"
        found.errors.append(topology.error(("mgmt", "mtu"), reason))
    members = [node for node in topology.nodes.values() if node.is_managed]
    linked = any(link.kind == "mgmt-net" for link in topology.links)
    found.exists = linked or bool(members)
    found.addresses = {node.name: [] for node in members}
    for version in (4, 6):
        _Family(topology, version, found).plan(members)
    return found


class _Family:
    """The network's IPv4, or its IPv6."""

    def __init__(self, topology: Topology, version: int, into: Management) -> None:
        self._topology = topology
        self._version = version
        self._into = into
        given = topology.mgmt.get(self._name("subnet"))
        subnet = SUBNETS[version] if given in (None, "auto") else str(given)
        self._net: Network = ipaddress.ip_network(subnet, strict=False)

    def _name(self, word: str) -> str:
        return f"ipv{self._version}-{word}"

    def _wrong(self, key: KeyPath, reason: str) -> None:
        self._into.errors.append(self._topology.error(key, reason))

    def plan(self, members: list[Node]) -> None:
        """Choose the gateway and the addresses of the members."""
        key: KeyPath = ("mgmt", self._name("subnet"))
        if self._net.num_addresses < SMALLEST_NET:
            self._wrong(key, f"{self._net} has no room for a gateway and a node")
            return
        gateway = self._gateway()
        used = {gateway: "the gateway"}
        given = {node.name: self._given(node, used) for node in members}
        free = self._free(used)
        for node in members:
            address = given[node.name] or next(free, None)
            if address is None:
                room = self._room()
                if room != self._net:
                    key = ("mgmt", self._name("range"))
                self._wrong(key, f"{room} has no address left for {node.name}")
                return
            self._into.addresses[node.name].append(f"{address}/{self._net.prefixlen}")
        self._into.gateways.append(f"{gateway}/{self._net.prefixlen}")

    def _gateway(self) -> Address:
        text = self._topology.mgmt.get(self._name("gw"))
        found = ipaddress.ip_address(str(text)) if text else self._net[1]
        if trouble := self._trouble(found):
            self._wrong(("mgmt", self._name("gw")), trouble)
        return found

    def _given(self, node: Node, used: dict[Address, str]) -> Address | None:
        """Read the address that a node asks for, and note that it is used."""
        names = (f"mgmt-ipv{self._version}",)
        name = next((each for each in names if node.text(each)), "")
        if not name:
            return None
        found = ipaddress.ip_address(node.text(name))
        trouble = self._trouble(found)
        if found in used:
            trouble = f"{found} is that of {used[found]}"
        if trouble:
            self._wrong(node.origin(name), trouble)
        used[found] = node.name
        return found

    def _trouble(self, address: Address) -> str:
        if address not in self._net:
            return f"{address} is not in the management network, {self._net}"
        if address in (self._net[0], self._last):
            return f"{address} is no address of a host in {self._net}"
        return ""

    @property
    def _last(self) -> Address | None:
        return self._net[-1] if self._version == 4 else None

    def _room(self) -> Network:
        """Find where addresses are taken from."""
        name = self._name("range")
        text = self._topology.mgmt.get(name)
        if text in (None, "auto"):
            return self._net
        room = ipaddress.ip_network(str(text), strict=False)
        if room.network_address in self._net and room.prefixlen >= self._net.prefixlen:
            return room
        reason = f"{room} is not within the management network, {self._net}"
        self._wrong(("mgmt", name), reason)
        return self._net

    def _free(self, used: dict[Address, str]) -> Iterator[Address]:
        for address in self._room():
            if address not in used and not self._trouble(address):
                yield address


SMALLEST_NET = 4
"""Addresses: the network's own, a gateway, a node, and broadcast."""
