"""Lines of words on a terminal, folded at its width."""

import sys
from shutil import get_terminal_size
from textwrap import wrap

NARROWEST = 30
"""Characters that words get beside the indent, however narrow the terminal is."""


def fold(line: str, indent: int) -> str:
    """Fold a line at the terminal's width; to a pipe goes the whole line.

    ``indent`` is the column at which the lines after the first begin.
    """
    if not sys.stdout.isatty():
        return line
    width = max(get_terminal_size().columns, indent + NARROWEST)
    return "\n".join(wrap_words(line, width, rest=" " * indent))


def wrap_words(text: str, width: int, *, first: str = "", rest: str = "") -> list[str]:
    """Fold a text between its words alone; ``first`` and ``rest`` begin the lines."""
    return wrap(
        text,
        width,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
