"""Policy files: found, read, judged and turned into policies."""

import glob
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evpnd.adapters.policy_files.cases import build_cases, build_route
from evpnd.adapters.policy_files.rules import POLICY, build_policy
from evpnd.adapters.policy_files.schema import Route
from evpnd.adapters.policy_files.sets import Sets
from evpnd.adapters.yaml.errors import ConfigError, ConfigErrors
from evpnd.adapters.yaml.findings import Findings
from evpnd.adapters.yaml.reader import Document, describe, parse_yaml, read_yaml
from evpnd.adapters.yaml.scalars import Nothing
from evpnd.adapters.yaml.shape import Shape, blank_missing, validate
from evpnd.model.policy import Policy
from evpnd.model.policy_cases import PolicyWithCases, TriedRoute
from evpnd.policy.lint_rules import check_rules, warn_of_rules
from evpnd.policy.trial import meets, try_cases

_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Policies:
    """The policies that a configuration may name."""

    by_name: Mapping[str, Policy]
    complete: bool
    """False where a file was missing or wrong: a name may stand in it."""


def is_policy(document: Document) -> bool:
    """Return whether a file is a policy file: it has the key ``policy``.

    One that lacks it has rules, and nothing that a configuration begins with.
    """
    value = document.value
    return isinstance(value, dict) and (
        "policy" in value
        or ("rules" in value and not {"asn", "vtep", "peers", "evis"} & value.keys())
    )


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


def read_policies(
    patterns: Sequence[str], folder: Path, findings: Findings
) -> Policies:
    """Read the files that ``policies:`` names and note what is wrong with them."""
    found: dict[str, Policy] = {}
    seen: set[Path] = set()
    complete = True
    for index, pattern in enumerate(patterns):
        # Path.glob takes no absolute patterns, which operators write too.
        within = Path(glob.escape(str(folder))) / pattern
        paths = sorted(glob.glob(str(within)))  # noqa: PTH207
        if not paths:
            where = "" if Path(pattern).is_absolute() else f" in {folder}"
            reason = f"no file matches {pattern}{where}; correct or remove it"
            # A folder for files to come is empty at first; a name is of one file.
            if glob.has_magic(pattern):
                findings.warn(("policies", index), reason)
            else:
                complete = False
                findings.add(("policies", index), reason)
        for path in map(Path, paths):
            if path.is_dir():
                complete = False
                findings.add(
                    ("policies", index),
                    f"{_plain(path)} is a directory; write {_plain(path)}/*.yaml",
                )
                continue
            # Unlike Path.resolve, this leaves links that lead in circles alone.
            real = Path(os.path.realpath(path))
            if real in seen:
                continue
            seen.add(real)
            complete &= _read_policy(_plain(path), found, findings)
    return Policies(found, complete)


def _plain(path: Path) -> Path:
    """Remove `..` from a path if the file stays the same."""
    plain = Path(os.path.normpath(path))
    try:
        return plain if plain.samefile(path) else path
    except OSError:
        return path


def _read_policy(path: Path, found: dict[str, Policy], findings: Findings) -> bool:
    try:
        document = read_yaml(path)
    except ConfigErrors as error:
        for one in error.errors:
            findings.add_elsewhere(one)
        return False
    read, judged = judge_policy(document, warn=findings.warns)
    for one in judged.errors:
        findings.add_elsewhere(one)
    if read is None:
        return False
    for one in judged.warnings:
        findings.warn_elsewhere(one)
    policy = read.policy
    if policy.name in found:
        findings.add_elsewhere(_twice(document, policy.name, found[policy.name].file))
    found.setdefault(policy.name, policy)
    return True


def _twice(document: Document, name: str, first: str) -> ConfigError:
    return document.error(
        ("policy",), f"{name!r} is also the name of {first}; give each its own"
    )
