"""What a child hands over is what its reader accepts; whatever ends it is an error."""

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import pytest

from evpnd.adapters import handover
from evpnd.adapters.config import ConfigErrors, load_config
from evpnd.adapters.config_child import parent
from evpnd.adapters.config_child.parent import Unreadable, read_config, read_policy
from evpnd.adapters.policy_files.load import load_policy
from evpnd.model.config import Config

GOOD = """\
asn: 65000
vtep: {address: 10.0.0.1}
peers: [{address: 192.0.2.1, asn: 65000, import: [p], password-file: key}]
evis: [{vni: 100}, {vni: 101, route-targets: {import: [auto, "65000:7"]}}]
policies: [p.yaml]
"""
POLICY = """\
policy: p
rules: [{name: one, match: {mac: "02:00:00:00:00:01"}, reject: true}]
"""


def files(folder: Path, config: str = GOOD, policy: str = POLICY) -> Path:
    (folder / "key").write_text("secret\n")
    (folder / "key").chmod(0o600)
    (folder / "p.yaml").write_text(policy)
    path = folder / "evpnd.yaml"
    path.write_text(config)
    return path


def refused(path: Path) -> Unreadable:
    with pytest.raises(Unreadable) as raised:
        asyncio.run(read_config(path))
    return raised.value


def test_the_values_are_those_of_the_reader(tmp_path: Path) -> None:
    path = files(tmp_path)

    assert asyncio.run(read_config(path)) == load_config(path)
    policy = tmp_path / "p.yaml"
    assert asyncio.run(read_policy(policy)) == load_policy(policy).policy


def test_the_errors_are_those_of_the_reader(tmp_path: Path) -> None:
    path = files(
        tmp_path,
        GOOD.replace("asn: 65000\n", "asn: no\nsurplus: 1\n"),
        POLICY.replace("match", "mach"),
    )
    with pytest.raises(ConfigErrors) as raised:
        load_config(path)

    error = refused(path)
    assert error.errors == tuple(map(str, raised.value.errors))
    assert len(error.errors) == 3
    assert error.summary == "the configuration is invalid"
    with pytest.raises(Unreadable, match=r"p\.yaml:2: rules\[0\]\.mach: ") as of_policy:
        asyncio.run(read_policy(tmp_path / "p.yaml"))
    assert of_policy.value.summary == "the policy is invalid"


def test_a_file_that_is_not_there_is_an_error_of_the_reader(tmp_path: Path) -> None:
    path = tmp_path / "évpnd.yaml"

    assert str(path) in str(refused(path))
    assert "No such file" in str(refused(path))


def child(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    monkeypatch.setattr(parent, "_COMMAND", (sys.executable, "-c", code))


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (
            "import os; os.kill(os.getpid(), 9)",
            "the process that reads it was ended by SIGKILL",
        ),
        (
            "import sys; print('half'); raise MemoryError('no room')",
            "the process that reads it failed: MemoryError: no room",
        ),
        ("raise SystemExit(3)", "the process that reads it failed: no message"),
        ("", "evpnd was upgraded, but the old version is still running; restart it"),
        (
            "print('nonsense')",
            "evpnd was upgraded, but the old version is still running; restart it",
        ),
    ],
)
def test_a_child_that_says_nothing_sound_is_an_error(
    code: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    child(monkeypatch, code)

    error = refused(Path("/etc/evpnd.yaml"))
    assert error.errors == (f"/etc/evpnd.yaml: {reason}",)
    assert error.summary == "the configuration was not read"


def test_a_child_that_cannot_be_started_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(parent, "_COMMAND", ("/nonexistent",))

    assert str(refused(Path("f"))) == (
        "f: no process can be started to read it: No such file or directory"
    )


SLEEPER = "import os, sys, time; open(sys.argv[2], 'w').write(str(os.getpid())); "


def pid_in(path: Path) -> int:
    for _ in range(1000):
        if path.exists() and (text := path.read_text()):
            return int(text)
        time.sleep(0.02)
    raise AssertionError("the child did not start")


def test_a_child_that_does_not_end_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child(monkeypatch, SLEEPER + "time.sleep(100)")
    monkeypatch.setattr(parent, "PATIENCE", 3.0)

    mark = tmp_path / "pid"
    assert str(refused(mark)) == f"{mark}: reading it took longer than 3 seconds"
    assert not Path(f"/proc/{pid_in(mark)}").exists()


def test_nobody_who_waits_no_more_leaves_a_child(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child(monkeypatch, SLEEPER + "time.sleep(100)")
    mark = tmp_path / "pid"

    async def main() -> None:
        reading = asyncio.create_task(read_config(mark))
        await asyncio.to_thread(pid_in, mark)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading

    asyncio.run(main())
    assert not Path(f"/proc/{pid_in(mark)}").exists()


def test_a_child_of_other_code_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handover, "_CODE", [("config.py", 1, 1)])

    assert "evpnd was upgraded" in str(refused(files(tmp_path)))


def test_the_child_loads_nothing_of_the_loop() -> None:
    code = "import evpnd.adapters.config_child.__main__, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert {"asyncio", "ssl"}.isdisjoint(done.stdout.split())


def test_values_come_back_as_they_were() -> None:
    with pytest.raises(handover.OtherCode):
        handover.unpack(b"")
    assert handover.unpack(handover.pack((Config, {1: b"x"}))) == (Config, {1: b"x"})
