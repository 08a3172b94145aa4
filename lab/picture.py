"""A topology as a picture: nodes in rows, links around what is in their way."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from xml.sax.saxutils import escape

from lab.graph import rows
from lab.model import Node, Topology

_WIDTH, _HEIGHT, _GAP_X, _GAP_Y, _MARGIN = 120, 44, 60, 90, 40
_STUB_WIDTH, _STUB_HEIGHT = 70, 24
_LONGEST = 44
"""Characters of a name that are drawn."""
_FILLS = (("evpnd", "#d5f5e3"), ("frr", "#fdebd0"), ("gobgp", "#fdebd0"))
_OTHER_FILL = "#eeeeee"
_BENDS = (0, 60, -60, 120, -120, 180, -180, 260, -260, 360, -360)
"""How far a link goes out of its way, at first not at all."""
_HALO = 'fill="#333" stroke="white" stroke-width="3" paint-order="stroke"'
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class _Box:
    """Something at an end of links: a node, or what is no node (a stub)."""

    x: float
    """Of its middle, as y."""
    y: float
    width: float
    height: float
    name: str
    image: str = ""

    def holds(self, point: Point, beside: float = 0, above: float = 0) -> bool:
        """Tell whether a point is within it, or so near."""
        return (
            abs(point[0] - self.x) < self.width / 2 + beside
            and abs(point[1] - self.y) < self.height / 2 + above
        )

    def reach(self, way: Point) -> float:
        """Tell how far it is from its middle to its edge, in a direction."""
        sides = ((self.width, way[0]), (self.height, way[1]))
        return min(size / 2 / abs(part) for size, part in sides if part)


@dataclass(frozen=True, slots=True)
class _Wire:
    """A link between two boxes, with the names of its interfaces."""

    one: str
    near: str
    other: str
    far: str


def svg(topology: Topology) -> str:
    """Draw the topology."""
    wires, stubs = _wires(topology)
    boxes = _placed(topology, wires, stubs)
    courses: list[tuple[_Wire, list[Point]]] = []
    labels: list[_Box] = []
    # The corners of the picture, which links that go around something may shift.
    seen: list[Point] = [(_MARGIN, _MARGIN)]
    seen += [(box.x + box.width / 2, box.y + box.height / 2) for box in boxes.values()]
    beside: dict[tuple[str, str], list[_Wire]] = defaultdict(list)
    for wire in wires:
        beside[min(wire.one, wire.other), max(wire.one, wire.other)].append(wire)
    for group in beside.values():
        for index, wire in enumerate(group):
            points = _course(wire, boxes, index - (len(group) - 1) / 2, group)
            seen += points
            courses.append((wire, points))
    for wire, points in courses:
        others = [course for each, course in courses if each is not wire]
        labels += _labels(wire, points, [*boxes.values(), *labels], others)
    left, top = (min(each) - _MARGIN for each in zip(*seen, strict=True))
    width = max(x for x, _ in seen) + _MARGIN - left
    height = max(y for _, y in seen) + _MARGIN - top
    size = f'width="{width:g}" height="{height:g}"'
    return "\n".join(
        [
            '<svg xmlns="http://www.w3.org/2000/svg"',
            f' viewBox="{left:g} {top:g} {width:g} {height:g}"',
            ' font-family="sans-serif" font-size="12" text-anchor="middle">',
            f"<title>{escape(topology.name)}</title>",
            f'<rect x="{left:g}" y="{top:g}" {size} fill="white"/>',
            *(_line(points) for _, points in courses),
            *(line for box in boxes.values() for line in _boxed(box)),
            *map(_label, labels),
            "</svg>\n",
        ]
    )


def _wires(topology: Topology) -> tuple[list[_Wire], dict[str, str]]:
    """List the links, and names of what is drawn for their ends that are no nodes."""
    wires, stubs = [], {}
    for number, link in enumerate(topology.links):
        first = link.endpoints[0]
        if len(link.endpoints) == 2:
            other, far = link.endpoints[1].node, link.endpoints[1].interface
        else:
            # All links to the machine lead to one place, a dummy's to none at all.
            own = f" {number}" if link.kind == "dummy" else ""
            other, far = f"{link.kind}/{own}", link.host_interface
            stubs[other] = link.kind
        wires.append(_Wire(first.node, first.interface, other, far))
    return wires, stubs


def _placed(
    topology: Topology, wires: Sequence[_Wire], stubs: dict[str, str]
) -> dict[str, _Box]:
    """Give every node and stub its place."""
    names = [*rows(topology), *([list(stubs)] if stubs else [])]
    lines = [
        [
            _node_box(topology.nodes[name])
            if name in topology.nodes
            else _Box(0, 0, _STUB_WIDTH, _STUB_HEIGHT, stubs[name])
            for name in row
        ]
        for row in names
    ]
    gaps = [_gap(row, wires) for row in names]
    widths = [
        sum(box.width for box in row) + gap * (len(row) - 1)
        for row, gap in zip(lines, gaps, strict=True)
    ]
    found: dict[str, _Box] = {}
    for number, (row, gap, width) in enumerate(zip(lines, gaps, widths, strict=True)):
        x = _MARGIN + (max(widths) - width) / 2
        y = _MARGIN + number * (_HEIGHT + _GAP_Y) + _HEIGHT / 2
        for name, box in zip(names[number], row, strict=True):
            found[name] = _Box(
                x + box.width / 2, y, box.width, box.height, box.name, box.image
            )
            x += box.width + gap
    return found


def _gap(row: Sequence[str], wires: Sequence[_Wire]) -> float:
    """Leave room between the boxes of a row for the labels of links in it."""
    inner = [wire for wire in wires if wire.one in row and wire.other in row]
    labels = [_text_width(wire.near) + _text_width(wire.far) for wire in inner]
    return max([_GAP_X, *(width + 24 for width in labels)])


def _node_box(node: Node) -> _Box:
    image = _cut((node.text("image") or node.kind).rpartition("/")[2])
    name = _cut(node.name)
    width = max(_WIDTH, 8 * len(name) + 16, _text_width(image) + 16)
    return _Box(0, 0, width, _HEIGHT, name, image)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _text_width(text: str) -> float:
    return 6.0 * len(text)


def _course(
    wire: _Wire, boxes: dict[str, _Box], rank: float, group: Sequence[_Wire]
) -> list[Point]:
    """Find the way of a link; ``rank`` tells links between the same two apart."""
    one, other = boxes[wire.one], boxes[wire.other]
    if one is other:
        return _loop(one, rank + (len(group) - 1) / 2)
    length = ((other.x - one.x) ** 2 + (other.y - one.y) ** 2) ** 0.5
    across = (-(other.y - one.y) / length, (other.x - one.x) / length)
    if wire.one > wire.other:
        # The same side for both directions, or two links would lie on each other.
        across = (-across[0], -across[1])
    widest = max(_text_width(text) for each in group for text in (each.near, each.far))
    apart = rank * (abs(across[0]) * (widest + 8) + abs(across[1]) * 15)
    limit = min(box.reach(across) for box in (one, other)) - 8
    side = max(-limit, min(limit, apart))
    others = [box for box in boxes.values() if box not in (one, other)]
    start = (one.x + across[0] * side, one.y + across[1] * side)
    end = (other.x + across[0] * side, other.y + across[1] * side)
    ways = [_bow(start, end, across, 2 * (apart - side) + bend) for bend in _BENDS]
    above, below = sorted((one.y, other.y))
    ways.append(_through(start, end, [box for box in others if above < box.y < below]))
    free = (
        way
        for way in ways
        if not any(box.holds(point, 6, 6) for point in way for box in others)
    )
    return next(free, ways[0])


def _bow(start: Point, end: Point, across: Point, bend: float) -> list[Point]:
    """Follow a curve from point to point, which is straight without a bend."""
    middle = (
        (start[0] + end[0]) / 2 + across[0] * bend,
        (start[1] + end[1]) / 2 + across[1] * bend,
    )
    return list(_bezier(start, middle, end, 48))


def _through(start: Point, end: Point, between: Sequence[_Box]) -> list[Point]:
    """Lead a link through a gap of each row between its ends, where it is nearest."""
    corners = [start]
    step = _HEIGHT if end[1] > start[1] else -_HEIGHT
    for y in sorted({box.y for box in between}, reverse=step < 0):
        straight = start[0] + (end[0] - start[0]) * (y - start[1]) / (end[1] - start[1])
        gaps = [
            box.x + side * (box.width + _GAP_X) / 2
            for box in between
            if box.y == y
            for side in (-1, 1)
        ]
        x = min(gaps, key=lambda gap: abs(gap - straight))
        corners += [(x, y - step), (x, y + step)]
    corners.append(end)
    legs = (_bow(one, other, (0, 0), 0) for one, other in pairwise(corners))
    return [point for leg in legs for point in leg]


def _bezier(start: Point, middle: Point, end: Point, steps: int) -> Iterator[Point]:
    for step in range(steps + 1):
        t = step / steps
        yield (
            (1 - t) ** 2 * start[0] + 2 * t * (1 - t) * middle[0] + t * t * end[0],
            (1 - t) ** 2 * start[1] + 2 * t * (1 - t) * middle[1] + t * t * end[1],
        )


def _loop(box: _Box, rank: float) -> list[Point]:
    """Lead a link from a box back to it, around its corner."""
    reach = 70 + 30 * rank
    top, right = box.y - box.height / 2, box.x + box.width / 2
    corner = (right + reach, top - reach)
    return list(_bezier((right - 40, top), corner, (right, top + 24), 48))


def _line(points: Sequence[Point]) -> str:
    drawn = (points[0], points[-1]) if _is_straight(points) else points
    text = " ".join(f"{x:.1f},{y:.1f}" for x, y in drawn)
    return f'<polyline points="{text}" fill="none" stroke="#555"/>'


def _labels(
    wire: _Wire,
    points: Sequence[Point],
    there: Sequence[_Box],
    others: Sequence[Sequence[Point]],
) -> Iterator[_Box]:
    """Place the names of the interfaces: near their ends, and beside what is there.

    They stay away from the lines of others too, where their own half has room.
    """
    taken = list(there)
    for text, way in ((wire.near, points), (wire.far, points[::-1])):
        if not text:
            continue
        width, height = _text_width(text), 12.0
        free = [
            point
            for point in way
            if not any(box.holds(point, width / 2 + 3, height / 2 + 3) for box in taken)
        ]
        half = set(way[: len(way) // 2])
        near = _beside(half, others, width)
        clear = (
            (x, y)
            for x, y in free
            if (x, y) in half
            and not any(
                _Box(x, y, width, height, text).holds(point, 3, 3) for point in near
            )
        )
        x, y = next(clear, (*free, way[len(way) // 3])[0])
        taken.append(_Box(x, y, width, height, text))
        yield taken[-1]


def _beside(
    points: set[Point], others: Sequence[Sequence[Point]], distance: float
) -> list[Point]:
    """Pick the points of others that may be within a distance of some points."""
    (left, right), (top, bottom) = (
        (min(each) - distance, max(each) + distance)
        for each in zip(*points, strict=True)
    )
    return [
        (x, y)
        for course in others
        for x, y in course
        if left < x < right and top < y < bottom
    ]


def _label(box: _Box) -> str:
    at = f'x="{box.x:.0f}" y="{box.y + 4:.0f}" font-size="10"'
    return f"<text {at} {_HALO}>{escape(box.name)}</text>"


def _is_straight(points: Sequence[Point]) -> bool:
    (x1, y1), (x3, y3) = points[0], points[-1]
    return all(
        abs((x2 - x1) * (y3 - y1) - (x3 - x1) * (y2 - y1)) < 1 for x2, y2 in points
    )


def _boxed(box: _Box) -> Iterator[str]:
    size = f'width="{box.width:g}" height="{box.height:g}"'
    corner = f'x="{box.x - box.width / 2:g}" y="{box.y - box.height / 2:g}"'
    name = escape(box.name)
    if not box.image:
        dashed = 'fill="white" stroke="#999" stroke-dasharray="4"'
        yield f'<rect {corner} {size} rx="12" {dashed}/>'
        yield f'<text x="{box.x:g}" y="{box.y + 4:g}" font-size="10">{name}</text>'
        return
    fill = next((fill for word, fill in _FILLS if word in box.image), _OTHER_FILL)
    yield f'<rect {corner} {size} rx="6" fill="{fill}" stroke="#555"/>'
    yield f'<text x="{box.x:g}" y="{box.y - 3:g}" font-weight="bold">{name}</text>'
    image = escape(box.image)
    yield f'<text x="{box.x:g}" y="{box.y + 13:g}" font-size="10">{image}</text>'
