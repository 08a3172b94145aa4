"""Error messages for text that is no valid YAML, with what to do."""

import re

import yaml

from evpnd.adapters.yaml.errors import shorten

_TOKEN = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"\\]|\\.)*"|(?:^|\s)\#.*|[{}\[\]]""", re.MULTILINE
)
"""What brackets may hide in, and brackets."""
_UNCLOSED = {"while parsing a flow mapping": "{", "while parsing a flow sequence": "["}
_QUOTE_IT = {"while scanning a plain scalar", "while scanning for the next token"}
_BLOCKS = {"while parsing a block mapping", "while parsing a block collection"}


def syntax_reason(error: yaml.MarkedYAMLError, text: str) -> str:
    """Return why text is not valid YAML."""
    mark = error.problem_mark
    return shorten(f"is not valid YAML: {_reason(error, text, mark)}")


def _reason(error: yaml.MarkedYAMLError, text: str, mark: yaml.Mark | None) -> str:
    around = text.split("\n")[mark.line : mark.line + 1] if mark else []
    if around and "\t" in around[0][: len(around[0]) - len(around[0].lstrip())]:
        return "a tab indents this line; indent with spaces"
    if error.problem == "mapping values are not allowed in this context":
        return (
            "a key is not allowed here; indent it like the keys above it, and quote "
            "text that contains `: `"
        )
    context, began = error.context or "", error.context_mark
    if context in _UNCLOSED and began is not None:
        return _not_closed(_UNCLOSED[context], began.line + 1)
    if context == "while parsing a flow node" and mark is not None:
        opened = _last_open(text, mark)
        if opened is not None and opened[1] <= mark.line:
            return _not_closed(*opened)
        return (
            "within { } or [ ] a value cannot begin with this character; "
            "put it in quotes"
        )
    if context == "while scanning an alias":
        return "text that begins with * needs quotes: '*:100'"
    if context == "while scanning a quoted scalar" and began is not None:
        return f"the quote of line {began.line + 1} is not closed"
    if context in _QUOTE_IT:
        return "a value cannot begin with this character; put it in quotes"
    if context in _BLOCKS:
        return (
            "the indentation matches no line above; indent this line like its "
            "neighbours"
        )
    return ", ".join(part for part in (error.context, error.problem) if part)


def _not_closed(bracket: str, line: int) -> str:
    return f"the {bracket} of line {line} is not closed, or a comma is missing"


def _last_open(text: str, mark: yaml.Mark) -> tuple[str, int] | None:
    """Return the bracket that is open at a place, and its line."""
    lines = text.split("\n")[: mark.line + 1]
    lines[-1] = lines[-1][: mark.column]
    before = "\n".join(lines)
    opened: list[tuple[str, int]] = []
    for found in _TOKEN.finditer(before):
        if found[0] in "{[":
            opened.append((found[0], before.count("\n", 0, found.start()) + 1))
        elif found[0] in "}]" and opened:
            opened.pop()
    return opened[-1] if opened else None
