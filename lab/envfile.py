"""Files of environment variables, as containerlab's `env-files` names them."""

import re
from collections.abc import Mapping

_LINE = re.compile(
    r"""\s*(?:export\s+)?
        (?P<name>[A-Za-z_][A-Za-z0-9_.]*)\s*[=:][ \t]*
        (?: '(?P<single>[^']*)'
          | "(?P<double>(?:[^"\\]|\\.)*)"
          | (?P<plain>[^'"\n][^\n]*|)
        )[ \t]*(?:\#[^\n]*)?(?:\n|$)""",
    re.VERBOSE | re.DOTALL,
)
_SKIPPED = re.compile(r"[ \t]*(?:\#[^\n]*)?(?:\n|$)")
_VARIABLE = re.compile(r"(\\)?\$(?:\{([A-Za-z0-9_]+)\}|([A-Za-z0-9_]+))")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


def parse_env(text: str) -> dict[str, str]:
    r"""Read ``NAME=value`` lines; ValueError with the line that is none.

    ``export`` and comments are passed over, also behind a value. ``$NAME`` and
    ``${NAME}`` stand for what the file said before, but not in single quotes; double
    quotes know ``\n`` and the like, and both may span lines.
    """
    found: dict[str, str] = {}
    at = 0
    text = text.replace("\r\n", "\n")
    while at < len(text):
        if skipped := _SKIPPED.match(text, at):
            at = skipped.end()
            continue
        line = _LINE.match(text, at)
        if line is None:
            number = text.count("\n", 0, at) + 1
            raise ValueError(f"line {number} is not NAME=value")
        found[line["name"]] = _value(line, found)
        at = line.end()
    return found


def _value(line: re.Match[str], before: Mapping[str, str]) -> str:
    if line["single"] is not None:
        return line["single"]
    if line["double"] is not None:
        return _expand(_ESCAPE.sub(_unescape, line["double"]), before)
    # A comment begins after a blank: `a#b` is a value.
    return _expand(re.split(r"(?:^|\s)#", line["plain"])[0].strip(), before)


def _unescape(found: re.Match[str]) -> str:
    known = {"n": "\n", "r": "\r", "t": "\t", "$": r"\$"}
    return known.get(found[1], found[1])


def _expand(text: str, before: Mapping[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        return found[0][1:] if found[1] else before.get(found[2] or found[3], "")

    return _VARIABLE.sub(value, text)
