"""`evpnd run` up to the point where it becomes the speaker."""

import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner

from evpnd.adapters.config import load_config
from evpnd.cli import host
from evpnd.cli import run as run_command
from evpnd.cli.host import look_before_start, look_only
from evpnd.speaker import main as speaker
from tests.unit.cli.commands import evpnd
from tests.unit.cli.daemon import daemon

CONFIG = """
asn: 65001
vtep: {{address: 10.0.0.1}}
peers: [{{address: 127.0.0.1, asn: 65000, local-address: 127.0.0.2}}]
discover: true
control: {{socket: {socket}}}
"""
as_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="without the capabilities nothing else is looked at"
)


def write(folder: Path, control: Path) -> Path:
    path = folder / "evpnd.yaml"
    path.write_text(CONFIG.format(socket=control))
    return path


def test_every_error_of_the_file_is_printed_and_the_status_is_two(
    tmp_path: Path,
) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("asn: 0\npeers: []\n")

    done = evpnd("run", "-c", str(path))

    assert (done.returncode, done.stdout) == (2, "")
    assert [line.split(": ")[1] for line in done.stderr.splitlines()] == [
        "asn",
        "vtep",
        "evis",
        "peers",
    ]


@as_root
def test_missing_capabilities_are_named_and_the_status_is_one(tmp_path: Path) -> None:
    path = write(tmp_path, tmp_path / "s")

    done = subprocess.run(
        [
            *("setpriv", "--bounding-set=-net_raw,-net_admin", "--inh-caps=-all"),
            *(sys.executable, "-m", "evpnd.cli.main", "run", "-c", str(path)),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("evpnd: CAP_NET_ADMIN, CAP_NET_RAW missing; run as")


@as_root
def test_another_evpnd_at_the_socket_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "FAREWELL", 0.3)
    with daemon(tmp_path / "s", {"ok": True}) as served:
        obstacle = look_before_start(
            load_config(write(tmp_path, served.path))
        ).obstacles

    assert len(obstacle) == 1
    assert obstacle[0].startswith(f"another evpnd answers at {served.path}; stop it")


@as_root
def test_a_predecessor_that_is_leaving_is_waited_for(tmp_path: Path) -> None:
    leaving = socket.socket(socket.AF_UNIX)
    leaving.bind(str(tmp_path / "s"))
    leaving.listen()
    timer = threading.Timer(0.5, leaving.close)
    timer.start()

    obstacle = look_before_start(load_config(write(tmp_path, tmp_path / "s"))).obstacles

    timer.join()
    assert obstacle == []


@as_root
def test_a_socket_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    below_a_file = write(tmp_path, tmp_path / "file" / "s")
    first = look_before_start(load_config(below_a_file)).obstacles
    itself_a_file = write(tmp_path, tmp_path / "file")
    second = look_before_start(load_config(itself_a_file)).obstacles

    assert first[0].startswith(f"control.socket: {tmp_path}/file cannot be created: ")
    assert second == [f"control.socket: {tmp_path}/file is not a socket; remove it"]


@as_root
def test_what_run_would_refuse_is_told_without_touching_anything(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").write_text("")

    below_a_file = look_only(load_config(write(tmp_path, tmp_path / "file" / "s")))
    to_be_made = look_only(load_config(write(tmp_path, tmp_path / "new" / "s")))
    with daemon(tmp_path / "s", {"ok": True}) as served:
        beside_a_daemon = look_only(load_config(write(tmp_path, served.path)))

    refused = [f"control.socket: {tmp_path}/file is not a directory"]
    assert below_a_file.obstacles == refused
    assert to_be_made.obstacles == beside_a_daemon.obstacles == []
    assert not (tmp_path / "new").exists()


@as_root
def test_check_tells_of_this_host_and_fails_only_if_asked_to(tmp_path: Path) -> None:
    path = write(tmp_path, tmp_path / "s")
    unprivileged = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
    command = [*unprivileged, sys.executable, "-m", "evpnd.cli.main"]

    def run(*words: str) -> tuple[int, str, str]:
        done = subprocess.run(
            [*command, *words, str(path)],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        return done.returncode, done.stdout, done.stderr

    status, out, err = run("check")
    of_the_host, _, again = run("check", "--this-host")
    _, planned, beside = run("plan", "--json")

    assert (status, out) == (0, f"{path}: ok\n")
    assert err.startswith("this host: `evpnd run` would refuse: CAP_NET_BIND_SER")
    assert (of_the_host, again) == (1, err)
    assert (json.loads(planned)[0]["action"], beside) == ("add", err)


@as_root
@pytest.mark.parametrize("flush", [False, True])
def test_a_host_that_is_fit_becomes_the_speaker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flush: bool
) -> None:
    became: list[tuple[Path, bool, str]] = []

    def serve(
        file: Path,
        agent: subprocess.Popen[bytes] | None,
        *,
        flush_on_exit: bool,
        log_format: str,
    ) -> int:
        became.append((file, flush_on_exit, log_format))
        assert agent is not None
        with agent:
            agent.kill()
        return 3

    monkeypatch.setattr(speaker, "run", serve)
    monkeypatch.setattr(run_command, "set_title", lambda *_: None)
    monkeypatch.chdir(tmp_path)
    write(tmp_path, tmp_path / "run" / "s")

    words = ["-c", "evpnd.yaml", *(["--flush-on-exit"] if flush else [])]
    done = CliRunner().invoke(run_command.run, words)

    file = tmp_path / "run" / "s.exabgp.conf"
    assert done.exit_code == 3, done.output
    assert became == [(file, flush, "json")]
    # The speaker gets its configuration, in which the agent gets an absolute path.
    written = file.read_text()
    assert str(tmp_path / "evpnd.yaml") in written
    assert "evpnd.agent" in written
    assert "accepted-from" not in written
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o755
