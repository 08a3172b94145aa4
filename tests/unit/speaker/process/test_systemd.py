"""What systemd hears of the speaker's loop: a real socket in its place."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from evpnd.speaker.process.systemd import SHARE, Service, watchdog_interval


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    path = str(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", path)
    monkeypatch.setenv("WATCHDOG_USEC", "20000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(path)
        bound.setblocking(False)
        yield bound


def heard(manager: socket.socket) -> list[str]:
    found = []
    while True:
        try:
            found.append(manager.recv(200).decode())
        except BlockingIOError:
            return found


def test_the_watchdog_is_fed_several_times_in_its_time(manager: socket.socket) -> None:
    service = Service()
    for now in range(100, 120):
        service.feed_watchdog(float(now))

    assert heard(manager) == ["WATCHDOG=1"] * SHARE


@pytest.mark.parametrize(
    ("name", "value"),
    [("WATCHDOG_PID", "1"), ("WATCHDOG_USEC", ""), ("WATCHDOG_USEC", "soon")],
)
def test_a_watchdog_of_others_is_not_fed(
    manager: socket.socket, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    Service().feed_watchdog(100.0)

    assert heard(manager) == []
    assert watchdog_interval() is None


def test_the_status_line_is_sent_where_it_changes(manager: socket.socket) -> None:
    service = Service()
    assert service.wants_status(100.0)
    service.tell_sessions(1, 2, 100.0)
    assert not service.wants_status(100.5)
    service.tell_sessions(1, 2, 101.0)
    service.evis = (4, 3)
    service.tell_sessions(2, 2, 102.0)

    assert heard(manager) == [
        "STATUS=1 of 2 sessions established",
        "STATUS=2 of 2 sessions established, 3 of 4 EVIs ready",
    ]
