"""Sessions of the speaker: who it speaks to, with what protection, how they end."""

import signal
import socket
import time
from pathlib import Path

import pytest

from evpnd.wire.messages import Ready
from integration.lab_netns import inside
from integration.peer import (
    ENHANCED_REFRESH,
    EVPN,
    KEEPALIVE,
    MARKER,
    OPEN,
    ROUTE_REFRESH,
    UPDATE,
    BgpPeer,
    announcement,
    capability,
    four_octet_asn,
    graceful_restart,
    mac_route,
    message,
)
from integration.speaker_lab import (
    FRESH,
    LOCAL4,
    LOCAL6,
    ORIGIN,
    PEER,
    REMOTE4,
    REMOTE6,
    SPEAKER,
    SpeakerRun,
    announce,
    peer,
)

pytestmark = [pytest.mark.root, pytest.mark.usefixtures("_speaker_namespaces")]

WITH_RESTART = (EVPN, ROUTE_REFRESH, four_octet_asn(65000), graceful_restart(120))


def test_an_ibgp_session_over_ipv4_negotiates_what_both_can(tmp_path: Path) -> None:
    capabilities = (*WITH_RESTART, ENHANCED_REFRESH)
    with (
        SpeakerRun(tmp_path / "s", [peer()]) as speaker,
        BgpPeer(PEER, REMOTE4, LOCAL4, hold=30, capabilities=capabilities) as far,
    ):
        far.wait_established()
        up = speaker.wait_heard("up")

        del up["type"]
        assert up.pop("age") < 30
        assert up == {
            "peer": REMOTE4,
            "asn4": True,
            "restart_time": 120,
            "forwarding": True,
            "route_refresh": True,
            "enhanced_refresh": True,
            "hold_time": 30,
            "local_address": LOCAL4,
            "remote_id": "10.0.0.254",
            "resumed": False,
            "replayed": False,
            "routes": 0,
        }
        assert set(far.sent_capabilities()) == {1, 2, 64, 65, 70}
        assert far.sent_capabilities()[1] == bytes.fromhex("00190046")


def test_a_peer_without_any_extra_is_told_apart(tmp_path: Path) -> None:
    with (
        SpeakerRun(tmp_path / "s", [peer(graceful_restart=0)]) as speaker,
        BgpPeer(PEER, REMOTE4, LOCAL4, capabilities=(EVPN,)) as far,
    ):
        far.wait_established()
        up = speaker.wait_heard("up")

        assert not up["asn4"]
        assert up["restart_time"] is None
        assert not up["route_refresh"]
        assert 64 not in far.sent_capabilities()


def test_an_ebgp_session_puts_our_as_in_the_path(tmp_path: Path) -> None:
    with (
        SpeakerRun(tmp_path / "s", [peer(asn=65010)], asn=4200000001) as speaker,
        BgpPeer(PEER, REMOTE4, LOCAL4, asn=65010) as far,
    ):
        far.wait_established()
        speaker.say(announce(1, attributes=ORIGIN))
        far.wait_heard(far.updates)

        assert far.updates()[0].attributes[2] == bytes.fromhex("0201fa56ea01")


@pytest.mark.parametrize("local", [LOCAL6, None])
def test_a_session_over_ipv6(tmp_path: Path, local: str | None) -> None:
    with (
        SpeakerRun(tmp_path / "s", [peer(REMOTE6, local_address=local)]) as speaker,
        BgpPeer(PEER, REMOTE6, LOCAL6) as far,
    ):
        far.wait_established()

        assert speaker.wait_heard("up")["local_address"] == LOCAL6


@pytest.mark.parametrize("local", [LOCAL4, None])
def test_we_open_the_connection_to_a_peer_that_listens_on_its_port(
    tmp_path: Path, local: str | None
) -> None:
    config = peer(port=1179, local_address=local)
    with (
        BgpPeer(PEER, REMOTE4, LOCAL4, passive=True, port=1179) as far,
        SpeakerRun(tmp_path / "s", [config]),
    ):
        far.wait_established()


def test_we_wait_for_a_peer_that_is_passive_by_configuration(tmp_path: Path) -> None:
    with (
        SpeakerRun(tmp_path / "s", [peer(passive=True)]) as speaker,
        BgpPeer(PEER, REMOTE4, LOCAL4, passive=True) as deaf,
    ):
        speaker.wait_heard("state", state="active")
        time.sleep(1.5)
        assert not deaf.heard
        deaf.close()
        with BgpPeer(PEER, REMOTE4, LOCAL4) as far:
            far.wait_established()


def test_a_peer_that_is_not_configured_is_refused(tmp_path: Path) -> None:
    with (
        SpeakerRun(tmp_path / "s", [peer("10.90.0.77")]) as speaker,
        BgpPeer(PEER, REMOTE4, LOCAL4) as far,
    ):
        speaker.wait_heard("state", state="active")
        far.wait_heard(lambda: (6, 5) in far.notifications())


def test_sessions_wait_for_the_first_announcement(tmp_path: Path) -> None:
    with (
        SpeakerRun(tmp_path / "s", [peer()], startup=()) as speaker,
        BgpPeer(PEER, REMOTE4, LOCAL4) as far,
    ):
        speaker.wait_heard("hello")
        time.sleep(0.7)
        assert not far.heard
        speaker.say(announce(1, attributes=ORIGIN))
        speaker.say(FRESH)
        far.wait_established()
        far.wait_heard(lambda: len(far.bodies(UPDATE)) == 2)

        assert far.updates()[0].announced == mac_route(1)
        assert far.bodies(UPDATE)[1] == bytes.fromhex("00000006800f03001946")


def test_a_peer_with_the_wrong_asn_is_told_so(tmp_path: Path) -> None:
    with (
        SpeakerRun(tmp_path / "s", [peer(asn=65055)]) as speaker,
        BgpPeer(PEER, REMOTE4, LOCAL4) as far,
    ):
        far.wait_heard(lambda: (2, 2) in far.notifications())
        told = speaker.wait_heard("notification", code=2, subcode=2)

        assert told["direction"] == "sent"
        assert told["text"] == (
            "sent: OPEN Message Error / Bad Peer AS "
            "(the peer is AS 65000, configured is AS 65055)"
        )


def test_a_peer_without_evpn_is_told_so(tmp_path: Path) -> None:
    ipv4 = capability(1, bytes.fromhex("00010001"))
    with (
        SpeakerRun(tmp_path / "s", [peer()]),
        BgpPeer(PEER, REMOTE4, LOCAL4, capabilities=(ipv4,)) as far,
    ):
        far.wait_heard(lambda: (2, 7) in far.notifications())


def test_a_refused_connection_is_told_once(tmp_path: Path) -> None:
    with SpeakerRun(tmp_path / "s", [peer()]) as speaker:
        told = speaker.wait_heard("error")
        time.sleep(3)

        assert told["text"] == (
            f"cannot connect to {REMOTE4} port 179: Connection refused"
        )
        assert len(speaker.heard("error")) == 1


def test_a_notification_received_ends_the_session_ungracefully(tmp_path: Path) -> None:
    with (
        SpeakerRun(tmp_path / "s", [peer()]) as speaker,
        BgpPeer(PEER, REMOTE4, LOCAL4, capabilities=WITH_RESTART) as far,
    ):
        far.wait_established()
        far.send(message(3, bytes([6, 2, 3]) + b"bye"))
        told = speaker.wait_heard("notification")
        down = speaker.wait_heard("down")

        assert told["direction"] == "received"
        assert told["text"] == 'received: Cease / Administrative Shutdown ("bye")'
        assert down["reason"] == told["text"]
        assert not down["graceful"]
        speaker.wait_heard("up", number=2)


def test_a_lost_connection_is_graceful_and_comes_back(tmp_path: Path) -> None:
    with (
        SpeakerRun(tmp_path / "s", [peer()]) as speaker,
        BgpPeer(PEER, REMOTE4, LOCAL4, capabilities=WITH_RESTART) as far,
    ):
        far.wait_established()
        assert far.sent_capabilities()[64] == bytes.fromhex("007800194600")
        far.drop()
        assert speaker.wait_heard("down")["graceful"]
        speaker.wait_heard("up", number=2)

        # Nothing was lost here while the connection was: F, and no restart: no R.
        assert far.sent_capabilities()[64] == bytes.fromhex("007800194680")


def test_a_restart_that_kept_its_state_says_so_in_the_first_open(
    tmp_path: Path,
) -> None:
    startup = (Ready(preserved=True),)
    with (
        SpeakerRun(tmp_path / "s", [peer()], startup=startup),
        BgpPeer(PEER, REMOTE4, LOCAL4, capabilities=WITH_RESTART) as far,
    ):
        far.wait_established()

        assert far.sent_capabilities()[64] == bytes.fromhex("807800194680")


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (b"\x00" * 19, (1, 1)),
        (MARKER + b"\x00\x12\x04", (1, 2)),
        (MARKER + b"\x10\x01\x02" + bytes(4082), (1, 2)),
        (MARKER + b"\x00\x16\x02\x00\x00\x00", (1, 2)),
        (MARKER + b"\x00\x13\x09", (1, 3)),
        (message(OPEN, bytes(10)), (5, 3)),
    ],
)
def test_broken_framing_is_answered_after_the_updates_before_it(
    tmp_path: Path, octets: bytes, expected: tuple[int, int]
) -> None:
    good = message(UPDATE, announcement([mac_route(1)]))
    with (
        SpeakerRun(tmp_path / "s", [peer()]) as speaker,
        BgpPeer(PEER, REMOTE4, LOCAL4) as far,
    ):
        far.wait_established()
        far.send(good + octets)
        far.wait_heard(lambda: expected in far.notifications())

        speaker.wait_heard("notification", direction="sent")
        assert speaker.octets() == good


def test_a_silent_peer_expires_after_its_hold_time(tmp_path: Path) -> None:
    with (
        SpeakerRun(tmp_path / "s", [peer(hold_time=3)]),
        BgpPeer(PEER, REMOTE4, LOCAL4, keepalives=False) as far,
    ):
        far.wait_established()
        begin = time.monotonic()
        far.wait_heard(lambda: (4, 0) in far.notifications(), 8)

        assert time.monotonic() - begin > 2
        assert len(far.bodies(KEEPALIVE)) >= 3


def test_without_a_hold_time_nobody_expires(tmp_path: Path) -> None:
    with (
        SpeakerRun(tmp_path / "s", [peer(hold_time=0)]),
        BgpPeer(PEER, REMOTE4, LOCAL4, keepalives=False) as far,
    ):
        far.wait_established()
        time.sleep(4)

        assert far.established.is_set()
        assert len(far.bodies(KEEPALIVE)) == 1


def test_two_speakers_that_call_each_other_agree_at_once(tmp_path: Path) -> None:
    first = SpeakerRun(tmp_path / "a", [peer()], router_id="10.0.0.1")
    second = SpeakerRun(
        tmp_path / "b", [peer(LOCAL4)], router_id="10.0.0.2", namespace=PEER
    )
    with first, second:
        first.wait_heard("up", timeout=3)
        second.wait_heard("up", timeout=3)
        time.sleep(4)

        assert not first.heard("down") + second.heard("down")
        assert len(first.heard("up")) == len(second.heard("up")) == 1


def test_a_peer_that_restarted_unnoticed_is_taken_back(tmp_path: Path) -> None:
    with (
        SpeakerRun(tmp_path / "s", [peer(passive=True)]) as speaker,
        BgpPeer(PEER, REMOTE4, LOCAL4, capabilities=WITH_RESTART) as far,
    ):
        far.wait_established()
        with BgpPeer(PEER, REMOTE4, LOCAL4, capabilities=WITH_RESTART) as again:
            again.wait_established()

            assert speaker.wait_heard("down")["graceful"]


def test_another_connection_beside_a_session_is_refused(tmp_path: Path) -> None:
    with (
        SpeakerRun(tmp_path / "s", [peer(passive=True)]) as speaker,
        BgpPeer(PEER, REMOTE4, LOCAL4) as far,
    ):
        far.wait_established()
        with BgpPeer(PEER, REMOTE4, LOCAL4) as again:
            again.wait_heard(lambda: (6, 7) in again.notifications())

        assert not speaker.heard("down")


def test_port_179_in_use_is_said_and_fails(tmp_path: Path) -> None:
    with inside(SPEAKER):
        other = socket.socket()
    with other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("0.0.0.0", 179))
        other.listen()
        speaker = SpeakerRun(tmp_path / "s", [peer()])

        assert speaker.process.wait(60) == 1
        assert speaker.log().count("another program has the port") == 1
        for agent in speaker.agents():
            assert not Path(f"/proc/{agent}").exists()
        speaker.stop()


@pytest.mark.parametrize(
    ("capabilities", "flush", "expected"),
    [
        (WITH_RESTART, False, []),
        (WITH_RESTART, True, [(6, 2)]),
        ((EVPN, four_octet_asn(65000)), False, [(6, 2)]),
    ],
)
def test_stopping_spares_routes_that_graceful_restart_keeps(
    tmp_path: Path,
    *,
    capabilities: tuple[bytes, ...],
    flush: bool,
    expected: list[tuple[int, int]],
) -> None:
    speaker = SpeakerRun(tmp_path / "s", [peer()], flush=flush)
    with BgpPeer(PEER, REMOTE4, LOCAL4, capabilities=capabilities) as far:
        far.wait_established()
        speaker.wait_heard("up")
        # Octets that nobody reads must not turn the last words into a reset.
        far.send(message(UPDATE, announcement([mac_route(1)])))
        status = speaker.stop(signal.SIGTERM)
        far.wait_heard(lambda: not far.established.is_set())

        assert status == 0
        assert far.notifications() == expected
        assert not speaker.file.exists()
        assert speaker.heard("shutdown") == [{"type": "shutdown", "flush": flush}]


def test_systemd_is_told_of_the_beginning_and_the_end(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(60)
        environment = {"NOTIFY_SOCKET": str(tmp_path / "notify")}
        with SpeakerRun(tmp_path / "s", [peer()], environment=environment):
            assert manager.recv(100) == b"READY=1"
            assert manager.recv(100) == b"STATUS=0 of 1 sessions established"
        assert manager.recv(100) == b"STOPPING=1"
