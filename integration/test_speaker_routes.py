"""What the speaker tells its peers: routes once, withdrawn, again, on request."""

import time
from pathlib import Path

import pytest

from evpnd.wire.messages import Withdraw
from integration.lab_netns import wait_until
from integration.peer import (
    END_OF_RIB,
    ENHANCED_REFRESH,
    EVPN,
    KEEPALIVE,
    REFRESH,
    ROUTE_REFRESH,
    UPDATE,
    BgpPeer,
    four_octet_asn,
    mac_route,
    message,
)
from integration.speaker_lab import (
    ASN,
    FRESH,
    LOCAL4,
    LOCAL6,
    PEER,
    REMOTE4,
    REMOTE6,
    SpeakerRun,
    announce,
    cpu_seconds,
    peer,
)

pytestmark = [pytest.mark.root, pytest.mark.usefixtures("_speaker_namespaces")]

REFRESHING = (EVPN, ROUTE_REFRESH, ENHANCED_REFRESH, four_octet_asn(ASN))


def test_announcing_and_withdrawing_while_the_session_is_up(tmp_path: Path) -> None:
    with (
        SpeakerRun(tmp_path / "s", [peer()]) as speaker,
        BgpPeer(PEER, REMOTE4, LOCAL4) as far,
    ):
        far.wait_established()
        far.wait_heard(lambda: END_OF_RIB in far.bodies(UPDATE))
        speaker.say(announce(1, 2))
        far.wait_heard(lambda: far.announced() == mac_route(1) + mac_route(2))
        assert far.updates()[0].attributes == {
            1: b"\x00",
            2: b"",
            5: bytes.fromhex("00000064"),
        }
        # The same again is no news; another label replaces the route.
        speaker.say(announce(1, 2))
        speaker.say(announce(2, vni=10200))
        speaker.say(Withdraw(None, mac_route(1, 0)))
        far.wait_heard(lambda: len(far.updates()) == 3 and far.withdrawn())

        assert far.announced()[70:] == mac_route(2, 10200)
        assert far.withdrawn() == mac_route(1)


def test_routes_for_one_peer_stay_with_it(tmp_path: Path) -> None:
    with (
        SpeakerRun(tmp_path / "s", [peer(), peer(REMOTE6)]) as speaker,
        BgpPeer(PEER, REMOTE4, LOCAL4) as four,
        BgpPeer(PEER, REMOTE6, LOCAL6, identifier="10.0.0.253") as six,
    ):
        four.wait_established()
        six.wait_established()
        speaker.say(announce(1, to=REMOTE6))
        speaker.say(announce(2))
        four.wait_heard(four.updates)
        six.wait_heard(lambda: len(six.announced()) == 70)

        assert four.announced() == mac_route(2)


def test_routes_are_told_again_in_a_new_session(tmp_path: Path) -> None:
    startup = (announce(*range(1000)), FRESH)
    every = b"".join(mac_route(n) for n in range(1000))
    with (
        SpeakerRun(tmp_path / "s", [peer()], startup=startup) as speaker,
        BgpPeer(PEER, REMOTE4, LOCAL4) as far,
    ):
        far.wait_heard(lambda: END_OF_RIB in far.bodies(UPDATE))
        assert far.announced() == every
        assert len(far.updates()) < 12
        far.heard.clear()
        far.drop()
        speaker.wait_heard("up", number=2)
        far.wait_heard(lambda: END_OF_RIB in far.bodies(UPDATE))

        assert far.announced() == every
        assert far.bodies(UPDATE)[-1] == END_OF_RIB


def test_a_refresh_is_answered_between_its_marks(tmp_path: Path) -> None:
    request = message(REFRESH, bytes.fromhex("00190046"))
    begin, end = bytes.fromhex("00190146"), bytes.fromhex("00190246")
    with (
        SpeakerRun(tmp_path / "s", [peer()]) as speaker,
        BgpPeer(PEER, REMOTE4, LOCAL4, capabilities=REFRESHING) as far,
    ):
        far.wait_heard(lambda: END_OF_RIB in far.bodies(UPDATE))
        speaker.say(announce(1))
        far.wait_heard(far.updates)
        far.heard.clear()
        # Marks of the peer's own, and other families, call for no answer.
        far.send(message(REFRESH, begin) + message(REFRESH, end))
        far.send(message(REFRESH, bytes.fromhex("00010001")))
        far.send(message(REFRESH, bytes.fromhex("00190746")))
        far.send(request)
        far.wait_heard(lambda: (REFRESH, end) in far.heard)
        time.sleep(0.5)

        heard = [each for each in far.heard if each[0] != KEEPALIVE]
        assert [heard[0], heard[2]] == [(REFRESH, begin), (REFRESH, end)]
        assert len(heard) == 3
        assert far.announced() == mac_route(1)
        assert [each["ended"] for each in speaker.heard("refresh")] == [False, True]


def test_a_peer_that_does_not_read_costs_neither_keepalives_nor_order(
    tmp_path: Path,
) -> None:
    with (
        SpeakerRun(tmp_path / "s", [peer(hold_time=30)]) as speaker,
        BgpPeer(PEER, REMOTE4, LOCAL4) as far,
    ):
        far.wait_established()
        far.wait_heard(lambda: END_OF_RIB in far.bodies(UPDATE))
        far.reading = False
        for vni in range(10):
            for start in range(0, 100_000, 1000):
                numbers = range(start, start + 1000)
                speaker.say(announce(*numbers, vni=vni))

        def at_rest() -> bool:
            before = cpu_seconds(speaker.process.pid)
            time.sleep(2)
            return cpu_seconds(speaker.process.pid) - before < 0.2

        wait_until(at_rest, 20, "a speaker with nothing to do")
        far.reading = True
        last = {mac_route(n, 9) for n in range(100_000)}

        def told() -> bool:
            nlris = far.announced()
            final = {
                nlris[i + 18 : i + 31]: nlris[i : i + 35]
                for i in range(0, len(nlris), 35)
            }
            return set(final.values()) == last

        wait_until(told, 20, "the last of what was announced", interval=1)
        assert far.sessions == 1
        assert len(far.announced()) < 35 * 400_000
