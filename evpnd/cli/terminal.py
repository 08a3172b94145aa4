"""Tables on a terminal: colour, and columns that fold instead of running over."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from evpnd.cli.tables import Row, Table, cells

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


def print_table(table: Table, rows: Sequence[Row]) -> None:
    """Print to standard output, within the terminal's width."""
    shown = RichTable(box=None, pad_edge=False, header_style="bold")
    for column in table.columns:
        shown.add_column(
            column.heading,
            justify="right" if column.right else "left",
            overflow="fold",
        )
    for row in rows:
        # Text, for a description may hold what rich takes for markup.
        shown.add_row(
            *(
                Text(cell, style="red" if _refused(cell) else _STYLES.get(cell, ""))
                for cell in cells(table, row)
            )
        )
    Console(highlight=False).print(shown)


def _refused(cell: str) -> bool:
    return cell.startswith("refused")
