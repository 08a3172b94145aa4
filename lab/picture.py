"""A topology as a picture: nodes in rows, and a port of its own for each link's end.

The rows are containerlab's: the label ``graph-level`` of a node, 1 is the top.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from xml.sax.saxutils import escape

from lab.model import Endpoint, Node, Topology

_WIDTH, _HEIGHT, _GAP, _ROW, _MARGIN = 120, 44, 60, 140, 40
_STUB = 24
"""How far a link goes straight from its port, where the port's name stands."""
_FILLS = (("evpnd", "#d5f5e3"), ("frr", "#fdebd0"), ("gobgp", "#fdebd0"))
_OTHER_FILL = "#eeeeee"
_HALO = 'fill="#333" stroke="white" stroke-width="3" paint-order="stroke"'
ABOVE, BELOW = -1, 1


@dataclass(slots=True)
class _Box:
    """A node; ``x`` and ``y`` are of its middle."""

    node: Node
    ports: list["_Port"] = field(default_factory=list)
    x: float = 0
    y: float = 0
    width: float = 0

    @property
    def level(self) -> int:
        """Its row; what is no number is the top."""
        given = self.node.labels.get("graph-level", "")
        return int(given) if given.isascii() and given.isdigit() else 0

    @property
    def image(self) -> str:
        """What stands below its name."""
        return (self.node.text("image") or self.node.kind).rpartition("/")[2]

    def at(self, side: int) -> list["_Port"]:
        """List the ports of a side, so that links cross as little as can be."""
        ports = [port for port in self.ports if port.side == side]
        return sorted(ports, key=lambda port: port.far.x)


@dataclass(slots=True)
class _Port:
    """An end of a link."""

    end: Endpoint
    box: _Box
    far: _Box
    """The box that the link leads to."""
    side: int
    straight: float
    """How far the link goes straight from here."""
    x: float = 0

    @property
    def y(self) -> float:
        """Where it is on its box."""
        return self.box.y + self.side * _HEIGHT / 2


def svg(topology: Topology) -> str:
    """Return the topology as SVG."""
    boxes = {node.name: _Box(node) for node in topology.nodes.values()}
    pairs = list(_ports(topology, boxes))
    width = _place(list(boxes.values()))
    height = max(box.y for box in boxes.values()) + _HEIGHT / 2 + _MARGIN
    return "\n".join(
        [
            '<svg xmlns="http://www.w3.org/2000/svg"',
            f' viewBox="0 0 {width:g} {height:g}"',
            ' font-family="sans-serif" font-size="12" text-anchor="middle">',
            f"<title>{escape(topology.name)}</title>",
            f'<rect width="{width:g}" height="{height:g}" fill="white"/>',
            *(_line(*pair) for pair in pairs),
            *(line for box in boxes.values() for line in _drawn(box)),
            *(_name(port) for pair in pairs for port in pair),
            "</svg>\n",
        ]
    )


def _ports(topology: Topology, boxes: dict[str, _Box]) -> Iterator[tuple[_Port, _Port]]:
    """Give both ends of each link a port."""
    # Links within a row are drawn below it, one under the other.
    depths = count(_STUB + 12, 8)
    for link in topology.links:
        one, other = (boxes[end.node] for end in link.ends)
        sides, straight = (BELOW, BELOW), _STUB
        if one.level == other.level:
            straight = next(depths)
        elif one.level < other.level:
            sides = (BELOW, ABOVE)
        else:
            sides = (ABOVE, BELOW)
        near = _Port(link.ends[0], one, other, sides[0], straight)
        far = _Port(link.ends[1], other, one, sides[1], straight)
        one.ports.append(near)
        other.ports.append(far)
        yield near, far


def _place(boxes: list[_Box]) -> float:
    """Place every box, and the ports at it; returns the whole width."""
    rows: dict[int, list[_Box]] = defaultdict(list)
    for box in boxes:
        ports = max(len(box.at(ABOVE)), len(box.at(BELOW)))
        texts = (box.node.name + "  ", box.image)
        box.width = max(_WIDTH, 44 * ports, *(7 * len(text) + 16 for text in texts))
        rows[box.level].append(box)
    widths = {
        level: sum(box.width + _GAP for box in row) - _GAP
        for level, row in rows.items()
    }
    whole = max(widths.values()) + 2 * _MARGIN
    for number, level in enumerate(sorted(rows)):
        x = (whole - widths[level]) / 2
        for box in rows[level]:
            box.x, box.y = x + box.width / 2, _MARGIN + number * _ROW + _HEIGHT / 2
            x += box.width + _GAP
    for box in boxes:
        for side in (ABOVE, BELOW):
            line = box.at(side)
            for place, port in enumerate(line, 1):
                port.x = box.x + (place / (len(line) + 1) - 0.5) * box.width
    return whole


def _line(near: _Port, far: _Port) -> str:
    points = [
        (near.x, near.y),
        (near.x, near.y + near.side * near.straight),
        (far.x, far.y + far.side * far.straight),
        (far.x, far.y),
    ]
    text = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{text}" fill="none" stroke="#555"/>'


def _name(port: _Port) -> str:
    y = port.y + port.side * _STUB / 2 + 4
    at = f'x="{port.x:.0f}" y="{y:.0f}" font-size="10"'
    return f"<text {at} {_HALO}>{escape(port.end.interface)}</text>"


def _drawn(box: _Box) -> Iterator[str]:
    size = f'width="{box.width:g}" height="{_HEIGHT}"'
    corner = f'x="{box.x - box.width / 2:g}" y="{box.y - _HEIGHT / 2:g}"'
    fill = next((fill for word, fill in _FILLS if word in box.image), _OTHER_FILL)
    yield f'<rect {corner} {size} rx="6" fill="{fill}" stroke="#555"/>'
    name = f'x="{box.x:g}" y="{box.y - 3:g}" font-weight="bold"'
    yield f"<text {name}>{escape(box.node.name)}</text>"
    below = f'x="{box.x:g}" y="{box.y + 13:g}" font-size="10"'
    yield f"<text {below}>{escape(box.image)}</text>"
