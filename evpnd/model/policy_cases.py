"""Cases: routes that stand beside a policy, and what must come of them."""

from dataclasses import dataclass

from evpnd.model.policy import Changes, Key, Policy, Subject, Verdict


@dataclass(frozen=True, slots=True)
class TriedRoute:
    """A route that an operator wrote down to see what becomes of it."""

    text: str
    """As it was written, on one line."""
    subject: Subject
    key: Key


@dataclass(frozen=True, slots=True)
class Case:
    """One test."""

    line: int
    route: TriedRoute
    verdict: Verdict
    rule: str | None
    """None: not said."""
    changes: Changes | None
    """What must have been set; None: not said."""


@dataclass(frozen=True, slots=True)
class PolicyWithCases:
    """All of a policy file."""

    policy: Policy
    description: str
    cases: tuple[Case, ...]
