"""Tests that run in the guest: those marked `guest`, module by module.

Such a test is written like any other of this folder, with the same labs and fixtures.
Pytest on the machine only collects it; where the first test of a module is due, a guest
boots, and pytest in there runs all tests of the module that were selected. Each test
then reports what became of it in the guest.
"""

import json
import os
import tempfile
from pathlib import Path
from typing import NamedTuple

import pytest

from integration import guest
from integration.lab_netns import LabError

_REPORT = "EVPND_GUEST_REPORT"
"""In the environment of the guest's pytest: the file that outcomes go to."""
_EACH = 180.0
"""Seconds that each test may take in the guest."""
_ARGUMENTS = ("-q", "-p", "no:cacheprovider", "-p", "no:randomly")


class _Outcome(NamedTuple):
    passed: bool
    skipped: bool
    text: str


_Outcomes = dict[str, _Outcome]
_outcomes = pytest.StashKey[dict[Path, _Outcomes | str]]()
"""By module: the outcomes by node id, or why there are none."""


class GuestItem(pytest.Item):
    """Stands for a test on the machine, and reports what it came to in the guest."""

    in_guest: str
    """The test's node id there; pytest-xdist adds the group to the one here."""

    def runtest(self) -> None:
        """Fail, or skip, as the test did in the guest."""
        known = self.session.stash.setdefault(_outcomes, {})
        if self.path not in known:
            known[self.path] = _run_module(self.session, self.path)
        found = known[self.path]
        if isinstance(found, str):
            pytest.fail(found, pytrace=False)
        outcome = found.get(self.in_guest)
        if outcome is None:
            pytest.fail("it did not run in the guest", pytrace=False)
        if outcome.skipped:
            pytest.skip(outcome.text)
        if not outcome.passed:
            pytest.fail(f"in the guest:\n{outcome.text}", pytrace=False)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Return where the test is."""
        return self.path, None, self.name


def is_inside() -> bool:
    """Return whether this pytest runs in the guest."""
    return _REPORT in os.environ


def stand_in(items: list[pytest.Item]) -> None:
    """Put a GuestItem in the place of each test that is marked `guest`."""
    if is_inside():
        return
    for index, item in enumerate(items):
        if not item.get_closest_marker("guest"):
            continue
        assert item.parent is not None
        instead = GuestItem.from_parent(item.parent, name=item.name)
        instead.own_markers[:] = item.own_markers
        instead.in_guest = item.nodeid
        # One guest runs all tests of a module, and there is one guest at a time.
        instead.add_marker(pytest.mark.xdist_group("guest"))
        # The first one of a module waits for all of them, within the guest's own time.
        instead.add_marker(pytest.mark.timeout(0))
        items[index] = instead


def report(test: pytest.TestReport) -> None:
    """Write one report of a test for the machine's side, where this is the guest."""
    if not is_inside() or (test.passed and test.when != "call"):
        return
    sections = (f"--- {title}\n{text}" for title, text in test.sections)
    line = {
        "test": test.nodeid,
        "outcome": test.outcome,
        "text": "\n".join([test.longreprtext, *sections]),
    }
    with Path(os.environ[_REPORT]).open("a") as file:
        file.write(json.dumps(line) + "\n")


def _run_module(session: pytest.Session, path: Path) -> _Outcomes | str:
    items = [item for item in session.items if item.path == path]
    names = [item.in_guest for item in items if isinstance(item, GuestItem)]
    with tempfile.TemporaryDirectory(prefix="evpnd-guest-") as directory:
        try:
            done = guest.run(
                ["python", "-m", "pytest", *_ARGUMENTS, *names],
                timeout=_EACH * len(names),
                files=Path(directory),
                environ={_REPORT: "/bed/job/reports", "CI": os.environ.get("CI", "")},
            )
        except LabError as error:
            return str(error)
        reports = Path(directory, "reports")
        if not reports.exists():
            return done.output
        return _read(reports.read_text())


def _read(text: str) -> _Outcomes:
    """Return what became of each test: the worst of its setup, call and teardown."""
    found: _Outcomes = {}
    for each in map(json.loads, text.splitlines()):
        before = found.get(each["test"])
        if before is None or before.passed:
            word = each["outcome"]
            outcome = _Outcome(word == "passed", word == "skipped", each["text"])
            found[each["test"]] = outcome
    return found
