"""Words of a command line: abbreviated, misspelt, or of another daemon."""

import difflib
from collections.abc import Iterable, Mapping
from typing import Final

import click

CLOSE: Final = 0.6
"""Similarity (difflib) from which a word counts as a misspelt one."""


def complete(word: str, known: Iterable[str]) -> list[str]:
    """Return the known words that an abbreviation may stand for.

    A word that is written in full stands for itself alone.
    """
    names = list(known)
    return (
        [word] if word in names else [name for name in names if name.startswith(word)]
    )


def near(word: str, known: Iterable[str]) -> list[str]:
    """Return the known words that a misspelt one is likely to stand for, best first."""
    return difflib.get_close_matches(word.lower(), list(known), n=3, cutoff=CLOSE)


class Words(click.Group):
    """A group whose commands may be abbreviated, as in FRR's and Cumulus's shells.

    A subclass may set `other_words`: words of other daemons, to what stands for them
    here.
    """

    other_words: Mapping[str, str] = {}

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command of the first word; raises UsageError with a suggestion."""
        word = args[0]
        names = self.list_commands(ctx)
        found = complete(word, names)
        if len(found) != 1 and not word.startswith("-"):
            ctx.fail(self._unknown(word, found, names))
        return super().resolve_command(ctx, [*found[:1], *args[1:]] if found else args)

    def _unknown(self, word: str, found: list[str], names: list[str]) -> str:
        if found:
            return f"{word!r} may be {' or '.join(found)}; write more of it."
        meant = self.other_words.get(word.lower())
        likely = [meant] if meant is not None else near(word, names)
        if likely:
            return f"No such command {word!r}. Did you mean {' or '.join(likely)}?"
        return f"No such command {word!r}. The commands are {', '.join(names)}."
