"""Finds rules without effect: matches that never hold, rules that are never reached.

Only what holds for every route is said; a doubt is no finding.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol

from evpnd.model.policy import (
    AnyOf,
    Changes,
    Criterion,
    Field,
    Limit,
    Match,
    Not,
    Policy,
    RouteType,
    Rule,
)
from evpnd.policy.lint_logic import Goal, Search, types_of

_ALL = frozenset(RouteType)
_MAC_IP = frozenset({RouteType.MAC_IP})
_TOGETHER = 60
"""Earlier rules that are looked at together, the nearest ones."""


KeyPath = tuple[str | int, ...]
"""Keys and list positions from the top of the policy."""


class Findings(Protocol):
    """Where errors and warnings about a policy go."""

    def add(self, key_path: KeyPath, reason: str) -> None:
        """Add an error at a place in the policy."""

    def warn(self, key_path: KeyPath, reason: str) -> None:
        """Add a warning at a place in the policy."""


def check_rules(policy: Policy, findings: Findings) -> None:
    """Record what cannot apply as an error."""
    for at, rule in enumerate(policy.rules):
        others = _never_sticky(rule)
        place: KeyPath = ("rules", at, "set", "sticky")
        if others and not _types(rule.match, _ALL) & _MAC_IP:
            findings.add(
                place,
                f"cannot apply: only a mac-ip route is sticky, and the match is for "
                f"{_words(others)}",
            )
        elif others and _names_types(rule.match):
            findings.add(
                place,
                f"cannot apply to {_words(others)}: only a mac-ip route is sticky; "
                "make two rules of it",
            )


def _never_sticky(rule: Rule) -> frozenset[RouteType]:
    """Return the types that a rule is for, sets sticky, and cannot."""
    if rule.changes.sticky is None:
        return frozenset()
    return _types(rule.match, _ALL) - _MAC_IP


def _names_types(match: Match) -> bool:
    return any(
        isinstance(condition, Criterion) and condition.field is Field.TYPE
        for condition in match
    )


def warn_of_rules(policy: Policy, findings: Findings, *, writes_default: bool) -> None:
    """Record what cannot happen as a warning.

    `writes_default` says whether the policy states itself what its default is.

    That takes a search, a second or so for a thousand rules.
    """
    search = Search()
    for at, rule in enumerate(policy.rules):
        place: KeyPath = ("rules", at)
        if _never_sticky(rule) and not _names_types(rule.match):
            findings.warn(
                (*place, "set", "sticky"),
                "applies to mac-ip routes alone, and the match is for others too; "
                "add `type: mac-ip`",
            )
        matches = _Matches(findings, search)
        holds = matches.check(rule.match, (*place, "match"), _ALL, ())
        if holds and (earlier := _deciding(policy.rules, at, search)):
            names = [f"{each.name} on line {each.line}" for each in earlier]
            *first, last = names
            listed = (
                f"{', '.join(first)} and {last} decide" if first else f"{last} decides"
            )
            findings.warn(
                place,
                f"is never reached: {listed} all that it matches; put it "
                f"before {'those' if first else 'that'}, or remove it",
            )
    if writes_default:
        _warn_of_default(policy, findings, search)
    for at, limit in enumerate(policy.limits):
        for other in policy.limits:
            if other is not limit and _is_lower(other, limit):
                findings.warn(
                    ("limits", at),
                    f"is never reached before {other.text} on line {other.line}; "
                    "remove one of the two",
                )
                break


def _warn_of_default(policy: Policy, findings: Findings, search: Search) -> None:
    last = Rule("", policy.line, (), policy.default)
    if earlier := _deciding((*policy.rules, last), len(policy.rules), search):
        names = ", ".join(each.name for each in earlier)
        decide = f"{names} decide{'s' * (len(earlier) == 1)} all"
        findings.warn(("default",), f"is never reached: {decide}; remove it")


def _is_lower(one: Limit, other: Limit) -> bool:
    """Return whether the one is reached first wherever the other would be."""
    if one.counted is not other.counted or not set(one.per) <= set(other.per):
        return False
    same = one.most == other.most and set(one.per) == set(other.per)
    return one.line < other.line if same else one.most <= other.most


def _types(match: Match, around: frozenset[RouteType]) -> frozenset[RouteType]:
    """Return the route types that a match may hold for."""
    possible = around
    for condition in match:
        match condition:
            case Criterion():
                possible &= types_of(condition)
            case Not((Criterion(Field.TYPE) as only,)):
                possible -= types_of(only)
            case Not():
                pass
            case AnyOf(matches):
                found = (_types(each, possible) for each in matches)
                possible &= frozenset[RouteType]().union(*found)
    return possible


def _words(types: Iterable[RouteType]) -> str:
    return " or ".join(each.word for each in sorted(types))


class _Matches:
    """Looks for matches of one rule that can never hold."""

    def __init__(self, findings: Findings, search: Search) -> None:
        self._findings = findings
        self._search = search

    def check(
        self,
        match: Match,
        place: KeyPath,
        types: frozenset[RouteType],
        around: tuple[Goal, ...],
    ) -> frozenset[RouteType]:
        """Return the route types that a match can hold for; warn where that is none.

        `types` are those that what stands around it leaves.
        """
        possible = types
        for condition in match:
            if isinstance(condition, Criterion):
                left = possible & types_of(condition)
                if not left and possible:
                    what = condition.field.value
                    why = f"{_words(possible)} has no such {what}"
                    if condition.field is Field.TYPE:
                        why = f"the keys around it match only {_words(possible)}"
                    self._findings.warn(
                        (*place, what), f"can never hold: {why}; remove one of the two"
                    )
                possible = left
        if not possible:
            return possible
        if not self._search.possible((*around, Goal(_criteria(match)))):
            self._contradiction(match, place)
            return frozenset()
        for condition in match:
            others = tuple(each for each in match if each is not condition)
            goals = (*around, Goal(others))
            match condition:
                case AnyOf(matches):
                    possible &= self._check_any(matches, place, possible, goals)
                case Not(inner):
                    possible = self._check_not(inner, place, possible, goals)
                case Criterion():
                    pass
        return possible

    def _contradiction(self, match: Match, place: KeyPath) -> None:
        """Report what in a match contradicts the rest, or what stands around it."""
        fields = {each.field for each in match if isinstance(each, Criterion)}
        if Field.LEARNED in fields and Field.LOCAL in fields:
            self._findings.warn(
                (*place, Field.LEARNED.value),
                "can never hold with `local: false`: only local routes are "
                "learned; remove one of the two",
            )
            return
        self._findings.warn(
            place, "can never hold together with the keys around it; remove it"
        )

    def _check_any(
        self,
        matches: Sequence[Match],
        place: KeyPath,
        possible: frozenset[RouteType],
        goals: tuple[Goal, ...],
    ) -> frozenset[RouteType]:
        left = frozenset[RouteType]()
        for at, each in enumerate(matches):
            left |= self.check(each, (*place, "any", at), possible, goals)
        return left

    def _check_not(
        self,
        inner: Match,
        place: KeyPath,
        possible: frozenset[RouteType],
        goals: tuple[Goal, ...],
    ) -> frozenset[RouteType]:
        if not self._search.possible((*goals, Goal(inner, holds=False))):
            self._findings.warn(
                (*place, "not"),
                "takes away all that the other keys leave; the match can never hold",
            )
            return frozenset()
        self.check(inner, (*place, "not"), _ALL, ())
        return _types((Not(inner),), possible)


def _criteria(match: Match) -> Match:
    return tuple(each for each in match if isinstance(each, Criterion))


def _deciding(rules: Sequence[Rule], at: int, search: Search) -> list[Rule]:
    """Return the earlier rules that leave nothing for one, as few as that takes."""
    goal = Goal(rules[at].match)
    earlier: list[Rule] = []
    changed = frozenset[Field]()
    for rule in reversed(rules[:at]):
        if search.exhausted or len(earlier) == _TOGETHER:
            break
        if rule.verdict is None:
            changed |= _changed_fields(rule.changes)
        # It may have seen another route than the later rule does.
        elif changed and changed & _fields(rule.match):
            continue
        elif search.possible((goal, Goal(rule.match))):
            earlier.insert(0, rule)

    def left(those: Iterable[Rule]) -> bool:
        return search.possible(
            (goal, *(Goal(each.match, holds=False) for each in those))
        )

    if left(earlier):
        return []
    for rule in reversed(earlier):
        fewer = [each for each in earlier if each is not rule]
        if not left(fewer):
            earlier = fewer
    return earlier


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
