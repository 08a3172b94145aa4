"""How connections begin, collide, break and come back, whatever octets they carry."""

import random
import resource
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from evpnd.wire.messages import EndDamping
from integration.lab_netns import ip
from integration.peer import (
    EVPN,
    KEEPALIVE,
    MARKER,
    OPEN,
    UPDATE,
    BgpPeer,
    announcement,
    four_octet_asn,
    graceful_restart,
    mac_route,
    message,
)
from integration.raw_peer import GOOD_OPEN, RawListener, RawPeer, open_body
from integration.speaker_lab import (
    LOCAL4,
    PEER,
    REMOTE4,
    SpeakerRun,
    cpu_seconds,
    open_descriptors,
    peer,
    resident_mib,
    runnable_seconds,
)

pytestmark = pytest.mark.root

OTHER = "10.90.0.4"
"""Another address of the peer's host."""
LIVE = GOOD_OPEN + message(KEEPALIVE)
ROUTE = message(UPDATE, announcement([mac_route(1)]))
LOW, HIGH = "10.0.0.0", "10.0.0.200"
"""BGP Identifiers below and above the speaker's."""


@pytest.fixture(autouse=True, scope="module")
def _other_address(_speaker_namespaces: None) -> None:
    ip([f"addr add {OTHER}/24 dev es-p"], PEER)


@pytest.mark.parametrize(
    ("asn", "seconds", "expected"),
    [
        (65000, 120, "fde8 22 02064104 0000fde8 020840060078 00194600"),
        (4200000001, 0, "5ba0 18 02064104 fa56ea01"),
    ],
)
def test_our_open_offers_this_and_nothing_else(
    tmp_path: Path, asn: int, seconds: int, expected: str
) -> None:
    """Evpn, 4-octet AS, graceful restart if configured, both route refreshes."""
    short_asn, size, rest = expected.split(" ", 2)
    config = peer(asn=asn, graceful_restart=seconds, passive=True)
    with SpeakerRun(tmp_path / "s", [config], asn=asn) as speaker:
        speaker.wait_heard("state", state="active")
        with RawPeer.connect(PEER, REMOTE4, LOCAL4) as far:
            far.send(GOOD_OPEN)
            wanted = (
                f"04 {short_asn} 005a 0a000001 {size} 02060104 00190046 {rest} "
                "02020200 02024600"
            )

            assert far.listen_for(OPEN) == bytes.fromhex(wanted)


def accepted(_: RawPeer) -> None:
    """Say nothing."""


def after_its_open(far: RawPeer) -> None:
    far.listen_for(OPEN)


def after_half_an_open(far: RawPeer) -> None:
    far.send(GOOD_OPEN[:25])


def after_the_opens(far: RawPeer) -> None:
    far.send(GOOD_OPEN)
    far.listen_for(KEEPALIVE)


def established(far: RawPeer) -> None:
    far.establish()


def after_half_an_update(far: RawPeer) -> None:
    far.establish()
    far.send(ROUTE + ROUTE[:40])


STAGES = [
    accepted,
    after_its_open,
    after_half_an_open,
    after_the_opens,
    established,
    after_half_an_update,
]


def test_a_peer_may_close_at_any_point_and_come_back(tmp_path: Path) -> None:
    with SpeakerRun(tmp_path / "s", [peer(passive=True)]) as speaker:
        speaker.wait_heard("state", state="active")
        before: tuple[int, float] | None = None
        for turn in range(5):
            for stage in STAGES:
                for end in (RawPeer.finish, RawPeer.reset):
                    with RawPeer.connect(PEER, REMOTE4, LOCAL4) as far:
                        stage(far)
                        end(far)
            speaker.say(EndDamping(None))
            if turn == 0:
                before = resources(speaker)
        with RawPeer.connect(PEER, REMOTE4, LOCAL4) as far:
            far.establish()
            far.send(ROUTE)
            speaker.wait(lambda: speaker.octets().endswith(ROUTE), 5, "a route")
            assert before is not None
            assert resources(speaker)[0] <= before[0] + 1
            assert resources(speaker)[1] <= before[1] + 3
        assert "Traceback" not in speaker.log()


def test_a_connection_of_ours_that_is_closed_is_opened_again(tmp_path: Path) -> None:
    with (
        RawListener(PEER, REMOTE4) as listening,
        SpeakerRun(tmp_path / "s", [peer()]) as speaker,
    ):
        for stage, end in (
            (accepted, RawPeer.reset),
            (after_the_opens, RawPeer.finish),
            (after_half_an_update, RawPeer.reset),
        ):
            with listening.accept() as far:
                stage(far)
                end(far)
        with listening.accept() as far:
            far.establish()
            speaker.wait_heard("up", number=2)
        assert "Traceback" not in speaker.log()


@pytest.mark.parametrize(
    ("stage", "told"),
    [
        (accepted, "the peer closed the connection before it sent an OPEN"),
        (
            after_the_opens,
            "the peer closed the connection instead of confirming our OPEN",
        ),
        (established, "the peer closed the connection"),
    ],
)
def test_a_connection_that_was_closed_is_told(
    tmp_path: Path, stage: Callable[[RawPeer], None], told: str
) -> None:
    with SpeakerRun(tmp_path / "s", [peer(passive=True)]) as speaker:
        speaker.wait_heard("state", state="active")
        with RawPeer.connect(PEER, REMOTE4, LOCAL4) as far:
            stage(far)
            # What is left unread would make an RST of the FIN.
            if stage is accepted:
                far.listen_for(OPEN)
            if stage is established:
                far.listen_for(UPDATE)
            far.finish()
        if stage is established:
            assert speaker.wait_heard("down")["reason"] == told
        else:
            assert speaker.wait_heard("error")["text"] == told


def test_a_peer_that_says_nothing_is_left_after_a_while(tmp_path: Path) -> None:
    config = peer(passive=True)
    with SpeakerRun(tmp_path / "s", [config], open_wait=2) as speaker:
        speaker.wait_heard("state", state="active")
        begin = time.monotonic()
        with RawPeer.connect(PEER, REMOTE4, LOCAL4) as far:
            assert far.wait_closed() == [(4, 0)]
        assert 1.9 < time.monotonic() - begin < 20
        text = speaker.wait_heard("notification")["text"]
        assert text == "sent: Hold Timer Expired (nothing received for 2 s)"


def test_a_peer_that_stops_after_its_open_expires(tmp_path: Path) -> None:
    with SpeakerRun(tmp_path / "s", [peer(passive=True, hold_time=3)]) as speaker:
        speaker.wait_heard("state", state="active")
        with RawPeer.connect(PEER, REMOTE4, LOCAL4) as far:
            far.send(GOOD_OPEN)

            assert far.wait_closed(8) == [(4, 0)]


def test_a_silent_connection_of_ours_gives_way_to_one_that_speaks(
    tmp_path: Path,
) -> None:
    """The peer has the lower identifier: ours would win, if it said anything."""
    with (
        RawListener(PEER, REMOTE4) as listening,
        SpeakerRun(tmp_path / "s", [peer()]) as speaker,
        listening.accept() as silent,
    ):
        silent.listen_for(OPEN)
        with RawPeer.connect(PEER, REMOTE4, LOCAL4) as far:
            far.send(message(OPEN, open_body(EVPN, identifier=LOW)))
            far.listen_for(OPEN, timeout=7)
            far.send(message(KEEPALIVE))
            speaker.wait_heard("up")
        assert not speaker.heard("error")


@pytest.mark.parametrize("confirming", [False, True])
@pytest.mark.parametrize(("identifier", "theirs_stays"), [(LOW, False), (HIGH, True)])
def test_of_two_connections_the_higher_identifiers_own_stays(
    tmp_path: Path, identifier: str, *, theirs_stays: bool, confirming: bool
) -> None:
    """RFC 4271, 6.8: ours is in OpenConfirm, or gets there while theirs waits."""
    opening = message(OPEN, open_body(EVPN, identifier=identifier))
    with (
        RawListener(PEER, REMOTE4) as listening,
        SpeakerRun(tmp_path / "s", [peer()]) as speaker,
        listening.accept() as ours,
    ):
        if confirming:
            ours.send(opening)
            ours.listen_for(KEEPALIVE)
        with RawPeer.connect(PEER, REMOTE4, LOCAL4) as theirs:
            theirs.send(opening)
            time.sleep(0.2)
            if not confirming:
                ours.send(opening)
            stays, goes = (theirs, ours) if theirs_stays else (ours, theirs)
            stays.send(message(KEEPALIVE))
            stays.listen_for(UPDATE)
            assert goes.wait_closed() in ([], [(6, 7)])
            assert stays.notifications() == []
            speaker.wait_heard("up")
            assert not speaker.heard("error") + speaker.heard("down")


def test_equal_identifiers_leave_it_to_the_higher_as(tmp_path: Path) -> None:
    opening = message(OPEN, open_body(EVPN, asn=64999, identifier="10.0.0.1"))
    with (
        RawListener(PEER, REMOTE4) as listening,
        SpeakerRun(tmp_path / "s", [peer(asn=64999)]) as speaker,
        listening.accept() as ours,
    ):
        ours.send(opening)
        ours.listen_for(KEEPALIVE)
        with RawPeer.connect(PEER, REMOTE4, LOCAL4) as theirs:
            theirs.send(opening)
            assert theirs.wait_closed() == [(6, 7)]
            ours.send(message(KEEPALIVE))
            speaker.wait_heard("up")


RESTARTING = message(
    OPEN, open_body(EVPN, four_octet_asn(65000), graceful_restart(120))
)


@pytest.mark.parametrize("restarting", [False, True])
def test_nothing_but_an_open_replaces_a_session(
    tmp_path: Path, *, restarting: bool
) -> None:
    with SpeakerRun(tmp_path / "s", [peer(passive=True)]) as speaker:
        speaker.wait_heard("state", state="active")
        with RawPeer.connect(PEER, REMOTE4, LOCAL4) as far:
            far.establish(RESTARTING if restarting else GOOD_OPEN)
            speaker.wait_heard("up")
            expected = (1, 1) if restarting else (6, 7)
            with RawPeer.connect(PEER, REMOTE4, LOCAL4) as again:
                again.send(b"GET / HTTP/1.1\r\n\r\n" * 4)
                assert again.wait_closed() == [expected]
            # Those that say nothing at all do not pile up.
            with ExitStack() as stack:
                for _ in range(30):
                    silent = RawPeer.connect(PEER, REMOTE4, LOCAL4)
                    stack.enter_context(silent)
                far.send(ROUTE)
                speaker.wait(lambda: speaker.octets() == ROUTE, 5, "a route")
                assert open_descriptors(speaker.process.pid) < 25
        assert len(speaker.heard("up")) == 1
        speaker.wait_logged("sent: Message Header Error", int(restarting))


def test_a_stranger_is_refused_and_named_once(tmp_path: Path) -> None:
    with SpeakerRun(tmp_path / "s", [peer()]) as speaker:
        speaker.wait_heard("state", state="active")
        for _ in range(3):
            with RawPeer.connect(PEER, OTHER, LOCAL4) as far:
                assert far.wait_closed() == [(6, 5)]
        speaker.wait_logged('"stranger_refused"', 1)
        assert f'"peer": "{OTHER}"' in speaker.log()


def test_random_octets_in_every_state_cost_a_good_peer_nothing(
    tmp_path: Path,
) -> None:
    """Seeded: what follows nothing, an OPEN, a session, an UPDATE is any octets."""
    octets = random.Random(7)
    stages = (b"", GOOD_OPEN, LIVE, LIVE + ROUTE)
    with (
        SpeakerRun(tmp_path / "s", [peer(), peer(OTHER, passive=True)]) as speaker,
        BgpPeer(PEER, REMOTE4, LOCAL4, identifier="10.0.0.253") as far,
    ):
        far.wait_established()
        before: tuple[int, float] | None = None
        for number in range(400):
            speaker.say(EndDamping(None))
            with RawPeer.connect(PEER, OTHER, LOCAL4) as bad:
                bad.send(stages[number % 4] + noise(octets))
                if number % 8 < 4:
                    bad.reset()
            if number % 50 == 0:
                far.send(ROUTE)
            if number == 100:
                before = resources(speaker)
        speaker.wait(lambda: resources(speaker)[0] < 20, 8, "descriptors closed")
        assert before is not None
        assert resources(speaker)[1] - before[1] < 8
        assert far.sessions == 1
        speaker.wait(lambda: from_good_peer(speaker) == ROUTE * 8, 5, "good routes")
        assert "Traceback" not in speaker.log()
        speaker.say(EndDamping(None))
        with RawPeer.connect(PEER, OTHER, LOCAL4) as better:
            better.establish()
        busy = cpu_seconds(speaker.process.pid)
        time.sleep(1)
        assert cpu_seconds(speaker.process.pid) - busy < 0.3


def from_good_peer(speaker: SpeakerRun) -> bytes:
    lines = speaker.heard("update")
    return b"".join(line["messages"] for line in lines if line["peer"] == REMOTE4)


def noise(octets: random.Random) -> bytes:
    """Write any octets, some of them with a header before them."""
    body = octets.randbytes(octets.randrange(64))
    match octets.randrange(4):
        case 0:
            return body
        case 1:
            return message(octets.randrange(8), body)
        case 2:
            return message(OPEN, open_body()[:9] + body)
        case _:
            length = octets.randrange(65536).to_bytes(2, "big")
            return MARKER + length + bytes([octets.randrange(8)]) + body


def resources(speaker: SpeakerRun) -> tuple[int, float]:
    """Count open descriptors and MiB of the speaker."""
    pid = speaker.process.pid
    return open_descriptors(pid), resident_mib(pid)


def test_without_a_descriptor_a_connection_waits_and_costs_no_turns(
    tmp_path: Path,
) -> None:
    config = peer(passive=True)
    with SpeakerRun(tmp_path / "s", [config]) as speaker:
        speaker.wait_heard("state", state="active")
        pid = speaker.process.pid
        soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        highest = max(int(entry.name) for entry in Path(f"/proc/{pid}/fd").iterdir())
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (highest + 1, hard))
        with RawPeer.connect(PEER, REMOTE4, LOCAL4) as far:
            speaker.wait(lambda: "accept_failed" in speaker.log(), 10, "a complaint")
            before = runnable_seconds(pid)
            time.sleep(3)
            assert runnable_seconds(pid) - before < 1.5

            resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
            far.send(GOOD_OPEN)
            far.listen_for(OPEN, timeout=10)
