"""Messages of the speaker become events, actions become its commands."""

import weakref
from pathlib import Path

from evpnd.adapters.pipe.translation import (
    ENCODED_MOST,
    MessageReader,
    MessageWriter,
)
from evpnd.model.actions import (
    AnnounceImet,
    AnnounceMacIp,
    AnnouncePrefixes,
    EndDamping,
    ResendRoutes,
    WithdrawMacIp,
    WithdrawPrefixes,
)
from evpnd.model.advert import Advert
from evpnd.model.config import Config, PeerConfig, VtepConfig
from evpnd.model.events import PeerDamped, PeerWentUp
from evpnd.model.ids import Peer, parse_ip, parse_rd
from evpnd.wire import messages
from evpnd.wire.attributes import encode_attributes
from evpnd.wire.nlri import encode_mac_ip, encode_prefixes
from evpnd.wire.pipe import decode

PEER = Peer("192.0.2.1")
VTEP = parse_ip("10.0.0.1")
UP = messages.Up(
    PEER,
    asn4=True,
    restart_time=120,
    forwarding=True,
    route_refresh=True,
    enhanced_refresh=False,
    hold_time=90,
    local_address="192.0.2.9",
    remote_id="10.9.8.7",
    resumed=True,
    age=7,
)


def reader() -> MessageReader:
    peers = (PeerConfig(PEER, 65000),)
    return MessageReader(Config(Path("x"), 65000, VTEP, VtepConfig(VTEP), peers))


def test_a_session_comes_up_with_the_peers_router_id() -> None:
    (event,) = reader().read(UP)

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
    frames = MessageWriter().write(
        [
            AnnounceImet(None, advert, rd, VTEP),
            AnnounceMacIp(PEER, Advert(VTEP, ()), rd, 100, [mac]),
            WithdrawMacIp(PEER, rd, [mac]),
        ]
    )

    first, second, third = (decode(frame[4:]) for frame in frames)
    assert isinstance(first, messages.Announce)
    assert isinstance(second, messages.Announce)
    assert (first.peer, second.peer) == (None, PEER)
    assert first.next_hop == second.next_hop == VTEP
    assert first.attributes == encode_attributes(advert)
    assert second.nlris == encode_mac_ip(rd, 100, [mac])[0]
    assert third == messages.Withdraw(PEER, encode_mac_ip(rd, 0, [mac])[0])


def test_a_vrf_gives_mac_ip_routes_a_second_label_and_has_prefixes() -> None:
    rd = parse_rd("10.0.0.1:100")
    advert = Advert(VTEP, (), l3_vni=9999, router_mac=b"\2\0\0\0\0\1")
    key, prefix = b"\2\0\0\0\0\2" + bytes(4), bytes([192, 0, 2, 0, 24])
    frames = MessageWriter().write(
        [
            AnnounceMacIp(None, advert, rd, 100, [key]),
            AnnouncePrefixes(None, advert, rd, 9999, [prefix]),
            WithdrawPrefixes(PEER, rd, [prefix]),
        ]
    )

    first, second, third = (decode(frame[4:]) for frame in frames)
    assert isinstance(first, messages.Announce)
    assert isinstance(second, messages.Announce)
    assert first.nlris == encode_mac_ip(rd, 100, [key], 9999)[0]
    assert second.nlris == encode_prefixes(rd, 9999, [prefix])[0]
    assert third == messages.Withdraw(PEER, encode_prefixes(rd, 0, [prefix])[0])


def test_damping_is_heard_and_ended() -> None:
    damped = messages.Damped(PEER, 16, 4)
    frames = MessageWriter().write([EndDamping(PEER), ResendRoutes(PEER)])

    assert list(reader().read(damped)) == [PeerDamped(PEER, 16, 4)]
    assert [decode(frame[4:]) for frame in frames] == [
        messages.EndDamping(PEER),
        messages.Resend(PEER),
    ]


def test_many_keys_are_cut_into_messages_of_bounded_length() -> None:
    rd = parse_rd("10.0.0.1:100")
    keys = [bytes((2, 0, 0, 0, n >> 8, n & 255)) for n in range(1001)]
    frames = list(MessageWriter().write([WithdrawMacIp(None, rd, keys)]))

    assert len(frames) == 3
    assert all(len(frame) < 20_000 for frame in frames)


def test_what_was_encoded_is_forgotten_in_time() -> None:
    """A MAC that moves has others every time."""
    writer = MessageWriter()
    rd = parse_rd("10.0.0.1:100")
    adverts = [Advert(VTEP, (), sequence=each) for each in range(ENCODED_MOST + 1)]
    known = list(map(weakref.ref, adverts))
    announcements = [
        AnnounceMacIp(None, advert, rd, 100, [bytes(6)]) for advert in adverts
    ]
    first = list(writer.write(announcements))
    del adverts, announcements

    assert list(writer.write([WithdrawMacIp(None, rd, [bytes(6)])])) != first[:1]
    assert not any(advert() for advert in known)


def test_the_decoder_of_a_session_ends_with_it() -> None:
    reading = reader()
    [_] = reading.read(UP)
    decoder = weakref.ref(reading._decoders[PEER])

    [_] = reading.read(messages.Down(PEER, "reset", graceful=False))

    assert decoder() is None


def test_what_a_session_without_a_meaning_to_the_core_says_is_no_event() -> None:
    assert not list(reader().read(messages.Reload()))
