"""Sessions that cost more than they bring: ended at once, or never read."""

import os
import signal
import socket
import threading
import time
from pathlib import Path

import pytest

from evpnd.wire.messages import EndDamping, Resend, Reset
from integration.lab_netns import PATIENCE, LabError, inside
from integration.peer import (
    EVPN,
    KEEPALIVE,
    NOTIFICATION,
    OPEN,
    BgpPeer,
    four_octet_asn,
    mac_route,
    message,
)
from integration.raw_peer import RawListener, RawPeer, open_body
from integration.speaker_lab import (
    LOCAL4,
    PEER,
    REMOTE4,
    SpeakerRun,
    announce,
    peer,
)

pytestmark = [pytest.mark.root, pytest.mark.usefixtures("_speaker_namespaces")]

MAXIMUM_PREFIXES = message(NOTIFICATION, bytes([6, 1]))
UPDATE_ERROR = message(NOTIFICATION, bytes([3, 9]))


def establish(timeout: float = 30) -> RawPeer:
    """Bring a session up; tried again while connections are refused."""
    deadline = time.monotonic() + timeout * PATIENCE
    while True:
        far = RawPeer.connect(PEER, REMOTE4, LOCAL4)
        try:
            return far.establish()
        except LabError:
            far.finish()
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def end(far: RawPeer, notification: bytes) -> None:
    with far:
        far.send(notification)
        far.wait_closed()


def test_a_peer_that_ends_each_session_at_once_waits_longer_and_longer(
    tmp_path: Path,
) -> None:
    with SpeakerRun(tmp_path / "s", [peer(passive=True)]) as speaker:
        speaker.wait_heard("state", state="active")
        for notification in (UPDATE_ERROR, MAXIMUM_PREFIXES):
            end(establish(), notification)
        line = speaker.wait_heard("damped", ended=2)
        assert 3 <= line["seconds"] <= 4
        speaker.wait_heard("state", state="idle")
        with RawPeer.connect(PEER, REMOTE4, LOCAL4) as refused:
            assert refused.wait_closed() == [(6, 5)]

        begin = time.monotonic()
        with establish() as far:
            assert time.monotonic() - begin > 1
            end(far, UPDATE_ERROR)
        assert speaker.wait_heard("damped", ended=3)["seconds"] >= 6
        # A new agent hears of the pause as well.
        os.kill(speaker.agents()[-1], signal.SIGKILL)
        speaker.wait(lambda: len(speaker.agents()) == 2, 10, "a new agent")
        speaker.wait_heard("damped", ended=3)

        speaker.say(EndDamping(None))
        speaker.wait_heard("state", state="active")
        # The greeting of the new agent told of the session that had ended before.
        assert len(speaker.heard("down")) == 1
        with establish(timeout=2) as far:
            end(far, UPDATE_ERROR)
        speaker.wait_heard("down", number=2)
        time.sleep(0.5)
        assert len(speaker.heard("damped")) == 1


def test_our_own_reset_costs_no_pause(tmp_path: Path) -> None:
    with SpeakerRun(tmp_path / "s", [peer(passive=True)]) as speaker:
        speaker.wait_heard("state", state="active")
        for number in range(3):
            with establish() as far:
                speaker.wait_heard("up", number=number + 1)
                speaker.say(Reset(REMOTE4, 6, 4))
                assert far.wait_closed() == [(6, 4)]
        assert speaker.heard("damped") == []


def test_a_connection_that_we_open_waits_as_well(tmp_path: Path) -> None:
    with (
        RawListener(PEER, REMOTE4) as listening,
        SpeakerRun(tmp_path / "s", [peer()]) as speaker,
    ):
        for _ in range(2):
            end(listening.accept().establish(), UPDATE_ERROR)
        speaker.wait_heard("damped", ended=2)
        begin = time.monotonic()
        with listening.accept(timeout=20):
            assert time.monotonic() - begin > 1


def test_a_peer_that_has_just_started_is_not_left_alone_for_long(
    tmp_path: Path,
) -> None:
    """As FRR does: 5/0 until zebra has told bgpd of the interfaces."""
    with RawListener(PEER, REMOTE4) as listening, SpeakerRun(tmp_path / "s", [peer()]):
        for _ in range(5):
            listening.accept().finish()
        # The pause is at its longest now, 3.75 s at least.
        end(listening.accept(), message(NOTIFICATION, bytes([5, 0])))
        begin = time.monotonic()
        with listening.accept() as far:
            assert time.monotonic() - begin < 3
            far.establish()


def test_routes_are_sent_again_when_the_agent_says_so(tmp_path: Path) -> None:
    with (
        SpeakerRun(tmp_path / "s", [peer()]) as speaker,
        BgpPeer(PEER, REMOTE4, LOCAL4) as far,
    ):
        far.wait_established()
        speaker.say(announce(1))
        far.wait_heard(lambda: far.announced().count(mac_route(1)) == 1)
        speaker.say(Resend(REMOTE4))
        far.wait_heard(lambda: far.announced().count(mac_route(1)) == 2)
        assert far.sessions == 1


def closed_window() -> RawPeer:
    """Connect with a receive buffer that a few routes fill."""
    with inside(PEER):
        sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    sock.bind((REMOTE4, 0))
    sock.settimeout(5 * PATIENCE)
    sock.connect((LOCAL4, 179))
    return RawPeer(sock)


def test_a_peer_that_never_reads_is_left_by_rfc_9687(tmp_path: Path) -> None:
    opening = message(OPEN, open_body(EVPN, four_octet_asn(65000), hold=3))
    stop = threading.Event()
    with SpeakerRun(tmp_path / "s", [peer(passive=True)]) as speaker:
        speaker.wait_heard("state", state="active")
        with closed_window() as far:
            far.establish(opening)

            def live() -> None:
                while not stop.wait(0.5):
                    far.send(message(KEEPALIVE))

            thread = threading.Thread(target=live)
            thread.start()
            speaker.say(announce(*range(500)))
            begin = time.monotonic()
            speaker.wait_heard("notification", direction="sent", code=8, timeout=30)
            lasted = time.monotonic() - begin
            line = speaker.wait_heard("down")
            stop.set()
            thread.join()

        assert lasted > 5
        assert line["graceful"] is False
        assert line["reason"] == (
            "sent: Send Hold Timer Expired (the peer accepted no data for 6 s)"
        )


def test_a_peer_that_reads_slowly_is_kept(tmp_path: Path) -> None:
    opening = message(OPEN, open_body(EVPN, four_octet_asn(65000), hold=3))
    with SpeakerRun(tmp_path / "s", [peer(passive=True)]) as speaker:
        speaker.wait_heard("state", state="active")
        with closed_window() as far:
            far.establish(opening)
            speaker.say(announce(*range(5000)))
            for _ in range(20):
                far.send(message(KEEPALIVE))
                far._sock.recv(2048)
                time.sleep(0.5)
        assert speaker.heard("notification") == []
