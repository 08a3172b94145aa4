"""The topologies of containerlab/ that can run here do what they are to do."""

from pathlib import Path

import pytest

from lab.images import TABLE
from lab.place import Place
from lab.tests.namespaces.labs import NAME, lab, leftovers

RUNNABLE = sorted(path.parent for path in TABLE.parent.glob("*/expected.yaml"))
pytestmark = [
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.timeout(820),
    pytest.mark.frr,
]


@pytest.mark.gobgp
@pytest.mark.parametrize("folder", RUNNABLE, ids=lambda folder: folder.name)
def test_a_topology_comes_up_does_what_it_is_to_do_and_goes(folder: Path) -> None:
    try:
        done = lab("run", folder, "--name", NAME, timeout=400)
    finally:
        Place(NAME).remove()

    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 failed" in done.stdout
    assert leftovers() == []


@pytest.mark.parametrize("name", ["migration", "policies"])
def test_a_lab_that_was_tested_can_be_tested_again(name: str) -> None:
    file = TABLE.with_name(name)
    try:
        first = lab("run", file, "--name", NAME, "--keep", timeout=400)
        again = lab("test", file, "--name", NAME, timeout=400)
    finally:
        Place(NAME).remove()

    assert first.returncode == 0, first.stdout + first.stderr
    assert again.returncode == 0, again.stdout + again.stderr
