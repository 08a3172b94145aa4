"""``evpnd show status`` and ``restart-agent``, with a daemon that a test gives."""

import json
from pathlib import Path

import pytest

from evpnd import __version__
from evpnd.wire.pipe import LAYOUT
from tests.unit.cli.commands import evpnd
from tests.unit.cli.daemon import Answer, daemon

STATUS: dict[str, object] = {
    "version": __version__,
    "speaker_version": __version__,
    "speaker_messages": LAYOUT,
    "uptime": 7300,
    "agent_uptime": 61,
    "pid": 41,
    "agent_pid": 42,
    "config": "/etc/evpnd/evpnd.yaml",
    "socket": "/run/evpnd/evpnd.sock",
    "router_id": "10.0.0.1",
    "asn": 65001,
    "vtep": "10.0.0.1",
    "memory": 28 << 20,
    "agent_memory": 26 << 20,
    "settled": True,
    "peers": 2,
    "peers_established": 1,
    "evis": 4,
    "evis_ready": 3,
    "routes": 17,
}


def show(path: Path, status: dict[str, object], *words: str) -> tuple[int, str, str]:
    with daemon(path / "s", {"ok": True, "result": status}) as served:
        done = evpnd("show", "status", *words, "--socket", str(served.path))
    return done.returncode, done.stdout, done.stderr


def test_people_are_shown_the_daemon_on_a_page(tmp_path: Path) -> None:
    status, said, why = show(tmp_path, STATUS)

    assert (status, why) == (0, "")
    assert said.splitlines() == [
        f"version        {__version__}",
        "uptime         2h1m",
        "processes      speaker 41 (28MiB), agent 42 (26MiB), up 1m1s",
        "configuration  /etc/evpnd/evpnd.yaml",
        "socket         /run/evpnd/evpnd.sock",
        "router id      10.0.0.1, AS 65001",
        "VTEP           10.0.0.1",
        "sessions       1 of 2 established",
        "EVIs           3 of 4 ready",
        "routes         17",
    ]


def test_programs_get_a_list_of_one(tmp_path: Path) -> None:
    status, said, _ = show(tmp_path, STATUS, "--json")

    assert (status, json.loads(said)) == (0, [STATUS])


def test_versions_that_differ_are_named(tmp_path: Path) -> None:
    _, said, _ = show(tmp_path, STATUS | {"version": "8.1", "speaker_version": "8.0"})

    assert said.splitlines()[0] == (
        "version        8.1 (agent), 8.0 (speaker, until its next restart); "
        f"this command is {__version__}"
    )


def test_of_a_recording_there_are_the_numbers_alone(tmp_path: Path) -> None:
    status, said, why = show(tmp_path, {"settled": True, "evis_ready": 1})

    assert (status, said, why) == (0, "settled     yes\nevis ready  1\n", "")


@pytest.mark.parametrize(
    "status", [STATUS | {"speaker_messages": "others"}, {"settled": True}]
)
def test_a_speaker_of_other_messages_keeps_its_agent(
    tmp_path: Path, status: dict[str, object]
) -> None:
    with daemon(tmp_path / "s", {"ok": True, "result": status}) as served:
        done = evpnd("restart-agent", "--socket", str(served.path))

    assert done.returncode == 1
    assert "systemctl restart evpnd" in done.stderr
    assert [each["command"] for each in served.asked] == ["status"]


def test_the_next_agent_is_waited_for(tmp_path: Path) -> None:
    pids = iter([42, 42, 77])

    def answer(question: Answer) -> Answer:
        if question["command"] == "restart-agent":
            return {"ok": True}
        return {"ok": True, "result": STATUS | {"agent_pid": next(pids)}}

    with daemon(tmp_path / "s", answer) as served:
        done = evpnd("restart-agent", "--socket", str(served.path))

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"the agent is evpnd {__version__}; the sessions stayed up\n"
