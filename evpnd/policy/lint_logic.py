"""Searches for a route that satisfies matches; gives up in doubt.

A conjunction of criteria, some of them denied, is split into alternatives where a
`not` or an `any` leaves several, and each is held against what one field of one route
can be. "Impossible" is certain; "possible" may only mean that nothing spoke against it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from evpnd.model.policy import (
    NO_ADDRESS,
    TYPES_WITH,
    AnyOf,
    Condition,
    Criterion,
    Field,
    Masked,
    Match,
    Not,
    Prefix,
    Range,
    RouteType,
    Value,
)

EFFORT = 30_000
"""Alternatives that are looked at in one policy; what is left is taken for possible."""

_ALL = frozenset(RouteType)
_MAC_IP = frozenset({RouteType.MAC_IP})
_MEMBERS = frozenset(
    {
        Field.ROUTE_TARGET,
        Field.COMMUNITY,
        Field.LARGE_COMMUNITY,
        Field.EXTENDED_COMMUNITY,
        Field.PEER,
    }
)
"""A route may have several of these; a peer has an address and a description."""


class Goal(NamedTuple):
    """A match that is to hold, or not to."""

    match: Match
    holds: bool = True


class Literal(NamedTuple):
    """A criterion that holds, or does not."""

    criterion: Criterion
    holds: bool


Literals = tuple[Literal, ...]


def types_of(criterion: Criterion) -> frozenset[RouteType]:
    """Return the route types that a criterion can hold for."""
    field, values = criterion
    if field is Field.TYPE:
        return frozenset(each for each in values if isinstance(each, RouteType))
    if field in (Field.STICKY, Field.DEFAULT_GATEWAY) and True in values:
        return _MAC_IP
    if field is Field.IP and NO_ADDRESS in values:
        others = TYPES_WITH[field] if set(values) != {NO_ADDRESS} else frozenset()
        return _ALL - {RouteType.IP_PREFIX} | others
    return TYPES_WITH[field]


class Search:
    """Looks for routes that matches leave, as far as the effort lasts."""

    def __init__(self) -> None:
        """Start with all of the effort."""
        self._left = EFFORT

    @property
    def exhausted(self) -> bool:
        """Return whether all that is still asked will be called possible."""
        return self._left < 0

    def possible(self, goals: Iterable[Goal]) -> bool:
        """Return whether a route may reach all goals; False is certain."""
        return self._possible(tuple(goals), ())

    def _possible(self, goals: tuple[Goal, ...], literals: Literals) -> bool:
        self._left -= 1
        if self._left < 0:
            return True
        if not goals:
            return True
        goal, rest = goals[0], goals[1:]
        if not goal.holds:
            return self._possible_without(goal.match, rest, literals)
        for at, condition in enumerate(goal.match):
            behind = (Goal(goal.match[at + 1 :]), *rest)
            match condition:
                case Criterion():
                    literals = (*literals, Literal(condition, holds=True))
                case Not(inner):
                    return consistent(literals) and self._possible(
                        (*behind, Goal(inner, holds=False)), literals
                    )
                case AnyOf(matches):
                    return consistent(literals) and any(
                        self._possible((Goal(each), *behind), literals)
                        for each in matches
                    )
        return consistent(literals) and self._possible(rest, literals)

    def _possible_without(
        self, match: Match, rest: tuple[Goal, ...], literals: Literals
    ) -> bool:
        """Require that one of the conditions does not hold."""
        plain = tuple(
            Literal(each, holds=True) for each in match if isinstance(each, Criterion)
        )
        if plain and not consistent((*literals, *plain)):
            return self._possible(rest, literals)  # it does not hold anyway
        return any(self._denied(each, rest, literals) for each in match)

    def _denied(
        self, condition: Condition, rest: tuple[Goal, ...], literals: Literals
    ) -> bool:
        match condition:
            case Criterion():
                literals = (*literals, Literal(condition, holds=False))
                return consistent(literals) and self._possible(rest, literals)
            case Not(inner):
                return self._possible((Goal(inner), *rest), literals)
            case AnyOf(matches):
                none = tuple(Goal(each, holds=False) for each in matches)
                return self._possible((*none, *rest), literals)


def consistent(literals: Literals) -> bool:
    """Return whether one route may have all of these."""
    types = _ALL
    wanted: dict[Field, list[tuple[Value, ...]]] = {}
    denied: dict[Field, list[Criterion]] = {}
    for criterion, holds in literals:
        if not holds and criterion.field is not Field.TYPE:
            denied.setdefault(criterion.field, []).append(criterion)
            continue
        of_criterion = types_of(criterion)
        types &= of_criterion if holds else _ALL - of_criterion
        if holds:
            wanted.setdefault(criterion.field, []).append(criterion.values)
    if Field.LEARNED in wanted:
        wanted.setdefault(Field.LOCAL, []).append((True,))
    return any(_possible_for(kind, wanted, denied) for kind in types)


def _possible_for(
    kind: RouteType,
    wanted: Mapping[Field, Sequence[tuple[Value, ...]]],
    denied: Mapping[Field, Sequence[Criterion]],
) -> bool:
    for field, several in wanted.items():
        values = [
            value
            for criterion in denied.get(field, ())
            if kind in types_of(criterion)
            for value in criterion.values
        ]
        if not _left_of(kind, field, several, values):
            return False
    flags = (Field.STICKY, Field.DEFAULT_GATEWAY, Field.LOCAL)
    return not any(
        {True, False} <= {value for each in denied[field] for value in each.values}
        for field in flags
        if field in denied and kind is RouteType.MAC_IP
    )


def _left_of(
    kind: RouteType,
    field: Field,
    several: Sequence[tuple[Value, ...]],
    denied: Sequence[Value],
) -> bool:
    """Return whether a field may have one of each of several and none denied."""
    if field is Field.TYPE:
        return True
    if field in _MEMBERS:
        return all(
            any(not _within_one(value, denied) for value in values)
            for values in several
        )
    common: list[Value] = list(several[0])
    for values in several[1:]:
        common = [
            both
            for first in common
            for second in values
            if (both := _meet(first, second)) is not None
        ]
    # The prefix of a type 5 route may be one that no half of it lies in.
    whole = field is Field.IP and kind is RouteType.IP_PREFIX
    return any(
        not (_within_one(each, denied) if whole else _within(each, denied))
        for each in common
    )


def _meet(first: Value, second: Value) -> Value | None:
    """Return what lies in both; None: nothing does."""
    match first, second:
        case (Range(), Range()):
            low, high = max(first.low, second.low), min(first.high, second.high)
            return Range(low, high) if low <= high else None
        case (Prefix(), Prefix()):
            if first.covers(second):
                return second
            return first if second.covers(first) else None
        case (Masked(), Masked()):
            if (first.value ^ second.value) & first.mask & second.mask:
                return None
            return Masked(first.value | second.value, first.mask | second.mask)
        case _:
            return first if first == second else None


def contains(outer: Value, inner: Value) -> bool:
    """Return whether all that one value stands for is the other's too."""
    match outer, inner:
        case (Range(), Range()):
            return outer.low <= inner.low and inner.high <= outer.high
        case (Prefix(), Prefix()):
            return outer.covers(inner)
        case (Masked(), Masked()):
            return (
                outer.mask & inner.mask == outer.mask
                and inner.value & outer.mask == outer.value
            )
        case _:
            return outer == inner


def _within_one(value: Value, others: Sequence[Value]) -> bool:
    return any(contains(other, value) for other in others)


def _within(value: Value, others: Sequence[Value]) -> bool:
    """Return whether others together have all that a value stands for."""
    if _within_one(value, others):
        return True
    match value:
        case Range(low, high):
            ranges = sorted(each for each in others if isinstance(each, Range))
            for each in ranges:
                if each.low <= low <= each.high:
                    low = each.high + 1
            return low > high
        case Prefix(octets, length) if length < 8 * len(octets):
            inside = [
                each
                for each in others
                if isinstance(each, Prefix) and value.covers(each)
            ]
            if not inside:
                return False
            bit = 1 << (8 * len(octets) - length - 1)
            upper = int.from_bytes(octets) | bit
            halves = (
                Prefix(octets, length + 1),
                Prefix(upper.to_bytes(len(octets), "big"), length + 1),
            )
            return all(_within(half, inside) for half in halves)
        case _:
            return False
