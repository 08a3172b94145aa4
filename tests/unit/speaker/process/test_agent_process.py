"""An agent can run before its pipe is there, and is taken by whoever serves it."""

import subprocess
import sys
from pathlib import Path

import pytest

from evpnd import log_stream
from evpnd.speaker import main
from evpnd.speaker.process.agent_pipe import AgentPipe
from evpnd.speaker.process.agent_process import read_command, spawn
from evpnd.speaker.seams import SeamMoved


def test_the_pipe_takes_the_agent_that_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    command = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    agent = spawn(command)
    monkeypatch.setattr(AgentPipe, "first", agent)
    pipes = [AgentPipe(), AgentPipe()]
    processes: list[subprocess.Popen[bytes]] = []
    for pipe in pipes:
        pipe.start({"agent": {"run": command}})
        assert pipe._agent is not None
        processes.append(pipe._agent)

    assert processes[0] is agent
    assert processes[1] is not agent
    for pipe, process in zip(pipes, processes, strict=True):
        process.kill()
        pipe.close(impatient=lambda: False)


def test_an_agent_that_nobody_came_to_serve_ends_with_the_speaker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def moved() -> None:
        raise SeamMoved("it is gone")

    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    file = tmp_path / "evpnd.exabgp.conf"
    agent = spawn(command)
    monkeypatch.setattr(main, "install", moved)
    monkeypatch.setattr(log_stream, "install", lambda _: sys.stdout)

    status = main.run(file, agent, flush_on_exit=False, log_format="json")

    assert status == 1
    assert agent.returncode is not None
    assert AgentPipe.take_first() is None


def test_arguments_are_read_back_as_they_were() -> None:
    assert read_command(["/usr/bin/python3", "x%20y", "%25"]) == [
        "/usr/bin/python3",
        "x y",
        "%",
    ]
