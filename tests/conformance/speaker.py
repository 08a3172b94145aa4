"""The speaker's end of the pipe, and the peers behind it.

Messages, Adj-RIB-Out and journal are evpnd's own; only TCP and ExaBGP are not here.
A peer reads the octets that it is sent, and knows nothing else.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from evpnd.adapters.pipe.translation import MessageWriter
from evpnd.model.actions import BgpAction
from evpnd.model.config import Config, PeerConfig
from evpnd.model.ids import Peer
from evpnd.model.targets import Profile
from evpnd.speaker.process.commands import carry_out
from evpnd.speaker.rib.adj_rib_out import AdjRibOut, Encoding
from evpnd.speaker.rib.record import SessionRecord
from evpnd.wire.messages import (
    Hello,
    Notification,
    OfPeer,
    ToAgent,
    Up,
    Updates,
)
from evpnd.wire.pipe import Frames
from evpnd.wire.update import UpdateDecoder
from tests.conformance import routes
from tests.conformance.routes import Route, Sender
from tests.conformance.words import Words, flag, number, text

UPDATE, ROUTE_REFRESH = 2, 5
PHASES = {1: "begin-of-refresh", 2: "end-of-refresh"}
IDENTITY = ("type", "rd", "ethernet-tag", "mac", "ip", "originator", "esi", "prefix")


class PeerEnd:
    """One peer: what it negotiated, what it was sent, what it knows of us."""

    def __init__(
        self, config: PeerConfig, local_asn: int, vni: int, clock: Callable[[], float]
    ) -> None:
        self.config = config
        self.ibgp = config.asn == local_asn
        self.adj_rib_out = AdjRibOut()
        self.record = SessionRecord(config.address, clock)
        self.record.await_session()
        self.session: Up | None = None
        self.asks: list[str] = []
        """What we did on its session beside UPDATEs."""
        self.announced: list[Route] = []
        self.withdrawn: list[Route] = []
        self.farewell: tuple[int, int] | None = None
        self.reopened = False
        self._local_asn = local_asn
        self._vni = vni
        self._decoder = UpdateDecoder()

    @property
    def address(self) -> Peer:
        return self.config.address

    @property
    def sender(self) -> Sender:
        asn4 = self.session is None or self.session.asn4
        return Sender(self.config.asn, self.ibgp, asn4, self._vni)

    def went_up(self, said: object, where: str) -> OfPeer:
        """Establish the session; gives the message that tells so."""
        words = Words(said, where)
        self.session = Up(
            self.address,
            asn4=words.take("four-octet-as", flag, True),
            restart_time=words.take("restart-time", number, None),
            forwarding=words.take("forwarding", flag, False),
            route_refresh=words.take("route-refresh", flag, True),
            enhanced_refresh=words.take("enhanced-refresh", flag, False),
            hold_time=words.take("hold-time", number, 90),
            remote_id=words.take("router-id", text, "10.255.0.1"),
            local_address="10.0.0.5",
        )
        words.done()
        self._decoder = UpdateDecoder(asn4=self.session.asn4, ibgp=self.ibgp)
        self.adj_rib_out.replace_restart(None, None)
        return self.record.begin(self.session)

    def went_down(self, reason: str, *, graceful: bool) -> OfPeer:
        self.session = None
        self.adj_rib_out.reset()
        return self.record.end(reason, graceful=graceful)

    def sends(self, octets: bytes) -> OfPeer:
        """Send UPDATE messages; gives the message that hands them on."""
        self.record.journal.add(octets)
        return Updates(self.address, octets)

    def listen(self) -> None:
        """Read what the session has for the peer."""
        if self.session is None or not self.adj_rib_out.pending():
            return
        asn4 = self.session.asn4
        encoding = Encoding(ibgp=self.ibgp, local_asn=self._local_asn, asn4=asn4)
        for message in self.adj_rib_out.messages(encoding):
            self._read(message)

    def _read(self, message: bytes) -> None:
        if message[18] == ROUTE_REFRESH:
            self.asks.append(PHASES[message[21]])
            return
        assert message[18] == UPDATE
        assert int.from_bytes(message[16:18], "big") == len(message) <= 4096
        update = self._decoder.decode(message[19:])
        assert not update.malformed, f"evpnd sent a malformed UPDATE: {update}"
        self.withdrawn += routes.withdrawn(update)
        self.announced += routes.announced(update)

    def table(self) -> list[Route]:
        """Find what the peer would be told on a new session, as it would read it."""
        told = AdjRibOut()
        told._routes = self.adj_rib_out._routes
        told.replace_restart(None, None)
        asn4 = self.session is None or self.session.asn4
        encoding = Encoding(ibgp=self.ibgp, local_asn=self._local_asn, asn4=asn4)
        decoder = UpdateDecoder(asn4=asn4, ibgp=self.ibgp)
        return [
            route
            for message in told.messages(encoding)
            for route in routes.announced(decoder.decode(message[19:]))
        ]

    # What the speaker's commands call

    def ask_refresh(self) -> None:
        if self.session is not None and self.session.route_refresh:
            self.asks.append("route-refresh")

    def send_again(self) -> None:
        if self.session is not None:
            self.adj_rib_out.resend(self.session.enhanced_refresh)

    def undamp(self) -> None:
        self.asks.append("another attempt")

    def end_with(self, code: int, subcode: int, _data: bytes = b"") -> None:
        if self.session is not None:
            self.asks.append(f"notification {code}/{subcode}")
            self.farewell = code, subcode

    def reopen(self) -> None:
        if self.session is not None:
            self.asks.append("reopened")
            self.reopened = True


def _hand_on(told: list[ToAgent], peer: str, updates: bytes) -> None:
    told.append(Updates(peer, updates))


def _on_the_wire(peer: PeerConfig) -> PeerConfig:
    """Leave out what the speaker never hears of."""
    return replace(
        peer,
        profile=Profile.GENERIC,
        allow_own_as=0,
        max_routes=None,
        import_policies=(),
        export_policies=(),
    )


class Speaker:
    """All sessions, as the agent's messages reach them."""

    def __init__(self, config: Config, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.peers: dict[str, PeerEnd] = {}
        self.ready: str | None = None
        """What the agent's first announcement said of its rows."""
        self.configure(config)

    def configure(self, config: Config) -> list[ToAgent]:
        """Take the peers of a configuration; gives messages for the agent."""
        kept: dict[str, PeerEnd] = {}
        vni = config.evis[0].vni if config.evis else 100
        told: list[ToAgent] = []
        for peer in config.peers:
            old = self.peers.get(peer.address)
            kept[peer.address] = old or PeerEnd(peer, config.asn, vni, self._clock)
            if old is not None:
                changed = _on_the_wire(old.config) != _on_the_wire(peer)
                old.config = peer
                if changed and old.session is not None:
                    told.append(old.went_down("configuration changed", graceful=False))
        self.peers = kept
        return told

    def greet(self) -> list[ToAgent]:
        """Tell a new agent how things are."""
        peers = self.peers.values()
        replaying = [peer.address for peer in peers if peer.record.replays()]
        told: list[ToAgent] = [Hello("", tuple(replaying), "")]
        for peer in peers:
            peer.adj_rib_out.mark_stale()
            hand_on = partial(_hand_on, told, peer.address)
            state = "active" if peer.session is None else "established"
            peer.record.introduce(told.append, hand_on, state)
        return told

    def obey(self, writer: MessageWriter, actions: list[BgpAction]) -> list[ToAgent]:
        """Carry out the agent's actions by way of its messages."""
        for frame in Frames().feed(b"".join(writer.write(actions))):
            carry_out(self, frame)  # type: ignore[arg-type]
        answers: list[ToAgent] = []
        for peer in self.peers.values():
            peer.listen()
            if peer.farewell is not None:
                code, subcode = peer.farewell
                peer.farewell = None
                told = f"code {code} subcode {subcode}"
                answers += [
                    Notification(peer.address, "sent", code, subcode, told),
                    peer.went_down(told, graceful=False),
                ]
            if peer.reopened:
                peer.reopened = False
                kept = peer.session is not None and peer.session.restart_time
                answers.append(peer.went_down("reopened", graceful=bool(kept)))
        return answers

    # What the commands call: the reactor's names

    def speaking_peers(self) -> list[PeerEnd]:
        return list(self.peers.values())

    def peer(self, address: str) -> PeerEnd | None:
        return self.peers.get(address)

    def agent_ready(self, *, preserved: bool) -> None:
        self.ready = "preserved" if preserved else "fresh"
        for peer in self.peers.values():
            peer.adj_rib_out.sweep_stale()
