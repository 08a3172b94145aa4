"""Lines from the speaker to events, and actions to lines for it.

One line is one JSON object from the speaker, or one ExaBGP API command to it;
octets travel in hex. `evpnd.speaker` has the other end.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from evpnd.model.actions import (
    AnnounceImet,
    AnnounceMacIp,
    BgpAction,
    EndDamping,
    FinishAnnouncement,
    ReopenSession,
    RequestRefresh,
    ResendRoutes,
    ResetSession,
    WithdrawImet,
    WithdrawMacIp,
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
from evpnd.model.ids import Peer, parse_ip
from evpnd.model.numbers import HEADER_SIZE
from evpnd.wire.attributes import encode_attributes
from evpnd.wire.nlri import encode_imet, encode_mac_ip
from evpnd.wire.update import UpdateDecoder

NLRIS_A_LINE = 500


class LineReader:
    """Turns the speaker's lines into events; keeps a decoder for each session."""

    def __init__(self, config: Config) -> None:
        """Take our AS, which tells iBGP from eBGP."""
        self._decoders: dict[str, UpdateDecoder] = {}
        self.configure(config)

    def configure(self, config: Config) -> None:
        """Take a new configuration."""
        self._ibgp = {peer.address: peer.asn == config.asn for peer in config.peers}

    def read(self, line: bytes) -> Iterator[Event]:
        """Read one line; lines of no meaning to the core give nothing."""
        message = json.loads(line)
        peer = Peer(message.get("peer", ""))
        match message["type"]:
            case "update":
                yield from self._updates(peer, bytes.fromhex(message["messages"]))
            case "up":
                yield self._up(peer, message)
            case "down":
                self._decoders.pop(peer, None)
                yield PeerWentDown(
                    peer, message["reason"], message["graceful"], message.get("ago")
                )
            case "state":
                yield PeerStateChanged(peer, message["state"], message.get("waited"))
            case "hello":
                yield ReplayBegan(frozenset(map(Peer, message.get("replaying", ()))))
            case "replayed":
                yield ReplayEnded(peer)
            case "notification" | "error":
                yield NotificationSeen(peer, message["text"])
            case "damped":
                yield PeerDamped(peer, message["seconds"], message["ended"])
            case "refresh":
                yield RefreshMarked(peer, ended=message["phase"] == "end")
            case _:
                pass

    def _up(self, peer: Peer, message: dict[str, Any]) -> PeerWentUp:
        self._decoders[peer] = UpdateDecoder(
            asn4=message["asn4"], ibgp=self._ibgp.get(peer, False)
        )
        return PeerWentUp(
            peer,
            restart_time=message["restart_time"],
            forwarding=message["forwarding"],
            route_refresh=message["route_refresh"],
            enhanced_refresh=message["enhanced_refresh"],
            resumed=message["resumed"],
            age=message["age"],
            replayed=message["replayed"],
            routes=message.get("routes", 0),
            router_id=parse_ip(message["remote_id"]),
        )

    def _updates(self, peer: Peer, messages: bytes) -> Iterator[Event]:
        decoder = self._decoders.get(peer)
        if decoder is None:
            decoder = self._decoders[peer] = UpdateDecoder()
        start, end = 0, len(messages)
        decode = decoder.decode
        while start < end:
            stop = start + (messages[start + 16] << 8 | messages[start + 17])
            yield UpdateReceived(peer, decode(messages[start + HEADER_SIZE : stop]))
            start = stop


class LineWriter:
    """Turns actions into the speaker's commands."""

    def __init__(self) -> None:
        """Begin with nothing encoded."""
        self._encoded: dict[Advert, str] = {}

    def write(self, actions: Iterable[BgpAction]) -> Iterator[bytes]:
        """Give the lines for some actions, each with its line feed.

        Attributes are encoded once for all of them, and forgotten: a MAC that moves
        has others every time.
        """
        self._encoded.clear()
        for action in actions:
            for line in self._lines(action):
                yield line.encode("ascii") + b"\n"

    def _lines(self, action: BgpAction) -> Iterator[str]:
        match action:
            case AnnounceMacIp(peer, advert, rd, vni, keys):
                head = self._announce(peer, advert)
                for some in _cut(keys):
                    yield head + b"".join(encode_mac_ip(rd, vni, some)).hex()
            case WithdrawMacIp(peer, rd, keys):
                head = f"withdraw evpn {peer or '*'} "
                for some in _cut(keys):
                    yield head + b"".join(encode_mac_ip(rd, 0, some)).hex()
            case AnnounceImet(peer, advert, rd, originator):
                head = self._announce(peer, advert)
                yield head + encode_imet(rd, originator).hex()
            case WithdrawImet(peer, rd, originator):
                nlri = encode_imet(rd, originator).hex()
                yield f"withdraw evpn {peer or '*'} {nlri}"
            case FinishAnnouncement(preserved):
                yield f"evpnd ready {'preserved' if preserved else 'fresh'}"
            case RequestRefresh(peer):
                yield f"evpnd refresh {peer}"
            case ResendRoutes(peer):
                yield f"evpnd resend {peer}"
            case EndDamping(peer):
                yield f"evpnd undamp {peer}"
            case ResetSession(peer, code, subcode, said):
                yield f"evpnd reset {peer} {code} {subcode} {said.hex()}".rstrip()
            case ReopenSession(peer):
                yield f"evpnd reopen {peer}"

    def _announce(self, peer: Peer | None, advert: Advert) -> str:
        encoded = self._encoded.get(advert)
        if encoded is None:
            octets = encode_attributes(advert)
            encoded = f"{advert.next_hop.hex()} {octets.hex()}"
            self._encoded[advert] = encoded
        return f"announce evpn {peer or '*'} {encoded} "


def _cut(keys: list[bytes]) -> Iterator[list[bytes]]:
    for start in range(0, len(keys), NLRIS_A_LINE):
        yield keys[start : start + NLRIS_A_LINE]


def peers_line(config: Config) -> bytes:
    """Tell the speaker of the peers of a new configuration."""
    peers = [
        {
            "address": peer.address,
            "asn": peer.asn,
            "description": peer.description,
            "local_address": peer.local_address,
            "port": peer.port,
            "passive": peer.passive,
            "hold_time": peer.hold_time,
            "password": peer.password,
            "ttl_security": peer.ttl_security,
            "graceful_restart": peer.graceful_restart,
        }
        for peer in config.peers
    ]
    router_id = ".".join(map(str, config.router_id))
    text = json.dumps(
        {"asn": config.asn, "router_id": router_id, "peers": peers},
        separators=(",", ":"),
    )
    return f"evpnd peers {text}\n".encode("ascii")
