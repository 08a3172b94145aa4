"""Cases: test routes in a policy file, and their expected results."""

from dataclasses import dataclass

from evpnd.model.policy import Changes, Key, Policy, Subject, Verdict


@dataclass(frozen=True, slots=True)
class TriedRoute:
    """A route that an operator wrote to try policies on."""

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
