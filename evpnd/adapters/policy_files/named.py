"""The policy files that a configuration names: found, and read one by one."""

import glob
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from evpnd.adapters.yaml.errors import ConfigError, ConfigErrors
from evpnd.adapters.yaml.findings import Findings
from evpnd.adapters.yaml.reader import Document, read_yaml
from evpnd.model.policy import Policy


class Policies(NamedTuple):
    """The policies that a configuration may name."""

    by_name: Mapping[str, Policy]
    complete: bool
    """False where a file was missing or wrong: a name may stand in it."""


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
    # A configuration without policies, as most are, starts without their schemas.
    from evpnd.adapters.policy_files.load import judge_policy  # noqa: PLC0415

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
