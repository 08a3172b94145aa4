"""The policies of a configuration, compiled where peers and EVIs name them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from evpnd.model.policy import Policy
from evpnd.policy.program import Chain

Names = tuple[str, ...]
Counts = dict[tuple[str, str], int]
"""By policy and rule."""


class Attached:
    """Policies in a row, by their names."""

    def __init__(self, policies: Mapping[str, Policy]) -> None:
        """Start with the policies of a configuration."""
        self._policies = policies
        self._chains: dict[Names, Chain] = {}
        self._past: Counts = {}
        """Of rules as they are, in rows of policies of which another changed."""

    def configure(self, policies: Mapping[str, Policy]) -> None:
        """Store new policies; those that did not change keep their counts."""
        old, self._policies = self._policies, policies
        kept = {name for name in old if old[name] == policies.get(name)}
        self._past = {rule: n for rule, n in self._past.items() if rule[0] in kept}
        for names in list(self._chains):
            if kept.issuperset(names):
                continue
            for step in self._chains.pop(names).steps:
                if step.policy in kept and step.count:
                    rule = step.policy, step.rule
                    self._past[rule] = self._past.get(rule, 0) + step.count

    def chain(self, names: Names) -> Chain | None:
        """Return the chain of some policies; None for no policy."""
        if not names:
            return None
        chain = self._chains.get(names)
        if chain is None:
            chain = Chain([self._policies[name] for name in names])
            self._chains[names] = chain
        return chain

    def counts(self) -> Counts:
        """Count the routes that each rule was for, each time that they were judged."""
        total = dict(self._past)
        for chain in self._chains.values():
            for step in chain.steps:
                rule = step.policy, step.rule
                total[rule] = total.get(rule, 0) + step.count
        return total

    @contextmanager
    def counting_anew(self) -> Iterator[None]:
        """Count from 0 within this; after it the counters are as they were."""
        past, self._past = self._past, {}
        before = [(step, step.count) for c in self._chains.values() for step in c.steps]
        for step, _ in before:
            step.count = 0
        try:
            yield
        finally:
            self._past = past
            for step, count in before:
                step.count = count
