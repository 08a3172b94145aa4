"""The speaker and its agent: what passes between them, and what a dead agent costs."""

import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from evpnd.model.config import PeerConfig
from evpnd.model.targets import Profile
from evpnd.wire.messages import (
    Announce,
    AskRefresh,
    Peers,
    Ready,
    Reset,
    Shutdown,
    Withdraw,
)
from evpnd.wire.pipe import encode
from integration.peer import (
    END_OF_RIB,
    ENHANCED_REFRESH,
    EVPN,
    KEEPALIVE,
    REFRESH,
    ROUTE_REFRESH,
    UPDATE,
    BgpPeer,
    announcement,
    four_octet_asn,
    mac_route,
    message,
)
from integration.speaker_lab import (
    ASN,
    ATTRIBUTES,
    FRESH,
    LOCAL4,
    LOCAL6,
    PEER,
    REMOTE4,
    REMOTE6,
    VTEP,
    SpeakerRun,
    announce,
    cpu_seconds,
    peer,
    resident_mib,
)

pytestmark = [pytest.mark.root, pytest.mark.usefixtures("_speaker_namespaces")]

REFRESHING = (EVPN, ROUTE_REFRESH, ENHANCED_REFRESH, four_octet_asn(ASN))


def test_updates_come_undecoded_and_whole(tmp_path: Path) -> None:
    sent = [message(UPDATE, announcement([mac_route(n)])) for n in range(2000)]
    with (
        SpeakerRun(tmp_path / "s", [peer()]) as speaker,
        BgpPeer(PEER, REMOTE4, LOCAL4) as far,
    ):
        far.wait_established()
        octets = b"".join(sent)
        for start in range(0, len(octets), 7919):
            far.send(octets[start : start + 7919])
        far.send(message(KEEPALIVE) + sent[0])
        total = len(octets) + len(sent[0])
        speaker.wait(lambda: len(speaker.octets()) == total, 10, "all the UPDATEs")

        assert speaker.octets() == octets + sent[0]


def test_updates_that_follow_the_keepalive_at_once_are_not_lost(
    tmp_path: Path,
) -> None:
    sent = message(UPDATE, announcement([mac_route(1)]))

    class Hasty(BgpPeer):
        def _hear(self, kind: int, body: bytes) -> None:
            super()._hear(kind, body)
            if kind == 1:
                self.send(message(KEEPALIVE) + sent)

        def send(self, octets: bytes) -> None:
            if octets != message(KEEPALIVE):
                super().send(octets)

    with (
        SpeakerRun(tmp_path / "s", [peer()]) as speaker,
        Hasty(PEER, REMOTE4, LOCAL4),
    ):
        speaker.wait(lambda: speaker.octets() == sent, 5, "the first UPDATE")


def test_the_agent_asks_for_a_refresh_and_resets_a_session(tmp_path: Path) -> None:
    with (
        SpeakerRun(tmp_path / "s", [peer()]) as speaker,
        BgpPeer(PEER, REMOTE4, LOCAL4) as far,
    ):
        speaker.wait_heard("up")
        speaker.say(AskRefresh(REMOTE4))
        far.wait_heard(lambda: far.bodies(REFRESH) == [bytes.fromhex("00190046")])
        speaker.say(Reset(REMOTE4, 3, 9))
        far.wait_heard(lambda: far.notifications() == [(3, 9)])
        told = speaker.wait_heard("notification")
        speaker.wait_heard("up", number=2)

        assert told["text"] == "sent: UPDATE Message Error / Optional Attribute Error"
        assert not speaker.heard("down")[0]["graceful"]


def test_nonsense_from_the_agent_changes_nothing(tmp_path: Path) -> None:
    with (
        SpeakerRun(tmp_path / "s", [peer()]) as speaker,
        BgpPeer(PEER, REMOTE4, LOCAL4) as far,
    ):
        far.wait_established()
        one = mac_route(1)
        for octets in (
            b"\0\0\0\x08shutdown",
            b"\0\0\0\0",
            encode(Shutdown(flush=True)),
            encode(Announce(None, VTEP, b"\x40", one)),
            encode(Announce(None, VTEP, ATTRIBUTES, b"\2\x21")),
            encode(Announce(None, VTEP, ATTRIBUTES, b"\2\1\0")),
            encode(Announce(None, b"\x0a", ATTRIBUTES, one)),
            encode(Withdraw(None, b"\2")),
            encode(Ready(preserved=True))[:-1] + b"\2",
            encode(Reset(REMOTE4, 6, 999)),
            encode(Peers(ASN, "10.0.0.1", (peer("shutdown now"),))),
            encode(Peers(ASN, "nonsense", (peer(),))),
        ):
            speaker.write(octets)
        speaker.say(announce(7))
        far.wait_heard(far.updates)

        assert far.announced() == mac_route(7)
        speaker.wait_logged("bad_command", 12)


def test_an_agent_whose_frames_nobody_can_tell_apart_is_replaced(
    tmp_path: Path,
) -> None:
    with (
        SpeakerRun(tmp_path / "s", [peer()]) as speaker,
        BgpPeer(PEER, REMOTE4, LOCAL4) as far,
    ):
        speaker.wait_heard("up")
        speaker.write(b"announce evpn")
        speaker.wait(lambda: len(speaker.agents()) == 2, 5, "a new agent")
        speaker.wait_heard("up", resumed=True)

        speaker.wait_logged("agent_sent_no_frame", 1)
        assert far.sessions == 1


def test_sighup_is_handed_on(tmp_path: Path) -> None:
    with SpeakerRun(tmp_path / "s", [peer()]) as speaker:
        speaker.wait_heard("state", state="active")
        speaker.process.send_signal(signal.SIGHUP)
        speaker.wait_heard("reload", 2)
        for ignored in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM):
            speaker.process.send_signal(ignored)
        time.sleep(0.3)

        assert speaker.process.poll() is None


def test_a_dead_agent_costs_no_session(tmp_path: Path) -> None:
    """Kill it six times while UPDATEs arrive: more often than ExaBGP forgives."""
    sent = message(UPDATE, announcement([mac_route(1)])) * 50
    with (
        SpeakerRun(tmp_path / "s", [peer()]) as speaker,
        BgpPeer(PEER, REMOTE4, LOCAL4) as far,
    ):
        far.wait_established()
        for killed in range(6):
            speaker.wait(lambda: len(speaker.agents()) > killed, 8, "a new agent")  # noqa: B023
            if killed:
                speaker.wait(speaker.octets, 5, "UPDATEs")
            os.kill(speaker.agents()[-1], signal.SIGKILL)
            deadline = time.monotonic() + 0.5
            while time.monotonic() < deadline:
                far.send(sent)
                time.sleep(0.002)
            stop = time.monotonic() + 8
            while len(speaker.agents()) < killed + 2 and time.monotonic() < stop:
                far.send(sent)
                time.sleep(0.02)
            far.send(sent)
        up = speaker.wait_heard("up")
        first = speaker.heard()[0]

        assert first["type"] == "hello"
        assert up["resumed"]
        assert far.sessions == 1
        speaker.wait_logged('"agent_died"', 6)
        assert '"signal": "SIGKILL"' in speaker.log()


def test_a_new_agent_hears_what_the_last_one_heard(tmp_path: Path) -> None:
    first, second, third = (
        message(UPDATE, announcement([mac_route(number)])) for number in (1, 2, 3)
    )
    with (
        SpeakerRun(tmp_path / "s", [peer()]) as speaker,
        BgpPeer(PEER, REMOTE4, LOCAL4) as far,
    ):
        far.wait_established()
        for octets in (first, second):
            far.send(octets)
            speaker.wait(lambda: speaker.octets().endswith(octets), 5, "it")  # noqa: B023
        os.kill(speaker.agents()[-1], signal.SIGKILL)
        speaker.wait_heard("up", resumed=True, replayed=True)
        far.send(third)
        speaker.wait(lambda: speaker.octets().endswith(third), 5, "the third")

        assert speaker.octets() == first + second + third


def test_a_new_agent_withdraws_what_it_does_not_announce_again(
    tmp_path: Path,
) -> None:
    startup = (announce(1, 2, 3), FRESH)
    with (
        SpeakerRun(tmp_path / "s", [peer()], startup=startup) as speaker,
        BgpPeer(PEER, REMOTE4, LOCAL4) as far,
    ):
        far.wait_heard(lambda: END_OF_RIB in far.bodies(UPDATE))
        far.heard.clear()
        speaker.start_with(announce(2), announce(3, vni=5), announce(4))
        os.kill(speaker.agents()[-1], signal.SIGKILL)
        far.wait_heard(lambda: len(far.announced()) == 70)
        time.sleep(0.3)
        assert not far.withdrawn()
        speaker.say(Ready(preserved=True))
        far.wait_heard(far.withdrawn)

        assert far.withdrawn() == mac_route(1)
        assert far.announced() == mac_route(3, 5) + mac_route(4)
        assert far.sessions == 1


def test_what_an_agent_wrote_in_part_does_not_reach_the_next(tmp_path: Path) -> None:
    with (
        SpeakerRun(tmp_path / "s", [peer()]) as speaker,
        BgpPeer(PEER, REMOTE4, LOCAL4) as far,
    ):
        far.wait_established()
        speaker.wait_heard("up")
        speaker.sleep()
        far.send(message(UPDATE, announcement([mac_route(1)])) * 10000)
        time.sleep(1)
        os.kill(speaker.agents()[-1], signal.SIGKILL)
        speaker.wait(lambda: len(speaker.agents()) == 2, 5, "a new agent")
        speaker.wait_heard("up", resumed=True)

        assert speaker.heard()[0]["type"] == "hello"
        assert far.sessions == 1


def test_an_agent_that_does_not_read_delays_no_keepalive(tmp_path: Path) -> None:
    """More than the queue holds, for three hold times; then everything arrives."""
    one = message(UPDATE, announcement([mac_route(1)]))
    with (
        SpeakerRun(tmp_path / "s", [peer(hold_time=3)]) as speaker,
        BgpPeer(PEER, REMOTE4, LOCAL4, hold=3) as far,
    ):
        far.wait_established()
        speaker.wait_heard("up")
        speaker.sleep()
        time.sleep(0.1)
        far.heard.clear()
        begin = time.monotonic()
        # What no buffer holds stays with the sender, and its keepalives behind it.
        sending = threading.Thread(target=far.send, args=(one * 150_000,))
        sending.start()
        time.sleep(max(0.0, begin + 10 - time.monotonic()))
        assert far.established.is_set()
        assert len(far.bodies(KEEPALIVE)) >= 9
        speaker.wake()
        sending.join(20)
        size = len(one) * 150_000
        speaker.wait(lambda: len(speaker.raw()) > size, 20, "all the UPDATEs")

        assert speaker.octets() == one * 150_000
        assert far.sessions == 1


def test_new_peers_come_old_ones_go_and_the_others_stay(tmp_path: Path) -> None:
    with (
        SpeakerRun(tmp_path / "s", [peer()]) as speaker,
        BgpPeer(PEER, REMOTE4, LOCAL4) as four,
        BgpPeer(PEER, REMOTE6, LOCAL6, identifier="10.0.0.253") as six,
    ):
        four.wait_established()
        speaker.say(announce(1))
        four.wait_heard(four.updates)

        def configure(*peers: PeerConfig) -> None:
            speaker.say(Peers(ASN, "10.0.0.1", peers))

        old = peer(profile=Profile.FRR, description="x y")
        new = peer(REMOTE6, hold_time=30)
        configure(old, new)
        speaker.say(announce(2, to=REMOTE6))
        six.wait_established()
        six.wait_heard(six.updates)
        assert six.announced() == mac_route(2)
        assert four.sessions == 1

        # A changed one comes back, with what it was told.
        configure(old, replace(new, hold_time=60))
        speaker.wait_heard("up", peer=REMOTE6, number=2)
        six.wait_heard(lambda: six.announced() == mac_route(2) * 2)
        assert four.sessions == 1

        configure(replace(new, hold_time=60))
        four.wait_heard(lambda: (6, 3) in four.notifications())
        speaker.wait_heard("down", peer=REMOTE4)
        assert six.established.is_set()
        configure(old)
        speaker.wait_heard("up", peer=REMOTE4, number=2)
        six.wait_heard(lambda: (6, 3) in six.notifications())

        assert oct(speaker.file.stat().st_mode & 0o777) == "0o600"


def test_an_md5_key_comes_and_goes_with_a_reload(tmp_path: Path) -> None:
    def configure(password: str | None) -> None:
        entry = peer(passive=True, password=password)
        speaker.say(Peers(ASN, "10.0.0.1", (entry,)))

    with SpeakerRun(tmp_path / "s", [peer(passive=True)]) as speaker:
        for key in ("one", "two", None):
            configure(key)
            with BgpPeer(PEER, REMOTE4, LOCAL4, md5=key) as far:
                far.wait_established()


def test_idle_costs_next_to_nothing(tmp_path: Path) -> None:
    with (
        SpeakerRun(tmp_path / "s", [peer()]) as speaker,
        BgpPeer(PEER, REMOTE4, LOCAL4) as far,
    ):
        far.wait_established()
        time.sleep(1)
        before = cpu_seconds(speaker.process.pid)
        time.sleep(5)

        assert cpu_seconds(speaker.process.pid) - before <= 0.05
        assert resident_mib(speaker.process.pid) <= 35
