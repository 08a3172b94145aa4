"""Replaces classes of ExaBGP by our own.

Every name that is replaced is listed here, with what ExaBGP's code does with it;
`install` refuses to run with an ExaBGP that does it no more, and
tests/contract holds the same list to the behaviour behind it.
"""

import inspect
from collections.abc import Callable
from importlib import import_module
from time import monotonic
from types import SimpleNamespace
from typing import NamedTuple

from exabgp.protocol.family import AFI, SAFI, Family

from evpnd.speaker.process.agent_pipe import AgentPipe
from evpnd.speaker.process.commands import SpeakerApi
from evpnd.speaker.process.logs import exabgp_formatter, exabgp_traceback
from evpnd.speaker.process.reactor import SpeakerDaemon, SpeakerSignal
from evpnd.speaker.rib.neighbor import SpeakerCapabilities, SpeakerNeighbor
from evpnd.speaker.session.connection import SpeakerOutgoing
from evpnd.speaker.session.delay import SpeakerDelay
from evpnd.speaker.session.hold_timer import HoldTimer
from evpnd.speaker.session.listener import SpeakerListener
from evpnd.speaker.session.peer import SpeakerPeer
from evpnd.speaker.session.protocol import SpeakerProtocol

EVPN_NEXT_HOPS = (4, 16, 32)
"""Octets: IPv4, IPv6, IPv6 with a link-local address."""


class SeamMoved(Exception):  # noqa: N818
    """ExaBGP's code does not use a replaced name as expected."""


class Seam(NamedTuple):
    """A name in a module of ExaBGP, and the code that has to use it."""

    module: str
    name: str
    replacement: object
    user: str
    """Class or function of that module, dotted."""
    use: str
    """Text that the source must contain."""


SEAMS = (
    Seam("exabgp.reactor.loop", "Processes", AgentPipe, "Reactor.run", "Processes()"),
    Seam("exabgp.reactor.loop", "API", SpeakerApi, "Reactor.__init__", "API(self)"),
    Seam(
        "exabgp.reactor.loop",
        "Peer",
        SpeakerPeer,
        "Reactor.reload",
        "Peer(neighbor, self)",
    ),
    Seam(
        "exabgp.reactor.loop",
        "Listener",
        SpeakerListener,
        "Reactor.__init__",
        "Listener(self)",
    ),
    Seam(
        "exabgp.reactor.loop", "Signal", SpeakerSignal, "Reactor.__init__", "Signal()"
    ),
    Seam(
        "exabgp.reactor.loop",
        "Daemon",
        SpeakerDaemon,
        "Reactor.__init__",
        "Daemon(self)",
    ),
    Seam(
        "exabgp.reactor.peer",
        "Protocol",
        SpeakerProtocol,
        "Peer._connect",
        "Protocol(self)",
    ),
    Seam("exabgp.reactor.peer", "Delay", SpeakerDelay, "Peer.__init__", "Delay()"),
    Seam(
        "exabgp.reactor.peer",
        "ReceiveTimer",
        HoldTimer,
        "Peer._establish",
        "ReceiveTimer(self.proto.connection.session, self.proto.negotiated.holdtime",
    ),
    Seam(
        "exabgp.reactor.protocol",
        "Outgoing",
        SpeakerOutgoing,
        "Protocol.connect",
        "Outgoing(",
    ),
    Seam(
        "exabgp.reactor.protocol",
        "Capabilities",
        SpeakerCapabilities,
        "Protocol.new_open",
        "Capabilities().new(",
    ),
    Seam(
        "exabgp.configuration.neighbor",
        "Neighbor",
        SpeakerNeighbor,
        "ParseNeighbor._post_neighbor",
        "Neighbor()",
    ),
    Seam(
        "exabgp.logger.option",
        "formater",
        exabgp_formatter,
        "option.setup",
        "formater(env.log.short, 'stderr')",
    ),
    Seam(
        "exabgp.reactor.peer",
        "format_exception",
        exabgp_traceback,
        "Peer._run",
        "format_exception(exc)",
    ),
    # A step of the wall clock must not stop our keepalives.
    Seam(
        "exabgp.bgp.timer",
        "time",
        SimpleNamespace(time=monotonic),
        "SendTimer.need_ka",
        "time.time()",
    ),
)


def install() -> None:
    """Replace every name, or raise SeamMoved and say which one moved.

    The commands are registered, and next hops of IPv6 VTEPs made acceptable.
    """
    for seam in SEAMS:
        check_seam(seam)
    for seam in SEAMS:
        setattr(import_module(seam.module), seam.name, seam.replacement)
    evpn = (AFI.l2vpn, SAFI.evpn)
    if evpn not in Family.size:
        raise SeamMoved("exabgp.protocol.family.Family.size has no l2vpn evpn")
    Family.size[evpn] = (EVPN_NEXT_HOPS, 0)


def check_seam(seam: Seam) -> None:
    """Check that a name is there and that the code meant to use it does."""
    module = import_module(seam.module)
    where = f"{seam.module}.{seam.user}"
    found: object = module
    for part in seam.user.split("."):
        found = getattr(found, part, None)
    if not hasattr(module, seam.name):
        raise SeamMoved(f"{seam.module} has no name {seam.name} any more")
    if not isinstance(found, Callable):  # type: ignore[arg-type]
        raise SeamMoved(f"{where} is gone; it used {seam.name}")
    if seam.use not in inspect.getsource(found):  # type: ignore[arg-type]
        raise SeamMoved(f"{where} says `{seam.use}` no more")
