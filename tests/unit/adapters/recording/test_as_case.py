"""A case that a recording was written as is a case; with other addresses, too."""

import asyncio
import re
from pathlib import Path

import pytest

from evpnd.adapters.recording.answers import answer
from evpnd.adapters.recording.as_case import write_case
from evpnd.adapters.recording.replay import TO_THE_END as END
from evpnd.adapters.recording.replay import Replay, needed
from evpnd.recording.anonymise import Anonymiser
from evpnd.recording.records import Record
from tests.conformance.case import CaseFailed, find_cases, read_case, run_case
from tests.unit.adapters.recording.recorded_host import RecordedHost, play_all

ADDRESS = re.compile(r"02:00:00:00:00:\w\w|192\.0\.2\.\d+|2001:db8::\w+|10\.0\.0\.\d+")
CASES = [case for number, case in enumerate(find_cases()) if number % 4 == 0]


def recorded(folder: Path, path: Path) -> None:
    case = read_case(folder)
    host = RecordedHost(case.config, path)
    play_all(host, case)
    for recorder in host.recorders:
        asyncio.run(recorder.stop("the end"))


def written(path: Path, folder: Path, anonymiser: Anonymiser | None = None) -> Replay:
    kept: list[Record] = []
    replay = Replay(None, anonymiser and anonymiser.replace, kept.append)
    replay.run(path)
    write_case(folder, replay, kept, path.name)
    return replay


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
def test_what_is_written_is_a_case(folder: Path, tmp_path: Path) -> None:
    recorded(folder, tmp_path / "recording")
    written(tmp_path / "recording", tmp_path / "case")

    run_case(read_case(tmp_path / "case"))


def test_a_case_that_ends_otherwise_fails(tmp_path: Path) -> None:
    recorded(CASES[0], tmp_path / "recording")
    written(tmp_path / "recording", tmp_path / "case")
    steps = tmp_path / "case/steps.yaml"
    steps.write_text(steps.read_text().replace('"established"', '"idle"'))

    with pytest.raises(CaseFailed):
        run_case(read_case(tmp_path / "case"))


def test_a_case_is_not_written_over(tmp_path: Path) -> None:
    recorded(CASES[0], tmp_path / "recording")
    written(tmp_path / "recording", tmp_path / "case")

    with pytest.raises(FileExistsError):
        written(tmp_path / "recording", tmp_path / "case")


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
def test_with_other_addresses_the_same_happens(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "recording"
    recorded(folder, path)
    anonymiser = Anonymiser(bytes(32))
    for _, record in needed(path, END):
        anonymiser.look(record)
    anonymiser.settle()
    other = written(path, tmp_path / "case", anonymiser)
    plain = Replay()
    plain.run(path)

    def shapes(replay: Replay, what: str) -> list[list[str]]:
        told = answer(replay, {"command": "show", "what": what})["result"]
        assert isinstance(told, list)
        fields = ("kind", "state", "type", "accepted", "best", "event", "sequence")
        return sorted([str(row.get(each)) for each in fields] for row in told)

    if not anonymiser.left_out:
        for table in ("macs", "neighbors", "routes", "events", "vteps"):
            assert shapes(other, table) == shapes(plain, table), table
    left = ADDRESS.findall((tmp_path / "case/steps.yaml").read_text())
    assert {each for each in left if each.startswith("02:")} == set()
