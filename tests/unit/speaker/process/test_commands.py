"""The agent's messages: what each does, and that nonsense does nothing."""
# the extension's classes stand on exabgp's

import json
from pathlib import Path
from types import SimpleNamespace
from typing import get_args

import pytest

from evpnd.model.config import PeerConfig
from evpnd.model.ids import Peer as Address
from evpnd.speaker.process.commands import COMMANDS, SpeakerApi
from evpnd.speaker.rib.adj_rib_out import AdjRibOut, Encoding
from evpnd.wire.messages import (
    Announce,
    AskRefresh,
    EndDamping,
    Message,
    Peers,
    Ready,
    Reload,
    Resend,
    Reset,
    ToSpeaker,
    Withdraw,
)
from evpnd.wire.nlri import encode_mac_ip
from evpnd.wire.pipe import encode

VTEP = bytes((10, 0, 0, 1))
ATTRIBUTES = bytes.fromhex("4001010040050400000064")
COMMUNITIES = bytes.fromhex("d0100ff8") + bytes(4088)
"""More than a message of BGP holds."""
NLRI, OTHER = encode_mac_ip(
    bytes.fromhex("00010a0000010064"), 10100, [b"\2\0\0\0\0\1", b"\2\0\0\0\0\2"]
)
ENCODING = Encoding(ibgp=True, local_asn=65000, asn4=True)


class Peer:
    """What the commands want of a peer, remembered."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.adj_rib_out = AdjRibOut()
        self.refreshes = self.resent = self.undamped = 0
        self.ended: list[tuple[int, int]] = []

    def ask_refresh(self) -> None:
        self.refreshes += 1

    def send_again(self) -> None:
        self.resent += 1

    def undamp(self) -> None:
        self.undamped += 1

    def end_with(self, code: int, subcode: int, _data: bytes = b"") -> None:
        self.ended.append((code, subcode))


class Reactor:
    """What the commands want of the reactor."""

    def __init__(self, *addresses: str) -> None:
        self.peers = {address: Peer(address) for address in addresses}
        self.ready: list[bool] = []
        self.reloads = 0
        self.configuration = SimpleNamespace(
            processes={"agent": {"run": ["/bin/true", "x%20y"]}}, _configurations=[]
        )

    def speaking_peers(self) -> list[Peer]:
        return list(self.peers.values())

    def peer(self, address: str) -> Peer | None:
        return self.peers.get(address)

    def agent_ready(self, *, preserved: bool) -> None:
        self.ready.append(preserved)

    def reload(self) -> bool:
        self.reloads += 1
        return True


@pytest.fixture
def reactor() -> Reactor:
    return Reactor("10.0.0.1", "10.0.0.2")


@pytest.fixture(scope="module")
def api() -> SpeakerApi:
    return SpeakerApi(None)


def framed(message: Message) -> bytes:
    return encode(message)[4:]


def carried_out(api: SpeakerApi, reactor: Reactor, message: Message) -> bool:
    return api.process(reactor, "agent", framed(message))


def routes(reactor: Reactor) -> list[int]:
    return [len(peer.adj_rib_out) for peer in reactor.peers.values()]


def test_announcing_to_every_peer(api: SpeakerApi, reactor: Reactor) -> None:
    assert carried_out(api, reactor, Announce(None, VTEP, ATTRIBUTES, NLRI + OTHER))
    assert routes(reactor) == [2, 2]


def test_an_address_announces_to_one_peer(api: SpeakerApi, reactor: Reactor) -> None:
    message = Announce("10.0.0.2", b"\x20" * 16, ATTRIBUTES, NLRI)

    assert carried_out(api, reactor, message)
    assert routes(reactor) == [0, 1]


def test_a_peer_that_has_just_gone_is_no_error(
    api: SpeakerApi, reactor: Reactor
) -> None:
    assert carried_out(api, reactor, Announce("10.0.0.9", VTEP, ATTRIBUTES, NLRI))
    assert routes(reactor) == [0, 0]


def test_withdrawing(api: SpeakerApi, reactor: Reactor) -> None:
    carried_out(api, reactor, Announce(None, VTEP, ATTRIBUTES, NLRI + OTHER))
    carried_out(api, reactor, Withdraw("10.0.0.1", NLRI))

    assert routes(reactor) == [1, 2]


def test_ready_says_what_was_preserved(api: SpeakerApi, reactor: Reactor) -> None:
    carried_out(api, reactor, Ready(preserved=True))
    carried_out(api, reactor, Ready(preserved=False))

    assert reactor.ready == [True, False]


def test_refresh_and_reset_are_for_one_peer(api: SpeakerApi, reactor: Reactor) -> None:
    carried_out(api, reactor, AskRefresh("10.0.0.1"))
    carried_out(api, reactor, Reset("10.0.0.2", 6, 4))
    first, second = reactor.peers.values()

    assert (first.refreshes, second.refreshes) == (1, 0)
    assert (first.ended, second.ended) == ([], [(6, 4)])


def test_routes_are_sent_again_and_damping_ends_for_one_peer_or_all(
    api: SpeakerApi, reactor: Reactor
) -> None:
    carried_out(api, reactor, Resend("10.0.0.1"))
    carried_out(api, reactor, EndDamping("10.0.0.2"))
    carried_out(api, reactor, EndDamping(None))
    first, second = reactor.peers.values()

    assert (first.resent, second.resent) == (1, 0)
    assert (first.undamped, second.undamped) == (1, 2)


def test_peers_are_written_and_read_again(
    api: SpeakerApi, reactor: Reactor, tmp_path: Path
) -> None:
    file = tmp_path / "evpnd.exabgp.conf"
    reactor.configuration._configurations.append(str(file))
    peers = (PeerConfig(Address("10.0.0.7"), 65000, "shutdown now"),)
    carried_out(api, reactor, Peers(65000, "10.0.0.1", peers))

    assert reactor.reloads == 1
    assert "neighbor 10.0.0.7 {" in file.read_text()
    assert "run /bin/true x%20y;" in file.read_text()


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (b"", "without a type"),
        (b"shutdown", "of type 115"),
        (encode(Withdraw(None, NLRI))[4:-1], "Withdraw of 40 octets ends too early"),
        (framed(Reload()), "Reload is for the agent"),
        (framed(Announce(None, b"\x0a\0", ATTRIBUTES, NLRI)), "next hop of 2"),
        (framed(Announce(None, VTEP, ATTRIBUTES, NLRI[:-1])), "runs past"),
        (framed(Announce(None, VTEP, ATTRIBUTES, b"\2\2\0\0")), "out of range"),
        (framed(Announce(None, VTEP, b"\x40\x01", NLRI)), "runs past"),
        (
            framed(Announce(None, VTEP, b"\xc0\x10\x0f" + bytes(14), NLRI)),
            "runs past",
        ),
        (framed(Announce(None, VTEP, COMMUNITIES, NLRI)), "no room"),
        (framed(Withdraw(None, NLRI[:-1])), "runs past"),
        (framed(Reset("10.0.0.1", 256, 0)), "not an octet"),
        (
            framed(Peers(65000, "nonsense", (PeerConfig(Address("::1"), 1),))),
            "nonsense",
        ),
    ],
)
def test_nonsense_changes_nothing(
    api: SpeakerApi,
    reactor: Reactor,
    frame: bytes,
    reason: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    reactor.configuration._configurations.append("/nonexistent/file")

    assert not api.process(reactor, "agent", frame)
    assert routes(reactor) == [0, 0]
    entry = json.loads(capsys.readouterr().err)
    assert entry["event"] == "bad_command"
    assert reason in entry["reason"]


def test_every_message_to_the_speaker_is_carried_out() -> None:
    assert set(COMMANDS) == set(get_args(ToSpeaker))
