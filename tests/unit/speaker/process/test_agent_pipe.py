"""The agent's process: messages both ways, a death at any moment, the end."""
# the extension's classes stand on exabgp's

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from evpnd.speaker.process import agent_pipe, turns
from evpnd.speaker.process.agent_pipe import SILENCE, AgentPipe
from evpnd.wire.messages import Hello, Message, Replayed, Shutdown, Unreachable, Updates
from evpnd.wire.pipe import decode, encode

ECHO = "import os\nwhile octets := os.read(0, 1 << 16): os.write(1, octets)"
DEAF = "import time\ntime.sleep(60)"
STUBBORN = (
    "import signal, time\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    f"import os; os.write(1, {encode(Replayed('here'))!r})\n"
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


def turn(pipe: AgentPipe, until: Callable[[list[Message]], Any]) -> list[Message]:
    """Run turns of the pipe until what it read makes a condition true."""
    heard: list[Message] = []
    deadline = time.monotonic() + 60
    while not until(heard):
        assert time.monotonic() < deadline, heard
        pipe.flush()
        heard += [decode(frame) for _, frame in pipe.received()]
        time.sleep(0.002)
    return heard


def pid(pipe: AgentPipe) -> int:
    assert pipe._agent is not None
    return pipe._agent.pid


def test_messages_go_to_the_agent_and_come_back(
    start: Callable[[str], AgentPipe],
) -> None:
    pipe = start(ECHO)
    sent = [Unreachable("10.0.0.2", f"{n} {'x' * n * 10}") for n in range(2000)]
    for message in sent:
        pipe.send(message)

    assert turn(pipe, lambda heard: len(heard) == len(sent)) == sent


def test_a_peer_is_congested_until_its_queue_is_short_and_no_other_peer_is(
    start: Callable[[str], AgentPipe],
) -> None:
    pipe = start("import os, time\ntime.sleep(.5)\nwhile os.read(0, 1 << 16): pass")
    for _ in range(turns.CONGESTED >> 10):
        assert not pipe.congested("10.0.0.2")
        pipe.send(Updates("10.0.0.2", bytes((1 << 10) - 21)))
    pipe.send(Replayed("10.0.0.2"))
    pipe.send(Replayed("10.0.0.3"))
    assert pipe.congested("10.0.0.2")
    assert not pipe.congested("10.0.0.3")
    turn(pipe, lambda _: not pipe.congested("10.0.0.2"))


def test_a_peer_does_not_wait_for_what_another_has_queued(
    start: Callable[[str], AgentPipe],
) -> None:
    pipe = start(ECHO)
    for _ in range(200):
        pipe.send(Updates("10.0.0.2", bytes(4 << 10)))
    one = Replayed("10.0.0.3")
    pipe.send(one)
    heard = turn(pipe, lambda heard: one in heard)

    # What one write takes was on its way before.
    ahead = sum(len(encode(each)) for each in heard[: heard.index(one)])
    assert ahead <= agent_pipe.WRITE_SIZE + turns.QUANTUM + (4 << 10)


def test_updates_are_handed_on_in_slices(start: Callable[[str], AgentPipe]) -> None:
    pipe = start(ECHO)
    update = bytes([0xFF] * 16) + (1000).to_bytes(2) + bytes(982)
    pipe.send_updates("10.0.0.2", update * 100)
    octets = 0
    while octets < 100_000:
        for _, piece in cast("list[Updates]", turn(pipe, bool)):
            octets += len(piece)
            assert len(piece) <= turns.SLICE
            assert piece == update * (len(piece) // 1000)

    assert octets == 100_000


def test_a_dead_agent_is_replaced_at_once_and_greeted(
    start: Callable[[str], AgentPipe], capsys: pytest.CaptureFixture[str]
) -> None:
    pipe = start(ECHO)
    hello = Hello("", (), "")
    pipe.greet = lambda: pipe.send(hello)
    pipe.send(Hello("never read by the next" + "x" * (3 << 20), (), ""))
    pipe.flush()
    first = pid(pipe)
    os.kill(first, signal.SIGKILL)
    heard = turn(pipe, lambda heard: hello in heard)

    assert heard[-1] == hello
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
        pipe.send(Updates("10.0.0.2", bytes(1 << 20)))
        pipe.flush()

    assert not pipe.congested("10.0.0.2")


def test_an_agent_that_closes_its_output_is_ended(
    start: Callable[[str], AgentPipe],
) -> None:
    pipe = start("import os, time\nos.close(1)\ntime.sleep(60)")
    first = pid(pipe)
    turn(pipe, lambda _: pipe._agent is not None and pid(pipe) != first)


def test_an_agent_that_hangs_is_replaced_and_a_halted_machine_is_no_silence(
    start: Callable[[str], AgentPipe],
) -> None:
    pipe = start(ECHO)
    first = pid(pipe)
    now = time.monotonic()
    pipe.judge_silence(now)
    pipe.judge_silence(now + 1000)
    for second in range(int(SILENCE) - 2):
        pipe.judge_silence(now + 1000 + second)
    assert pid(pipe) == first

    for second in range(int(SILENCE), int(SILENCE) + 3):
        pipe.judge_silence(now + 1000 + second)

    turn(pipe, lambda _: pipe._agent is not None and pid(pipe) != first)


def test_an_agent_that_writes_no_frames_is_ended(
    start: Callable[[str], AgentPipe], capsys: pytest.CaptureFixture[str]
) -> None:
    pipe = start("while True: print('x' * 65536, end='')")
    first = pid(pipe)
    turn(pipe, lambda _: pipe._agent is not None and pid(pipe) != first)

    entry = json.loads(capsys.readouterr().err.splitlines()[0])
    assert entry["event"] == "agent_sent_no_frame"
    assert "a frame of 2021161080 octets" in entry["reason"]


def test_closing_waits_for_what_the_agent_still_does(
    start: Callable[[str], AgentPipe], tmp_path: Path
) -> None:
    file = tmp_path / "done"
    pipe = start(
        "import os, time\nos.read(0, 1)\ntime.sleep(.3)\n"
        f"print(chr(0) * 1000000)\nopen({str(file)!r}, 'w')"
    )
    pipe.send(Shutdown(flush=False))
    pipe.close(impatient=patiently)

    assert file.exists()
    assert pipe._agent is None


def test_closing_ends_an_agent_that_does_not_listen(
    start: Callable[[str], AgentPipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent_pipe, "EXIT_WAIT", 0.1)
    monkeypatch.setattr(agent_pipe, "KILL_WAIT", 0.5)
    pipe = start(STUBBORN)
    turn(pipe, lambda heard: heard == [Replayed("here")])
    pipe.close(impatient=patiently)

    assert pipe._agent is None


def test_impatience_cuts_the_wait_short(start: Callable[[str], AgentPipe]) -> None:
    pipe = start(DEAF)
    begin = time.monotonic()
    pipe.close(impatient=lambda: True)

    assert time.monotonic() - begin < 10
    assert pipe._agent is None
