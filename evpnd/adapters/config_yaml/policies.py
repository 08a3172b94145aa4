"""Policy files, as far as this version reads them: found, sound and named."""

import glob
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evpnd.adapters.config_yaml.errors import ConfigError, ConfigErrors
from evpnd.adapters.config_yaml.reader import Document, describe, read_yaml
from evpnd.adapters.config_yaml.shape import Findings
from evpnd.adapters.config_yaml.types import name, text


@dataclass(frozen=True, slots=True)
class Policies:
    """The policies that a configuration may name."""

    names: frozenset[str]
    complete: bool
    """False where a file was missing or wrong: a name may stand in it."""


def is_policy(document: Document) -> bool:
    """Tell a policy file from a configuration by its key ``policy``."""
    return isinstance(document.value, dict) and "policy" in document.value


def policy_name(document: Document) -> tuple[str | None, tuple[ConfigError, ...]]:
    """Find the name of the policy in a file, and what is wrong with the file."""
    errors = list(document.errors)
    value = document.value
    if not isinstance(value, dict) or "policy" not in value:
        what = "" if isinstance(value, dict) else f"is {describe(value)}; "
        errors.append(
            document.error(
                (), f"{what}not a policy file; it starts with `policy: NAME`"
            )
        )
        return None, tuple(errors)
    found = value["policy"]
    try:
        return name(text(found)), tuple(errors)
    except ValueError as error:
        errors.append(document.error(("policy",), str(error)))
        return None, tuple(errors)


def read_policies(
    patterns: Sequence[str], folder: Path, findings: Findings
) -> Policies:
    """Read the files that ``policies:`` names and note what is wrong with them."""
    names: dict[str, Path] = {}
    seen: set[Path] = set()
    complete = True
    for index, pattern in enumerate(patterns):
        # Path.glob takes no absolute patterns, which operators write too.
        within = Path(glob.escape(str(folder))) / pattern
        paths = sorted(glob.glob(str(within)))  # noqa: PTH207
        if not paths:
            complete = False
            findings.add(
                ("policies", index),
                f"no file matches {pattern} in {folder}; correct or remove it",
            )
        for path in map(Path, paths):
            if path.resolve() in seen:
                continue
            seen.add(path.resolve())
            complete &= _read_policy(path, names, findings)
    return Policies(frozenset(names), complete)


def _read_policy(path: Path, names: dict[str, Path], findings: Findings) -> bool:
    try:
        document = read_yaml(path)
    except ConfigErrors as error:
        for one in error.errors:
            findings.add_elsewhere(one)
        return False
    found, errors = policy_name(document)
    for one in errors:
        findings.add_elsewhere(one)
    if found is None:
        return False
    if found in names:
        findings.add_elsewhere(
            document.error(
                ("policy",),
                f"{found!r} is the name of {names[found]} too; give each its own",
            )
        )
    names.setdefault(found, path)
    return not errors
