"""A replay ends where the recorded agent did."""

import asyncio
from pathlib import Path

import pytest

from evpnd.adapters.recording.answers import answer
from evpnd.adapters.recording.replay import Replay
from tests.conformance.case import find_cases, read_case
from tests.unit.adapters.recording.recorded_host import (
    TABLES,
    RecordedHost,
    normal,
    play_all,
)


def replayed(path: Path) -> dict[str, list[str]]:
    replay = Replay()
    replay.run(path)
    assert replay.notes == []
    return {t: normal(answer(replay, {"command": "show", "what": t})) for t in TABLES}


@pytest.mark.parametrize("folder", find_cases(), ids=lambda folder: folder.name)
def test_the_replay_of_a_case_ends_as_the_case(folder: Path, tmp_path: Path) -> None:
    case = read_case(folder)
    host = RecordedHost(case.config, tmp_path / "recording")
    play_all(host, case)
    for recorder in host.recorders:
        asyncio.run(recorder.stop("the end"))

    assert replayed(tmp_path / "recording") == host.tables()
