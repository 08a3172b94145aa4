"""The commands as processes, against a real control socket."""

import json
import os
import pty
import re
import shlex
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from evpnd.adapters.config.json_schema import json_schema
from evpnd.cli.main import evpnd as main
from tests.unit.cli.commands import CLOSED, Command, evpnd
from tests.unit.cli.daemon import daemon

EXAMPLE = Path(__file__).parents[3] / "docs/evpnd.example.yaml"
POLICY = Path(__file__).parents[3] / "policies/quarantine.yaml"
NOTHING = {"now": 0, "then": 0}
EVPND = [sys.executable, "-m", "evpnd.cli.main"]
MACS: list[dict[str, object]] = [
    {
        "vni": 10100,
        "mac": f"02:00:00:00:00:{number:02x}",
        "ips": ["192.0.2.1"] * 30,
        "kind": "remote",
        "vtep": "10.0.0.2",
        "sequence": 0,
        "sticky": False,
        "duplicate": False,
        "interface": "vx10100",
        "state": "installed",
        "since": "2026-01-01T00:00:00.000+00:00",
    }
    for number in (2, 1)
]


def test_json_is_what_the_daemon_told_as_one_sorted_list(tmp_path: Path) -> None:
    with daemon(tmp_path / "s", {"ok": True, "result": MACS}) as served:
        done = evpnd("show", "macs", "--json", "--socket", str(served.path))

    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == MACS[::-1]


def test_filters_reach_the_daemon_in_normal_form(tmp_path: Path) -> None:
    filters = ["--vni", "5", "--peer", "2001:DB8::FE", "--mac", "02-00-00-00-00-0A"]
    filters += ["--vlan", "7"]
    with daemon(tmp_path / "s", {"ok": True, "result": []}) as served:
        evpnd("--socket", str(served.path), "show", "routes", *filters, "--ip", "::1")

    assert served.asked == [
        {
            "command": "show",
            "what": "routes",
            "vni": 5,
            "vlan": 7,
            "peer": "2001:db8::fe",
            "mac": "02:00:00:00:00:0a",
            "ip": "::1",
        }
    ]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_the_socket_may_be_named_anywhere(tmp_path: Path, place: int) -> None:
    with daemon(tmp_path / "s", {"ok": True, "result": []}) as served:
        words = ["show", "peers", "--json"]
        words[place:place] = ["--socket", str(served.path)]
        done = evpnd(*words)

    assert (done.returncode, done.stdout) == (0, "[]\n")


def test_a_pipe_gets_plain_lines_of_any_width(tmp_path: Path) -> None:
    with daemon(tmp_path / "s", {"ok": True, "result": MACS}) as served:
        done = evpnd("show", "macs", "--socket", str(served.path))

    lines = done.stdout.splitlines()
    assert [line.split()[1] for line in lines] == [
        "MAC",
        "02:00:00:00:00:01",
        "02:00:00:00:00:02",
    ]
    assert lines[1].endswith("192.0.2.1," * 29 + "192.0.2.1  -")
    assert done.stdout.isascii()
    assert "\x1b" not in done.stdout


def on_a_terminal(*words: str) -> str:
    """Run a command with a terminal of 80 columns as its standard output."""
    leader, follower = pty.openpty()
    terminal = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    command = Command(*words, stdout=follower, stderr=2, env=terminal)
    os.close(follower)
    printed = b""
    try:
        while piece := os.read(leader, 65536):
            printed += piece
    except OSError:  # Linux tells the end of a terminal so.
        pass
    os.close(leader)
    assert command.wait() == 0
    return printed.decode()


def test_a_terminal_gets_colour_and_no_line_wider_than_it(tmp_path: Path) -> None:
    with daemon(tmp_path / "s", {"ok": True, "result": MACS}) as served:
        printed = on_a_terminal("show", "macs", "--socket", str(served.path))

    plain = re.sub(r"\x1b\[[0-9;]*m", "", printed)
    assert "\x1b[32m" in printed
    assert max(map(len, plain.splitlines())) <= 80
    assert "…" not in plain


WORDS = "a sentence of many words, " * 6
SAID: dict[str, dict[str, object]] = {
    "explain": {"result": [{"step": "end", "ok": True, "text": WORDS}]},
    "plan": {
        "result": [
            {
                "what": "route",
                "action": "add",
                "vni": 10100,
                "type": "mac-ip",
                "peers": [f"2001:db8::{number}" for number in range(9)],
            }
        ],
        "configuration": [WORDS],
    },
    "reload": {"changes": [WORDS]},
    "policy": {
        "result": [
            {"kind": "rule", "rule": "r", "now": 1, "then": None, "verdict": "reject"}
            | {"at": "policies/a-policy-of-an-operator.yaml:1000"},
            {"kind": "limit", "limit": "l", "at": None, "waiting": NOTHING},
            {"kind": "summary", "policy": "p", "attached": False, "changed": 1}
            | {"accepted": NOTHING, "rejected": NOTHING},
            {"kind": "route", "direction": "import", "peer": "10.0.0.1", "was": WORDS}
            | {"then": WORDS, "type": "mac-ip", "mac": "02:00:00:00:00:01", "vni": 1}
            | {"rd": "10.0.0.1:1"},
        ],
    },
}


@pytest.mark.parametrize(
    "words",
    [
        ["explain", "mac", "02:00:00:00:00:01"],
        ["plan", "-c", str(EXAMPLE)],
        ["reload"],
        ["policy", "test", "--live", str(POLICY)],
    ],
    ids=" ".join,
)
def test_sentences_are_folded_on_a_terminal_and_nowhere_else(
    words: list[str], tmp_path: Path
) -> None:
    with daemon(tmp_path / "s", {"ok": True} | SAID[words[0]]) as served:
        there = [*words, "--socket", str(served.path)]
        printed = on_a_terminal(*there)
        piped = evpnd(*there).stdout

    plain = re.sub(r"\x1b\[[0-9;]*m", "", printed)
    assert max(map(len, plain.splitlines())) <= 80
    assert max(map(len, piped.splitlines())) > 80
    assert set(piped.split()) - {"AT", "-"} <= set(plain.split())


def test_markup_in_a_description_is_text(tmp_path: Path) -> None:
    row = {"address": "10.0.0.1", "description": "[red]x[/]", "state": "idle"}
    with daemon(tmp_path / "s", {"ok": True, "result": [row]}) as served:
        printed = on_a_terminal("show", "peers", "--socket", str(served.path))

    folded = re.sub(r"\x1b\[[0-9;]*m|\s", "", printed)
    assert "[red" in folded


def test_an_empty_table_is_said_so_on_standard_error(tmp_path: Path) -> None:
    with daemon(tmp_path / "s", {"ok": True, "result": []}) as served:
        done = evpnd("show", "vteps", "--socket", str(served.path))

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "no vteps\n")


@pytest.mark.parametrize(
    "words", [["show", "peers"], ["show", "macs", "--json"], ["reload"]]
)
def test_without_a_daemon_the_status_is_three(tmp_path: Path, words: list[str]) -> None:
    done = evpnd(*words, "--socket", str(tmp_path / "s"))

    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith(f"evpnd: no evpnd at {tmp_path}/s: start it with")
    assert "--socket" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["nonsense"],
        ["show"],
        ["show", "nonsense"],
        ["show", "macs", "--vni", "0"],
        ["show", "macs", "--vni", "16777216"],
        ["show", "macs", "--vlan", "4095"],
        ["show", "peers", "--vlan", "5"],
        ["show", "macs", "--mac", "x"],
        ["show", "macs", "--ip", "10.0.0.0/24"],
        ["show", "macs", "extra"],
        ["run"],
        ["check"],
        ["schema", "nonsense"],
        ["explain", "mac", "x"],
        ["doctor", "one.yaml", "two.yaml"],
        ["run", "--record", "x"],
    ],
)
def test_wrong_usage_has_status_two(words: list[str]) -> None:
    done = evpnd(*words)

    assert done.returncode == 2
    assert done.stdout == ""
    assert "Usage: evpnd" in done.stderr


def test_a_refusal_of_the_daemon_has_status_one(tmp_path: Path) -> None:
    with daemon(tmp_path / "s", {"ok": False, "error": "not now"}) as served:
        done = evpnd("show", "macs", "--socket", str(served.path))

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "evpnd: not now\n"


def test_reload_prints_what_changed(tmp_path: Path) -> None:
    answer = {"ok": True, "changes": ["peer 10.0.0.2 added", "evi red removed"]}
    with daemon(tmp_path / "s", answer) as served:
        done = evpnd("reload", "--socket", str(served.path))

    assert done.returncode == 0
    assert done.stdout == "peer 10.0.0.2 added\nevi red removed\n"


def test_reload_says_when_nothing_changed(tmp_path: Path) -> None:
    with daemon(tmp_path / "s", {"ok": True, "changes": []}) as served:
        done = evpnd("reload", "--socket", str(served.path))

    assert (done.returncode, done.stdout) == (0, "nothing changed\n")


def test_a_refused_reload_prints_why_and_has_status_one(tmp_path: Path) -> None:
    answer = {"ok": False, "error": "invalid", "errors": ["f:1: asn: x", "f:2: y"]}
    with daemon(tmp_path / "s", answer) as served:
        done = evpnd("reload", "--socket", str(served.path))

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "f:1: asn: x\nf:2: y\nevpnd: reload refused: invalid\n"


def test_a_pipe_that_closes_early_leaves_no_traceback(tmp_path: Path) -> None:
    with daemon(tmp_path / "s", {"ok": True, "result": MACS * 5000}) as served:
        done = subprocess.run(
            f"{sys.executable} -m evpnd.cli.main show macs --socket {served.path}"
            " | head -1",
            shell=True,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )

    assert done.stdout.startswith("  VNI")
    assert done.stderr == ""


@pytest.mark.parametrize("words", [["schema"], ["--version"], ["--help"]])
def test_a_full_disk_below_the_output_is_a_sentence(words: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = evpnd(*words, stdout=full.fileno())

    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert "ignored" not in done.stderr


@pytest.mark.parametrize(
    ("words", "status"),
    [("--version", 0), ("schema policy", 0), ("show peers --socket /nowhere", 3)],
)
@pytest.mark.parametrize("closed", [["stdout"], ["stderr"], ["stdout", "stderr"]])
def test_where_nobody_listens_the_status_is_as_ever(
    words: str, status: int, closed: list[str]
) -> None:
    done = evpnd(*words.split(), **dict.fromkeys(closed, CLOSED))

    assert done.returncode == status
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_where_nobody_listens_it_starts_as_ever(closed: str) -> None:
    command = f"{shlex.join(EVPND)} --version {closed}"
    done = subprocess.run(
        command, shell=True, capture_output=True, text=True, check=False, timeout=60
    )

    assert done.returncode == 0
    assert "Traceback" not in done.stderr


def test_an_interrupt_leaves_no_traceback(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "s"))
        silent.listen()
        silent.settimeout(60)
        process = subprocess.Popen(
            [*EVPND, "show", "macs", "--socket", str(tmp_path / "s")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        connection, _ = silent.accept()
        with connection:
            connection.recv(1000)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)

    assert process.returncode == 1
    assert "Traceback" not in out + err


def test_check_tells_good_files_from_bad_ones(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("policy: guard\n")
    bad = tmp_path / "bad.yaml"
    bad.write_text("asn: 0\n")

    good = evpnd("check", str(EXAMPLE), str(policy))
    mixed = evpnd("check", str(bad), str(EXAMPLE))

    assert good.returncode == 0
    assert good.stderr.count("\n") == good.stderr.count("this host: ")
    assert good.stdout == f"{EXAMPLE}: ok\n{policy}: ok\n"
    assert mixed.returncode == 2
    assert mixed.stdout == f"{EXAMPLE}: ok\n"
    assert mixed.stderr.startswith(f"{bad}:1: asn: ")


@pytest.mark.parametrize("path", ["", "/", "/nonexistent", "/dev/zero"])
def test_check_of_what_is_no_file_has_status_two(path: str) -> None:
    done = evpnd("check", path)

    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("kind", ["config", "policy"])
def test_schema_prints_the_schema(kind: str) -> None:
    done = evpnd("schema", kind)

    assert done.returncode == 0
    assert json.loads(done.stdout) == json_schema(kind)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "words",
    [[], ["run"], ["check"], ["schema"], ["reload"], ["show"], ["show", "macs"]],
)
def test_every_command_explains_itself(words: list[str]) -> None:
    done = evpnd(*words, "--help")

    assert done.returncode == 0
    assert "Usage: evpnd" in done.stdout
    assert "\b" not in done.stdout
    if words[:2] != ["show", "macs"]:
        assert "Exit status" in done.stdout


def test_version() -> None:
    done = evpnd("--version")

    assert re.fullmatch(r"evpnd \d+\.\d+\.\d+\n", done.stdout)


def test_show_starts_without_the_heavy_libraries() -> None:
    code = (
        "import sys; from evpnd.cli.main import call; call(['show', 'peers', "
        "'--socket', '/nonexistent']); print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    loaded = {module.partition(".")[0] for module in done.stdout.split()}
    assert loaded.isdisjoint(
        {"rich", "pydantic", "yaml", "exabgp", "pyroute2", "prometheus_client"}
        | {"asyncio"}
    )


def test_a_socket_that_may_not_be_read_is_asked_alike_wherever_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s"
    with daemon(path, {"ok": True, "result": []}):
        # Root may read all; what decides is whether the daemon lets us connect.
        monkeypatch.setattr(os, "access", lambda *_, **__: False)
        for words in (
            ["show", "peers", f"--socket={path}"],
            [f"--socket={path}", "show", "peers"],
        ):
            assert CliRunner().invoke(main, words).exit_code == 0


@pytest.mark.parametrize("soft", [False, True])
def test_clear_peer_asks_for_one_peer(tmp_path: Path, *, soft: bool) -> None:
    words = ["clear", "peer", "2001:DB8::FE", *["--soft"] * soft]
    with daemon(tmp_path / "s", {"ok": True}) as served:
        done = evpnd(*words, "--socket", str(served.path))

    assert (done.returncode, done.stderr) == (0, "")
    assert served.asked == [
        {"command": "clear-peer", "peer": "2001:db8::fe", "soft": soft}
    ]


def test_a_peer_that_cannot_be_cleared_is_a_failure(tmp_path: Path) -> None:
    refused = {"ok": False, "error": "there is no peer x; there is 10.0.0.254"}
    with daemon(tmp_path / "s", refused) as served:
        done = evpnd("clear", "peer", "x", "--socket", str(served.path))

    assert done.returncode == 1
    assert "there is no peer x" in done.stderr
