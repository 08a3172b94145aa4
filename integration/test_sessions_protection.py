"""Sessions with TCP MD5 and TTL security, over several hops, and with old speakers."""

import time
from pathlib import Path

import pytest

from integration.lab_netns import ip, sysctl
from integration.peer import EVPN, BgpPeer, four_octet_asn
from integration.raw_peer import RawListener
from integration.speaker_lab import (
    LOCAL4,
    LOCAL6,
    ORIGIN,
    PEER,
    PREFIX,
    REMOTE4,
    REMOTE6,
    SPEAKER,
    SpeakerRun,
    announce,
    peer,
)

pytestmark = pytest.mark.root

FAR = f"{PREFIX}-far"
LOCAL_LOOPBACK, FAR_LOOPBACK = "10.91.0.1", "10.91.0.3"
ANNOUNCE = announce(1, attributes=ORIGIN)


@pytest.fixture(autouse=True, scope="module")
def _routed(_speaker_namespaces: None) -> None:
    """Make the peer's namespace the router between the speaker and a far one."""
    ip([f"netns add {FAR}"])
    ip([f"link add es-f netns {PEER} type veth peer es-r netns {FAR}"])
    ip(
        [
            "link set es-f up",
            "addr add 10.92.0.2/24 dev es-f",
            f"route add {LOCAL_LOOPBACK} via {LOCAL4}",
            f"route add {FAR_LOOPBACK} via 10.92.0.3",
        ],
        PEER,
    )
    ip(
        [
            "link set lo up",
            "link set es-r up",
            f"addr add {FAR_LOOPBACK}/32 dev lo",
            "addr add 10.92.0.3/24 dev es-r",
            "route add default via 10.92.0.2",
        ],
        FAR,
    )
    ip(
        [
            f"addr add {LOCAL_LOOPBACK}/32 dev lo",
            f"route add default via {REMOTE4}",
        ],
        SPEAKER,
    )
    sysctl(PEER, {"net/ipv4/ip_forward": 1})


@pytest.mark.parametrize(("local", "remote"), [(LOCAL4, REMOTE4), (LOCAL6, REMOTE6)])
@pytest.mark.parametrize("passive", [False, True])
def test_md5_keys_hold_for_connections_of_either_side(
    tmp_path: Path, local: str, remote: str, *, passive: bool
) -> None:
    key = 'it\'s "a" key; {with} #everything\\ ,[in] it%'
    config = peer(remote, password=key, passive=passive)
    with (
        BgpPeer(PEER, remote, local, passive=not passive, md5=key) as far,
        SpeakerRun(tmp_path / "s", [config]),
    ):
        far.wait_established()


def test_peers_with_and_without_md5_share_a_listening_socket(tmp_path: Path) -> None:
    peers = [
        peer(password="secret", passive=True),
        peer(REMOTE6, passive=True),
        peer("10.90.0.3", passive=True),
    ]
    ip(["addr replace 10.90.0.3/24 dev es-p"], PEER)
    with (
        SpeakerRun(tmp_path / "s", peers),
        BgpPeer(PEER, REMOTE4, LOCAL4, md5="secret") as keyed,
        BgpPeer(PEER, REMOTE6, LOCAL6, identifier="10.0.0.253") as six,
        BgpPeer(PEER, "10.90.0.3", LOCAL4, identifier="10.0.0.252") as plain,
    ):
        for far in (keyed, six, plain):
            far.wait_established()


@pytest.mark.parametrize(("local", "remote"), [(LOCAL4, REMOTE4), (LOCAL6, REMOTE6)])
@pytest.mark.parametrize("passive", [False, True])
def test_ttl_security_sends_255_and_wants_255(
    tmp_path: Path, local: str, remote: str, *, passive: bool
) -> None:
    config = peer(remote, ttl_security=1, passive=passive)
    with BgpPeer(PEER, remote, local, passive=not passive, ttl=255) as far:
        if not passive:
            far.require_ttl(255)
        with SpeakerRun(tmp_path / "s", [config]):
            far.wait_established()


@pytest.mark.parametrize("passive", [False, True])
def test_ttl_security_ignores_who_is_too_far_away(
    tmp_path: Path, *, passive: bool
) -> None:
    config = peer(ttl_security=1, passive=passive)
    with (
        BgpPeer(PEER, REMOTE4, LOCAL4, passive=not passive, ttl=254) as far,
        SpeakerRun(tmp_path / "s", [config]),
    ):
        time.sleep(2.5)

        assert not far.heard


@pytest.mark.parametrize("passive", [False, True])
@pytest.mark.parametrize("hops", [None, 2])
def test_an_ebgp_session_between_loopbacks_over_a_router(
    tmp_path: Path, hops: int | None, *, passive: bool
) -> None:
    config = peer(
        FAR_LOOPBACK,
        asn=65010,
        local_address=LOCAL_LOOPBACK,
        passive=passive,
        ttl_security=hops,
    )
    with (
        BgpPeer(
            FAR,
            FAR_LOOPBACK,
            LOCAL_LOOPBACK,
            asn=65010,
            passive=not passive,
            ttl=hops and 255,
        ) as far,
        SpeakerRun(tmp_path / "s", [config]) as speaker,
    ):
        far.wait_established()
        speaker.say(ANNOUNCE)
        far.wait_heard(far.updates)


def test_a_peer_that_is_farther_away_than_allowed_is_refused_and_told(
    tmp_path: Path,
) -> None:
    config = peer(
        FAR_LOOPBACK, local_address=LOCAL_LOOPBACK, passive=True, ttl_security=1
    )
    with (
        SpeakerRun(tmp_path / "s", [config]) as speaker,
        BgpPeer(FAR, FAR_LOOPBACK, LOCAL_LOOPBACK, ttl=255) as far,
    ):
        told = speaker.wait_heard("error")["text"]

        assert told == (
            "a connection with TTL 254 was refused, ttl-security requires at least 255"
        )
        assert not far.heard


@pytest.mark.parametrize(
    ("ours", "theirs", "told"),
    [
        ("right", "wrong", "segments arrive with another TCP MD5 password"),
        ("right", None, "segments arrive without a TCP MD5 password"),
        (None, "wrong", "segments arrive with a TCP MD5 password, none is configured"),
    ],
)
def test_a_wrong_password_is_told(
    tmp_path: Path, ours: str | None, theirs: str | None, told: str
) -> None:
    with (
        SpeakerRun(tmp_path / "s", [peer(password=ours, passive=True)]) as speaker,
        BgpPeer(PEER, REMOTE4, LOCAL4, md5=theirs) as far,
    ):
        text = speaker.wait_heard("error")["text"]

        assert text == f"the kernel drops: {told}"
        assert not far.heard
        far.close()
        with BgpPeer(PEER, REMOTE4, LOCAL4, md5=ours) as right:
            right.wait_established()


def test_a_peer_that_drops_our_segments_does_not_answer(tmp_path: Path) -> None:
    """We cannot see that its password is another one: only that nothing comes."""
    with (
        BgpPeer(PEER, REMOTE4, LOCAL4, passive=True, md5="theirs"),
        SpeakerRun(tmp_path / "s", [peer(password="ours")]) as speaker,
    ):
        text = speaker.wait_heard("error", timeout=13)["text"]

        assert text == (
            f"cannot connect to {REMOTE4} port 179: no answer "
            "(does the TCP MD5 password match the peer's?)"
        )


@pytest.mark.parametrize("asn", [65010, 4200000002])
def test_an_external_peer_with_four_octet_asns(tmp_path: Path, asn: int) -> None:
    with (
        SpeakerRun(tmp_path / "s", [peer(asn=asn)], asn=4200000001) as speaker,
        BgpPeer(
            PEER, REMOTE4, LOCAL4, asn=asn, capabilities=(EVPN, four_octet_asn(asn))
        ) as far,
    ):
        far.wait_established()
        assert speaker.wait_heard("up")["asn4"]
        speaker.say(ANNOUNCE)
        far.wait_heard(far.updates)

        assert far.updates()[0].attributes[2] == bytes.fromhex("0201fa56ea01")
        assert 17 not in far.updates()[0].attributes


@pytest.mark.parametrize(
    ("asn", "path", "as4_path"),
    [
        (65001, "0201fde9", None),
        (4200000001, "02015ba0", "0201fa56ea01"),
    ],
)
def test_an_old_external_peer_hears_as_trans(
    tmp_path: Path, asn: int, path: str, as4_path: str | None
) -> None:
    with (
        SpeakerRun(tmp_path / "s", [peer(asn=65010)], asn=asn) as speaker,
        BgpPeer(PEER, REMOTE4, LOCAL4, asn=65010, capabilities=(EVPN,)) as far,
    ):
        far.wait_established()
        assert not speaker.wait_heard("up")["asn4"]
        assert far.bodies(1)[0][1:3] == bytes.fromhex(path)[2:]
        speaker.say(ANNOUNCE)
        far.wait_heard(far.updates)

        attributes = far.updates()[0].attributes
        assert attributes[2].hex() == path
        assert attributes.get(17) == (as4_path and bytes.fromhex(as4_path))


def test_an_old_internal_peer_hears_an_empty_path(tmp_path: Path) -> None:
    with (
        SpeakerRun(tmp_path / "s", [peer()]) as speaker,
        BgpPeer(PEER, REMOTE4, LOCAL4, capabilities=(EVPN,)) as far,
    ):
        far.wait_established()
        assert not speaker.wait_heard("up")["asn4"]
        speaker.say(ANNOUNCE)
        far.wait_heard(far.updates)

        assert far.updates()[0].attributes[2] == b""


def test_a_peer_that_accepts_and_closes_does_not_keep_us_busy(tmp_path: Path) -> None:
    """Something else listens there, or the peer does not know us."""
    with (
        RawListener(PEER, REMOTE4) as listening,
        SpeakerRun(tmp_path / "s", [peer()]) as speaker,
    ):
        begin = time.monotonic()
        for _ in range(3):
            with listening.accept() as far:
                far.finish()
        assert time.monotonic() - begin > 1.9
        told = [line["text"] for line in speaker.heard("error")]
        assert told
        assert all(text.endswith("before it sent an OPEN") for text in told)
