"""An MRT dump of what peers sent, and what a host would do with it."""

import asyncio
import struct
from pathlib import Path

import pytest

from evpnd.adapters.config import load_config
from evpnd.adapters.recording.answers import answer
from evpnd.adapters.recording.dumping import write_mrt
from evpnd.adapters.recording.mrt_replay import MrtReplay, is_dump
from evpnd.adapters.recording.reading import RecordingError
from evpnd.adapters.recording.replay import TO_THE_END, Until
from tests.conformance.case import DEFAULT_CONFIG, ROOT, read_case
from tests.unit.adapters.recording.recorded_host import RecordedHost, play_all

MAC = "02:00:00:00:00:01"


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    """Return what peers sent in a case, as MRT."""
    case = read_case(ROOT / "mobility-local-to-remote")
    host = RecordedHost(case.config, tmp_path / "recording")
    play_all(host, case)
    for recorder in host.recorders:
        asyncio.run(recorder.stop("the end"))
    path = tmp_path / "peers.mrt"
    write_mrt(path, tmp_path / "recording", TO_THE_END, lambda _: None)
    return path


def shown(path: Path, what: str, until: Until = TO_THE_END) -> list[dict[str, object]]:
    replay = MrtReplay(load_config(DEFAULT_CONFIG))
    replay.run(path, until)
    told = answer(replay, {"command": "show", "what": what})["result"]
    assert isinstance(told, list)
    return told


def test_a_host_does_with_a_dump_what_it_would_do_with_the_sessions(dump: Path) -> None:
    assert is_dump(dump)
    (row,) = shown(dump, "macs")
    assert (row["mac"], row["vtep"], row["state"]) == (MAC, "10.0.0.9", "installed")
    states = {str(peer["address"]): peer["state"] for peer in shown(dump, "peers")}
    assert states["10.0.0.254"] == "established"
    (evi,) = shown(dump, "evis")
    assert evi["state"] == "ready"


def test_its_beginning_can_be_asked(dump: Path) -> None:
    assert shown(dump, "macs", Until(events=1)) == []


def test_routes_of_other_families_are_left_out(dump: Path) -> None:
    update = b"\xff" * 16 + struct.pack(">HBHH", 23, 2, 0, 0)
    body = struct.pack(">IIHH", 1, 1, 0, 1) + bytes(8) + update
    record = struct.pack(">IHHI", 1, 16, 4, len(body)) + body
    dump.write_bytes(record * 3 + dump.read_bytes())
    replay = MrtReplay(load_config(DEFAULT_CONFIG))
    replay.run(dump)

    assert "3 records left out: of other families" in replay.notes


def test_a_dump_without_evpn_is_refused(tmp_path: Path) -> None:
    update = b"\xff" * 16 + struct.pack(">HBHH", 23, 2, 0, 0)
    body = struct.pack(">IIHH", 1, 1, 0, 1) + bytes(8) + update
    path = tmp_path / "dump"
    path.write_bytes(struct.pack(">IHHI", 1, 16, 4, len(body)) + body)

    with pytest.raises(RecordingError, match="no peer in it sent a route of l2vpn"):
        MrtReplay(load_config(DEFAULT_CONFIG)).run(path)
