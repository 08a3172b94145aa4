"""A topology as text, and the order of its nodes in a picture."""

import re
from collections import defaultdict

from lab.model import Topology

_LEVEL = "graph-level"
"""containerlab's label for the row that a node is drawn in; 1 is the top."""


def ends(topology: Topology) -> list[tuple[str, str, str, str]]:
    """List the links: node, interface, node, interface."""
    found = []
    for link in topology.links:
        first = link.endpoints[0]
        if len(link.endpoints) == 2:
            second = link.endpoints[1]
            found.append((first.node, first.interface, second.node, second.interface))
        else:
            found.append((first.node, first.interface, link.kind, link.host_interface))
    return found


def text(topology: Topology) -> str:
    """Write nodes with their links, one line each."""
    lines = [f"{topology.name}"]
    links = ends(topology)
    for node in topology.nodes.values():
        image = node.text("image") or node.kind
        lines.append(f"  {node.name}  ({node.kind}, {image})")
        for one, interface, other, there in links:
            if one == node.name:
                far = f"{other}:{there}" if there else other
                lines.append(f"    {interface} -- {far}")
            if other == node.name:
                lines.append(f"    {there} -- {one}:{interface}")
    return "\n".join(lines)


def rows(topology: Topology) -> list[list[str]]:
    """Put nodes into rows: by label, or by distance from the busiest node."""
    levels: dict[int, list[str]] = defaultdict(list)
    neighbours: dict[str, set[str]] = defaultdict(set)
    for one, _, other, _ in ends(topology):
        neighbours[one].add(other)
        neighbours[other].add(one)
    distance: dict[str, int] = {}
    for start in sorted(topology.nodes, key=lambda each: -len(neighbours[each])):
        if start in distance:
            continue
        distance[start] = 0
        todo = [start]
        while todo:
            here = todo.pop(0)
            for near in sorted(neighbours[here] & topology.nodes.keys()):
                if near not in distance:
                    distance[near] = distance[here] + 1
                    todo.append(near)
    for node in topology.nodes.values():
        given = node.labels.get(_LEVEL, "")
        level = int(given) if re.fullmatch("[0-9]+", given) else distance[node.name]
        levels[level].append(node.name)
    return [levels[level] for level in sorted(levels)]
