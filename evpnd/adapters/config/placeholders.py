"""`{vni}` and `{vlan}` in texts of an EVI, filled in for each EVI of a section."""

import re
from collections.abc import Callable
from typing import TypeVar

from evpnd.adapters.yaml.reader import describe
from evpnd.adapters.yaml.values import did_you_mean

_BRACES = re.compile(r"\{([^{}]*)\}")
_KNOWN = ("vni", "vlan")
T = TypeVar("T")


class Unfilled(str):
    """Text with placeholders, which is judged when they are filled in."""

    __slots__ = ()

    def fill(self, vni: int, vlan: int | None) -> str:
        """Return the text of one EVI; raises ValueError where there is no VLAN."""
        if vlan is None and "{vlan}" in self:
            raise ValueError(
                f"{describe(str(self))} has {{vlan}}, and the EVI has no VLAN; "
                "add `vlans`, or remove {vlan}"
            )
        return self.replace("{vni}", str(vni)).replace("{vlan}", str(vlan))


def or_unfilled(parse: Callable[[str], T]) -> Callable[[str], T | Unfilled]:
    """Return a parser that leaves text with placeholders as it is."""

    def read(word: str) -> T | Unfilled:
        names = _BRACES.findall(word)
        for name in names:
            if name not in _KNOWN:
                meant = did_you_mean(name, _KNOWN)
                hint = (
                    f"did you mean {{{meant}}}?" if meant else "write {vni} or {vlan}"
                )
                raise ValueError(f"{describe(word)}: {{{name}}} is not known; {hint}")
        return Unfilled(word) if names else parse(word)

    return read


def filled(
    value: T | Unfilled, parse: Callable[[str], T], vni: int, vlan: int | None
) -> T:
    """Return a value, or what a text with placeholders gives for an EVI."""
    return parse(value.fill(vni, vlan)) if isinstance(value, Unfilled) else value
