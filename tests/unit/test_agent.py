"""The agent as a process: what it loads, and how it ends where its file is wrong."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from evpnd.adapters.control.client import request
from evpnd.wire.messages import Hello
from evpnd.wire.pipe import encode

PATIENCE = 150
"""Seconds: two interpreters start, and the machine may be busy."""

CONFIG = """\
asn: 65000
vtep: {{address: 192.0.2.1}}
peers: [{{address: 192.0.2.9, asn: 65000}}]
evis: [{{vni: 77, bridge: none77, vxlan: none77x}}]
control: {{socket: {folder}/s}}
log: {{format: console}}
"""
POLICY = "policy: p\nrules: [{match: {vni: 1}, reject: true}]\n"
HEAVY = {
    *("pydantic", "pydantic_core", "yaml", "rich", "click", "structlog"),
    *("pyroute2", "exabgp", "prometheus_client"),
    *("ssl", "_ssl", "_hashlib"),
}
"""What costs an agent more than it is worth while nothing needs it."""

STARTED = """\
import atexit, pathlib, runpy, sys
mark = pathlib.Path(sys.argv.pop(1))
atexit.register(lambda: mark.write_text("\\n".join(sys.modules)))
runpy.run_module("evpnd.agent", run_name="__main__", alter_sys=True)
"""
"""An agent that writes down at its end what it has imported."""


as_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="without CAP_NET_ADMIN an agent ends at once"
)


@contextmanager
def agent(folder: Path, config: str = CONFIG) -> Iterator[subprocess.Popen[str]]:
    path = folder / "evpnd.yaml"
    path.write_text(config.format(folder=folder))
    # A network of its own: nothing of the host is read or changed.
    command = ["unshare", "--net"] if os.geteuid() == 0 else []
    command += [sys.executable, "-c", STARTED, str(folder / "modules"), "-c", str(path)]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, stderr=pipe, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not path.is_socket():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


@as_root
@pytest.mark.timeout(600)
def test_it_loads_nothing_heavy_whatever_it_is_asked(tmp_path: Path) -> None:
    policy = tmp_path / "p.yaml"
    policy.write_text(POLICY)
    with agent(tmp_path) as process:
        control = tmp_path / "s"
        wait_for(control, process)
        config = str(tmp_path / "evpnd.yaml")
        for question in (
            {"command": "show", "what": "evis"},
            {"command": "plan", "path": config},
            {"command": "rehearse", "path": str(policy)},
            {"command": "explain", "what": "ip", "value": "192.0.2.7"},
            {"command": "reload"},
        ):
            assert request(control, question, PATIENCE)["ok"], question
        _, err = process.communicate(timeout=PATIENCE)

    assert "agent_stopped" in err
    loaded = {name.partition(".")[0] for name in modules(tmp_path)}
    assert "asyncio" in loaded
    assert loaded.isdisjoint(HEAVY)


def modules(folder: Path) -> list[str]:
    return (folder / "modules").read_text().splitlines()


@as_root
@pytest.mark.timeout(600)
def test_a_reload_that_is_refused_names_every_error(tmp_path: Path) -> None:
    with agent(tmp_path) as process:
        control = tmp_path / "s"
        wait_for(control, process)
        path = tmp_path / "evpnd.yaml"
        path.write_text(path.read_text() + "vtepp: 2\nlogg: 1\n")

        answer = request(control, {"command": "reload"}, PATIENCE)
        question = {"command": "plan", "path": str(path)}
        planned = request(control, question, PATIENCE)

    errors = [
        f"{path}:7: vtepp: unknown key; did you mean vtep?",
        f"{path}:8: logg: unknown key; did you mean log?",
    ]
    assert answer == {
        "ok": False,
        "error": "the configuration is invalid; nothing was changed",
        "errors": errors,
    }
    assert planned == {
        "ok": False,
        "error": "the configuration is invalid",
        "errors": errors,
    }


def test_it_does_not_start_with_a_file_that_is_wrong(tmp_path: Path) -> None:
    with agent(tmp_path, CONFIG.replace("65000", "no")) as process:
        _, err = process.communicate(timeout=PATIENCE)

    path = tmp_path / "evpnd.yaml"
    assert process.returncode == 1
    assert err.splitlines()[0] == f"{path}:1: asn: expected a whole number, not 'no'"


@as_root
@pytest.mark.timeout(600)
def test_it_touches_nothing_before_the_speaker_greets_it(tmp_path: Path) -> None:
    evi = "{vni: 77, manage: true}"
    config = CONFIG.replace("{{vni: 77, bridge: none77, vxlan: none77x}}", f"{{{evi}}}")
    with agent(tmp_path, config) as process:
        wait_for(tmp_path / "s", process)
        time.sleep(0.5)
        before = bridges(process)
        assert process.stdin is not None
        process.stdin.buffer.write(encode(Hello("", (), "")))
        process.stdin.buffer.flush()
        deadline = time.monotonic() + PATIENCE
        while not bridges(process) and time.monotonic() < deadline:
            time.sleep(0.02)

        assert not before
        assert bridges(process) == ["br77"]


def bridges(process: subprocess.Popen[str]) -> list[str]:
    command = ["nsenter", f"--net=/proc/{process.pid}/ns/net"]
    command += ["ip", "-json", "link", "show", "type", "bridge"]
    shown = subprocess.run(command, check=True, capture_output=True).stdout
    return [link["ifname"] for link in json.loads(shown or "[]")]
