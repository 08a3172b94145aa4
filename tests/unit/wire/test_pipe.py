"""What is no message is refused, in words."""

import pytest

from evpnd.model.config import PeerConfig
from evpnd.model.ids import Peer
from evpnd.wire.messages import Announce, Down, Hello, Peers, Ready, Reload, Updates
from evpnd.wire.pipe import FRAME_MAX, Frames, PipeError, decode, encode

PEER = Peer("10.0.0.2")


def test_a_frame_is_its_length_its_type_and_its_fields() -> None:
    frame = encode(Updates("::1", b"\x01\xff"))

    assert (
        frame.hex() == "0000000e" + frame[4:5].hex() + "000000033a3a31" + "0000000201ff"
    )
    assert encode(Reload())[:4].hex() == "00000001"


def test_no_peer_is_all_peers() -> None:
    announce = Announce(None, b"\x0a\0\0\x01", b"", b"")

    assert decode(encode(announce)[4:]) == announce


def test_a_peer_travels_with_what_concerns_its_session_alone() -> None:
    peer = PeerConfig(
        PEER, 65000, "spine 1", hold_time=9, password="secret", import_policies=("p",)
    )

    sent = decode(encode(Peers(65000, "10.0.0.1", (peer,)))[4:])

    known = PeerConfig(PEER, 65000, hold_time=9, password="secret")
    assert sent == Peers(65000, "10.0.0.1", (known,))


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (b"", "a message without a type"),
        (b"\xff", "a message of type 255"),
        (b'{"type":"hello"}', "a message of type 123"),
        (encode(Hello("1", (), ""))[4:-1], "Hello of 13 octets ends too early"),
        (encode(Hello("1", (), ""))[4:] + b"\0", "Hello of 15 octets has octets left"),
        (encode(Ready(preserved=True))[4:5] + b"\x02", "Ready: 2 is neither 0 nor 1"),
        (encode(Down("a", "b", True))[4:].replace(b"b", b"\xff"), "Down: .*utf-8"),
        (encode(Updates("a", b"b"))[4:-1], "Updates of 10 octets ends too early"),
        (encode(Updates("a", b"b"))[4:].replace(b"a", b"\xff"), "Updates: .*utf-8"),
    ],
)
def test_what_is_no_message_is_refused_in_words(frame: bytes, words: str) -> None:
    with pytest.raises(PipeError, match=words):
        decode(frame)


def test_a_length_that_no_message_has_is_found_before_it_is_waited_for() -> None:
    frames = Frames()
    length = (FRAME_MAX + 1).to_bytes(4)

    assert frames.feed(length[:3]) == []
    with pytest.raises(PipeError, match="67108865 octets"):
        frames.feed(length[3:])
