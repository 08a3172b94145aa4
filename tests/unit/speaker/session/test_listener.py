"""Connections that wait beside another: the newest of a peer is the one that counts."""
# ruff: noqa: TID251 # the extension's classes stand on exabgp's

import socket
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from exabgp.protocol.ip import IPv4

from evpnd.speaker.session.listener import SpeakerListener

OPEN = b"\xff" * 16 + bytes.fromhex("001d 01 04 fde8 005a 0a0000fe 00")


class FakePeer:
    """A peer whose connections do nothing by themselves."""

    def __init__(self) -> None:
        self.neighbor = {
            "incoming-ttl": None,
            "outgoing-ttl": None,
            "local-as": 65000,
            "peer-as": 65000,
            "router-id": IPv4.create("10.0.0.1"),
        }
        self.proto: Any = None
        self.attempt = None
        self.is_established = self.is_opened = self.is_damped = False
        self.taken: list[Any] = []

    def stopping(self) -> bool:
        return False

    def damped(self) -> bool:
        return self.is_damped

    def established(self) -> bool:
        return self.is_established

    def opened(self) -> bool:
        return self.is_opened

    def restart_expected(self) -> bool:
        return True

    def take(self, connection: Any) -> None:  # noqa: ANN401
        self.taken.append(connection)
        self.proto = SimpleNamespace(connection=connection)


class Lab:
    """A listener on loopback, and ends of connections to it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr("time.monotonic", lambda: self.now)
        self.peer = FakePeer()
        reactor = SimpleNamespace(ready=True, peer=lambda _address: self.peer)
        self.listener = SpeakerListener(reactor)
        assert self.listener.serve({"127.0.0.1"}, 0, {})
        (listening,) = self.listener._listening.values()
        self.address = listening.getsockname()
        self.ends: list[socket.socket] = []

    def connect(self, octets: bytes = OPEN) -> socket.socket:
        end = socket.create_connection(self.address)
        end.settimeout(20)
        end.sendall(octets)
        self.ends.append(end)
        return end

    def turn(self, seconds: float = 0.0) -> None:
        self.now += seconds
        self.listener.incoming()

    def taken(self) -> list[tuple[str, int]]:
        return [each.io.getpeername() for each in self.peer.taken]


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    lab = Lab(monkeypatch)
    yield lab
    lab.listener.stop()
    for each in lab.peer.taken:
        each.close()
    for end in lab.ends:
        end.close()


def test_the_first_connection_is_taken_at_once(lab: Lab) -> None:
    end = lab.connect()
    lab.turn()

    assert lab.taken() == [end.getsockname()]
    assert not lab.listener.undecided


def test_of_two_that_wait_the_newer_is_left(lab: Lab) -> None:
    lab.peer.proto = object()
    lab.peer.is_established = True
    older, newer = lab.connect(), lab.connect()
    lab.turn()
    assert older.recv(1) == b""
    lab.turn(1.5)

    assert lab.taken() == [newer.getsockname()]


def test_one_that_waited_does_not_replace_a_newer_one(lab: Lab) -> None:
    lab.peer.proto = object()
    lab.peer.is_established = True
    older = lab.connect(OPEN[:20])
    lab.turn()
    lab.peer.proto, lab.peer.is_established = None, False
    newer = lab.connect()
    lab.turn()

    assert lab.taken() == [older.getsockname(), newer.getsockname()]
    lab.turn(0.5)
    assert lab.taken()[-1] == newer.getsockname()


def test_one_that_never_says_its_open_is_closed(lab: Lab) -> None:
    lab.peer.proto = object()
    lab.peer.is_established = True
    silent = lab.connect(b"")
    lab.turn()
    lab.turn(4.9)
    assert lab.listener.undecided
    lab.turn(0.2)

    assert silent.recv(1) == b""
    assert lab.taken() == []


def test_a_damped_peer_is_refused_by_a_notification(lab: Lab) -> None:
    lab.peer.is_damped = True
    end = lab.connect()
    lab.turn()

    assert end.recv(64)[19:21] == bytes([6, 5])
    assert lab.taken() == []
