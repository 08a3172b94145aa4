"""Carries out the agent's messages, with a function for each."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from exabgp.reactor.api import API

from evpnd import log
from evpnd.speaker.process.agent_process import read_command
from evpnd.speaker.process.configuration import (
    AGENT,
    configuration_text,
    write_configuration,
)
from evpnd.speaker.process.reactor import SpeakerReactor
from evpnd.speaker.rib.adj_rib_out import Block, read_routes
from evpnd.speaker.session.peer import SpeakerPeer
from evpnd.wire.attributes import build_updates
from evpnd.wire.messages import (
    Alive,
    Announce,
    AskRefresh,
    EndDamping,
    Peers,
    Ready,
    Reopen,
    Resend,
    Reset,
    Withdraw,
)
from evpnd.wire.nlri import split_nlris
from evpnd.wire.pipe import decode


class SpeakerApi(API):  # type: ignore[misc] # exabgp has no types
    """Carries out the agent's messages; ExaBGP's own commands are not among them."""

    def process(self, reactor: SpeakerReactor, _service: str, frame: bytes) -> bool:
        """Carry out one message; log a wrong one, which changes nothing."""
        try:
            carry_out(reactor, frame)
        except (ValueError, IndexError) as error:
            log.error("bad_command", frame=frame[:40].hex(), reason=str(error))
            return False
        return True


def carry_out(reactor: SpeakerReactor, frame: bytes) -> None:
    """Do what a frame asks for; raises ValueError or IndexError if it is invalid."""
    message = decode(frame)
    command = COMMANDS.get(type(message))
    if command is None:
        raise ValueError(f"{type(message).__name__} is for the agent")
    command(reactor, message)


def peers_named(reactor: SpeakerReactor, name: str | None) -> list[SpeakerPeer]:
    """Return one peer, or all for None; a removed peer is left out."""
    if name is None:
        return reactor.speaking_peers()
    peer = reactor.peer(name)
    return [] if peer is None else [peer]


def alive(reactor: SpeakerReactor, message: Alive) -> None:
    """Record that the agent's loop goes round."""
    reactor.agent_alive(message.evis, message.ready)


def announce(reactor: SpeakerReactor, message: Announce) -> None:
    """Announce NLRIs that have their attributes in common."""
    _, next_hop, attributes, nlris = message
    if len(next_hop) not in (4, 16):
        raise ValueError(f"a next hop of {len(next_hop)} octets")
    routes = read_routes(Block(next_hop, attributes), nlris)
    longest = max((len(route[1]) for _, route in routes), default=0)
    _check_room(attributes, next_hop, longest)
    for peer in peers_named(reactor, message.peer):
        peer.adj_rib_out.announce(routes)


@lru_cache(maxsize=256)
def _check_room(attributes: bytes, next_hop: bytes, longest: int) -> None:
    """Raise ValueError where the most demanding session has no room for an NLRI.

    What cannot be packed for that one is refused for all.
    """
    sample = [bytes(longest)]
    next(
        build_updates(
            attributes, next_hop, sample, ibgp=False, local_asn=1 << 16, asn4=False
        )
    )


def withdraw(reactor: SpeakerReactor, message: Withdraw) -> None:
    """Withdraw NLRIs, whatever was announced with them."""
    nlris = split_nlris(message.nlris)
    for peer in peers_named(reactor, message.peer):
        peer.adj_rib_out.retract(nlris)


def ready(reactor: SpeakerReactor, message: Ready) -> None:
    """End the first full announcement of an agent."""
    reactor.agent_ready(preserved=message.preserved)


def refresh(reactor: SpeakerReactor, message: AskRefresh) -> None:
    """Ask a peer to send all its routes again."""
    for peer in peers_named(reactor, message.peer):
        peer.ask_refresh()


def resend(reactor: SpeakerReactor, message: Resend) -> None:
    """Send a peer all routes again."""
    for peer in peers_named(reactor, message.peer):
        peer.send_again()


def undamp(reactor: SpeakerReactor, message: EndDamping) -> None:
    """End the pause of a peer whose sessions were short."""
    for peer in peers_named(reactor, message.peer):
        peer.undamp()


def reset(reactor: SpeakerReactor, message: Reset) -> None:
    """End a session with a NOTIFICATION; it comes back by itself."""
    name, code, subcode, said = message
    if not (0 < code < 256 and 0 <= subcode < 256):
        raise ValueError("code or subcode is not an octet")
    for peer in peers_named(reactor, name):
        peer.end_with(code, subcode, said)


def reopen(reactor: SpeakerReactor, message: Reopen) -> None:
    """Restart a session, with graceful restart if it was negotiated."""
    for peer in peers_named(reactor, message.peer):
        peer.reopen()


def peers(reactor: SpeakerReactor, message: Peers) -> None:
    """Apply a new list of peers; sessions of unchanged peers stay up."""
    configuration = reactor.configuration
    command = read_command(configuration.processes[AGENT]["run"])
    path = Path(configuration._configurations[0])  # noqa: SLF001
    try:
        write_configuration(path, configuration_text(message, command))
    except OSError as error:
        log.error("cannot_write_peers", path=str(path), reason=error.strerror)
        return
    reactor.reload()


COMMANDS: dict[type, Callable[[SpeakerReactor, Any], None]] = {
    Alive: alive,
    Announce: announce,
    Withdraw: withdraw,
    Ready: ready,
    AskRefresh: refresh,
    Resend: resend,
    EndDamping: undamp,
    Reset: reset,
    Reopen: reopen,
    Peers: peers,
}
