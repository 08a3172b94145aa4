"""Policies in a row, compiled; programs, which are what is left for one path."""

from collections.abc import Callable, Hashable, Sequence
from operator import attrgetter
from typing import NamedTuple, final

from evpnd.model.policy import (
    KEY_FIELDS,
    TYPES_WITH,
    Field,
    Key,
    Policy,
    Rule,
    Subject,
    Verdict,
)
from evpnd.policy.changing import compile_changes
from evpnd.policy.keys import KeyIndex
from evpnd.policy.matching import Index, Matches, fields

MOST_REMEMBERED = 65536
"""Kinds of paths that one policy remembers."""

_WITH_KEYS = frozenset().union(*(TYPES_WITH[field] for field in KEY_FIELDS))


@final
class Step:
    """A rule that matched, and how often it did. Compared by identity."""

    __slots__ = (
        *("changes", "count", "file", "line", "policy", "reason", "rule", "verdict"),
    )

    def __init__(self, policy: Policy, rule: Rule) -> None:
        """Start with no route."""
        self.policy = policy.name
        self.file = policy.file
        self.rule = rule.name
        self.line = rule.line
        self.verdict = rule.verdict
        """None: it changed the route, and the next rule was asked."""
        self.changes = rule.changes
        self.reason = rule.reason
        self.count = 0
        """Routes, each time that they were judged."""

    @property
    def name(self) -> str:
        """Return the rule's name with its policy and its place."""
        return f"policy {self.policy}, rule {self.rule}, {self.place}"

    @property
    def place(self) -> str:
        """Return file and line."""
        return f"{self.file}:{self.line}"


class Outcome(NamedTuple):
    """The result of policies for a route."""

    accepted: bool
    steps: tuple[Step, ...]
    """The rules that matched, in order; the last one decided."""
    subject: Subject
    """The route as the rules left it."""

    @property
    def reason(self) -> str:
        """Return why: the operator's text or the verdict, and which rule said so."""
        step = self.steps[-1]
        why = step.reason or ("accepted" if self.accepted else "rejected")
        return f"{why} ({step.name})"

    @property
    def rules(self) -> str:
        """Return the names of the rules that matched."""
        return "; ".join(step.name for step in self.steps)


class _Rule(NamedTuple):
    matches: Matches
    flags: int
    change: Callable[[Subject], Subject] | None
    decides: bool
    step: Step


@final
class _Settled:
    """The rest of a policy for paths that look the same to it."""

    __slots__ = ("_decided", "_index", "_rules", "_subject", "changes", "flags")

    def __init__(
        self, subject: Subject, facts: int, rules: Sequence[_Rule], index: Index
    ) -> None:
        """Store the program without the rules that cannot match a path."""
        unknown = index.key_flags if subject.type in _WITH_KEYS else 0
        left = []
        changed = subject
        for at, rule in enumerate(rules):
            matches = rule.matches(facts, unknown)
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
            facts = index.facts(changed)
        self._index = index
        self._subject = subject
        self._rules = tuple(left)
        self._decided: dict[int, tuple[_Rule, ...]] = {}
        self.flags = 0
        """The bits of MAC and IP that matter still."""
        for rule in left:
            self.flags |= rule.flags & unknown
        self.changes = self.flags != 0 and any(rule.change for rule in left)
        """What it makes of a path depends on the key."""

    def matching(self, bits: int) -> tuple[_Rule, ...]:
        """Return the rules that match, the last of which decides."""
        bits &= self.flags
        known = self._decided.get(bits)
        if known is not None:
            return known
        matching = []
        subject = self._subject
        held = bits | self._index.facts(subject)
        for rule in self._rules:
            if rule.matches(held, 0):
                matching.append(rule)
                if rule.decides:
                    break
                if rule.change is not None:
                    subject = rule.change(subject)
                    held = bits | self._index.facts(subject)
        found = self._decided[bits] = tuple(matching)
        return found


_LISTS = {
    Field.COMMUNITY: (("communities",), "communities"),
    Field.LARGE_COMMUNITY: (("large_communities",), "large_communities"),
    Field.ROUTE_TARGET: (("route_targets",), "route_targets"),
    Field.EXTENDED_COMMUNITY: (("route_targets", "sticky"), "extended_communities"),
}
"""What rules change when a field changes, and the list that the field is."""


def seen_lists(rules: Sequence[Rule]) -> Callable[[Subject], Hashable] | None:
    """Return the lists that rules may look at after they changed them; None: none.

    What a list is after a change cannot be told from the bits before it.
    """
    looked_at = frozenset[Field]().union(*(fields(rule.match) for rule in rules))
    seen = [
        name
        for field, (changed, name) in _LISTS.items()
        if field in looked_at
        and any(
            getattr(rule.changes, one) is not None for one in changed for rule in rules
        )
    ]
    return attrgetter(*seen) if seen else None


@final
class _Policy:
    """One policy, compiled."""

    __slots__ = ("_flags", "_index", "_rules", "_seen", "_settled", "steps")

    def __init__(self, policy: Policy, index: Index) -> None:
        rules = policy.all_rules
        self._rules = tuple(
            _Rule(
                index.compile(rule.match),
                index.flags(rule.match),
                compile_changes(rule.changes),
                rule.verdict is not None,
                Step(policy, rule),
            )
            for rule in rules
        )
        self._index = index
        self._flags = 0
        for compiled in self._rules:
            self._flags |= compiled.flags
        self.steps = tuple(compiled.step for compiled in self._rules)
        self._seen = seen_lists(rules)
        self._settled: dict[Hashable, _Settled] = {}

    @property
    def key_flags(self) -> int:
        """Return the bits of MAC and IP that any rule looks at."""
        return self._flags & self._index.key_flags

    def settle(self, subject: Subject, facts: int) -> _Settled:
        """Evaluate a path, once for all that look the same."""
        look: Hashable = (facts & self._flags, subject.type)
        if self._seen is not None:
            look = (look, self._seen(subject))
        known = self._settled.get(look)
        if known is None:
            if len(self._settled) >= MOST_REMEMBERED:
                self._settled.clear()
            known = _Settled(subject, facts, self._rules, self._index)
            self._settled[look] = known
        return known


class _Verdict(NamedTuple):
    """What the policies decide, before it is applied to a path."""

    accepted: bool
    steps: tuple[Step, ...]
    changes: tuple[Callable[[Subject], Subject], ...]


@final
class _Shared:
    """What is left of policies in a row for paths that look the same to them."""

    __slots__ = ("_chain", "_subject", "_verdicts", "relevant")

    def __init__(self, chain: "Chain", subject: Subject, relevant: int) -> None:
        self._chain = chain
        self._subject = subject
        self._verdicts: dict[int, _Verdict] = {}
        self.relevant = relevant

    def verdict(self, bits: int) -> _Verdict:
        """Return what is decided about keys with these bits."""
        known = self._verdicts.get(bits)
        if known is None:
            known = self._verdicts[bits] = self._chain.run(self._subject, bits)
        return known


@final
class Program:
    """What policies make of the routes of one path."""

    __slots__ = ("_keys", "_outcomes", "_shared", "_subject", "relevant")

    def __init__(self, shared: "_Shared", keys: KeyIndex, subject: Subject) -> None:
        self._shared = shared
        self._keys = keys
        self._subject = subject
        self._outcomes: dict[int, Outcome] = {}
        self.relevant = shared.relevant
        """The bits that the outcome depends on; 0: it is the same for all keys."""

    def outcome(self, bits: int = 0) -> Outcome:
        """Return what becomes of routes with these bits."""
        known = self._outcomes.get(bits)
        if known is None:
            verdict = self._shared.verdict(bits)
            subject = self._subject
            for change in verdict.changes:
                subject = change(subject)
            known = Outcome(verdict.accepted, verdict.steps, subject)
            for other in self._outcomes.values():
                if other == known:
                    known = other
            self._outcomes[bits] = known
        return known

    def partition(self, keys: Sequence[bytes]) -> list[tuple[Outcome, Sequence[bytes]]]:
        """Part type 2 keys by what becomes of them."""
        if not self.relevant:
            return [(self.outcome(), keys)]
        bits = self._keys.bits(keys, self.relevant)
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
        """Return what becomes of one route, of whatever type."""
        if not self.relevant:
            return self.outcome()
        if key.mac:
            (bits,) = self._keys.bits((key.mac + key.ip,), self.relevant)
        else:
            bits = self._keys.bits_of_prefix(key, self.relevant)
        return self.outcome(bits)


class Chain:
    """Policies in a row: a route must be accepted by every one of them."""

    def __init__(self, policies: Sequence[Policy]) -> None:
        """Compile them."""
        self._index = Index()
        self.keys = self._index.keys
        self._policies = tuple(_Policy(policy, self._index) for policy in policies)
        self.steps = tuple(step for each in self._policies for step in each.steps)
        """All rules, for counters."""
        self._seen = seen_lists([rule for policy in policies for rule in policy.rules])
        self._shared: dict[Hashable, _Shared] = {}

    def program(self, subject: Subject) -> Program:
        """Evaluate a path as far as possible without MAC and IP."""
        facts = self._index.facts(subject)
        look: Hashable = (facts, subject.type)
        if self._seen is not None:
            look = (look, self._seen(subject))
        shared = self._shared.get(look)
        if shared is None:
            if len(self._shared) >= MOST_REMEMBERED:
                self._shared.clear()
            relevant = self._relevant(subject, facts)
            shared = self._shared[look] = _Shared(self, subject, relevant)
        return Program(shared, self.keys, subject)

    def _relevant(self, subject: Subject, facts: int) -> int:
        """Return the bits of MAC and IP that matter still."""
        relevant = 0
        known: Subject | None = subject
        for policy in self._policies:
            if known is None:
                relevant |= policy.key_flags
                continue
            settled = policy.settle(known, facts)
            relevant |= settled.flags
            if settled.changes:
                known = None
            elif not settled.flags:
                matching = settled.matching(0)
                if matching[-1].step.verdict is Verdict.REJECT:
                    break
                known, facts = self._change(known, facts, matching)
        return relevant if subject.type in _WITH_KEYS else 0

    def _change(
        self, subject: Subject, facts: int, matching: Sequence[_Rule]
    ) -> tuple[Subject, int]:
        changed = subject
        for rule in matching:
            if rule.change is not None:
                changed = rule.change(changed)
        return changed, facts if changed is subject else self._index.facts(changed)

    def run(self, subject: Subject, bits: int) -> _Verdict:
        """Ask every policy in turn, until one rejects."""
        steps: list[Step] = []
        changes: list[Callable[[Subject], Subject]] = []
        facts = self._index.facts(subject)
        for policy in self._policies:
            matching = policy.settle(subject, facts).matching(bits)
            for rule in matching:
                steps.append(rule.step)
                if rule.change is not None:
                    changes.append(rule.change)
            if steps[-1].verdict is Verdict.REJECT:
                break
            subject, facts = self._change(subject, facts, matching)
        accepted = not steps or steps[-1].verdict is not Verdict.REJECT
        return _Verdict(accepted, tuple(steps), tuple(changes))
