"""A match as a function of the bits of the criteria that hold.

Of a path alone the bits of MAC and IP are unknown, and so may the answer be then
(None): that a match does not depend on them is how a path is judged as a whole.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import assert_never

from evpnd.model.policy import (
    KEY_FIELDS,
    TYPES_WITH,
    AnyOf,
    Criterion,
    Field,
    Match,
    Not,
    Subject,
)
from evpnd.policy.facts import FactIndex
from evpnd.policy.keys import KeyIndex

_WITH_IP = TYPES_WITH[Field.IP]

Matches = Callable[[int, int], bool | None]
"""Of the bits that hold and of those that are unknown."""


def fields(match: Match) -> frozenset[Field]:
    """List the fields that a match looks at."""
    return frozenset(criterion.field for criterion in criteria(match))


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


class Index:
    """The bits of all criteria of some policies."""

    def __init__(self) -> None:
        """Start without any."""
        self.keys = KeyIndex()
        self._facts = FactIndex()
        self._flags: dict[Criterion, int] = {}
        self.key_flags = 0

    def flag(self, criterion: Criterion) -> int:
        """Return a criterion its bit; an equal one has the same."""
        flag = self._flags.get(criterion)
        if flag is None:
            flag = self._flags[criterion] = 1 << len(self._flags)
            if criterion.field in KEY_FIELDS:
                self.key_flags |= flag
                self.keys.add(criterion, flag)
            else:
                self._facts.add(criterion, flag)
        return flag

    def flags(self, match: Match) -> int:
        """Return all bits that a match looks at."""
        bits = 0
        for criterion in criteria(match):
            bits |= self.flag(criterion)
        return bits

    def facts(self, subject: Subject) -> int:
        """Return the bits of all criteria that hold for a path."""
        bits = self._facts.facts(subject)
        return bits if subject.type in _WITH_IP else bits | self.keys.without_ip

    def compile(self, match: Match) -> Matches:
        """Make the function of a match."""
        need = forbid = 0
        parts: list[Matches] = []
        for condition in match:
            match condition:
                case Criterion():
                    need |= self.flag(condition)
                case Not((Criterion() as only,)):
                    forbid |= self.flag(only)
                case Not(inner):
                    parts.append(_not(self.compile(inner)))
                case AnyOf(matches):
                    parts.append(_any([self.compile(each) for each in matches]))
                case _:
                    assert_never(condition)
        return _all(need, forbid, parts)


def _all(need: int, forbid: int, parts: Sequence[Matches]) -> Matches:
    if need & forbid:
        return _never
    looked_at = need | forbid

    def plain(bits: int, unknown: int) -> bool | None:
        known = ~unknown
        if (bits ^ need) & looked_at & known:
            return False
        return None if looked_at & unknown else True

    if not parts:
        return plain

    def matches(bits: int, unknown: int) -> bool | None:
        answer = plain(bits, unknown)
        if answer is False:
            return False
        for part in parts:
            found = part(bits, unknown)
            if found is False:
                return False
            if found is None:
                answer = None
        return answer

    return matches


def _never(_: int, __: int) -> bool | None:
    return False


def _any(parts: Sequence[Matches]) -> Matches:
    def matches(bits: int, unknown: int) -> bool | None:
        answer: bool | None = False
        for part in parts:
            found = part(bits, unknown)
            if found is True:
                return True
            if found is None:
                answer = None
        return answer

    return matches


def _not(part: Matches) -> Matches:
    def matches(bits: int, unknown: int) -> bool | None:
        found = part(bits, unknown)
        return None if found is None else not found

    return matches
