"""Policies in a row, compiled; programs, which are what is left for one path."""

from collections.abc import Callable, Hashable, Sequence
from operator import itemgetter
from typing import NamedTuple, final

from evpnd.core.policy.changing import compile_changes
from evpnd.core.policy.keys import KeyIndex
from evpnd.core.policy.matching import compile_match, flags, positions
from evpnd.model.policy import (
    DEFAULT_RULE,
    KEY_FIELDS,
    TYPES_WITH,
    Key,
    Policy,
    Rule,
    Subject,
    Verdict,
)

MOST_REMEMBERED = 65536
"""Kinds of paths that one policy remembers."""

_WITH_KEYS = frozenset().union(*(TYPES_WITH[field] for field in KEY_FIELDS))


@final
class Step:
    """A rule that matched, and how often it did. Compared by identity."""

    __slots__ = ("count", "file", "line", "policy", "reason", "rule", "verdict")

    def __init__(self, policy: Policy, rule: Rule) -> None:
        """Begin with no route."""
        self.policy = policy.name
        self.file = policy.file
        self.rule = rule.name
        self.line = rule.line
        self.verdict = rule.verdict
        """None: it changed the route, and the next rule was asked."""
        self.reason = rule.reason
        self.count = 0
        """Routes, each time that they were judged."""

    @property
    def name(self) -> str:
        """Name the rule with its policy and its place."""
        return f"policy {self.policy}, rule {self.rule}, {self.place}"

    @property
    def place(self) -> str:
        """Give file and line."""
        return f"{self.file}:{self.line}"


class Outcome(NamedTuple):
    """What became of a route."""

    accepted: bool
    steps: tuple[Step, ...]
    """The rules that matched, in order; the last one decided."""
    subject: Subject
    """The route as the rules left it."""

    @property
    def reason(self) -> str:
        """Say why: the operator's text or the verdict, and which rule said so."""
        step = self.steps[-1]
        why = step.reason or ("accepted" if self.accepted else "rejected")
        return f"{why} ({step.name})"

    @property
    def rules(self) -> str:
        """Name the rules that matched."""
        return "; ".join(step.name for step in self.steps)


class _Rule(NamedTuple):
    matches: Callable[[Subject, int | None], bool | None]
    flags: int
    change: Callable[[Subject], Subject] | None
    decides: bool
    step: Step


@final
class _Settled:
    """What is left of a policy for paths that look the same to it."""

    __slots__ = ("_decided", "_rules", "_subject", "changes", "flags")

    def __init__(self, subject: Subject, rules: Sequence[_Rule]) -> None:
        """Leave out the rules that cannot match a path, whatever its keys are."""
        bits = None if subject.type in _WITH_KEYS else 0
        left = []
        changed = subject
        for at, rule in enumerate(rules):
            matches = rule.matches(changed, bits)
            if matches is False:
                continue
            left.append(rule)
            if matches and rule.decides:
                break
            if rule.change is None or rule.decides:
                continue
            if not matches:
                # What the rules behind this one see depends on the key.
                left.extend(rules[at + 1 :])
                break
            changed = rule.change(changed)
        self._subject = subject
        self._rules = tuple(left)
        self._decided: dict[int, tuple[_Rule, ...]] = {}
        self.flags = 0
        self.changes = False
        """What it makes of a path depends on the key."""
        if bits is None:
            for rule in left:
                self.flags |= rule.flags
            self.changes = self.flags != 0 and any(rule.change for rule in left)

    def matching(self, bits: int) -> tuple[_Rule, ...]:
        """Find the rules that match, the last of which decides."""
        bits &= self.flags
        known = self._decided.get(bits)
        if known is not None:
            return known
        matching = []
        subject = self._subject
        for rule in self._rules:
            if rule.matches(subject, bits):
                matching.append(rule)
                if rule.decides:
                    break
                if rule.change is not None:
                    subject = rule.change(subject)
        found = self._decided[bits] = tuple(matching)
        return found


@final
class _Policy:
    """One policy, compiled."""

    __slots__ = ("_look", "_rules", "_settled", "flags", "steps")

    def __init__(self, policy: Policy, index: KeyIndex) -> None:
        last = Rule(DEFAULT_RULE, policy.line, (), policy.default)
        rules = (*policy.rules, last)
        self._rules = tuple(
            _Rule(
                compile_match(rule.match, index),
                flags(rule.match, index),
                compile_changes(rule.changes),
                rule.verdict is not None,
                Step(policy, rule),
            )
            for rule in rules
        )
        self.steps = tuple(rule.step for rule in self._rules)
        self.flags = flags(
            tuple(condition for rule in rules for condition in rule.match), index
        )
        seen = frozenset({Subject._fields.index("type")}).union(
            *(positions(rule.match) for rule in rules)
        )
        self._look: Callable[[Subject], Hashable] = itemgetter(*sorted(seen))
        self._settled: dict[Hashable, _Settled] = {}

    def settle(self, subject: Subject) -> _Settled:
        """Judge a path, once for all that look the same."""
        look = self._look(subject)
        known = self._settled.get(look)
        if known is None:
            if len(self._settled) >= MOST_REMEMBERED:
                self._settled.clear()
            known = self._settled[look] = _Settled(subject, self._rules)
        return known


@final
class Program:
    """What policies make of the routes of one path."""

    __slots__ = ("_chain", "_outcomes", "_subject", "relevant")

    def __init__(self, chain: "Chain", subject: Subject, relevant: int) -> None:
        self._chain = chain
        self._subject = subject
        self._outcomes: dict[int, Outcome] = {}
        self.relevant = relevant
        """The bits that the outcome depends on; 0: it is the same for all keys."""

    def outcome(self, bits: int = 0) -> Outcome:
        """Find what becomes of routes with these bits."""
        known = self._outcomes.get(bits)
        if known is None:
            known = self._chain.run(self._subject, bits)
            for other in self._outcomes.values():
                if other == known:
                    known = other
            self._outcomes[bits] = known
        return known

    def partition(self, keys: Sequence[bytes]) -> list[tuple[Outcome, Sequence[bytes]]]:
        """Part type 2 keys by what becomes of them."""
        if not self.relevant:
            return [(self.outcome(), keys)]
        bits = self._chain.index.bits(keys, self.relevant)
        kinds = set(bits)
        outcomes = {id(outcome): outcome for outcome in map(self.outcome, kinds)}
        if len(outcomes) == 1:
            return [(outcome, keys) for outcome in outcomes.values()]
        parts: dict[int, list[bytes]] = {each: [] for each in outcomes}
        take = {each: parts[id(self.outcome(each))].append for each in kinds}
        for key, each in zip(keys, bits, strict=True):
            take[each](key)
        return [(outcome, parts[each]) for each, outcome in outcomes.items()]

    def outcome_of(self, key: Key) -> Outcome:
        """Find what becomes of one route, of whatever type."""
        if not self.relevant:
            return self.outcome()
        if key.mac:
            (bits,) = self._chain.index.bits((key.mac + key.ip,), self.relevant)
        else:
            bits = self._chain.index.bits_of_prefix(key, self.relevant)
        return self.outcome(bits)


class Chain:
    """Policies in a row: a route must be accepted by every one of them."""

    def __init__(self, policies: Sequence[Policy]) -> None:
        """Compile them."""
        self.index = KeyIndex()
        self._policies = tuple(_Policy(policy, self.index) for policy in policies)
        self.steps = tuple(step for each in self._policies for step in each.steps)
        """All rules, for counters."""

    def program(self, subject: Subject) -> Program:
        """Judge a path, as far as that goes without MAC and IP."""
        relevant = 0
        known: Subject | None = subject
        for policy in self._policies:
            if known is None:
                relevant |= policy.flags
                continue
            settled = policy.settle(known)
            relevant |= settled.flags
            if settled.changes:
                known = None
            elif not settled.flags:
                matching = settled.matching(0)
                if matching[-1].step.verdict is Verdict.REJECT:
                    break
                for rule in matching:
                    if rule.change is not None:
                        known = rule.change(known)
        if subject.type not in _WITH_KEYS:
            relevant = 0
        return Program(self, subject, relevant)

    def run(self, subject: Subject, bits: int) -> Outcome:
        """Ask every policy in turn, until one rejects."""
        steps: list[Step] = []
        for policy in self._policies:
            for rule in policy.settle(subject).matching(bits):
                steps.append(rule.step)
                if rule.change is not None:
                    subject = rule.change(subject)
            if steps[-1].verdict is Verdict.REJECT:
                return Outcome(accepted=False, steps=tuple(steps), subject=subject)
        return Outcome(accepted=True, steps=tuple(steps), subject=subject)
