"""The first agent runs before ExaBGP is there, and is taken by whoever serves it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from evpnd import log_stream
from evpnd.model.config import PeerConfig
from evpnd.model.ids import Peer
from evpnd.speaker import main
from evpnd.speaker.process.agent_pipe import AgentPipe
from evpnd.speaker.process.configuration import configuration_text
from evpnd.speaker.process.first_agent import agent_command, start_first
from evpnd.speaker.seams import SeamMoved
from evpnd.wire.messages import Peers

TELL = "import sys, json; print(json.dumps(sys.argv)); sys.stdin.read()"
SPEAKER = Peers(65000, "10.0.0.1", (PeerConfig(Peer("10.0.0.2"), 65000),))


def written(directory: Path, *command: str) -> Path:
    file = directory / "evpnd.exabgp.conf"
    file.write_text(configuration_text(SPEAKER, command))
    return file


def test_the_command_of_the_configuration_is_run(tmp_path: Path) -> None:
    (tmp_path / "tell it;").write_text(TELL)
    told = [str(tmp_path / "tell it;"), 'a "b"; c', "%41", "ü"]
    agent = start_first(written(tmp_path, sys.executable, *told))

    assert agent is not None
    assert agent.stdin is not None
    assert agent.stdout is not None
    agent.stdin.close()
    assert json.loads(agent.stdout.read()) == told
    assert agent.wait(10) == 0
    agent.stdout.close()


@pytest.mark.parametrize("command", [None, "/no/such/program"])
def test_what_cannot_be_started_is_left_to_whoever_tells_of_it(
    tmp_path: Path, command: str | None
) -> None:
    file = written(tmp_path, command) if command else tmp_path / "none"

    assert start_first(file) is None


def test_the_pipe_takes_the_agent_that_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    agent = start_first(written(tmp_path, *command))
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
    file = written(tmp_path, *command)
    agent = start_first(file)
    assert agent is not None
    monkeypatch.setattr(main, "install", moved)
    monkeypatch.setattr(main, "set_title", lambda *_: None)
    monkeypatch.setattr(log_stream, "install", lambda _: sys.stdout)

    status = main.run(file, agent, flush_on_exit=False, log_format="json")

    assert status == 1
    assert agent.returncode is not None
    assert AgentPipe.take_first() is None


def test_arguments_are_read_back_as_they_were() -> None:
    assert agent_command(["/usr/bin/python3", "x%20y", "%25"]) == [
        "/usr/bin/python3",
        "x y",
        "%",
    ]
