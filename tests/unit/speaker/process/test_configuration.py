"""ExaBGP's configuration: what ours becomes, read back by ExaBGP itself."""
# ruff: noqa: TID251 # ExaBGP's parser is the judge of what we write

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from exabgp.configuration.configuration import Configuration

from evpnd.model.config import PeerConfig
from evpnd.model.ids import Peer
from evpnd.speaker.process.agent_process import read_command
from evpnd.speaker.process.configuration import (
    AGENT,
    configuration_path,
    configuration_text,
    listening_addresses,
    minimum_ttl,
    write_configuration,
)
from evpnd.wire.messages import Peers

COMMAND = [sys.executable, "-m", "evpnd.agent"]
PEER = PeerConfig(address=Peer("10.0.0.254"), asn=65000)


def parse(*peers: PeerConfig, command: list[str] = COMMAND) -> Configuration:
    text = configuration_text(Peers(65001, "10.0.0.1", peers), command)
    configuration = Configuration([text], text=True)
    assert configuration.reload() is True, str(configuration.error)
    return configuration


def neighbor(**changes: Any) -> Any:  # noqa: ANN401
    (found,) = parse(replace(PEER, **changes)).neighbors.values()
    return found


def test_a_peer_with_every_default() -> None:
    found = neighbor()

    assert found.auto_discovery
    assert str(found["router-id"]) == "10.0.0.1"
    assert (found["local-as"], found["peer-as"]) == (65001, 65000)
    assert (found["connect"], found["hold-time"]) == (179, 90)
    assert not found["passive"]
    assert found["md5-password"] is None
    assert found["incoming-ttl"] is found["outgoing-ttl"] is None
    assert [(int(a), int(s)) for a, s in found.families()] == [(25, 70)]


def test_capabilities_are_those_that_we_can_keep() -> None:
    assert neighbor()["capability"] == {
        "asn4": True,
        "extended-message": False,
        "graceful-restart": 120,
        "multi-session": False,
        "operational": False,
        "add-path": 0,
        "route-refresh": True,
        "nexthop": None,
        "aigp": None,
        "software-version": None,
    }


def test_a_peer_with_everything_given() -> None:
    found = neighbor(
        local_address="10.0.0.1",
        asn=4200000001,
        port=1179,
        passive=True,
        hold_time=3,
        ttl_security=2,
    )

    assert found["local-address"].top() == "10.0.0.1"
    assert found["peer-as"] == 4200000001
    assert (found["connect"], found["hold-time"]) == (1179, 3)
    assert found["passive"]
    assert (found["outgoing-ttl"], found["incoming-ttl"]) == (255, 254)


def test_an_ipv6_peer() -> None:
    assert neighbor(address=Peer("fd00::1"))["peer-address"].top() == "fd00::1"


@pytest.mark.parametrize(("given", "expected"), [(0, False), (60, 60), (9999, 4095)])
def test_graceful_restart_is_off_or_a_time_that_fits(given: int, expected: int) -> None:
    assert (
        neighbor(graceful_restart=given)["capability"]["graceful-restart"] == expected
    )


@pytest.mark.parametrize(
    "password", ["secret", 'it\'s "a" {key};', "#[x], \\n %", "ключ", "x" * 80]
)
def test_a_key_arrives_whatever_is_in_it(password: str) -> None:
    found = neighbor(password=password)

    assert found["md5-base64"] is True
    assert password not in str(found["md5-password"])


def test_the_agents_command_comes_back_whatever_is_in_it() -> None:
    command = [*COMMAND, "-c", '/etc/it\'s {a} "file";#[1],2 %41 \\x\n.yaml', ""]
    configuration = parse(PEER, command=command[:-1])

    assert read_command(configuration.processes[AGENT]["run"]) == command[:-1]


def test_one_hop_wants_the_highest_ttl() -> None:
    assert minimum_ttl(1) == 255
    assert minimum_ttl(255) == 1


@pytest.mark.parametrize(
    "given",
    [
        Peers(65001, "10.0.0.1", (replace(PEER, address=Peer("10.0.0.1; neighbor")),)),
        Peers(65001, "10.0.0.1", (replace(PEER, local_address="auto;"),)),
        Peers(65001, "::1", (PEER,)),
    ],
)
def test_what_is_no_address_is_never_written(given: Peers) -> None:
    with pytest.raises(ValueError, match=r"does not appear|Expected 4 octets"):
        configuration_text(given, COMMAND)


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([], set()),
        ([("10.0.0.2", "10.0.0.1")], {"10.0.0.1"}),
        ([("10.0.0.2", "10.0.0.1"), ("fd00::2", "fd00::1")], {"10.0.0.1", "fd00::1"}),
        ([("10.0.0.2", None)], {"0.0.0.0"}),
        ([("10.0.0.2", "10.0.0.1"), ("fd00::2", None)], {"0.0.0.0", "::"}),
    ],
)
def test_where_to_listen(
    pairs: list[tuple[str, str | None]], expected: set[str]
) -> None:
    assert listening_addresses(pairs) == expected


def test_the_file_is_ours_alone_and_replaced_in_one_step(tmp_path: Path) -> None:
    path = tmp_path / "evpnd.exabgp.conf"
    path.write_text("old")
    path.chmod(0o644)
    write_configuration(path, "new")

    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_the_file_is_beside_the_socket_and_named_like_it() -> None:
    path = configuration_path(Path("/run/evpnd/leaf1.sock"))

    assert path == Path("/run/evpnd/leaf1.exabgp.conf")
