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
    key = ("mgmt", f"ipv{version}-subnet")
    given = topology.mgmt.get(key[1], "auto")
    subnet = SUBNETS[version] if given == "auto" else given
    net = ipaddress.ip_network(subnet, strict=False)
    topology.gateways.append(f"{net[1]}/{net.prefixlen}")
    errors = []
    used = {net[1]: "the gateway"}
    asked = {}
    name = f"mgmt-ipv{version}"
    members = [node for node in topology.nodes.values() if node.is_managed]
    for node in (each for each in members if name in each.settings):
        address = asked[node.name] = ipaddress.ip_address(node.text(name))
        trouble = f"{address} is that of {used[address]}" if address in used else ""
        if address not in net:
            trouble = f"{address} is not in the management network, {net}"
        elif address == net[0] or (version == 4 and address == net[-1]):
            trouble = f"{address} is no address of a host in {net}"
        if trouble:
            errors.append(topology.error(node.origin(name), trouble))
        used[address] = node.name
    free = (each for each in net.hosts() if each not in used)
    for node in members:
        found = asked.get(node.name) or next(free, None)
        if found is None:
            reason = f"{net} has no address left for {node.name}"
            return [*errors, topology.error(key, reason)]
        node.addresses.append(f"{found}/{net.prefixlen}")
    return errors
