"""A topology as a picture: nodes in rows, and a port of its own for each link's end."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from lab.graph import rows
from lab.model import Endpoint, Node, Topology

_WIDTH, _HEIGHT, _GAP, _ROW, _MARGIN = 120, 44, 60, 140, 40
_STUB = 24
"""How far a link goes straight from its port, where the port's name stands."""
_LONGEST = 44
"""Characters of a name that are drawn."""
_FILLS = (("evpnd", "#d5f5e3"), ("frr", "#fdebd0"), ("gobgp", "#fdebd0"))
_OTHER_FILL = "#eeeeee"
_HALO = 'fill="#333" stroke="white" stroke-width="3" paint-order="stroke"'
Point = tuple[float, float]


@dataclass(slots=True)
class _Box:
    """A node; ``x`` and ``y`` are of its middle."""

    node: Node
    row: int
    column: int
    x: float = 0
    y: float = 0
    width: float = 0
    ports: dict[int, list[int]] = field(
        default_factory=lambda: {side: [] for side in (-2, -1, 1, 2)}
    )
    """Links by side: above, left, right, below."""

    def port(self, side: int, link: int) -> tuple[Point, Point]:
        """Return where a link begins, and where its straight part ends."""
        found = self.ports[side]
        # At both ports of a link from a box to itself, or of two in a row.
        share = (found.index(link) + 1) / (len(found) + 1) - 0.5
        if abs(side) == 1:
            x, y = self.x + side * self.width / 2, self.y + share * _HEIGHT
            return (x, y), (x + side * _STUB, y)
        x, y = self.x + share * self.width, self.y + side * _HEIGHT / 4
        return (x, y), (x, y + side * _STUB / 2)


def svg(topology: Topology) -> str:
    """Return the topology as SVG."""
    boxes = {
        name: _Box(topology.nodes[name], row, column)
        for row, names in enumerate(rows(topology))
        for column, name in enumerate(names)
    }
    sides = [_sides(*(boxes[end.node] for end in link.ends)) for link in topology.links]
    for number, link in enumerate(topology.links):
        for end, side in zip(link.ends, sides[number], strict=True):
            boxes[end.node].ports[side].append(number)
    width = _place(topology, boxes)
    height = max(box.y for box in boxes.values()) + _HEIGHT / 2 + _MARGIN
    lines, labels = [], []
    for number, link in enumerate(topology.links):
        (one, near), (other, far) = (
            boxes[end.node].port(side, number)
            for end, side in zip(link.ends, sides[number], strict=True)
        )
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in (one, near, far, other))
        lines.append(f'<polyline points="{points}" fill="none" stroke="#555"/>')
        labels += [_label(link.ends[0], one, near), _label(link.ends[1], other, far)]
    return "\n".join(
        [
            '<svg xmlns="http://www.w3.org/2000/svg"',
            f' viewBox="0 0 {width:g} {height:g}"',
            ' font-family="sans-serif" font-size="12" text-anchor="middle">',
            f"<title>{escape(topology.name)}</title>",
            f'<rect width="{width:g}" height="{height:g}" fill="white"/>',
            *lines,
            *(line for box in boxes.values() for line in _drawn(box)),
            *labels,
            "</svg>\n",
        ]
    )


def _sides(one: _Box, other: _Box) -> tuple[int, int]:
    """Return at which sides of two boxes a link between them is."""
    if one.row != other.row:
        return (2, -2) if one.row < other.row else (-2, 2)
    if abs(one.column - other.column) == 1:
        return (1, -1) if one.column < other.column else (-1, 1)
    return (2, 2)


def _place(topology: Topology, boxes: dict[str, _Box]) -> float:
    """Place every box and order its ports; returns the whole width."""
    lines: dict[int, list[_Box]] = defaultdict(list)
    for box in boxes.values():
        ports = max(len(box.ports[side]) for side in (-2, 2))
        texts = (_cut(box.node.name) + "  ", _image(box.node))
        box.width = max(_WIDTH, 44 * ports, *(7 * len(text) + 16 for text in texts))
        box.y = _MARGIN + box.row * _ROW + _HEIGHT / 2
        lines[box.row].append(box)
    gaps = {
        row: _GAP + 80 * any(box.ports[1] for box in line)
        for row, line in lines.items()
    }
    widths = {
        row: sum(box.width + gaps[row] for box in line) for row, line in lines.items()
    }
    whole = max(widths.values())
    for row, line in lines.items():
        x = _MARGIN + (whole - widths[row] + gaps[row]) / 2
        for box in line:
            box.x = x + box.width / 2
            x += box.width + gaps[row]

    def far_end(box: _Box, number: int) -> float:
        one, other = (boxes[end.node] for end in topology.links[number].ends)
        return other.x if box is one else one.x

    for box in boxes.values():
        for side in (-2, 2):
            # In the order of where they lead, so that links cross as little as can be.
            box.ports[side].sort(key=lambda number: (far_end(box, number), number))
    return whole + 2 * _MARGIN


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _image(node: Node) -> str:
    return _cut((node.text("image") or node.kind).rpartition("/")[2])


def _label(end: Endpoint, port: Point, beyond: Point) -> str:
    x, y = ((a + b) / 2 for a, b in zip(port, beyond, strict=True))
    at = f'x="{x:.0f}" y="{y + 4:.0f}" font-size="10"'
    return f"<text {at} {_HALO}>{escape(end.interface)}</text>"


def _drawn(box: _Box) -> Iterator[str]:
    image = _image(box.node)
    size = f'width="{box.width:g}" height="{_HEIGHT}"'
    corner = f'x="{box.x - box.width / 2:g}" y="{box.y - _HEIGHT / 2:g}"'
    fill = next((fill for word, fill in _FILLS if word in image), _OTHER_FILL)
    yield f'<rect {corner} {size} rx="6" fill="{fill}" stroke="#555"/>'
    name = f'x="{box.x:g}" y="{box.y - 3:g}" font-weight="bold"'
    yield f"<text {name}>{escape(_cut(box.node.name))}</text>"
    below = f'x="{box.x:g}" y="{box.y + 13:g}" font-size="10"'
    yield f"<text {below}>{escape(image)}</text>"
