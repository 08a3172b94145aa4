"""Small rules of a peer's life: when to try again, what to call things."""
# ruff: noqa: TID251 # the extension's classes stand on exabgp's

import json
import socket
from pathlib import Path

import pytest
from exabgp.bgp.message import Notify
from exabgp.bgp.message.notification import Notification

from evpnd.speaker import logs, messages, systemd
from evpnd.speaker.listener import Verdict, collide
from evpnd.speaker.peer import SpeakerDelay, notification_text


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
    ("notification", "text"),
    [
        (Notify(6, 2, b""), "Cease / Administrative Shutdown"),
        (Notify(6, 2, "bye"), "Cease / Administrative Shutdown / bye"),
        (Notify(2, 2, "ASN"), "OPEN message error / Bad Peer AS / ASN"),
        (Notify(4, 0, ""), "Hold timer expired / Unspecific"),
        (Notify(5, 3), "State machine error / Receive Unexpected Message in"),
        (Notification(2, 2, b"\x00\x01"), "OPEN message error / Bad Peer AS"),
        (Notification(6, 2, b"\x02hi"), "Cease / Administrative Shutdown / Shutdown"),
        (Notification(9, 9, b""), "code 9 / subcode 9"),
        (Notification(2, 2, b"\xff\xfe"), "OPEN message error / Bad Peer AS"),
    ],
)
def test_notifications_have_names(notification: Notification, text: str) -> None:
    assert notification_text(notification).startswith(text)
    assert notification_text(notification).isprintable()


@pytest.mark.parametrize(
    ("local", "remote", "connected", "expected"),
    [
        (1, None, True, Verdict.WAIT),
        (1, 2, True, Verdict.TAKE),
        (2, 1, True, Verdict.REFUSE),
        (2, 1, False, Verdict.TAKE),
        (1, 2, False, Verdict.TAKE),
    ],
)
def test_the_higher_identifier_keeps_its_connection(
    *, local: int, remote: int | None, connected: bool, expected: Verdict
) -> None:
    assert collide(local, remote, ours_connected=connected) is expected


@pytest.mark.parametrize(("low", "high"), [(1, 2), (0x7F000001, 0xFF000001)])
def test_both_ends_of_a_collision_keep_the_same_connection(low: int, high: int) -> None:
    assert collide(low, high, ours_connected=True) is Verdict.TAKE
    assert collide(high, low, ours_connected=True) is Verdict.REFUSE


def test_lines_are_compact_ascii() -> None:
    line = messages.error("10.0.0.1", "für")

    assert line == b'{"type":"error","peer":"10.0.0.1","text":"f\\u00fcr"}\n'
    assert messages.update("::1", b"\x01\xff") == (
        b'{"type":"update","peer":"::1","messages":"01ff"}\n'
    )


def test_log_lines_look_like_the_agents(capsys: pytest.CaptureFixture[str]) -> None:
    logs.warning("agent_died", status=1)
    line = capsys.readouterr().err
    entry = json.loads(line)

    assert line.count("\n") == 1
    assert entry.pop("timestamp").endswith("Z")
    assert entry == {"event": "agent_died", "level": "warning", "status": 1}


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
        manager.settimeout(2)
        systemd.notify("READY=1")

        assert manager.recv(100) == b"READY=1"
