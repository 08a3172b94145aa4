"""From our configuration to ExaBGP's, and the command that runs it."""

import os
import sys
from pathlib import Path

import pytest

from evpnd.model.config import Config, PeerConfig, VtepConfig
from evpnd.model.ids import Ip, Peer
from evpnd.speaker.process.launcher import configuration_path, exec_speaker


class BecameAnotherError(Exception):
    pass


def test_the_file_is_beside_the_socket_and_named_like_it() -> None:
    path = configuration_path(Path("/run/evpnd/leaf1.sock"))

    assert path == Path("/run/evpnd/leaf1.exabgp.conf")


@pytest.mark.parametrize("flush", [False, True])
def test_the_process_becomes_the_speaker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flush: bool
) -> None:
    became: list[list[str]] = []

    def execv(program: str, command: list[str]) -> None:
        became.append([program, *command])
        raise BecameAnotherError

    monkeypatch.setattr(os, "execv", execv)
    config = Config(
        path=Path("/etc/evpnd.yaml"),
        asn=65000,
        router_id=Ip(bytes([10, 0, 0, 1])),
        vtep=VtepConfig(Ip(bytes([10, 0, 0, 1]))),
        peers=(PeerConfig(Peer("10.0.0.2"), 65000, password="key"),),
        control_socket=tmp_path / "run" / "evpnd.sock",
    )
    with pytest.raises(BecameAnotherError):
        exec_speaker(config, agent_command=[sys.executable, "x y"], flush_on_exit=flush)

    file = tmp_path / "run" / "evpnd.exabgp.conf"
    options = ["--flush-on-exit"] if flush else []
    options += ["--log-format", "json"]
    assert became == [
        [
            sys.executable,
            sys.executable,
            "-P",
            "-m",
            "evpnd.speaker",
            *options,
            str(file),
        ]
    ]
    assert f"run {sys.executable} x%20y;" in file.read_text()
    assert "router-id 10.0.0.1;" in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o755
