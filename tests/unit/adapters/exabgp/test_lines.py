"""Lines of the speaker become events, actions become its commands."""

import json
import weakref
from pathlib import Path

from evpnd.adapters.exabgp.lines import LineReader, LineWriter
from evpnd.model.actions import (
    AnnounceImet,
    AnnounceMacIp,
    EndDamping,
    ResendRoutes,
    WithdrawMacIp,
)
from evpnd.model.advert import Advert
from evpnd.model.config import Config, PeerConfig, VtepConfig
from evpnd.model.events import PeerDamped, PeerWentUp
from evpnd.model.ids import Peer, parse_ip, parse_rd

PEER = Peer("192.0.2.1")
VTEP = parse_ip("10.0.0.1")
UP = {
    "type": "up",
    "peer": PEER,
    "resumed": True,
    "asn4": True,
    "restart_time": 120,
    "forwarding": True,
    "route_refresh": True,
    "enhanced_refresh": False,
    "hold_time": 90,
    "local_address": "192.0.2.9",
    "remote_id": "10.9.8.7",
    "age": 7,
    "replayed": False,
}


def reader() -> LineReader:
    peers = (PeerConfig(PEER, 65000),)
    return LineReader(Config(Path("x"), 65000, VTEP, VtepConfig(VTEP), peers))


def test_a_session_comes_up_with_the_peers_router_id() -> None:
    (event,) = reader().read(json.dumps(UP).encode())

    assert event == PeerWentUp(
        PEER,
        restart_time=120,
        forwarding=True,
        resumed=True,
        age=7,
        router_id=parse_ip("10.9.8.7"),
    )


def test_an_action_names_its_peer_or_all() -> None:
    rd = parse_rd("10.0.0.1:100")
    advert = Advert(VTEP, (), pmsi_vni=100)
    mac = b"\2\0\0\0\0\1"
    lines = list(
        LineWriter().write(
            [
                AnnounceImet(None, advert, rd, VTEP),
                AnnounceMacIp(PEER, Advert(VTEP, ()), rd, 100, [mac]),
                WithdrawMacIp(PEER, rd, [mac]),
            ]
        )
    )

    assert lines[0].startswith(b"announce evpn * 0a000001 ")
    assert lines[1].startswith(b"announce evpn 192.0.2.1 0a000001 ")
    assert lines[2].startswith(b"withdraw evpn 192.0.2.1 0221" + rd.hex().encode())


def test_damping_is_heard_and_ended() -> None:
    line = b'{"type":"damped","peer":"192.0.2.1","seconds":16,"ended":4}'
    assert list(reader().read(line)) == [PeerDamped(PEER, 16, 4)]
    assert list(LineWriter().write([EndDamping(PEER), ResendRoutes(PEER)])) == [
        b"evpnd undamp 192.0.2.1\n",
        b"evpnd resend 192.0.2.1\n",
    ]


def test_many_keys_are_cut_into_lines_of_bounded_length() -> None:
    rd = parse_rd("10.0.0.1:100")
    keys = [bytes((2, 0, 0, 0, n >> 8, n & 255)) for n in range(1001)]
    lines = list(LineWriter().write([WithdrawMacIp(None, rd, keys)]))

    assert len(lines) == 3
    assert all(len(line) < 40_000 for line in lines)


def test_what_was_encoded_is_forgotten() -> None:
    """A MAC that moves has others every time."""
    writer = LineWriter()
    advert = Advert(VTEP, (), sequence=1)
    gone = weakref.ref(advert)
    rd = parse_rd("10.0.0.1:100")
    first = list(writer.write([AnnounceMacIp(None, advert, rd, 100, [bytes(6)])]))
    del advert

    assert list(writer.write([WithdrawMacIp(None, rd, [bytes(6)])])) != first
    assert gone() is None


def test_the_decoder_of_a_session_ends_with_it() -> None:
    lines = reader()
    [_] = lines.read(json.dumps(UP).encode())
    decoder = weakref.ref(lines._decoders[PEER])
    down = {"type": "down", "peer": PEER, "reason": "reset", "graceful": False}

    [_] = lines.read(json.dumps(down).encode())

    assert decoder() is None
