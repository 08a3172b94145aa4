"""Lines of words on a terminal, folded at its width."""

import sys
from shutil import get_terminal_size
from textwrap import wrap

_NARROWEST = 30
"""Characters that words get beside the indent, however narrow the terminal is."""


def fold(line: str, indent: int) -> str:
    """Fold a line at the terminal's width; to a pipe goes the whole line.

    ``indent`` is the column at which the lines after the first begin.
    """
    if not sys.stdout.isatty():
        return line
    folded = wrap(
        line,
        max(get_terminal_size().columns, indent + _NARROWEST),
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
    )
    return "\n".join(folded)
