"""A topology as text, and the rows of its nodes in a picture."""

from collections import defaultdict

from lab.model import Topology

_LEVEL = "graph-level"
"""containerlab's label for the row that a node is drawn in; 1 is the top."""


def text(topology: Topology) -> str:
    """Return nodes with their links, one line each."""
    lines = [topology.name]
    for node in topology.nodes.values():
        image = node.text("image") or node.kind
        lines.append(f"  {node.name}  ({node.kind}, {image})")
        for link in topology.links:
            for end, far in (link.ends, link.ends[::-1]):
                if end.node == node.name:
                    there = f"{far.node}:{far.interface}"
                    lines.append(f"    {end.interface} -- {there}")
    return "\n".join(lines)


def rows(topology: Topology) -> list[list[str]]:
    """Return the nodes in rows: by label, or by distance from the busiest node."""
    neighbours: dict[str, set[str]] = defaultdict(set)
    for link in topology.links:
        one, other = (end.node for end in link.ends)
        neighbours[one].add(other)
        neighbours[other].add(one)
    distance: dict[str, int] = {}
    for start in sorted(topology.nodes, key=lambda each: -len(neighbours[each])):
        todo = [(start, 0)]
        for here, far in todo:
            if here not in distance:
                distance[here] = far
                todo += [(near, far + 1) for near in sorted(neighbours[here])]
    levels: dict[int, list[str]] = defaultdict(list)
    for node in topology.nodes.values():
        given = node.labels.get(_LEVEL, "")
        plain = given.isascii() and given.isdigit()
        levels[int(given) if plain else distance[node.name]].append(node.name)
    return [levels[level] for level in sorted(levels)]
