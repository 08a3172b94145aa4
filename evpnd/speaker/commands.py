"""The lines that the agent writes, registered with ExaBGP as API commands.

    announce evpn PEER|* NEXT-HOP ATTRIBUTES NLRIS
    withdraw evpn PEER|* NLRIS
    evpnd ready preserved|fresh
    evpnd refresh PEER
    evpnd resend PEER
    evpnd undamp PEER|*
    evpnd reset PEER CODE SUBCODE [DATA]
    evpnd reopen PEER
    evpnd peers JSON

Octets are in hexadecimal.
"""

from collections.abc import Callable
from pathlib import Path

from exabgp.reactor.api import API
from exabgp.reactor.api.command import Command

from evpnd import log
from evpnd.speaker.adj_rib_out import Block, read_routes
from evpnd.speaker.configuration import (
    AGENT,
    agent_command,
    configuration_text,
    read_peers,
    write_configuration,
)
from evpnd.speaker.peer import SpeakerPeer
from evpnd.speaker.reactor import SpeakerReactor
from evpnd.wire.attributes import build_updates
from evpnd.wire.nlri import split_nlris


class SpeakerApi(API):  # type: ignore[misc] # exabgp has no types
    """Finds a command by its first two words.

    ExaBGP looks for the names of all its commands anywhere in the line: a peer's
    description could shut it down.
    """

    def process(self, reactor: SpeakerReactor, service: str, command: str) -> bool:
        """Carry out one line; what is wrong with it is logged and changes nothing."""
        first, _, rest = command.partition(" ")
        second, _, arguments = rest.partition(" ")
        name = f"{first} {second}"
        function = self.callback["text"].get(name) if name in COMMANDS else None
        if function is None:
            log.error("bad_command", command=command[:80], reason="unknown")
            return False
        try:
            function(self, reactor, service, arguments, False)  # noqa: FBT003
        except (ValueError, IndexError) as error:
            log.error("bad_command", command=command[:80], reason=str(error))
            return False
        return True


def peers_named(reactor: SpeakerReactor, name: str) -> list[SpeakerPeer]:
    """Find one peer, or all for ``*``; one that has just been removed is none."""
    if name == "*":
        return reactor.speaking_peers()
    peer = reactor.peer(name)
    return [] if peer is None else [peer]


def announce(reactor: SpeakerReactor, arguments: str) -> None:
    """Announce NLRIs that have their attributes in common."""
    name, *octets = arguments.split(" ")
    next_hop, attributes, nlris = map(bytes.fromhex, octets)
    if len(next_hop) not in (4, 16):
        raise ValueError(f"a next hop of {len(next_hop)} octets")
    routes = read_routes(Block(next_hop, attributes), nlris)
    # What cannot be packed for the most demanding session is refused for all.
    sample = [max((route[1] for _, route in routes), key=len, default=b"")]
    next(
        build_updates(
            attributes, next_hop, sample, ibgp=False, local_asn=1 << 16, asn4=False
        )
    )
    for peer in peers_named(reactor, name):
        peer.adj_rib_out.announce(routes)


def withdraw(reactor: SpeakerReactor, arguments: str) -> None:
    """Withdraw NLRIs, whatever was announced with them."""
    name, octets = arguments.split(" ")
    nlris = split_nlris(bytes.fromhex(octets))
    for peer in peers_named(reactor, name):
        peer.adj_rib_out.retract(nlris)


def ready(reactor: SpeakerReactor, arguments: str) -> None:
    """End the first full announcement of an agent."""
    if arguments not in ("preserved", "fresh"):
        raise ValueError("neither preserved nor fresh")
    reactor.agent_ready(preserved=arguments == "preserved")


def refresh(reactor: SpeakerReactor, arguments: str) -> None:
    """Ask a peer to send all its routes again."""
    for peer in peers_named(reactor, arguments):
        peer.ask_refresh()


def resend(reactor: SpeakerReactor, arguments: str) -> None:
    """Send a peer all routes again."""
    for peer in peers_named(reactor, arguments):
        peer.send_again()


def undamp(reactor: SpeakerReactor, arguments: str) -> None:
    """End the pause of a peer whose sessions were short."""
    for peer in peers_named(reactor, arguments):
        peer.undamp()


def reset(reactor: SpeakerReactor, arguments: str) -> None:
    """End a session with a NOTIFICATION; it comes back by itself."""
    name, code, subcode, *data = arguments.split(" ")
    said = bytes.fromhex("".join(data))
    if not (0 < int(code) < 256 and 0 <= int(subcode) < 256):
        raise ValueError("code or subcode is no octet")
    for peer in peers_named(reactor, name):
        peer.end_with(int(code), int(subcode), said)


def reopen(reactor: SpeakerReactor, arguments: str) -> None:
    """Begin a session anew, with graceful restart where it was negotiated."""
    for peer in peers_named(reactor, arguments):
        peer.reopen()


def peers(reactor: SpeakerReactor, arguments: str) -> None:
    """Take a new list of peers; sessions of those that did not change stay up."""
    speaker = read_peers(arguments)
    configuration = reactor.configuration
    command = agent_command(configuration.processes[AGENT]["run"])
    path = Path(configuration._configurations[0])  # noqa: SLF001
    try:
        write_configuration(path, configuration_text(speaker, command))
    except OSError as error:
        log.error("cannot_write_peers", path=str(path), reason=error.strerror)
        return
    reactor.reload()


COMMANDS: dict[str, Callable[[SpeakerReactor, str], None]] = {
    "announce evpn": announce,
    "withdraw evpn": withdraw,
    "evpnd ready": ready,
    "evpnd refresh": refresh,
    "evpnd resend": resend,
    "evpnd undamp": undamp,
    "evpnd reset": reset,
    "evpnd reopen": reopen,
    "evpnd peers": peers,
}


def register() -> None:
    """Make the commands known to ExaBGP."""
    for name, function in COMMANDS.items():
        Command.register(name, neighbor=False)(_as_callback(function))


def _as_callback(
    function: Callable[[SpeakerReactor, str], None],
) -> Callable[..., None]:
    """Take the arguments that ExaBGP gives a command."""

    def callback(
        _api: object,
        reactor: SpeakerReactor,
        _service: str,
        arguments: str,
        _use_json: bool,  # noqa: FBT001
    ) -> None:
        function(reactor, arguments)

    return callback
