"""The agent's lines: what each does, and that nonsense does nothing."""
# the extension's classes stand on exabgp's

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from evpnd.speaker.adj_rib_out import AdjRibOut, Encoding
from evpnd.speaker.commands import COMMANDS, SpeakerApi, register

ATTRIBUTES = "4001010040050400000064"
NLRI = "022100010a000001006400000000000000000000000000003002000000000100002774"
OTHER = "022100010a000001006400000000000000000000000000003002000000000200002774"
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
    register()
    return SpeakerApi(None)


def routes(reactor: Reactor) -> list[int]:
    return [len(peer.adj_rib_out) for peer in reactor.peers.values()]


def test_a_star_announces_to_every_peer(api: SpeakerApi, reactor: Reactor) -> None:
    line = f"announce evpn * 0a000001 {ATTRIBUTES} {NLRI}{OTHER}"

    assert api.process(reactor, "agent", line)
    assert routes(reactor) == [2, 2]


def test_an_address_announces_to_one_peer(api: SpeakerApi, reactor: Reactor) -> None:
    line = f"announce evpn 10.0.0.2 {'20' * 16} {ATTRIBUTES} {NLRI}"

    assert api.process(reactor, "agent", line)
    assert routes(reactor) == [0, 1]


def test_a_peer_that_has_just_gone_is_no_error(
    api: SpeakerApi, reactor: Reactor
) -> None:
    line = f"announce evpn 10.0.0.9 0a000001 {ATTRIBUTES} {NLRI}"

    assert api.process(reactor, "agent", line)
    assert routes(reactor) == [0, 0]


def test_withdrawing(api: SpeakerApi, reactor: Reactor) -> None:
    api.process(
        reactor, "agent", f"announce evpn * 0a000001 {ATTRIBUTES} {NLRI}{OTHER}"
    )
    api.process(reactor, "agent", f"withdraw evpn 10.0.0.1 {NLRI}")

    assert routes(reactor) == [1, 2]


def test_ready_says_what_was_preserved(api: SpeakerApi, reactor: Reactor) -> None:
    api.process(reactor, "agent", "evpnd ready preserved")
    api.process(reactor, "agent", "evpnd ready fresh")

    assert reactor.ready == [True, False]


def test_refresh_and_reset_are_for_one_peer(api: SpeakerApi, reactor: Reactor) -> None:
    api.process(reactor, "agent", "evpnd refresh 10.0.0.1")
    api.process(reactor, "agent", "evpnd reset 10.0.0.2 6 4")
    first, second = reactor.peers.values()

    assert (first.refreshes, second.refreshes) == (1, 0)
    assert (first.ended, second.ended) == ([], [(6, 4)])


def test_routes_are_sent_again_and_damping_ends_for_one_peer_or_all(
    api: SpeakerApi, reactor: Reactor
) -> None:
    api.process(reactor, "agent", "evpnd resend 10.0.0.1")
    api.process(reactor, "agent", "evpnd undamp 10.0.0.2")
    api.process(reactor, "agent", "evpnd undamp *")
    first, second = reactor.peers.values()

    assert (first.resent, second.resent) == (1, 0)
    assert (first.undamped, second.undamped) == (1, 2)


def test_peers_are_written_and_read_again(
    api: SpeakerApi, reactor: Reactor, tmp_path: Path
) -> None:
    file = tmp_path / "evpnd.exabgp.conf"
    reactor.configuration._configurations.append(str(file))
    peers = [{"address": "10.0.0.7", "asn": 65000, "description": "shutdown now"}]
    given = {"asn": 65000, "router_id": "10.0.0.1", "peers": peers}
    api.process(reactor, "agent", f"evpnd peers {json.dumps(given)}")

    assert reactor.reloads == 1
    assert "neighbor 10.0.0.7 {" in file.read_text()
    assert "run /bin/true x%20y;" in file.read_text()


@pytest.mark.parametrize(
    "line",
    [
        "",
        "shutdown",
        "announce route 1.0.0.0/8 next-hop self",
        "announce evpn",
        f"announce evpn * 0a000001 {ATTRIBUTES}",
        f"announce evpn * 0a000001 {ATTRIBUTES} {NLRI} {NLRI}",
        f"announce evpn * 0a00 {ATTRIBUTES} {NLRI}",
        f"announce evpn * 0a000001 {ATTRIBUTES} {NLRI[:-2]}",
        f"announce evpn * 0a000001 {ATTRIBUTES} 02020000",
        f"announce evpn * 0a000001 4001 {NLRI}",
        f"announce evpn * 0a000001 {'c0100f' + '00' * 14} {NLRI}",
        f"announce evpn * xx {ATTRIBUTES} {NLRI}",
        f"withdraw evpn * {NLRI[:-2]}",
        "evpnd ready",
        "evpnd reset 10.0.0.1 256 0",
        "evpnd reset 10.0.0.1 6",
        "evpnd peers {}",
        "evpnd stop now",
    ],
)
def test_nonsense_changes_nothing(
    api: SpeakerApi, reactor: Reactor, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not api.process(reactor, "agent", line)
    assert routes(reactor) == [0, 0]
    assert json.loads(capsys.readouterr().err)["event"] == "bad_command"


def test_attributes_that_no_message_could_hold_are_refused(
    api: SpeakerApi, reactor: Reactor
) -> None:
    communities = "d0100f f8".replace(" ", "") + "00" * 4088
    line = f"announce evpn * 0a000001 {communities} {NLRI}"

    assert not api.process(reactor, "agent", line)


def test_every_command_has_two_words() -> None:
    assert all(name.count(" ") == 1 for name in COMMANDS)
