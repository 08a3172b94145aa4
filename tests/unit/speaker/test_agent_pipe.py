"""The agent's process: lines both ways, a death at any moment, the end."""
# the extension's classes stand on exabgp's

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from evpnd.speaker import agent_pipe, turns
from evpnd.speaker.agent_pipe import AgentPipe

ECHO = "import sys\nfor line in sys.stdin: print(line, end='', flush=True)"
DEAF = "import time\ntime.sleep(60)"
STUBBORN = (
    "import signal, time\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "print('here', flush=True)\n"
    "time.sleep(60)"
)


def patiently() -> bool:
    return False


@pytest.fixture
def start() -> Iterator[Callable[[str], AgentPipe]]:
    pipes: list[AgentPipe] = []

    def run(program: str) -> AgentPipe:
        pipe = AgentPipe()
        pipes.append(pipe)
        pipe.start({"agent": {"run": [sys.executable, "-c", quote(program)]}})
        return pipe

    yield run
    for pipe in pipes:
        if pipe._agent is not None:
            pipe._agent.kill()
        pipe.close(impatient=patiently)


def quote(program: str) -> str:
    return "".join(f"%{octet:02x}" for octet in program.encode())


def turn(pipe: AgentPipe, until: Callable[[list[str]], Any]) -> list[str]:
    """Give the pipe turns until what it read makes a condition true."""
    lines: list[str] = []
    deadline = time.monotonic() + 10
    while not until(lines):
        assert time.monotonic() < deadline, lines
        pipe.flush()
        lines += [line for _, line in pipe.received()]
        time.sleep(0.002)
    return lines


def pid(pipe: AgentPipe) -> int:
    assert pipe._agent is not None
    return pipe._agent.pid


def test_lines_go_to_the_agent_and_come_back(
    start: Callable[[str], AgentPipe],
) -> None:
    pipe = start(ECHO)
    sent = [f"{n} {'x' * n * 10}" for n in range(2000)]
    for line in sent:
        pipe.send(line.encode() + b"\n", "10.0.0.2")

    assert turn(pipe, lambda lines: len(lines) == len(sent)) == sent


def test_a_peer_is_congested_until_its_queue_is_short_and_no_other_peer_is(
    start: Callable[[str], AgentPipe],
) -> None:
    pipe = start("import sys, time\ntime.sleep(.5)\nfor line in sys.stdin: pass")
    for _ in range(turns.CONGESTED >> 10):
        assert not pipe.congested("10.0.0.2")
        pipe.send(bytes(1 << 10)[1:] + b"\n", "10.0.0.2")
    pipe.send(b"\n", "10.0.0.2")
    pipe.send(b"\n", "10.0.0.3")
    assert pipe.congested("10.0.0.2")
    assert not pipe.congested("10.0.0.3")
    turn(pipe, lambda _: not pipe.congested("10.0.0.2"))


def test_a_peer_does_not_wait_for_what_another_has_queued(
    start: Callable[[str], AgentPipe],
) -> None:
    pipe = start(ECHO)
    for _ in range(200):
        pipe.send(b"many" + bytes(4 << 10) + b"\n", "10.0.0.2")
    pipe.send(b"one\n", "10.0.0.3")
    lines = turn(pipe, lambda lines: "one" in lines)

    # What one write takes was on its way before.
    ahead = sum(map(len, lines[: lines.index("one")]))
    assert ahead <= agent_pipe.WRITE_SIZE + turns.QUANTUM + (4 << 10)


def test_updates_are_handed_on_in_slices(start: Callable[[str], AgentPipe]) -> None:
    pipe = start(ECHO)
    update = bytes([0xFF] * 16) + (1000).to_bytes(2) + bytes(982)
    pipe.send_updates("10.0.0.2", update * 100)
    octets = 0
    while octets < 100_000:
        for line in turn(pipe, bool):
            piece = bytes.fromhex(json.loads(line)["messages"])
            octets += len(piece)
            assert len(piece) <= turns.SLICE
            assert piece == update * (len(piece) // 1000)

    assert octets == 100_000


def test_a_dead_agent_is_replaced_at_once_and_greeted(
    start: Callable[[str], AgentPipe], capsys: pytest.CaptureFixture[str]
) -> None:
    pipe = start(ECHO)
    pipe.greet = lambda: pipe.send(b"hello\n", None)
    pipe.send(b"never read by the next" + bytes(3 << 20) + b"\n", None)
    pipe.flush()
    first = pid(pipe)
    os.kill(first, signal.SIGKILL)
    lines = turn(pipe, lambda lines: "hello" in lines)

    assert lines[-1] == "hello"
    assert pid(pipe) != first
    entry = json.loads(capsys.readouterr().err)
    assert (entry["event"], entry["signal"]) == ("agent_died", "SIGKILL")


def test_a_crash_loop_is_slowed_down(
    start: Callable[[str], AgentPipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent_pipe, "RESPAWN_DELAYS", (0.0, 0.05, 0.1))
    pipe = start("raise SystemExit(3)")
    seen: list[float] = []
    schedule = pipe._schedule

    def watched() -> None:
        schedule()
        left = pipe.timeout()
        assert left is not None
        seen.append(round(left, 2))

    monkeypatch.setattr(pipe, "_schedule", watched)
    turn(pipe, lambda _: len(seen) == 5)

    assert seen == [0.0, 0.05, 0.1, 0.1, 0.1]


def test_a_program_that_cannot_start_is_tried_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    pipe = AgentPipe()
    pipe.start({"agent": {"run": ["/nonexistent"]}})

    assert pipe.timeout() is not None
    assert json.loads(capsys.readouterr().err)["event"] == "agent_failed_to_start"


def test_writing_to_a_dead_agent_hurts_nobody(
    start: Callable[[str], AgentPipe],
) -> None:
    pipe = start("raise SystemExit")
    assert pipe._agent is not None
    pipe._agent.wait()
    for _ in range(3):
        pipe.send(bytes(1 << 20), "10.0.0.2")
        pipe.flush()

    assert not pipe.congested("10.0.0.2")


def test_an_agent_that_closes_its_output_is_ended(
    start: Callable[[str], AgentPipe],
) -> None:
    pipe = start("import os, time\nos.close(1)\ntime.sleep(60)")
    first = pid(pipe)
    turn(pipe, lambda _: pipe._agent is not None and pid(pipe) != first)


def test_an_agent_that_writes_no_line_feed_is_ended(
    start: Callable[[str], AgentPipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent_pipe, "LINE_MAX", 1 << 20)
    pipe = start("while True: print('x' * 65536, end='')")
    first = pid(pipe)
    turn(pipe, lambda _: pipe._agent is not None and pid(pipe) != first)


def test_closing_waits_for_what_the_agent_still_does(
    start: Callable[[str], AgentPipe], tmp_path: Path
) -> None:
    file = tmp_path / "done"
    pipe = start(
        "import sys, time\nsys.stdin.readline()\ntime.sleep(.3)\n"
        f"print('x' * 1000000)\nopen({str(file)!r}, 'w')"
    )
    pipe.send(b"shutdown\n", None)
    pipe.close(impatient=patiently)

    assert file.exists()
    assert pipe._agent is None


def test_closing_ends_an_agent_that_does_not_listen(
    start: Callable[[str], AgentPipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent_pipe, "EXIT_WAIT", 0.1)
    monkeypatch.setattr(agent_pipe, "KILL_WAIT", 0.5)
    pipe = start(STUBBORN)
    turn(pipe, lambda lines: lines == ["here"])
    pipe.close(impatient=patiently)

    assert pipe._agent is None


def test_impatience_cuts_the_wait_short(start: Callable[[str], AgentPipe]) -> None:
    pipe = start(DEAF)
    begin = time.monotonic()
    pipe.close(impatient=lambda: True)

    assert time.monotonic() - begin < 10
    assert pipe._agent is None
