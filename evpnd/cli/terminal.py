"""Tables on a terminal: colour, and as much as fits without breaking a value.

Where a table is too wide, columns without any value go first; sentences move to lines
of their own below the row; then columns that are least missed are left out, and named.
"""

from collections.abc import Sequence
from typing import NamedTuple

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from evpnd.cli.folding import NARROWEST, wrap_words
from evpnd.cli.tables import Row, Table, cells, with_values
from evpnd.written import NOTHING

_GAP = 2
_INDENT = 4
_STYLES = {
    "established": "green",
    "ready": "green",
    "installed": "green",
    "advertised": "green",
    "not-ready": "red",
    "idle": "red",
    "active": "yellow",
    "connect": "yellow",
    "opensent": "yellow",
    "openconfirm": "yellow",
    "pending": "yellow",
    "not-advertised": "yellow",
    "warning": "yellow",
}


class Layout(NamedTuple):
    """Which columns stand in the row, below it, and nowhere; by position."""

    beside: list[int]
    below: list[int]
    left_out: list[int]


def lay_out(table: Table, lines: Sequence[Sequence[str]], width: int) -> Layout:
    """Choose what of a table's lines, the heading first, fits a width in characters."""
    columns = table.columns
    wide = [max(map(cell_len, values)) for values in zip(*lines, strict=True)]
    beside = list(range(len(columns)))
    below: list[int] = []
    left_out: list[int] = []

    def too_wide() -> bool:
        return sum(wide[at] + _GAP for at in beside) - _GAP > width

    if too_wide():
        beside = [at for at in beside if any(line[at] != NOTHING for line in lines[1:])]
    if too_wide():
        below = [at for at in beside if columns[at].sentence]
        beside = [at for at in beside if at not in below]
    while too_wide():
        spare = max(beside, key=lambda at: columns[at].spare, default=None)
        if spare is None or not columns[spare].spare:
            break
        beside.remove(spare)
        left_out.append(spare)
    return Layout(beside, below, left_out)


def print_table(table: Table, rows: Sequence[Row]) -> None:
    """Print to standard output, within the terminal's width."""
    console = Console(highlight=False, soft_wrap=True)
    table = with_values(table, rows)
    heading = [column.heading for column in table.columns]
    lines = [heading, *(cells(table, row) for row in rows)]
    layout = lay_out(table, lines, console.width)
    wide = [max(map(cell_len, values)) for values in zip(*lines, strict=True)]
    for number, line in enumerate(lines):
        text = Text(style="" if number else "bold")
        for at in layout.beside:
            blanks = " " * (wide[at] - cell_len(line[at]))
            right = table.columns[at].right
            text.append(blanks if right else "")
            text.append(line[at], style=_style(line[at]) if number else "")
            text.append(("" if right else blanks) + " " * _GAP)
        text.rstrip()
        console.print(text)
        for at in layout.below if number else ():
            if line[at] != NOTHING:
                _print_below(console, heading[at], line[at])
    if layout.left_out:
        names = ", ".join(heading[at] for at in sorted(layout.left_out))
        console.print(
            f"(columns omitted, the terminal is too narrow: {names})", style="dim"
        )


def _print_below(console: Console, heading: str, sentence: str) -> None:
    if " " not in sentence:  # a list: let it break behind its commas
        sentence = sentence.replace(",", ", ")
    label = f"{heading.lower()}: "
    indent = " " * _INDENT
    width = max(console.width, NARROWEST)
    for line in wrap_words(label + sentence, width, first=indent, rest=indent + "  "):
        console.print(Text(line))


def _style(cell: str) -> str:
    return "red" if cell.startswith("refused") else _STYLES.get(cell, "")
