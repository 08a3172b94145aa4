"""Rules that can never do what they say: matches that never hold, rules never asked.

Only what holds for every route is said; a doubt is no finding.
"""

from collections.abc import Iterable, Sequence

from evpnd.adapters.config_yaml.errors import KeyPath
from evpnd.adapters.config_yaml.shape import Findings
from evpnd.model.policy import (
    NO_ADDRESS,
    TYPES_WITH,
    AnyOf,
    Changes,
    Condition,
    Criterion,
    Field,
    Masked,
    Match,
    Not,
    Policy,
    Prefix,
    Range,
    RouteType,
    Rule,
    Value,
)

_ALL = frozenset(RouteType)
_MAC_IP = frozenset({RouteType.MAC_IP})


def check_rules(policy: Policy, findings: Findings) -> None:
    """Note what cannot apply as an error, what cannot happen as a warning."""
    for at, rule in enumerate(policy.rules):
        place: KeyPath = ("rules", at)
        possible = _check_match(rule.match, (*place, "match"), _ALL, findings)
        if rule.changes.sticky is not None and not possible & _MAC_IP and possible:
            findings.add(
                (*place, "set", "sticky"),
                f"cannot apply: only a mac-ip route is sticky, and the match is for "
                f"{_words(possible)}",
            )
        for before in range(at):
            if _decides_all_of(policy.rules, before, at):
                earlier = policy.rules[before]
                findings.warn(
                    place,
                    f"is never reached: {earlier.name} on line {earlier.line} decides "
                    "all that it matches; put it before that, or remove it",
                )
                break


def _words(types: Iterable[RouteType]) -> str:
    return " or ".join(each.word for each in sorted(types))


def types_of(criterion: Criterion) -> frozenset[RouteType]:
    """Find the route types that a criterion can hold for."""
    field, values = criterion
    if field is Field.TYPE:
        return frozenset(each for each in values if isinstance(each, RouteType))
    if field in (Field.STICKY, Field.DEFAULT_GATEWAY) and True in values:
        return _MAC_IP
    if field is Field.IP and set(values) == {NO_ADDRESS}:
        return _MAC_IP
    return TYPES_WITH[field]


def _check_match(
    match: Match, place: KeyPath, around: frozenset[RouteType], findings: Findings
) -> frozenset[RouteType]:
    """Find the route types that a match can hold for; warn where that is none."""
    possible = around
    for condition in match:
        if isinstance(condition, Criterion):
            left = possible & types_of(condition)
            if not left and possible:
                what = condition.field.value
                findings.warn(
                    (*place, what),
                    f"can never hold: {_words(possible)} has no such {what}; "
                    "remove one of the two",
                )
            possible = left
    for condition in match:
        match condition:
            case AnyOf(matches):
                possible &= frozenset[RouteType]().union(
                    *(
                        _check_match(each, (*place, "any", at), possible, findings)
                        for at, each in enumerate(matches)
                    )
                )
            case Not(inner):
                others = tuple(each for each in match if each is not condition)
                if implies(others, inner):
                    findings.warn(
                        (*place, "not"),
                        "takes away all that the other keys leave; the match can "
                        "never hold",
                    )
                if len(inner) == 1 and isinstance(inner[0], Criterion):
                    only = inner[0]
                    if only.field is Field.TYPE:
                        possible -= types_of(only)
            case Criterion(Field.LOCAL, (False,)):
                if any(
                    isinstance(each, Criterion) and each.field is Field.LEARNED
                    for each in match
                ):
                    findings.warn(
                        (*place, "learned"),
                        "can never hold with `local: false`: only local routes are "
                        "learned; remove one of the two",
                    )
            case Criterion():
                pass
    return possible


def implies(narrow: Match, wide: Match) -> bool:
    """Tell whether every route that one match holds for is one of the other's.

    False where that cannot be seen without trying.
    """
    return all(any(_covers(each, other) for other in narrow) for each in wide)


def _covers(wide: Condition, narrow: Condition) -> bool:
    if wide == narrow:
        return True
    if not isinstance(wide, Criterion) or not isinstance(narrow, Criterion):
        return False
    return wide.field is narrow.field and all(
        any(_contains(outer, inner) for outer in wide.values) for inner in narrow.values
    )


def _contains(outer: Value, inner: Value) -> bool:
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


def _changed_fields(changes: Changes) -> frozenset[Field]:
    found = set()
    if changes.communities is not None:
        found.add(Field.COMMUNITY)
    if changes.large_communities is not None:
        found.add(Field.LARGE_COMMUNITY)
    if changes.route_targets is not None:
        found |= {Field.ROUTE_TARGET, Field.EXTENDED_COMMUNITY}
    if changes.sticky is not None:
        found |= {Field.STICKY, Field.EXTENDED_COMMUNITY}
    return frozenset(found)


def _fields(match: Match) -> frozenset[Field]:
    found: set[Field] = set()
    for condition in match:
        match condition:
            case Criterion(field):
                found.add(field)
            case Not(inner):
                found |= _fields(inner)
            case AnyOf(matches):
                for each in matches:
                    found |= _fields(each)
    return frozenset(found)


def _decides_all_of(rules: Sequence[Rule], before: int, at: int) -> bool:
    """Tell whether a rule leaves nothing for a later one."""
    earlier = rules[before]
    if earlier.verdict is None or not implies(rules[at].match, earlier.match):
        return False
    looked_at = _fields(earlier.match)
    return not any(
        looked_at & _changed_fields(rule.changes)
        for rule in rules[before + 1 : at]
        if rule.verdict is None
    )
