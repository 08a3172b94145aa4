"""Where the parts of the fabric stand in the picture, and its lines."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from evpnd.web.fabric import Fabric, Node

WIDE: Final = 1180
NARROW: Final = 360
MOST_CARDS: Final = 48
"""Nodes of a tier above which each takes one line, without its VNIs."""
MOST_NODES: Final = 240
"""Nodes of a tier that are drawn."""
MOST_HEARD: Final = 120
"""Lines to VTEPs that peers tell of; more would be a carpet."""

_GAP: Final = 14
_SMALL_GAP: Final = 6
_WIDEST_GAP: Final = 44
_BETWEEN: Final = 74
"""Pixels between tiers, for the lines."""
_MARGIN: Final = 4
_CARD: Final = (166, 50)
_SMALL: Final = (132, 26)
_CHIP: Final = (47, 17, 4)
"""Width, height and distance of a VNI."""
_CHIPS_A_LINE: Final = 3
_CHIP_LINES: Final = 3
_TITLE: Final = 17
_SMALL_TITLE: Final = 15
_DETAIL: Final = 24
_GOLDEN: Final = 137.508
"""Degrees between the hues of neighbours: never alike."""


class Chip(NamedTuple):
    """One VNI of a card, or how many more there are."""

    x: float
    y: float
    width: float
    vni: int | None
    text: str
    hue: int


class Card(NamedTuple):
    """One node, in pixels."""

    node: Node
    title: str
    detail: str
    x: float
    y: float
    width: float
    height: float
    chips: tuple[Chip, ...]
    small: bool


class Line(NamedTuple):
    """A line between two cards, as the path of SVG."""

    path: str
    state: str
    title: str


class Picture(NamedTuple):
    """All that is drawn."""

    width: float
    height: float
    cards: tuple[Card, ...]
    lines: tuple[Line, ...]
    left_out: int
    """Nodes for which there is no room."""
    unheard: bool
    """Lines of VTEPs were left out."""


def draw(fabric: Fabric, width: float) -> Picture:
    """Lay a fabric out in tiers, each as wide as the picture at most."""
    cards: dict[int, Card] = {}
    top: float = _MARGIN
    left_out = 0
    hues = _hues(fabric)
    for tier in fabric.tiers:
        small = len(tier) > MOST_CARDS
        shown = tier[:MOST_NODES]
        left_out += len(tier) - len(shown)
        nodes = [fabric.nodes[place] for place in shown]
        placed, bottom = _tier(nodes, width, top, hues, small=small)
        cards.update(zip(shown, placed, strict=True))
        top = bottom + _BETWEEN
    heard = sum(edge.state == "heard" for edge in fabric.edges)
    lines = [
        Line(_path(cards[edge.one], cards[edge.other]), edge.state, title)
        for edge in fabric.edges
        if edge.one in cards
        and edge.other in cards
        and not (edge.state == "heard" and heard > MOST_HEARD)
        and (title := _title(fabric, edge.one, edge.other, edge.state))
    ]
    # Sessions are drawn last, over what was only heard.
    lines.sort(key=lambda line: line.state != "heard")
    height = top - _BETWEEN + _MARGIN
    ordered = tuple(cards[place] for place in sorted(cards))
    return Picture(width, height, ordered, tuple(lines), left_out, heard > MOST_HEARD)


def _title(fabric: Fabric, one: int, other: int, state: str) -> str:
    first, second = fabric.nodes[one].title, fabric.nodes[other].title
    if state == "heard":
        return f"{first} tells of {second}"
    return f"{first} and {second}: {state}"


def _hues(fabric: Fabric) -> dict[int, int]:
    vnis = sorted({vni for node in fabric.nodes for vni in node.vnis})
    return {vni: round(number * _GOLDEN) % 360 for number, vni in enumerate(vnis)}


def _tier(
    nodes: Sequence[Node],
    width: float,
    top: float,
    hues: dict[int, int],
    *,
    small: bool,
) -> tuple[list[Card], float]:
    """Return the cards of a tier, in lines that are centred, and where it ends."""
    wide, high = _SMALL if small else _CARD
    lines = 0 if small else max((_chip_lines(node) for node in nodes), default=0)
    if lines:
        high += lines * (_CHIP[1] + _CHIP[2]) + 2
    least = _SMALL_GAP if small else _GAP
    a_line = max(1, int((width - 2 * _MARGIN + least) // (wide + least)))
    # As many in each line as in the others.
    rows = -(-len(nodes) // a_line)
    a_line = -(-len(nodes) // max(1, rows))
    spare = (width - 2 * _MARGIN - a_line * wide) / max(1, a_line - 1)
    gap = min(spare, _SMALL_GAP if small else _WIDEST_GAP)
    cards = []
    for at, node in enumerate(nodes):
        row, column = divmod(at, a_line)
        of_row = min(a_line, len(nodes) - row * a_line)
        left = (width - of_row * (wide + gap) + gap) / 2
        x, y = left + column * (wide + gap), top + row * (high + least)
        chips = () if small else tuple(_chips(node, x, y, hues))
        title = _shortened(node.title, _SMALL_TITLE if small else _TITLE)
        detail = "" if small else _shortened(node.detail, _DETAIL)
        x = round(x, 1)
        cards.append(Card(node, title, detail, x, y, wide, high, chips, small))
    return cards, top + rows * (high + least) - least


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _chip_lines(node: Node) -> int:
    return min(_CHIP_LINES, -(-len(node.vnis) // _CHIPS_A_LINE))


def _chips(node: Node, x: float, y: float, hues: dict[int, int]) -> Iterator[Chip]:
    wide, high, gap = _CHIP
    room = _CHIPS_A_LINE * _CHIP_LINES
    shown = node.vnis if len(node.vnis) <= room else node.vnis[: room - 1]
    texts: list[tuple[int | None, str]] = [(vni, str(vni)) for vni in shown]
    if len(shown) < len(node.vnis):
        texts.append((None, f"+{len(node.vnis) - len(shown)}"))
    for at, (vni, text) in enumerate(texts):
        row, column = divmod(at, _CHIPS_A_LINE)
        left = x + 12 + column * (wide + gap)
        hue = 0 if vni is None else hues[vni]
        below = y + _CARD[1] - 2 + row * (high + gap)
        yield Chip(round(left, 1), below, wide, vni, text, hue)


def _path(one: Card, other: Card) -> str:
    """Return a curve between the sides of two cards that face each other."""
    upper, lower = (one, other) if one.y <= other.y else (other, one)
    x, y = upper.x + upper.width / 2, upper.y + upper.height
    end_x, end_y = lower.x + lower.width / 2, lower.y
    middle = (y + end_y) / 2
    if upper.y == lower.y:
        # Neighbours of one tier: an arc below both.
        end_y, middle = y, y + _BETWEEN / 2
    return (
        f"M{x:.1f} {y:.1f}C{x:.1f} {middle:.1f} "
        f"{end_x:.1f} {middle:.1f} {end_x:.1f} {end_y:.1f}"
    )
