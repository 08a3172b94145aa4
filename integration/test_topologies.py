"""Topologies of containerlab/ that need VLAN filtering do what they are to do."""

import subprocess
import sys
from pathlib import Path

import pytest

from integration.bed import CHECKOUT
from lab.tests.namespaces.labs import OF_THE_GUEST

pytestmark = [pytest.mark.root, pytest.mark.guest]


@pytest.mark.parametrize("name", sorted(OF_THE_GUEST))
def test_a_topology_does_what_it_is_to_do(name: str) -> None:
    folder = Path("containerlab", name)
    done = subprocess.run(
        [sys.executable, "-m", "lab", "run", str(folder)],
        capture_output=True,
        text=True,
        check=False,
        cwd=CHECKOUT,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 failed" in done.stdout
