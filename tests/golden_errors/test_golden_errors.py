"""Files that are wrong or no good, and every line that `evpnd check` prints about them.

`UPDATE_CASES=1` writes the lines anew; review reads that difference.
"""

import os
from pathlib import Path

import pytest

from evpnd.cli.main import call
from tests.unit.cli.commands import evpnd

HERE = Path(__file__).parent
CASES = sorted(path.stem for path in HERE.glob("*.yaml"))


@pytest.mark.parametrize("case", CASES)
def test_check_prints_exactly_these_lines(
    case: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(HERE)
    expected = HERE / f"{case}.stderr"

    status = call(["check", f"{case}.yaml"])

    printed = capsys.readouterr()
    of_the_file = "".join(
        line
        for line in printed.err.splitlines(keepends=True)
        if not line.startswith("this host: ")
    )
    if os.environ.get("UPDATE_CASES"):
        expected.write_text(of_the_file)
    lines = expected.read_text()
    only_warnings = all(": warning: " in line for line in lines.splitlines())
    result = (0, f"{case}.yaml: ok\n") if only_warnings else (2, "")
    assert (status, printed.out) == result
    assert of_the_file == lines


def test_there_are_cases() -> None:
    assert len(CASES) >= 79


@pytest.mark.parametrize("command", ["check", "run -c"])
@pytest.mark.parametrize("case", ["not-utf8", "alias-bomb", "wrong-types"])
def test_no_traceback_as_a_process(command: str, case: str) -> None:
    done = evpnd(*command.split(), f"{case}.yaml", cwd=HERE)

    assert done.returncode == 2
    assert done.stderr == (HERE / f"{case}.stderr").read_text()
    assert done.stdout == ""
