"""A topology as text and as a picture."""

from collections import defaultdict
from xml.sax.saxutils import escape

from integration.clab.model import Topology

_WIDTH, _HEIGHT, _GAP_X, _GAP_Y, _MARGIN = 120, 44, 60, 90, 30
_FILLS = (("evpnd", "#d5f5e3"), ("frr", "#fdebd0"), ("gobgp", "#fdebd0"))
_OTHER_FILL = "#eeeeee"
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
                lines.append(f"    {interface} -- {other}:{there}")
            if other == node.name:
                lines.append(f"    {there} -- {one}:{interface}")
    return "\n".join(lines)


def _rows(topology: Topology) -> list[list[str]]:
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
        levels[int(given) if given.isdigit() else distance[node.name]].append(node.name)
    return [levels[level] for level in sorted(levels)]


def svg(topology: Topology) -> str:
    """Draw the topology."""
    rows = _rows(topology)
    widest = max((len(row) for row in rows), default=1)
    width = 2 * _MARGIN + widest * (_WIDTH + _GAP_X) - _GAP_X
    height = 2 * _MARGIN + len(rows) * (_HEIGHT + _GAP_Y) - _GAP_Y
    place: dict[str, tuple[float, float]] = {}
    for index, row in enumerate(rows):
        start = (width - (len(row) * (_WIDTH + _GAP_X) - _GAP_X)) / 2
        for position, name in enumerate(row):
            x = start + position * (_WIDTH + _GAP_X) + _WIDTH / 2
            place[name] = (x, _MARGIN + index * (_HEIGHT + _GAP_Y) + _HEIGHT / 2)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"',
        ' font-family="sans-serif" font-size="12" text-anchor="middle">',
        f"<title>{escape(topology.name)}</title>",
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for one, interface, other, there in ends(topology):
        if one in place and other in place:
            parts += _line(place[one], place[other], interface, there)
    for name, (x, y) in place.items():
        node = topology.nodes[name]
        image = _short(node.text("image") or node.kind)
        fill = next((fill for word, fill in _FILLS if word in image), _OTHER_FILL)
        size = f'width="{_WIDTH}" height="{_HEIGHT}" rx="6"'
        corner = f'x="{x - _WIDTH / 2:g}" y="{y - _HEIGHT / 2:g}"'
        parts += [
            f'<rect {corner} {size} fill="{fill}" stroke="#555"/>',
            f'<text x="{x:g}" y="{y - 3:g}" font-weight="bold">{escape(name)}</text>',
            f'<text x="{x:g}" y="{y + 13:g}" font-size="10">{escape(image)}</text>',
        ]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _line(
    one: tuple[float, float], other: tuple[float, float], near: str, far: str
) -> list[str]:
    (x1, y1), (x2, y2) = one, other
    labels = []
    for share, label in ((0.36, near), (0.64, far)):
        x, y = x1 + (x2 - x1) * share, y1 + (y2 - y1) * share
        halo = 'fill="#333" stroke="white" stroke-width="3" paint-order="stroke"'
        at = f'x="{x:.0f}" y="{y:.0f}" font-size="10"'
        labels.append(f"<text {at} {halo}>{escape(label)}</text>")
    line = f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" stroke="#555"/>'
    return [line, *labels]


def _short(image: str) -> str:
    return image.rpartition("/")[2]
