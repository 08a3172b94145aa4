"""Small rules of a peer's life: when to try again, what to call things."""

import socket
from pathlib import Path

import pytest

from evpnd.speaker.process import logs, systemd
from evpnd.speaker.session.delay import SpeakerDelay
from evpnd.speaker.session.listener import Speaker, Verdict, collide


def test_the_first_attempt_is_at_once_and_the_others_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    monkeypatch.setattr("random.uniform", lambda _low, high: high)
    delay, waits = SpeakerDelay(), []
    assert not delay.backoff()
    for _ in range(7):
        delay.increase()
        begin = now
        while delay.backoff():
            now += 0.5
        waits.append(now - begin)
    delay.increase()
    delay.reset()

    assert waits == [1, 2, 3, 4, 5, 5, 5]
    assert not delay.backoff()


@pytest.mark.parametrize(
    ("local", "remote", "expected"),
    [
        ((1, 65000), (2, 65000), Verdict.TAKE),
        ((2, 65000), (1, 65000), Verdict.REFUSE),
        ((0x7F000001, 1), (0xFF000001, 1), Verdict.TAKE),
        ((0xFF000001, 1), (0x7F000001, 1), Verdict.REFUSE),
        # RFC 6286, section 2.3: equal identifiers leave it to the AS.
        ((1, 65001), (1, 65002), Verdict.TAKE),
        ((1, 65002), (1, 65001), Verdict.REFUSE),
    ],
)
def test_the_higher_identifier_keeps_its_connection(
    local: tuple[int, int], remote: tuple[int, int], expected: Verdict
) -> None:
    assert collide(Speaker(*local), Speaker(*remote)) is expected


def test_a_traceback_is_one_line() -> None:
    error = ValueError("why")

    assert logs.exabgp_traceback(error) == "ValueError: why"
    assert "\n" not in logs.exabgp_traceback(ExceptionGroup("some", [error]))


def test_the_service_manager_is_told_once_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    systemd.notify("READY=1")
    path = str(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", path)
    systemd.notify("READY=1")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        manager.settimeout(20)
        systemd.notify("READY=1")

        assert manager.recv(100) == b"READY=1"
