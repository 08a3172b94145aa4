"""A match as a function: of what a path says, and of the bits of a MAC and an IP.

The bits may be unknown (None), and so may the answer be then: that a match does
not depend on them is how a path is judged as a whole.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import assert_never

from evpnd.core.policy.keys import KeyIndex
from evpnd.model.policy import (
    KEY_FIELDS,
    AnyOf,
    Condition,
    Criterion,
    Field,
    Glob,
    Masked,
    Match,
    Not,
    Prefix,
    Range,
    Subject,
)

Matches = Callable[[Subject, int | None], bool | None]

_POSITIONS = {name: at for at, name in enumerate(Subject._fields)}
_PLURAL = {
    Field.ROUTE_TARGET: "route_targets",
    Field.COMMUNITY: "communities",
    Field.LARGE_COMMUNITY: "large_communities",
    Field.EXTENDED_COMMUNITY: "extended_communities",
}


def position(field: Field) -> int:
    """Find where in a Subject a field of a path stands."""
    return _POSITIONS[_PLURAL.get(field, field.value.replace("-", "_"))]


def positions(match: Match) -> frozenset[int]:
    """Find the places in a Subject that a match looks at."""
    found: set[int] = set()
    for criterion in criteria(match):
        if criterion.field not in KEY_FIELDS:
            found.add(position(criterion.field))
        if criterion.field is Field.PEER:
            found.add(_POSITIONS["peer_description"])
    return frozenset(found)


def flags(match: Match, index: KeyIndex) -> int:
    """Find the bits that a match looks at."""
    bits = 0
    for criterion in criteria(match):
        if criterion.field in KEY_FIELDS:
            bits |= index.flag(criterion)
    return bits


def criteria(match: Match) -> Iterable[Criterion]:
    """Walk over all criteria of a match, those within `not` and `any` too."""
    for condition in match:
        match condition:
            case Criterion():
                yield condition
            case Not(inner):
                yield from criteria(inner)
            case AnyOf(matches):
                for inner in matches:
                    yield from criteria(inner)
            case _:
                assert_never(condition)


def compile_match(match: Match, index: KeyIndex) -> Matches:
    """Make the function of a match."""
    parts = [_compile(condition, index) for condition in match]
    return parts[0] if len(parts) == 1 else _all(parts)


def _all(parts: Sequence[Matches]) -> Matches:
    def matches(subject: Subject, bits: int | None) -> bool | None:
        answer: bool | None = True
        for part in parts:
            found = part(subject, bits)
            if found is False:
                return False
            if found is None:
                answer = None
        return answer

    return matches


def _any(parts: Sequence[Matches]) -> Matches:
    def matches(subject: Subject, bits: int | None) -> bool | None:
        answer: bool | None = False
        for part in parts:
            found = part(subject, bits)
            if found is True:
                return True
            if found is None:
                answer = None
        return answer

    return matches


def _not(part: Matches) -> Matches:
    def matches(subject: Subject, bits: int | None) -> bool | None:
        found = part(subject, bits)
        return None if found is None else not found

    return matches


def _compile(condition: Condition, index: KeyIndex) -> Matches:
    match condition:
        case Not(match):
            return _not(compile_match(match, index))
        case AnyOf(matches):
            return _any([compile_match(match, index) for match in matches])
        case Criterion(field) if field in KEY_FIELDS:
            return _key(index.flag(condition))
        case Criterion():
            return _criterion(condition)
        case _:
            assert_never(condition)


def _key(flag: int) -> Matches:
    def matches(_: Subject, bits: int | None) -> bool | None:
        return None if bits is None else bits & flag != 0

    return matches


def _criterion(criterion: Criterion) -> Matches:
    at = position(criterion.field)
    values = criterion.values
    match values[0]:
        case Masked():
            return _masked(at, [v for v in values if isinstance(v, Masked)])
        case Range():
            return _ranges(at, [v for v in values if isinstance(v, Range)])
        case Prefix() | Glob():
            parts = []
            prefixes = [v for v in values if isinstance(v, Prefix)]
            if prefixes:
                parts.append(_prefixes(at, prefixes))
            globs = [v for v in values if isinstance(v, Glob)]
            if globs:
                parts.append(_globs(globs))
            return parts[0] if len(parts) == 1 else _any(parts)
        case _:
            return _members(at, frozenset(values))


def _members(at: int, values: frozenset[object]) -> Matches:
    def matches(subject: Subject, _: int | None) -> bool:
        return subject[at] in values

    return matches


def _ranges(at: int, ranges: Sequence[Range]) -> Matches:
    exact = frozenset(low for low, high in ranges if low == high)
    wide = tuple(each for each in ranges if each.low != each.high)
    if not wide:
        return _members(at, exact)

    def matches(subject: Subject, _: int | None) -> bool:
        number = subject[at]
        if not isinstance(number, int):
            return False
        return number in exact or any(low <= number <= high for low, high in wide)

    return matches


def _prefixes(at: int, prefixes: Sequence[Prefix]) -> Matches:
    sets: dict[tuple[int, int], set[int]] = {}
    for octets, length in prefixes:
        shift = 8 * len(octets) - length
        number = int.from_bytes(octets) >> shift
        sets.setdefault((len(octets), shift), set()).add(number)
    tables = tuple((size, shift, found) for (size, shift), found in sets.items())

    def matches(subject: Subject, _: int | None) -> bool:
        octets = subject[at]
        assert isinstance(octets, bytes)
        number = int.from_bytes(octets)
        return any(
            len(octets) == size and number >> shift in found
            for size, shift, found in tables
        )

    return matches


def _globs(globs: Sequence[Glob]) -> Matches:
    pattern = "|".join(
        ".*".join(map(re.escape, glob.pattern.split("*"))) for glob in globs
    )
    whole = re.compile(pattern, re.DOTALL).fullmatch

    def matches(subject: Subject, _: int | None) -> bool:
        return whole(subject.peer_description) is not None

    return matches


def _masked(at: int, patterns: Sequence[Masked]) -> Matches:
    """Match an RD, or any of a list of communities."""
    size = {
        _POSITIONS["communities"]: 4,
        _POSITIONS["large_communities"]: 12,
    }.get(at, 8)
    whole = (1 << 8 * size) - 1
    wide = tuple(pattern for pattern in patterns if pattern.mask != whole)

    def holds(octets: bytes) -> bool:
        number = int.from_bytes(octets)
        return any(number & mask == value for value, mask in patterns)

    def rd_matches(subject: Subject, _: int | None) -> bool:
        rd = subject.rd
        return bool(rd) and holds(rd)

    if at == _POSITIONS["rd"]:
        return rd_matches
    exact = frozenset(
        value.to_bytes(size, "big") for value, mask in patterns if mask == whole
    )

    def matches(subject: Subject, _: int | None) -> bool:
        values = subject[at]
        assert isinstance(values, tuple)
        return not exact.isdisjoint(values) or any(
            int.from_bytes(octets) & mask == value
            for value, mask in wide
            for octets in values
        )

    return matches
