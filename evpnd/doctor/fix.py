"""How a finding is mended: a command, or a sentence where no command does it."""

import shlex
from typing import NamedTuple


class Fix(NamedTuple):
    """The words that mend a finding."""

    text: str
    """A command line, or a sentence."""
    commands: tuple[tuple[str, ...], ...] = ()
    """The command lines as words; empty: there is only a sentence."""
    safe: bool = False
    """`evpnd doctor --fix` may run the commands: they lose no packet that passes now,
    and open nothing that somebody closed."""


def run(line: str, *more: str, safe: bool = False) -> Fix:
    """Return a fix by command lines, which are run one after the other."""
    lines = (line, *more)
    words = tuple(tuple(shlex.split(each)) for each in lines)
    return Fix(" && ".join(lines), words, safe)


def advise(sentence: str) -> Fix:
    """Return a fix that somebody has to think about."""
    return Fix(sentence)
