"""The tests without root on the bed's Python, which is newer than the machine's."""

import subprocess

import pytest

from integration import bed

pytestmark = [pytest.mark.root, pytest.mark.bed, pytest.mark.slow]

CHECKOUT = "/bed/checkout"
CHILD = ("sh", "-c", '"$@"; exit $?', "sh")
"""Runs a command that is not the first process: some tests look at their parent."""
GENERATED = "tests/unit/test_generated.py"
"""Files that are written once, by the machine's own Python and its `evpnd`."""
UNIT = ("tests/unit/core", "tests/unit/adapters", "tests/unit/cli")
PARTS = {
    **{each.partition("/")[2]: (each,) for each in UNIT},
    "unit": ("tests/unit", *(f"--ignore={each}" for each in (*UNIT, GENERATED))),
    "golden": ("tests/golden", "tests/golden_errors", "tests/golden_views"),
    "conformance": ("tests/conformance",),
}
"""What is run side by side."""


@pytest.mark.timeout(900)
@pytest.mark.parametrize("words", PARTS.values(), ids=PARTS)
def test_they_pass(words: tuple[str, ...]) -> None:
    root = bed.bed()
    python = f"{bed.environment()}/bin/python"
    run = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--color=no", *words]
    run += ["-m", "not promtool"]  # what it looks at is the same on any Python
    environ = [f"PYTHONPATH={CHECKOUT}", "PYTHONPYCACHEPREFIX=/bed/pycache"]
    command = root.command(
        [*CHILD, "env", "-C", CHECKOUT, *environ, python, *run],
        {CHECKOUT: bed.CHECKOUT, "/tmp": "tmpfs"},
        tied=True,
    )

    version = subprocess.run(
        root.command([python, "--version"]), capture_output=True, text=True, check=True
    )
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert version.stdout.startswith("Python 3.13.")
    assert done.returncode == 0, done.stdout + done.stderr
