"""A policy file: read, judged and turned into a policy."""

from pathlib import Path

from evpnd.adapters.policy_files.cases import build_cases, build_route
from evpnd.adapters.policy_files.recognise import is_policy
from evpnd.adapters.policy_files.rules import POLICY, build_policy
from evpnd.adapters.policy_files.schema import Route
from evpnd.adapters.policy_files.sets import Sets
from evpnd.adapters.yaml.errors import ConfigErrors
from evpnd.adapters.yaml.findings import Findings
from evpnd.adapters.yaml.reader import Document, describe, parse_yaml, read_yaml
from evpnd.adapters.yaml.scalars import Nothing
from evpnd.adapters.yaml.shape import Shape, blank_missing, validate
from evpnd.model.policy_cases import PolicyWithCases, TriedRoute
from evpnd.policy.lint_rules import check_rules, warn_of_rules
from evpnd.policy.trial import meets, try_cases

_SUFFIXES = (".yaml", ".yml")


def judge_policy(
    document: Document, *, warn: bool = True
) -> tuple[PolicyWithCases | None, Findings]:
    """Turn one file into a policy; None, and errors among the findings, if wrong.

    Warnings count where there is no error: with rules cut out they may be wrong. They
    take time, which a daemon has not.
    """
    findings = Findings(document, warns=warn)
    value = document.value
    if not is_policy(document):
        what = "" if isinstance(value, dict) else f"is {describe(value)}; "
        if isinstance(value, Nothing):
            what = "is empty; "
        findings.add_shape(
            (),
            f"{what}not a policy file; it starts with `policy: NAME`"
            f"{blank_missing(value)}",
        )
        return None, findings
    file = validate(findings, POLICY)
    if file is None:
        return None, findings
    sets = Sets(file, findings)
    policy = build_policy(file, sets, findings)
    check_rules(policy, findings)
    cases = tuple(build_cases(file, policy, sets, findings))
    if findings.errors:
        return None, findings
    tested = PolicyWithCases(policy, file.description or "", cases)
    if findings.warns:
        default = findings.document.section("default")
        warn_of_rules(policy, findings, writes_default=default is not None)
        _warn_of_cases(tested, findings)
    return tested, findings


def _warn_of_cases(tested: PolicyWithCases, findings: Findings) -> None:
    for at, (case, trial) in enumerate(try_cases(tested)):
        if not meets(case, trial):
            findings.warn(
                ("cases", at),
                f"fails: {trial.verdict.value} by {trial.deciding.rule}; "
                "`evpnd policy test` prints details",
            )


def load_policy(path: Path) -> PolicyWithCases:
    """Read one policy file with its cases; raises ConfigErrors, all of them."""
    found, findings = judge_policy(read_yaml(path), warn=False)
    if found is None:
        raise ConfigErrors(findings.errors)
    return found


def policy_paths(path: Path) -> tuple[Path, ...]:
    """List the YAML files of a directory; a file is itself."""
    if not path.is_dir():
        return (path,)
    return tuple(
        sorted(
            each
            for each in path.iterdir()
            # An editor's own, as the lock `.#guard.yaml`, is no file of the operator.
            if each.suffix in _SUFFIXES and not each.name.startswith(".")
        )
    )


def parse_route(text: str) -> TriedRoute:
    """Read a route as the cases have it, ``{type: mac-ip, mac: ...}``.

    Raises ConfigErrors.
    """
    findings = Findings(parse_yaml(text, Path("--route")))
    shape = Shape(
        model=Route,
        first="type:",
        examples=POLICY.examples,
        sections={},
        other_words=POLICY.other_words,
    )
    route = validate(findings, shape)
    if route is not None and not findings.errors:
        tried = build_route(route, (), findings)
        if not findings.errors:
            return tried
    raise ConfigErrors(findings.errors)
