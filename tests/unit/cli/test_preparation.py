"""The child that reads the file for `evpnd run`, and the agent that waits meanwhile."""

import os
import signal
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from evpnd.adapters.handover import OtherCode
from evpnd.cli import early_agent, preparation
from evpnd.cli.early_agent import EarlyAgent, agent_command
from evpnd.cli.preparation import Preparation, PreparationFailed, Prepared, Refused

FILE = """
asn: 65001
vtep: {address: 10.0.0.1}
peers: [{address: 10.0.0.254, asn: 65001}]
evis: [{vni: 100}]
control: {socket: SOCKET}
"""


def written(folder: Path, text: str = FILE) -> Path:
    file = folder / "evpnd.yaml"
    file.write_text(text.replace("SOCKET", str(folder / "run" / "evpnd.sock")))
    return file


def answer(path: Path) -> Prepared | Refused:
    with closing(Preparation(path)) as child:
        return child.result()


def test_a_file_without_errors_is_handed_over_with_what_the_host_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path)
    monkeypatch.chdir(tmp_path)
    found = answer(Path("evpnd.yaml"))

    assert isinstance(found, Prepared)
    assert found.config.path == Path("evpnd.yaml")
    assert found.in_force.path == tmp_path / "evpnd.yaml"
    assert [evi.vni for evi in found.config.evis] == [100]
    if os.geteuid():
        (obstacle,) = found.obstacles
        assert "run as root" in obstacle


def test_errors_are_handed_over_as_check_prints_them(tmp_path: Path) -> None:
    file = written(tmp_path, "asn: no\n")
    found = answer(file)

    assert isinstance(found, Refused)
    assert f"{file}:1" in found.text
    assert found.text.count("\n") >= 1


def test_a_child_that_is_killed_is_no_answer(tmp_path: Path) -> None:
    with closing(Preparation(written(tmp_path))) as child:
        os.kill(child._child.pid, signal.SIGKILL)
        with pytest.raises(PreparationFailed, match="signal 9"):
            child.result()


def test_an_answer_of_another_package_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other(_octets: bytes) -> object:
        raise OtherCode

    monkeypatch.setattr(preparation, "unpack", other)
    with pytest.raises(PreparationFailed, match="package was changed"):
        answer(written(tmp_path))


def test_a_child_that_nobody_waits_for_is_ended(tmp_path: Path) -> None:
    with closing(Preparation(written(tmp_path))) as child:
        pass

    assert child._child.returncode is not None


def fake(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    monkeypatch.setattr(early_agent, "agent_command", lambda *_: [sys.executable, code])


def test_an_agent_is_told_where_the_accepted_configuration_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = tmp_path / "agent.py"
    code.write_text(
        "import os, sys\n"
        "assert sys.argv[1] == '--accepted-from'\n"
        "with open(int(sys.argv[2]), 'rb') as pipe:\n"
        "    os.write(1, pipe.read())\n"
    )
    fake(monkeypatch, str(code))
    with closing(EarlyAgent(tmp_path)) as early:
        agent = early.accept(Path("/run/evpnd/ü.accepted"))
    assert agent is not None
    with agent:
        assert agent.stdout is not None
        assert os.fsdecode(agent.stdout.read()) == "/run/evpnd/ü.accepted"
    assert agent.returncode == 0


def test_an_agent_with_nothing_to_do_ends() -> None:
    path = Path("/nowhere/evpnd.yaml")
    with closing(EarlyAgent(path)) as early:
        agent = early._agent
        assert agent is not None

    assert agent.returncode is not None


def test_the_agent_ends_by_itself_where_its_starter_is_killed() -> None:
    code = (
        "import os, signal\n"
        "from pathlib import Path\n"
        "from evpnd.cli.early_agent import EarlyAgent\n"
        "agent = EarlyAgent(Path('/nowhere/evpnd.yaml'))\n"
        "os.write(1, str(agent._agent.pid).encode())\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    reader, writer = os.pipe()
    pid = os.posix_spawn(
        sys.executable,
        [sys.executable, "-c", code],
        dict(os.environ),
        file_actions=[(os.POSIX_SPAWN_DUP2, writer, 1)],
    )
    os.close(writer)
    os.waitpid(pid, 0)
    agent = int(os.read(reader, 100))
    os.close(reader)
    until = time.monotonic() + 60
    while Path(f"/proc/{agent}").exists() and not _is_dead(agent):
        assert time.monotonic() < until
        time.sleep(0.02)


def _is_dead(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state == "Z"


def test_an_agent_that_cannot_be_started_is_left_to_whoever_tells_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(early_agent, "agent_command", lambda *_: ["/no/such/program"])
    with closing(EarlyAgent(Path("evpnd.yaml"))) as early:
        assert early.accept(Path("/run/x")) is None


def test_its_command_names_the_file_wherever_it_runs() -> None:
    assert agent_command(Path("x.yaml"))[-1] == str(Path("x.yaml").absolute())
