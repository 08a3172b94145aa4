"""What is said before a session is up, octet by octet, and what is answered."""

import struct
from collections.abc import Iterator

import pytest

from evpnd.wire.messages import EndDamping
from integration.peer import (
    EVPN,
    KEEPALIVE,
    MARKER,
    NOTIFICATION,
    OPEN,
    REFRESH,
    UPDATE,
    announcement,
    capability,
    four_octet_asn,
    graceful_restart,
    mac_route,
    message,
)
from integration.raw_peer import GOOD_OPEN, RawPeer, open_body
from integration.speaker_lab import (
    ASN,
    LOCAL4,
    PEER,
    REMOTE4,
    SpeakerRun,
    peer,
)

pytestmark = [
    pytest.mark.root,
    pytest.mark.usefixtures("_speaker_namespaces"),
    pytest.mark.xdist_group("sessions_open"),
]

HEAD = open_body()[:9]
EVPN_PARAMETER = b"\x02\x06" + EVPN
LIFE = ("state", "up", "down")


@pytest.fixture(scope="module")
def surviving(
    tmp_path_factory: pytest.TempPathFactory, _speaker_namespaces: None
) -> Iterator[SpeakerRun]:
    """One speaker for all that is refused: it has to survive every one of them."""
    directory = tmp_path_factory.mktemp("speaker") / "s"
    with SpeakerRun(directory, [peer(passive=True)]) as running:
        yield running


@pytest.fixture
def speaker(surviving: SpeakerRun) -> SpeakerRun:
    """Wait until the session of the test before is over and told.

    The peer ends one session after the other, and would be damped for it.
    """

    def at_rest() -> bool:
        damped = surviving.heard("damped")
        if damped and damped[-1]["seconds"]:
            surviving.say(EndDamping(None))
        told = [each for each in surviving.heard() if each["type"] in LIFE]
        return bool(told) and told[-1].get("state") == "active"

    surviving.wait(at_rest, 10, "the end of the session before")
    return surviving


@pytest.mark.parametrize(
    ("said", "answer", "told"),
    [
        # Headers (RFC 4271, 6.1)
        (bytes(19), "0101", "Connection Not Synchronized"),
        (MARKER + b"\x00\x12\x01", "0102 0012", "Bad Message Length"),
        (MARKER + b"\x00\x1c\x01", "0102 001c", "Bad Message Length"),
        (MARKER + b"\x10\x01\x01", "0102 1001", "Bad Message Length"),
        (MARKER + b"\xff\xff\x01", "0102 ffff", "Bad Message Length"),
        (MARKER + b"\x00\x13\x00", "0103 00", "Bad Message Type"),
        (MARKER + b"\x00\x13\x06", "0103 06", "Bad Message Type"),
        # OPENs (RFC 4271, 6.2)
        (message(OPEN, open_body(version=3)), "0201 0004", "BGP version 3"),
        (message(OPEN, HEAD + b"\x09" + EVPN_PARAMETER), "0200", "announces 9 octets"),
        (message(OPEN, HEAD + b"\x07" + EVPN_PARAMETER), "0200", "announces 7 octets"),
        (message(OPEN, HEAD + b"\x00" + EVPN_PARAMETER), "0200", "and has 8"),
        (message(OPEN, HEAD + b"\xff"), "0200", "announces 255 octets"),
        (message(OPEN, HEAD + b"\xff\xff\x00"), "0200", "ends after 12 octets"),
        (message(OPEN, HEAD + b"\x08\x02\x07" + EVPN), "0200", "parameter 2 runs past"),
        (message(OPEN, HEAD + b"\x04\x02\x02\x01\x04"), "0200", "capability 1 runs"),
        (message(OPEN, HEAD + b"\x03\x01\x01\x00"), "0204", "parameter of type 1"),
        (message(OPEN, open_body(capability(65, b"\0\1"))), "0200", "capability 65"),
        (message(OPEN, open_body(capability(64, b"\0"))), "0200", "capability 64"),
        (
            message(OPEN, open_body(EVPN, asn=65010)),
            "0202",
            "the peer is AS 65010, configured is AS 65000",
        ),
        (
            message(OPEN, open_body(EVPN, four_octet_asn(4200000001))),
            "0202",
            "AS 65000",
        ),
        (message(OPEN, open_body(EVPN, identifier="0.0.0.0")), "0203", "0.0.0.0"),
        (message(OPEN, open_body(EVPN, identifier="10.0.0.1")), "0203", "is ours"),
        (message(OPEN, open_body(EVPN, hold=1)), "0206", "hold time is 1 s"),
        (message(OPEN, open_body(EVPN, hold=2)), "0206", "hold time is 2 s"),
        (
            message(OPEN, open_body(capability(1, b"\0\1\0\1"))),
            "0207 010400190046",
            "the peer does not offer l2vpn evpn, only AFI 1 SAFI 1",
        ),
        (message(OPEN, open_body()), "0207 010400190046", "only IPv4 unicast"),
        # What is not due (RFC 6608)
        (message(KEEPALIVE), "0501 04", "OpenSent State"),
        (message(UPDATE, bytes(4)), "0501 02", "OpenSent State"),
        (message(REFRESH, b"\0\x19\0\x46"), "0501 05", "OpenSent State"),
        (GOOD_OPEN + GOOD_OPEN, "0502 01", "OpenConfirm State"),
        (GOOD_OPEN + message(UPDATE, bytes(4)), "0502 02", "OpenConfirm State"),
        (GOOD_OPEN + message(REFRESH, b"\0\x19\7\x46"), "0502 05", "OpenConfirm State"),
    ],
)
def test_what_cannot_be_is_refused_by_the_rfcs_number_and_told_in_words(
    speaker: SpeakerRun, said: bytes, answer: str, told: str
) -> None:
    before = len(speaker.heard("notification"))
    with RawPeer.connect(PEER, REMOTE4, LOCAL4) as far:
        far.send(said)
        far.wait_closed()
        code, subcode, *_ = bytes.fromhex(answer)

        assert far.last_words() == bytes.fromhex(answer)
        heard = speaker.wait_heard("notification", number=before + 1)
        assert (heard["code"], heard["subcode"]) == (code, subcode)
        assert heard["text"].startswith("sent: ")
        assert told in heard["text"]


@pytest.mark.parametrize("confirming", [False, True])
def test_a_notification_is_not_answered(
    speaker: SpeakerRun, *, confirming: bool
) -> None:
    before = len(speaker.heard("notification"))
    with RawPeer.connect(PEER, REMOTE4, LOCAL4) as far:
        far.send(GOOD_OPEN * confirming + message(NOTIFICATION, b"\x06\x05"))

        assert far.wait_closed() == []
        heard = speaker.wait_heard("notification", number=before + 1)
        assert heard["text"] == "received: Cease / Connection Rejected"


@pytest.mark.parametrize(
    ("capabilities", "asn4"),
    [
        ((EVPN,), False),
        # ADD-PATH, extended messages, LLGR, an unknown one, host name, reserved.
        ((EVPN, capability(69, b"\0\x19\x46\3"), capability(6)), False),
        (
            (EVPN, capability(71, b"\0\x19\x46\x80\0\1\x2c"), capability(199, b"x")),
            False,
        ),
        ((EVPN, capability(73, b"\xff"), capability(0), capability(131)), False),
        ((capability(1, b"\0\1\0\1") + EVPN + four_octet_asn(ASN),), True),
    ],
)
def test_unknown_capabilities_are_passed_over(
    speaker: SpeakerRun, capabilities: tuple[bytes, ...], *, asn4: bool
) -> None:
    before = len(speaker.heard("up"))
    with RawPeer.connect(PEER, REMOTE4, LOCAL4) as far:
        far.establish(message(OPEN, open_body(*capabilities)))
        up = speaker.wait_heard("up", number=before + 1)

        assert up["asn4"] is asn4
        far.send(message(UPDATE, announcement([mac_route(1)])))
        speaker.wait(lambda: mac_route(1) in speaker.octets(), 5, "the route")


@pytest.mark.parametrize("short", [1, 255])
def test_extended_optional_parameters_are_read(speaker: SpeakerRun, short: int) -> None:
    parameters = b"".join(
        struct.pack("!BH", 2, len(each)) + each
        for each in (EVPN, capability(200, bytes(250)), capability(201, bytes(250)))
    )
    extended = struct.pack("!BBH", short, 255, len(parameters)) + parameters
    before = len(speaker.heard("up"))
    with RawPeer.connect(PEER, REMOTE4, LOCAL4) as far:
        far.establish(message(OPEN, HEAD + extended))

        speaker.wait_heard("up", number=before + 1)


@pytest.mark.parametrize(("theirs", "agreed"), [(3, 3), (0, 0), (180, 90)])
def test_the_shorter_hold_time_is_agreed(
    speaker: SpeakerRun, theirs: int, agreed: int
) -> None:
    before = len(speaker.heard("up"))
    with RawPeer.connect(PEER, REMOTE4, LOCAL4) as far:
        far.establish(message(OPEN, open_body(EVPN, hold=theirs)))

        assert speaker.wait_heard("up", number=before + 1)["hold_time"] == agreed


def test_without_a_hold_time_keepalives_are_forgiven(speaker: SpeakerRun) -> None:
    before = len(speaker.heard("notification"))
    with RawPeer.connect(PEER, REMOTE4, LOCAL4) as far:
        far.establish(message(OPEN, open_body(EVPN, hold=0)))
        far.send(message(KEEPALIVE) * 5 + message(OPEN, open_body()))

        assert far.wait_closed() == [(5, 3)]
        speaker.wait_heard("notification", number=before + 1)


def test_the_last_graceful_restart_capability_counts(speaker: SpeakerRun) -> None:
    before = len(speaker.heard("up"))
    restarts = graceful_restart(120), graceful_restart(7, forwarding=False)
    with RawPeer.connect(PEER, REMOTE4, LOCAL4) as far:
        far.establish(message(OPEN, open_body(EVPN, *restarts)))
        up = speaker.wait_heard("up", number=before + 1)

        assert (up["restart_time"], up["forwarding"]) == (7, False)
