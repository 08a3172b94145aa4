"""What evpnd's processes are called, what they load, and what they take."""

import subprocess
from pathlib import Path

import pytest

from integration.lab import MakeLab
from integration.lab_evpnd import Evpnd
from integration.lab_netns import wait_until
from integration.memory_bench import at_rest, memory, processes

pytestmark = pytest.mark.root

EVIS = 10
BOUND = 56.0
"""MiB, resident, of all processes together at rest with ten EVIs."""
LIBRARIES = ("libssl", "libcrypto", "pydantic_core", "yaml")
"""What is in nobody's memory, by the names of the files that would be mapped."""


def called(daemon: Evpnd) -> list[str]:
    """Return what a daemon's processes are called; nothing if one ends meanwhile."""
    try:
        comms = [Path(f"/proc/{pid}/comm").read_text() for pid in processes(daemon)]
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [comm.strip() for comm in comms]


def test_they_are_small_and_named_and_load_no_more_than_they_need(
    make_lab: MakeLab,
) -> None:
    lab = make_lab(2)

    found = at_rest(lab, EVIS)

    names = ["evpnd: speaker", "evpnd: agent"]
    assert [each.name for each in found] == names
    assert sum(each.resident for each in found) < BOUND, found
    (daemon,) = lab.daemons
    shown = _lines("ip", "netns", "exec", daemon.namespace, "ss", "-Hltnp")
    assert any('users:(("evpnd: speaker",' in line for line in shown), shown
    pids = processes(daemon)
    assert [memory(pid).name for pid in pids] == names
    for pid, name in zip(pids, names, strict=True):
        (line,) = _lines("ps", "-o", "args=", "-p", str(pid))
        assert line.startswith(name), line
        assert line.endswith((str(daemon.path), ".conf")), line
        for task in Path(f"/proc/{pid}/task").iterdir():
            assert (task / "comm").read_text().strip() == name
        mapped = Path(f"/proc/{pid}/maps").read_text()
        assert not [each for each in LIBRARIES if each in mapped]

    daemon.kill_agent()
    assert daemon.agent_pid() != pids[1]
    daemon.wait_ready(EVIS)
    # A copy of the agent may be at work for a moment.
    wait_until(lambda: called(daemon) == names, 5, "two processes")


def _lines(*command: str) -> list[str]:
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()
