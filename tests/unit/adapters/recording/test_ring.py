"""The files of a recording: bounded, private, readable after a crash."""

import asyncio
import errno
import os
import stat
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from evpnd.adapters.config import load_config
from evpnd.adapters.pipe.translation import MessageReader
from evpnd.adapters.recording import recorder as recorder_module
from evpnd.adapters.recording import segments, writer
from evpnd.adapters.recording.reading import RecordingError, records, segments_of
from evpnd.adapters.recording.recorder import SMALLEST, Recorder
from evpnd.adapters.recording.replay import Replay, Until
from evpnd.adapters.reports import Reports
from evpnd.core.engine import Engine
from evpnd.recording.records import Ended, Header, Lost, Said, State, Turned
from evpnd.wire.messages import Updates
from tests.conformance.case import DEFAULT_CONFIG

HEADER = b"\xff" * 16 + (4096).to_bytes(2, "big") + b"\x02"


class Agent:
    """Tells a recorder what an agent would."""

    def __init__(self, path: Path) -> None:
        self.path = path
        config = load_config(DEFAULT_CONFIG)
        self.engine = Engine(config, 1.0)
        self.reader = MessageReader(config)
        self.reports = Reports(self.engine, quiet=True)
        self.recorder = Recorder(self.engine, self.reader, self.reports)
        self.now = 1.0

    def start(self, size: int = SMALLEST, *, fresh: bool = True) -> None:
        self.recorder.start(self.path, size, self.now, fresh=fresh)

    def hear(self, octets: int = 4096) -> None:
        """Hear an UPDATE that cannot be compressed, and take a turn."""
        assert octets == 4096
        self.now += 0.001
        message = Updates("10.0.0.254", HEADER + os.urandom(4096 - 19))
        self.recorder.hear(self.now, message)
        for event in self.reader.read(message):
            self.engine.handle(event, self.now)
        self.recorder.turn(self.now, 512)
        self.engine.reconcile(self.now, 512)
        self.recorder.after_turn(self.now)

    def stop(self) -> None:
        asyncio.run(self.recorder.stop("the end"))

    def events(self) -> list[str]:
        return [str(each["event"]) for each in self.reports.remembered()]


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    made = Agent(tmp_path / "recording")
    yield made
    made.stop()


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def total(path: Path) -> int:
    return sum(map(segments.size, (path, *segments.older(path))))


def test_only_the_owner_can_read_it(agent: Agent) -> None:
    agent.start()

    assert stat.S_IMODE(agent.path.stat().st_mode) == 0o600


def test_a_ring_keeps_to_its_size_and_can_be_replayed(agent: Agent) -> None:
    agent.start()
    numbers = set()
    while len(numbers) < 8:
        for _ in range(30):
            agent.hear()
        written = total(agent.path)
        wait_until(lambda: agent.recorder.is_idle)  # as a thread of its own writes
        numbers.add(agent.recorder.number)
        assert written <= SMALLEST
    agent.stop()

    found = segments_of(agent.path)
    assert found[0].header.number > 0, "the first segments are gone"
    assert [each.header.number for each in found] == list(
        range(found[0].header.number, found[-1].header.number + 1)
    )
    replay = Replay()
    replay.run(agent.path)
    assert replay.notes == []
    assert replay.reports.show("peers", {}) == agent.reports.show("peers", {})


def test_what_was_written_before_a_crash_can_be_read(agent: Agent) -> None:
    agent.start()
    for _ in range(10):
        agent.hear()
    wait_until(lambda: agent.recorder.is_idle)
    octets = agent.path.read_bytes()
    cut = agent.path.with_name("cut")

    cut.write_bytes(octets)
    assert sum(isinstance(each, Said) for each in records(cut)) == 10

    for size in range(0, len(octets), 997):
        cut.write_bytes(octets[:size])
        kinds = [type(each) for each in records(cut)]
        assert kinds == [Header, *[Said, Turned] * 10][: len(kinds)]


def test_a_damaged_file_is_refused_with_its_place(agent: Agent) -> None:
    agent.start()
    for _ in range(10):
        agent.hear()
    agent.stop()
    octets = bytearray(agent.path.read_bytes())
    octets[len(octets) // 2 : len(octets) // 2 + 64] = bytes(64)
    agent.path.write_bytes(octets)

    with pytest.raises(RecordingError, match=r"recording: .*(damaged near octet|line)"):
        list(records(agent.path))


@pytest.mark.parametrize(
    ("octets", "says"),
    [
        (b"", "nothing was recorded in it"),
        (b"asn: 65000\n", "neither a recording nor an MRT dump"),
        (b'{"t":1.0,"turn":0}\n', "line 1: it does not begin as a recording does"),
        (
            b'{"recording":99,"evpnd":"9.1"}\n',
            "line 1: it is of version 99 of the form",
        ),
        (b"\x1f\x8b\x08", "nothing was recorded in it"),
    ],
)
def test_what_is_no_recording_is_refused(
    tmp_path: Path, octets: bytes, says: str
) -> None:
    path = tmp_path / "file"
    path.write_bytes(octets)

    with pytest.raises(RecordingError, match=says):
        segments_of(path)


def test_what_finds_no_room_is_told_and_a_state_follows(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent.start(size=16 << 20)
    monkeypatch.setattr(writer, "ROOM", -1)
    for _ in range(5):
        agent.hear()
    monkeypatch.undo()
    agent.hear()
    agent.hear()
    agent.stop()

    assert agent.events() == ["recording_lost"]
    before = list(records(agent.path.with_name("recording.1")))
    assert isinstance(before[-1], Lost)
    after = list(records(agent.path))
    assert [type(each) for each in after] == [Header, State, Said, Turned, Ended]
    replay = Replay()
    replay.run(agent.path)
    assert any("records were lost" in note for note in replay.notes)
    assert replay.reports.show("peers", {}) == agent.reports.show("peers", {})


def test_a_full_disk_ends_the_recording_alone(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        agent.recorder.attach(asyncio.get_running_loop())
        agent.start()

        def full(*_: object) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(writer.os, "write", full)
        agent.hear()
        await asyncio.to_thread(wait_until, lambda: not agent.recorder.on)

    asyncio.run(run())
    monkeypatch.undo()
    agent.hear()

    (event,) = agent.reports.remembered()
    assert (event["event"], event["reason"]) == (
        "recording_failed",
        "No space left on device",
    )


def test_a_recording_may_begin_in_the_middle(agent: Agent) -> None:
    for _ in range(5):
        agent.hear()
    agent.start(fresh=False)
    agent.hear()
    agent.stop()

    replay = Replay()
    replay.run(agent.path)
    assert replay.events == 1
    assert replay.reports.show("peers", {}) == agent.reports.show("peers", {})


def test_a_state_of_another_build_is_refused(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "code", lambda: "another")
    agent.start(fresh=False)
    agent.stop()

    with pytest.raises(RecordingError, match="only the same build of it can read"):
        Replay().run(agent.path)


def test_what_is_no_file_is_not_written_over(tmp_path: Path) -> None:
    agent = Agent(tmp_path)

    with pytest.raises(FileExistsError):
        agent.start()


def test_a_replay_stops_where_it_is_told(agent: Agent) -> None:
    agent.start()
    for _ in range(10):
        agent.hear()
    agent.stop()
    header = segments_of(agent.path)[0].header

    few = Replay()
    few.run(agent.path, Until(events=4))
    timed = Replay()
    timed.run(agent.path, Until(clock=header.clock + 0.0045))

    assert few.events == timed.events == 4
    with pytest.raises(RecordingError, match="begins later than the time"):
        Replay().run(agent.path, Until(clock=header.clock - 10))


def test_a_member_is_readable_after_each_flush() -> None:
    member = writer.Member()
    octets = member.add("one\n") + member.flush()

    assert zlib.decompressobj(31).decompress(octets) == b"one\n"
