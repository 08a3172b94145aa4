"""The shell's variables in a topology file."""

import re
from collections.abc import Mapping

_VARIABLE = re.compile(
    r"""\$(?:
        (?P<escape>\$)
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | \{(?P<braced>[A-Za-z_][A-Za-z0-9_]*)
          (?:(?P<operator>:?[-=+])(?P<word>(?:[^{}]|\$\{[^{}]*\})*))?\}
    )""",
    re.VERBOSE,
)


def expand(text: str, environment: Mapping[str, str]) -> str:
    """Replace ``$name``, ``${name}``, ``${name:-word}`` and so on; ``$$`` is ``$``.

    What is not set and has no default stays as it is, as containerlab has it: it may
    be meant for a shell in a node. Lines keep their numbers: a value with a line
    break is taken as spaces.
    """

    def value(found: re.Match[str]) -> str:
        if found["escape"]:
            return "$"
        name = found["name"] or found["braced"]
        given = environment.get(name)
        operator = found["operator"] or ""
        unset = given is None or (operator.startswith(":") and given == "")
        if given is None and not operator:
            return found[0]
        match operator.removeprefix(":"):
            case "+":
                return "" if unset else expand(found["word"], environment)
            case "-" | "=" if unset:
                return expand(found["word"], environment)
        return " ".join((given or "").splitlines())

    return _VARIABLE.sub(value, text)
