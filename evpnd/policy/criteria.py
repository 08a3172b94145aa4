"""One criterion as a function of the value that its field has."""

import re
from collections.abc import Callable, Sequence

from evpnd.model.policy import (
    Criterion,
    Field,
    Glob,
    Masked,
    Prefix,
    Range,
    Subject,
)

Holds = Callable[[object], bool]
_ANY_PEER = Glob("*")

_POSITIONS = {name: at for at, name in enumerate(Subject._fields)}
_PLURAL = {
    Field.ROUTE_TARGET: "route_targets",
    Field.COMMUNITY: "communities",
    Field.LARGE_COMMUNITY: "large_communities",
    Field.EXTENDED_COMMUNITY: "extended_communities",
}


def position(field: Field) -> int:
    """Return where in a Subject a field of a path stands."""
    return _POSITIONS[_PLURAL.get(field, field.value.replace("-", "_"))]


def compile_criterion(criterion: Criterion, at: int) -> Holds:
    """Make the function of a criterion on the value at a place of a Subject.

    A criterion on the peer has two: its address and its description.
    """
    values = criterion.values
    if at == _POSITIONS["peer"]:
        if any(value == _ANY_PEER for value in values):
            return bool  # also a peer without a description
        return _prefixes([value for value in values if isinstance(value, Prefix)])
    if at == _POSITIONS["peer_description"]:
        return _globs([value for value in values if isinstance(value, Glob)])
    match values[0]:
        case Masked():
            return _masked([value for value in values if isinstance(value, Masked)])
        case Range():
            return _ranges([value for value in values if isinstance(value, Range)])
        case _:
            members = frozenset(values)
            return lambda value: value in members


def _ranges(ranges: Sequence[Range]) -> Holds:
    def holds(number: object) -> bool:
        return isinstance(number, int) and any(
            low <= number <= high for low, high in ranges
        )

    return holds


def _prefixes(prefixes: Sequence[Prefix]) -> Holds:
    def holds(octets: object) -> bool:
        assert isinstance(octets, bytes)
        address = Prefix(octets, 8 * len(octets))
        return any(prefix.covers(address) for prefix in prefixes)

    return holds


def _globs(globs: Sequence[Glob]) -> Holds:
    pattern = "|".join(
        ".*".join(map(re.escape, glob.pattern.split("*"))) for glob in globs
    )
    whole = re.compile(pattern, re.DOTALL).fullmatch

    def holds(description: object) -> bool:
        return bool(description) and whole(str(description)) is not None

    return holds


def _masked(patterns: Sequence[Masked]) -> Holds:
    """Match an RD, or any of a list of communities."""

    def holds(value: object) -> bool:
        members = value if isinstance(value, Sequence) else ()
        if isinstance(value, bytes):
            members = (value,) if value else ()
        return any(
            pattern.matches(member) for member in members for pattern in patterns
        )

    return holds
