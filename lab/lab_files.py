"""Files that containerlab makes for a lab, where a bind asks for them.

They are in the lab's place, and are gone with it: beside the topology file nothing is
written. What a deployment of containerlab itself left there is used in their place.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from lab.links import mac_of
from lab.model import CONTAINERS, Node, Topology

_DATA, _INVENTORY = "topology-data.json", "ansible-inventory.yml"
_DIRECTORY = "+lab"
"""In the lab's place, beside the directories of nodes: no node has such a name."""
Addresses = Mapping[str, list[str]]


def is_made(topology: Topology, source: Path) -> bool:
    """Tell whether a bind's source is something that comes with the lab."""
    directory = topology.lab_directory
    if not source.is_relative_to(directory):
        return False
    rest = str(source.relative_to(directory))
    return rest in (".", _DATA, _INVENTORY, *topology.nodes)


def lab_file(source: Path, topology: Topology, place: Path) -> Path:
    """Find what to bind: the source itself, or what stands for it in the place."""
    if source.exists() or not is_made(topology, source):
        return source
    return place / _DIRECTORY / source.relative_to(topology.lab_directory)


def make_lab_files(topology: Topology, addresses: Addresses, place: Path) -> None:
    """Make a directory for each node, and the files about all of them."""
    directory = place / _DIRECTORY
    for node in topology.nodes:
        (directory / node).mkdir(parents=True)
    (directory / _DATA).write_text(json.dumps(_data(topology, addresses), indent=2))
    (directory / _INVENTORY).write_text(_inventory(topology, addresses))


def _address(addresses: Addresses, node: Node, position: int) -> str:
    found = addresses.get(node.name, [])
    return found[position].partition("/")[0] if position < len(found) else ""


def _data(topology: Topology, addresses: Addresses) -> dict[str, object]:
    nodes = {
        node.name: {
            "index": str(index),
            "shortname": node.name,
            "longname": topology.namespace(node.name),
            "kind": node.kind,
            "image": node.text("image"),
            "group": node.text("group"),
            "mgmt-ipv4-address": _address(addresses, node, 0),
            "mgmt-ipv6-address": _address(addresses, node, 1),
            "labels": node.labels,
        }
        for index, node in enumerate(topology.nodes.values())
    }
    links = [
        {
            side: {
                "node": end.node,
                "interface": end.interface,
                "mac": mac_of(topology, end),
                "peer": peer,
            }
            for side, peer, end in zip("az", "za", link.endpoints, strict=False)
        }
        for link in topology.links
    ]
    return {"name": topology.name, "type": "clab", "nodes": nodes, "links": links}


def _inventory(topology: Topology, addresses: Addresses) -> str:
    """Write Ansible's inventory: groups by kind, and by the label ``ansible-group``."""
    groups: dict[str, list[Node]] = {}
    for label in ("", "ansible-group"):
        for node in topology.nodes.values():
            group = node.labels.get(label, "") if label else node.kind
            if group and node.kind in CONTAINERS:
                groups.setdefault(group, []).append(node)
    lines = ["all:", "  children:"]
    for group, nodes in groups.items():
        lines += [f"    {group}:", "      hosts:"]
        for node in nodes:
            lines.append(f"        {topology.namespace(node.name)}:")
            host = _address(addresses, node, 0)
            if host and node.labels.get("ansible-no-host-var") != "true":
                lines.append(f"          ansible_host: {host}")
    return "\n".join(lines) + "\n"
