"""The result of policies for one route, compared with a case."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from evpnd.model.policy import Changes, Edit, Policy, Subject, Verdict
from evpnd.model.policy_cases import Case, PolicyWithCases, TriedRoute
from evpnd.policy.changing import apply, difference
from evpnd.policy.program import Chain, Outcome, Step


@dataclass(frozen=True, slots=True)
class Trial:
    """The result of policies for one route."""

    verdict: Verdict
    steps: tuple[Step, ...]
    """The rules that matched; the last one decided."""
    changes: Mapping[str, object]
    """What was set, in the words of the YAML; nothing of a rejected route."""
    subject: Subject

    @property
    def deciding(self) -> Step:
        """Return the rule that decided."""
        return self.steps[-1]

    @property
    def reason(self) -> str:
        """Return why: the operator's text, or the rule's name where there is none."""
        step = self.deciding
        return step.reason or f"{self.verdict.value}ed by {step.rule} of {step.policy}"


class Trials:
    """Policies in a row, compiled once, to send routes through one by one."""

    def __init__(self, policies: Sequence[Policy]) -> None:
        """Compile them; at least one."""
        self._chain = Chain(policies)

    def try_route(self, route: TriedRoute) -> Trial:
        """Send one route through."""
        program = self._chain.program(route.subject)
        outcome: Outcome = program.outcome_of(route.key)
        subject, accepted = outcome.subject, outcome.accepted
        return Trial(
            verdict=Verdict.ACCEPT if accepted else Verdict.REJECT,
            steps=outcome.steps,
            changes=difference(route.subject, subject) if accepted else {},
            subject=subject,
        )


def try_cases(tested: PolicyWithCases) -> Iterator[tuple[Case, Trial]]:
    """Send the routes of all cases through their policy."""
    if not tested.cases:
        return
    trials = Trials([tested.policy])
    for case in tested.cases:
        yield case, trials.try_route(case.route)


def meets(case: Case, trial: Trial) -> bool:
    """Return whether the result of a route is what its case expects."""
    return (
        trial.verdict is case.verdict
        and (case.rule is None or case.rule == trial.deciding.rule)
        and (case.changes is None or _changed(case.changes, trial))
    )


def _changed(expected: Changes, trial: Trial) -> bool:
    if not any(each is not None for each in expected):
        return not trial.changes
    subject = trial.subject
    return (
        expected.local_preference in (None, subject.local_preference)
        and expected.med in (None, subject.med)
        and expected.sticky in (None, subject.sticky)
        and _edited(expected.communities, subject.communities)
        and _edited(expected.large_communities, subject.large_communities)
        and _edited(expected.route_targets, subject.route_targets)
    )


def _edited(expected: Edit | None, members: Sequence[bytes]) -> bool:
    """Return whether the members are those that replace, or were added and removed."""
    if expected is None:
        return True
    if expected.replace is not None:
        return set(expected.replace) == set(members)
    return set(apply(expected, members)) == set(members)
