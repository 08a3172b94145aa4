"""Messages that are no UPDATE, broken in every way, end at most their own session."""

from pathlib import Path
from random import Random

import pytest

from evpnd.wire.messages import EndDamping
from integration.lab_netns import LabError, wait_until
from integration.peer import KEEPALIVE, MARKER, NOTIFICATION, OPEN, REFRESH, BgpPeer
from integration.speaker_lab import (
    LOCAL4,
    LOCAL6,
    PEER,
    REMOTE4,
    REMOTE6,
    SpeakerRun,
    peer,
)

pytestmark = [pytest.mark.root, pytest.mark.usefixtures("_speaker_namespaces")]
ROUNDS = 150


def falls(far: BgpPeer, octets: bytes) -> bool:
    """Send octets; tell whether a new session has taken the place of this one."""
    sessions = far.sessions
    try:
        far.send(octets)
        wait_until(lambda: far.sessions > sessions, 0.04, "a new session")
    except (LabError, OSError):
        return False
    return True


def draw(random: Random) -> bytes:
    """Draw a message whose length field mostly fits."""
    kind = random.choice((OPEN, NOTIFICATION, KEEPALIVE, REFRESH, 0, 6, 255))
    body = random.choice(
        (
            b"",
            bytes.fromhex("00190046"),
            bytes.fromhex("00010001"),
            bytes.fromhex("0019ff46"),
            b"\x06\x02\xff\xff",  # a shutdown communication that runs over
            b"\x06\x02\x03\xff\xfe\xfd",  # one that is no UTF-8
            b"\x06\x02" + bytes([200]) + b"x" * 200,
            b"\xff\xff",
            random.randbytes(random.randrange(60)),
        )
    )
    length = 19 + len(body)
    if random.random() < 0.15:
        length = random.choice((0, 18, 19, 20, 4096, 4097, 65535))
    marker = MARKER if random.random() < 0.95 else random.randbytes(16)
    return marker + length.to_bytes(2, "big") + bytes([kind]) + body


def test_no_message_of_another_type_costs_more_than_its_session(
    tmp_path: Path,
) -> None:
    random = Random(20240607)
    peers = [peer(), peer(REMOTE6)]
    with (
        SpeakerRun(tmp_path / "s", peers) as speaker,
        BgpPeer(PEER, REMOTE4, LOCAL4) as bad,
        BgpPeer(PEER, REMOTE6, LOCAL6, identifier="10.0.0.253") as good,
    ):
        good.wait_established()
        for _ in range(ROUNDS):
            bad.wait_established()
            speaker.say(EndDamping(None))
            octets = draw(random)
            if not falls(bad, octets):
                # It may wait for the rest of a message that was cut short.
                bad.established.clear()
                bad.drop()
            assert speaker.process.poll() is None, f"{octets.hex()}\n{speaker.log()}"

        bad.wait_established()
        assert {(1, 1), (1, 2), (1, 3), (5, 3)} <= set(bad.notifications())
        assert good.sessions == 1
        assert good.established.is_set()
        assert len(speaker.agents()) == 1
        assert "Traceback" not in speaker.log()
