"""A case: a folder with what it is about, a configuration, and steps."""

import re
from pathlib import Path
from typing import NamedTuple

from evpnd.adapters.config import ConfigErrors
from evpnd.adapters.yaml.reader import Document, read_yaml
from tests.conformance.host import Host
from tests.conformance.steps import play
from tests.conformance.words import CaseError

ROOT = Path(__file__).parent
DEFAULT_CONFIG = ROOT / "evpnd.yaml"
_SHOWN_STEP = 100
"""Characters of a step that a failure repeats."""


class CaseFailed(AssertionError):  # noqa: N818 - a verdict, not a mistake
    """What evpnd did is not what the case expects."""


class Case(NamedTuple):
    """One folder."""

    name: str
    folder: Path
    config: Path
    document: Document

    @property
    def steps(self) -> list[object]:
        steps = self.document.value
        if not isinstance(steps, list) or not steps:
            raise CaseError(f"{self.document.path}: expected a list of steps")
        return list(steps)

    def line(self, at: int) -> int:
        return self.document.line((at,)) or 1


def find_cases(root: Path = ROOT) -> list[Path]:
    """List the folders of all cases."""
    return sorted(path.parent for path in root.glob("*/steps.yaml"))


def read_case(folder: Path) -> Case:
    """Read a case; raises CaseError or ConfigErrors for what is wrong with it."""
    own = folder / "evpnd.yaml"
    document = read_yaml(folder / "steps.yaml")
    if document.errors:
        raise ConfigErrors(document.errors)
    return Case(folder.name, folder, own if own.exists() else DEFAULT_CONFIG, document)


def run_case(case: Case) -> None:
    """Play a case; raises CaseFailed where evpnd departs from it."""
    steps = case.steps
    judged = False
    host = Host(case.config)
    for at, step in enumerate(steps):
        where = f"{case.name}/steps.yaml:{case.line(at)}"
        try:
            play(host, case.folder, step, where)
        except AssertionError as error:
            raise CaseFailed(_story(case, at, error)) from error
        judged = isinstance(step, dict) and "expect" in step
    if not judged:
        raise CaseError(f"{case.name}: the last step has to be an `expect`")


def _story(case: Case, at: int, error: AssertionError) -> str:
    lines = [
        "",
        f"case {case.name}, step {at + 1} ({case.document.path}:{case.line(at)})",
        f"{title(case)}",
        "",
        f"  {error}",
        "",
        "  the steps until then:",
    ]
    for number, step in enumerate(case.steps[: at + 1], 1):
        said = re.sub(r"[{}']", "", str(step))
        said = said if len(said) <= _SHOWN_STEP else said[: _SHOWN_STEP - 3] + "..."
        lines.append(f"    {number:2} {said}")
    return "\n".join(lines)


def title(case: Case) -> str:
    """Return the first line of case.md."""
    found = (case.folder / "case.md").read_text().splitlines()
    return found[0].removeprefix("# ") if found else ""
