"""A guest that does not end is killed; what its command did counts."""

import subprocess
from pathlib import Path

import pytest

from integration import guest


def end(script: str, status: Path, seconds: float) -> tuple[bool, int]:
    """Return whether the status came in time, and how the process ended."""
    argv = ["sh", "-c", script, "sh", str(status)]
    with subprocess.Popen(argv) as process:
        in_time = guest.wait(process, status, seconds)
    return in_time, process.returncode


def test_one_that_powers_off_is_waited_for(tmp_path: Path) -> None:
    script = 'echo 0 >"$1"; sleep 0.1; exit 3'
    assert end(script, tmp_path / "status", 30) == (True, 3)


def test_one_that_hangs_after_its_command_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guest, "POWER_OFF", 0.1)
    script = 'echo 0 >"$1"; exec sleep 60'
    assert end(script, tmp_path / "status", 30) == (True, -9)


def test_one_whose_command_does_not_end_is_late(tmp_path: Path) -> None:
    assert end("exec sleep 60", tmp_path / "status", 0.1) == (False, -9)
