"""The topologies of containerlab/ that can run here do what they are to do."""

from pathlib import Path

import pytest

from lab.images import TABLE
from lab.place import Place
from lab.tests.namespaces.labs import NAME, OF_THE_GUEST, lab, leftovers

RUNNABLE = sorted(
    path.parent
    for path in TABLE.parent.glob("*/expected.yaml")
    if path.parent.name not in OF_THE_GUEST
)
TESTED_TWICE = {"migration", "policies"}
"""Their checks change the lab, and find it as it was the next time."""
pytestmark = [
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.timeout(820),
    pytest.mark.frr,
]


@pytest.mark.gobgp
@pytest.mark.parametrize("folder", RUNNABLE, ids=lambda folder: folder.name)
def test_a_topology_comes_up_does_what_it_is_to_do_and_goes(folder: Path) -> None:
    again = folder.name in TESTED_TWICE
    try:
        runs = [lab("run", folder, "--name", NAME, *["--keep"] * again, timeout=400)]
        if again:
            runs.append(lab("test", folder, "--name", NAME, timeout=400))
    finally:
        Place(NAME).remove()

    for done in runs:
        assert done.returncode == 0, done.stdout + done.stderr
        assert " 0 failed" in done.stdout
    assert leftovers() == []


def test_those_that_are_tested_twice_are_there() -> None:
    assert {folder.name for folder in RUNNABLE} >= TESTED_TWICE
