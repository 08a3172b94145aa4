"""How command lines may be written: abbreviations, both spellings of FILE, slips."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from evpnd.cli import options
from evpnd.cli import run as run_command
from evpnd.cli.main import evpnd as main
from tests.unit.cli.commands import evpnd
from tests.unit.cli.daemon import daemon

EXAMPLE = Path(__file__).parents[3] / "docs/evpnd.example.yaml"


@pytest.mark.parametrize("words", [["sh", "mac"], ["show", "ma"], ["sh", "macs"]])
def test_commands_and_tables_may_be_abbreviated(
    tmp_path: Path, words: list[str]
) -> None:
    with daemon(tmp_path / "s", {"ok": True, "result": []}) as served:
        done = evpnd(*words, "--socket", str(served.path))

    assert (done.returncode, done.stderr) == (0, "no macs\n")
    assert served.asked == [{"command": "show", "what": "macs"}]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["shw"], "No such command 'shw'. Did you mean show?"),
        (["relaod"], "Did you mean reload"),
        (["macs"], "Did you mean show macs?"),
        (["zzz"], "The commands are run, check, schema, plan,"),
        (["s", "macs"], "'s' may be schema or show; write more of it."),
        (["show", "e"], "'e' may be events or evis; write more of it."),
        (["show", "pears"], "Did you mean peers?"),
        (["show", "fdb"], "Did you mean macs?"),
        (["clear", "dupilcate"], "Did you mean duplicate?"),
        (["policy", "tset"], "Did you mean test?"),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, list) else "",
)
def test_a_slip_is_told_with_what_was_meant(words: list[str], told: str) -> None:
    done = CliRunner().invoke(main, words)

    assert done.exit_code == 2
    assert told in done.stderr


@pytest.mark.parametrize("command", ["check", "plan"])
@pytest.mark.parametrize("spelling", [["-c"], ["--config"], []], ids=str)
def test_a_file_may_be_named_either_way(
    tmp_path: Path, command: str, spelling: list[str]
) -> None:
    with daemon(tmp_path / "s", {"ok": True, "result": []}) as served:
        socket = ["--socket", str(served.path)] if command == "plan" else []
        done = evpnd(command, *spelling, str(EXAMPLE), *socket)

    assert done.returncode == 0
    assert command == "check" or served.asked == [
        {"command": "plan", "path": str(EXAMPLE)}
    ]


@pytest.mark.parametrize("command", ["check", "plan", "run"])
def test_without_a_file_the_default_one_is_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    default = tmp_path / "evpnd.yaml"
    monkeypatch.setattr(options, "DEFAULT_FILE", default)
    monkeypatch.setattr(run_command, "set_title", lambda *_: None)

    absent = CliRunner().invoke(main, [command])
    default.write_text("asn: 0\n")
    present = CliRunner().invoke(main, [command])

    assert (absent.exit_code, present.exit_code) == (2, 2)
    assert f"Name a FILE: there is no {default}." in absent.stderr
    assert f"{default}:1: asn: " in present.stderr


@pytest.mark.parametrize("json_option", [[], ["--json"]], ids=str)
def test_a_vni_that_no_evi_has_is_said_so(
    tmp_path: Path, json_option: list[str]
) -> None:
    answer: dict[str, object] = {"ok": True, "note": "there is no EVI", "result": []}
    with daemon(tmp_path / "s", answer) as served:
        socket = ["--socket", str(served.path)]
        done = evpnd("show", "macs", "--vni", "9", *json_option, *socket)

    assert (done.returncode, done.stdout) == (0, "[]\n" if json_option else "")
    assert done.stderr == "no macs: there is no EVI\n"


@pytest.mark.parametrize("command", ["plan", "run"])
def test_a_daemon_has_one_file(command: str) -> None:
    done = CliRunner().invoke(main, [command, "-c", "a.yaml", "b.yaml"])

    assert done.exit_code == 2
    assert "Name one FILE, not a.yaml and b.yaml." in done.stderr


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (["0200.0000.0001"], ("mac", "02:00:00:00:00:01")),
        (["02-00-00-00-00-0A"], ("mac", "02:00:00:00:00:0a")),
        (["2001:DB8::1"], ("address", "2001:db8::1")),
        (["10.0.0.2"], ("address", "10.0.0.2")),
        (["ip", "10.0.0.2"], ("ip", "10.0.0.2")),
        (["vt", "10.0.0.2"], ("vtep", "10.0.0.2")),
        (["mac", "10.0.0.2"], None),
        (["br0"], None),
        (["route", "10.0.0.2"], None),
        (["mac", "ip", "10.0.0.2"], None),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, list) else "",
)
def test_explain_takes_an_address_with_or_without_its_kind(
    tmp_path: Path, words: list[str], asked: tuple[str, str] | None
) -> None:
    end = {"step": "end", "vni": None, "text": "it is this host", "ok": True}
    answer = {"ok": True, "what": "vtep", "result": [end]}
    with daemon(tmp_path / "s", answer) as served:
        done = evpnd("explain", *words, "--socket", str(served.path))

    if asked is None:
        assert (done.returncode, served.asked) == (2, [])
        assert "Invalid value for ADDRESS" in done.stderr
        return
    what, value = asked
    assert served.asked == [{"command": "explain", "what": what, "value": value}]
    assert done.stdout.startswith(f"vtep {value}\n")
