"""The management network: who is in it, and with which addresses."""

import ipaddress
from dataclasses import dataclass, field

from lab.document import FileError
from lab.model import Node, Topology

SUBNETS = {4: "172.20.20.0/24", 6: "3fff:172:20:20::/64"}
"""containerlab's own."""
_SMALLEST_IPV6_MTU = 1280
_SMALLEST_NET = 4
"""Addresses: the network's own, a gateway, a node, and broadcast."""


@dataclass(slots=True)
class Management:
    """A plan of the network; not to be followed where it has errors."""

    mtu: int = 1500
    gateways: list[str] = field(default_factory=list)
    """With prefix lengths: IPv4, then IPv6."""
    addresses: dict[str, list[str]] = field(default_factory=dict)
    """Of each node in it, in the order of the gateways."""
    errors: list[FileError] = field(default_factory=list)


def plan(topology: Topology) -> Management:
    """Assign addresses to every node that is to be in the network."""
    mtu = topology.mgmt.get("mtu") or 1500
    assert isinstance(mtu, int)
    found = Management(mtu)
    if mtu < _SMALLEST_IPV6_MTU:
        reason = f"IPv6, which the network has, needs {_SMALLEST_IPV6_MTU} at least"
        found.errors.append(topology.error(("mgmt", "mtu"), reason))
    members = [node for node in topology.nodes.values() if node.is_managed]
    found.addresses = {node.name: [] for node in members}
    for version in SUBNETS:
        _plan(topology, version, members, found)
    return found


def _plan(
    topology: Topology, version: int, members: list[Node], into: Management
) -> None:
    """Choose gateway and addresses of one family."""
    key = ("mgmt", f"ipv{version}-subnet")
    given = topology.mgmt.get(key[1])
    subnet = SUBNETS[version] if given in (None, "", "auto") else str(given)
    net = ipaddress.ip_network(subnet, strict=False)
    if net.num_addresses < _SMALLEST_NET:
        reason = f"{net} has no room for a gateway and a node"
        into.errors.append(topology.error(key, reason))
        return
    used = {net[1]: "the gateway"}
    asked = {}
    name = f"mgmt-ipv{version}"
    for node in (each for each in members if name in each.settings):
        address = asked[node.name] = ipaddress.ip_address(node.text(name))
        trouble = f"{address} is that of {used[address]}" if address in used else ""
        if address not in net:
            trouble = f"{address} is not in the management network, {net}"
        elif address == net[0] or (version == 4 and address == net[-1]):
            trouble = f"{address} is no address of a host in {net}"
        if trouble:
            into.errors.append(topology.error(node.origin(name), trouble))
        used[address] = node.name
    free = (each for each in net.hosts() if each not in used)
    for node in members:
        found = asked.get(node.name) or next(free, None)
        if found is None:
            reason = f"{net} has no address left for {node.name}"
            into.errors.append(topology.error(key, reason))
            return
        into.addresses[node.name].append(f"{found}/{net.prefixlen}")
    into.gateways.append(f"{net[1]}/{net.prefixlen}")
