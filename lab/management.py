"""The management network: who is in it, and with which addresses."""

import ipaddress

from lab.document import FileError
from lab.model import Topology

SUBNETS = {4: "172.20.20.0/24", 6: "3fff:172:20:20::/64"}
"""containerlab's own."""


def assign(topology: Topology) -> list[FileError]:
    """Assign addresses to the gateway and to every node in the network.

    Returns what cannot be; the first address of a subnet is the gateway's.
    """
    return [error for version in SUBNETS for error in _assign(topology, version)]


def _assign(topology: Topology, version: int) -> list[FileError]:
    """Assign the addresses of one family."""
    key, name = ("mgmt", f"ipv{version}-subnet"), f"mgmt-ipv{version}"
    given = topology.mgmt.get(key[1], "auto")
    subnet = SUBNETS[version] if given == "auto" else given
    net = ipaddress.ip_network(subnet, strict=False)
    errors = []
    used = {net[1]: "the gateway", net[0]: "the network"}
    if version == 4:
        used[net[-1]] = "broadcasts"
    topology.gateways.append(f"{net[1]}/{net.prefixlen}")
    members = [node for node in topology.nodes.values() if node.is_managed]
    asked = {
        node.name: ipaddress.ip_address(node.text(name))
        for node in members
        if name in node.settings
    }
    for node, address in asked.items():
        trouble = f"{address} is that of {used[address]}" if address in used else ""
        if address not in net:
            trouble = f"{address} is not in the management network, {net}"
        if trouble:
            origin = topology.nodes[node].origin(name)
            errors.append(topology.error(origin, trouble))
        used[address] = node
    free = (each for each in net.hosts() if each not in used)
    for each in members:
        found = asked.get(each.name) or next(free, None)
        if found is None:
            reason = f"{net} has no address left for {each.name}"
            return [*errors, topology.error(key, reason)]
        each.addresses.append(f"{found}/{net.prefixlen}")
    return errors
