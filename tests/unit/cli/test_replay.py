"""`evpnd replay`, `evpnd --replay FILE ...` and `evpnd record`."""

import asyncio
import contextlib
import gzip
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from evpnd.cli.main import call
from tests.conformance.case import ROOT, read_case, run_case
from tests.unit.adapters.recording.recorded_host import RecordedHost, play_all
from tests.unit.cli.daemon import daemon


def evpnd(*words: str) -> "subprocess.CompletedProcess[str]":
    """Run a command line in this process: `main` would begin it anew for a replay."""
    with (
        contextlib.redirect_stdout(io.StringIO()) as out,
        contextlib.redirect_stderr(io.StringIO()) as err,
    ):
        status = call([*words])
    return subprocess.CompletedProcess(words, status, out.getvalue(), err.getvalue())


MAC = "02:00:00:00:00:01"
CASE = ROOT / "mobility-local-to-remote"


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the recording of a case: a tenant moves to 10.0.0.9."""
    path = tmp_path_factory.mktemp("recorded") / "night.rec"
    case = read_case(CASE)
    host = RecordedHost(case.config, path)
    play_all(host, case)
    for recorder in host.recorders:
        asyncio.run(recorder.stop("the end"))
    return path


def test_a_replay_says_where_it_ends(recording: Path) -> None:
    done = evpnd("replay", str(recording), "--json")

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["peers_established"], told["evis_ready"]) == (2, 1)
    assert told["events"] > 10
    assert "peers established:" in evpnd("replay", str(recording)).stdout


def test_show_and_explain_answer_on_the_end(recording: Path) -> None:
    done = evpnd("--replay", str(recording), "show", "macs", "--json")

    (row,) = json.loads(done.stdout)
    assert (row["mac"], row["vtep"], row["state"]) == (MAC, "10.0.0.9", "installed")
    done = evpnd("--replay", str(recording), "explain", MAC)
    assert done.returncode == 0, done.stderr
    assert "extern_learn" in done.stdout
    assert "10.0.0.9" in done.stdout.splitlines()[-1]


def test_until_an_event_the_mac_is_where_it_was(recording: Path) -> None:
    words = ("--replay", str(recording), "--until", "local_mac_learned")
    done = evpnd(*words, "show", "events", "--json")
    assert done.returncode == 0, done.stderr
    before = json.loads(done.stdout)
    done = evpnd("--replay", str(recording), "show", "events", "--json")
    everything = json.loads(done.stdout)

    assert everything[-1]["event"] == "mac_moved"
    assert before == everything[: len(before)]
    done = evpnd("--replay", str(recording), "--until", "12", "show", "macs", "--json")
    assert json.loads(done.stdout) in ([], everything) or "local" in done.stdout


def test_plan_compares_with_the_end(recording: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    text = (ROOT / "evpnd.yaml").read_text()
    other.write_text(text.replace("vni: 100", "vni: 100, flood: false"))
    done = evpnd("--replay", str(recording), "plan", str(other), "--json")

    assert done.returncode == 0, done.stderr
    assert isinstance(json.loads(done.stdout), list)
    assert evpnd("--replay", str(recording), "plan", "/nowhere.yaml").returncode == 2


def test_another_configuration_makes_something_else_of_it(
    recording: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.yaml"
    (tmp_path / "none.yaml").write_text(
        "policy: none\nrules:\n  - {name: all, match: {}, reject: nobody}\n"
    )
    text = (ROOT / "evpnd.yaml").read_text()
    other.write_text(
        "policies: [none.yaml]\n" + text.replace("vni: 100", "vni: 100, import: [none]")
    )
    done = evpnd("replay", str(recording), "--config", str(other), "--json")

    assert done.returncode == 0, done.stderr
    changes = json.loads(done.stdout)["changes"]
    assert {"action": "remove", "what": "fdb", "vni": 100, "mac": MAC}.items() <= next(
        each for each in changes if each["what"] == "fdb"
    ).items()


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (("replay", "/nowhere"), 1, "/nowhere: No such file"),
        (("replay", str(CASE / "case.md")), 1, "neither a recording nor an MRT dump"),
        (("replay",), 2, "Missing argument 'FILE'"),
        (
            ("--until", "5", "show", "macs"),
            2,
            "--until before the command needs --replay",
        ),
        (("--replay", "/nowhere", "show", "macs"), 1, "/nowhere: No such file"),
        (("record", "start", "x", "--size", "many"), 2, "is not a size"),
        (("record", "start", "x", "--size", "1K"), 2, "not within 1M..1T"),
    ],
)
def test_what_is_wrong_is_said(words: tuple[str, ...], status: int, says: str) -> None:
    done = evpnd(*words)

    assert done.returncode == status
    assert says in done.stderr


@pytest.mark.parametrize("until", ["yesterday!", "25:00:00", "-5"])
def test_an_until_that_is_none_is_wrong_usage(recording: Path, until: str) -> None:
    done = evpnd("replay", str(recording), f"--until={until}")

    assert done.returncode == 2
    assert "is no time" in done.stderr


def test_a_command_that_changes_needs_a_daemon(recording: Path) -> None:
    done = evpnd("--replay", str(recording), "clear", "peer", "10.0.0.254")

    assert done.returncode == 1
    assert "needs a daemon, not a recording" in done.stderr


def test_two_replays_are_equal_to_the_octet(recording: Path) -> None:
    said = set()
    for seed in ("1", "2"):
        for what in ("routes", "macs"):
            argv = [sys.executable, "-m", "evpnd.cli.main", "--replay", str(recording)]
            environment = {**os.environ, "PYTHONHASHSEED": seed}
            done = subprocess.run(
                [*argv, "show", what, "--json"],
                capture_output=True,
                check=True,
                env=environment,
            )
            said.add((what, done.stdout))

    assert len(said) == 2


def test_record_asks_the_daemon(tmp_path: Path) -> None:
    told = {"recording": True, "file": "/tmp/x", "size": 1 << 28}
    with daemon(tmp_path / "s", {"ok": True, "result": told}) as served:
        socket = ("--socket", str(served.path))
        started = evpnd("record", "start", "/tmp/x", "--size", "64M", *socket)
        status = evpnd("record", "status", *socket)
        stopped = evpnd("record", "stop", *socket)

    assert served.asked == [
        {"command": "record", "do": "start", "file": "/tmp/x", "size": 64 << 20},
        {"command": "record"},
        {"command": "record", "do": "stop"},
    ]
    assert started.stdout == "recording in /tmp/x\n"
    assert status.stdout == "recording in /tmp/x, at most 256M\n"
    assert stopped.stdout == "recorded in /tmp/x\n"


def test_an_mrt_dump_is_written_and_asked(recording: Path, tmp_path: Path) -> None:
    dump = tmp_path / "peers.mrt"
    config = str(ROOT / "evpnd.yaml")
    done = evpnd("--replay", str(recording), "record", "--mrt", str(dump))
    assert done.returncode == 0, done.stderr
    assert dump.stat().st_mode & 0o777 == 0o600

    done = evpnd("replay", str(dump), "--config", config, "--json")
    assert json.loads(done.stdout)["evis_ready"] == 1
    words = ("--replay", str(dump), "--config", config)
    done = evpnd(*words, "show", "macs", "--json")
    (row,) = json.loads(done.stdout)
    assert (row["mac"], row["vtep"]) == (MAC, "10.0.0.9")
    done = evpnd(*words, "explain", MAC)
    assert done.stdout.splitlines()[-1].split()[1] == "end"
    assert "10.0.0.9" in done.stdout


def test_a_dump_has_no_configuration(recording: Path, tmp_path: Path) -> None:
    dump = tmp_path / "peers.mrt"
    evpnd("--replay", str(recording), "record", "--mrt", str(dump))
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("asn: none")

    assert evpnd("replay", str(dump), "--config", str(wrong)).returncode == 2
    assert evpnd("replay", str(dump), "--as-case", str(tmp_path)).returncode == 2


def test_a_recording_with_other_addresses_is_for_others(
    recording: Path, tmp_path: Path
) -> None:
    new = tmp_path / "new.rec"
    done = evpnd("replay", str(recording), "--anonymise", "--write", str(new))
    assert done.returncode == 0, done.stderr
    assert new.stat().st_mode & 0o777 == 0o600

    text = gzip.decompress(new.read_bytes()).decode()
    for address in (MAC, MAC.replace(":", ""), "10.0.0.9", "0a000009", "10.0.0.254"):
        assert address not in text
    done = evpnd("--replay", str(new), "show", "macs", "--json")
    (row,) = json.loads(done.stdout)
    assert (row["kind"], row["state"], row["sequence"]) == ("remote", "installed", 1)
    assert row["mac"].startswith("02:")
    assert row["mac"] != MAC


def test_a_case_is_written_and_holds(recording: Path, tmp_path: Path) -> None:
    done = evpnd("replay", str(recording), "--as-case", str(tmp_path / "case"))

    assert done.returncode == 0, done.stderr
    run_case(read_case(tmp_path / "case"))
    again = evpnd("replay", str(recording), "--as-case", str(tmp_path / "case"))
    assert again.returncode == 1
    assert "there is a case already" in again.stderr


def test_addresses_are_replaced_for_a_file(recording: Path) -> None:
    done = evpnd("replay", str(recording), "--anonymise")

    assert done.returncode == 2
    assert "needs --write NEW or --as-case DIR" in done.stderr


def test_without_a_recording_there_is_no_dump(tmp_path: Path) -> None:
    told = {"recording": False, "file": None}
    with daemon(tmp_path / "s", {"ok": True, "result": told}) as served:
        done = evpnd(
            *("record", "--socket", str(served.path)),
            *("--mrt", str(tmp_path / "x.mrt")),
        )

    assert done.returncode == 1
    assert "has recorded nothing" in done.stderr
