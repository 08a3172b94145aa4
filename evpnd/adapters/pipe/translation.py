"""Messages of the speaker to events, and actions to messages for it.

`wire/messages.py` declares them, and `evpnd.speaker` has the other end.
"""

from collections.abc import Iterable, Iterator

from evpnd.model.actions import (
    AnnounceImet,
    AnnounceMacIp,
    AnnouncePrefixes,
    BgpAction,
    EndDamping,
    FinishAnnouncement,
    ReopenSession,
    RequestRefresh,
    ResendRoutes,
    ResetSession,
    WithdrawImet,
    WithdrawMacIp,
    WithdrawPrefixes,
)
from evpnd.model.advert import Advert
from evpnd.model.config import Config
from evpnd.model.events import (
    Event,
    NotificationSeen,
    PeerDamped,
    PeerStateChanged,
    PeerWentDown,
    PeerWentUp,
    RefreshMarked,
    ReplayBegan,
    ReplayEnded,
    UpdateReceived,
)
from evpnd.model.ids import Peer, format_ip, parse_ip
from evpnd.model.numbers import HEADER_SIZE
from evpnd.wire import messages
from evpnd.wire.attributes import encode_attributes
from evpnd.wire.nlri import encode_imet, encode_mac_ip, encode_prefixes
from evpnd.wire.pipe import encode
from evpnd.wire.update import UpdateDecoder

NLRIS_A_MESSAGE = 500
ENCODED_MOST = 1024
"""Attributes that are kept in their encoded form from one turn to the next."""


class MessageReader:
    """Turns the speaker's messages into events; keeps a decoder for each session."""

    def __init__(self, config: Config) -> None:
        """Store our AS, which decides between iBGP and eBGP."""
        self._decoders: dict[str, UpdateDecoder] = {}
        self.configure(config)

    def configure(self, config: Config) -> None:
        """Apply a new configuration."""
        self._ibgp = {peer.address: peer.asn == config.asn for peer in config.peers}

    def read(self, message: messages.Message) -> Iterable[Event]:
        """Return the events of a message; those of no meaning to the core have none."""
        match message:
            case messages.Updates(peer, octets):
                return self._updates(Peer(peer), octets)
            case messages.Up():
                return (self._up(message),)
            case messages.Down(peer, reason, graceful, ago):
                self._decoders.pop(peer, None)
                return (PeerWentDown(Peer(peer), reason, graceful, ago),)
            case messages.State(peer, state, waited):
                return (PeerStateChanged(Peer(peer), state, waited),)
            case messages.Hello(_, replaying, _):
                return (ReplayBegan(frozenset(map(Peer, replaying))),)
            case messages.Replayed(peer):
                return (ReplayEnded(Peer(peer)),)
            case messages.Notification(peer) | messages.Unreachable(peer):
                return (NotificationSeen(Peer(peer), message.text),)
            case messages.Damped(peer, seconds, ended):
                return (PeerDamped(Peer(peer), seconds, ended),)
            case messages.Refreshing(peer, ended):
                return (RefreshMarked(Peer(peer), ended=ended),)
            case _:
                return ()

    def _up(self, up: messages.Up) -> PeerWentUp:
        peer = Peer(up.peer)
        self._decoders[peer] = UpdateDecoder(
            asn4=up.asn4, ibgp=self._ibgp.get(peer, False)
        )
        return PeerWentUp(
            peer,
            restart_time=up.restart_time,
            forwarding=up.forwarding,
            route_refresh=up.route_refresh,
            enhanced_refresh=up.enhanced_refresh,
            resumed=up.resumed,
            age=up.age,
            replayed=up.replayed,
            routes=up.routes,
            router_id=parse_ip(up.remote_id),
        )

    def _updates(self, peer: Peer, octets: bytes) -> Iterator[Event]:
        decoder = self._decoders.get(peer)
        if decoder is None:
            decoder = self._decoders[peer] = UpdateDecoder()
        start, end = 0, len(octets)
        decode = decoder.decode
        while start < end:
            stop = start + (octets[start + 16] << 8 | octets[start + 17])
            yield UpdateReceived(peer, decode(octets[start + HEADER_SIZE : stop]))
            start = stop


class MessageWriter:
    """Turns actions into frames for the speaker."""

    def __init__(self) -> None:
        """Start with nothing encoded."""
        self._encoded: dict[int, tuple[Advert, bytes]] = {}
        """By the identity of the advert, which the entry keeps alive."""

    def write(self, actions: Iterable[BgpAction]) -> Iterator[bytes]:
        """Return the frames for some actions.

        Attributes are kept in their encoded form, as far as there are not many: a MAC
        that moves has others every time.
        """
        if len(self._encoded) > ENCODED_MOST:
            self._encoded.clear()
        for action in actions:
            yield from map(encode, self._messages(action))

    def _messages(self, action: BgpAction) -> Iterator[messages.ToSpeaker]:
        match action:
            case AnnounceMacIp(peer, advert, source, vni, keys):
                for some in _cut(keys):
                    nlris = b"".join(encode_mac_ip(source, vni, some, advert.l3_vni))
                    yield self._announce(peer, advert, nlris)
            case WithdrawMacIp(peer, source, keys):
                for some in _cut(keys):
                    nlris = b"".join(encode_mac_ip(source, 0, some))
                    yield messages.Withdraw(peer, nlris)
            case AnnounceImet(peer, advert, source, originator):
                yield self._announce(peer, advert, encode_imet(source, originator))
            case WithdrawImet(peer, source, originator):
                yield messages.Withdraw(peer, encode_imet(source, originator))
            case AnnouncePrefixes(peer, advert, source, vni, prefixes):
                for some in _cut(prefixes):
                    nlris = b"".join(encode_prefixes(source, vni, some))
                    yield self._announce(peer, advert, nlris)
            case WithdrawPrefixes(peer, source, prefixes):
                for some in _cut(prefixes):
                    nlris = b"".join(encode_prefixes(source, 0, some))
                    yield messages.Withdraw(peer, nlris)
            case FinishAnnouncement(preserved):
                yield messages.Ready(preserved)
            case RequestRefresh(peer):
                yield messages.AskRefresh(peer)
            case ResendRoutes(peer):
                yield messages.Resend(peer)
            case EndDamping(peer):
                yield messages.EndDamping(peer)
            case ResetSession(peer, code, subcode, said):
                yield messages.Reset(peer, code, subcode, said)
            case ReopenSession(peer):
                yield messages.Reopen(peer)

    def _announce(
        self, peer: Peer | None, advert: Advert, nlris: bytes
    ) -> messages.Announce:
        known = self._encoded.get(id(advert))
        if known is None:
            known = self._encoded[id(advert)] = advert, encode_attributes(advert)
        return messages.Announce(peer, advert.next_hop, known[1], nlris)


def _cut(keys: list[bytes]) -> Iterator[list[bytes]]:
    for start in range(0, len(keys), NLRIS_A_MESSAGE):
        yield keys[start : start + NLRIS_A_MESSAGE]


def peers_of(config: Config) -> messages.Peers:
    """Return what the speaker is told of the peers of a configuration."""
    return messages.Peers(config.asn, format_ip(config.router_id), config.peers)
