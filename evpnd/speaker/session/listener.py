"""Listens on port 179, and decides about connections that peers open.

ExaBGP takes an incoming connection over its own unless that is in OpenConfirm, so
two speakers that call each other at once may each drop what the other keeps. Here
an incoming connection waits beside our own until its OPEN tells who is entitled
(RFC 4271, section 6.8).
"""

import contextlib
import errno
import os
import socket
import time
from collections.abc import Mapping
from enum import Enum
from typing import Any, NamedTuple

from exabgp.protocol.family import AFI
from exabgp.reactor.listener import Listener
from exabgp.reactor.network.error import NetworkError
from exabgp.reactor.network.tcp import md5, set_minimum_ttl, set_sending_ttl

from evpnd import log
from evpnd.speaker.session.connection import SpeakerIncoming, SpeakerOutgoing
from evpnd.speaker.session.notifications import Goodbye, describe

BACKLOG = 256
OPEN_WAIT = 5.0
"""Collision detection: seconds a second connection may take to send OPEN; the first is
dropped if it is silent as long."""
NEWS_WAIT = 0.2
"""Seconds in which we read the peer's last messages on the old connection."""
RESTART_WAIT = 1.0
"""Seconds that a connection must last to replace an established one. The loser of
a collision is closed long before."""

UNREAD_MAX = 64 * 1024
"""Octets that are read of a connection that waits."""

ACCEPT_PAUSE = 0.5
"""Seconds without accepting after that failed, for want of descriptors."""

COMPLAIN_EVERY = 60.0
"""Seconds between two log entries about the same trouble."""
COMPLAINTS_MAX = 1000
"""Strangers that are remembered for that."""

# Linux; Python has no names for them.
IP_FREEBIND = 15
TCP_SAVE_SYN = 27
TCP_SAVED_SYN = 28


class Verdict(Enum):
    """The decision about a connection that a peer opened."""

    TAKE = "take"
    REFUSE = "refuse"
    WAIT = "wait"


class Speaker(NamedTuple):
    """The values that decide a collision: the greater one's connection is kept."""

    identifier: int
    asn: int
    """Where the identifiers are equal (RFC 6286, section 2.3)."""


def collide(local: Speaker, remote: Speaker) -> Verdict:
    """Choose between our connection and one that the peer opened meanwhile.

    The speaker with the higher BGP Identifier keeps the connection that it opened
    itself.
    """
    return Verdict.REFUSE if local > remote else Verdict.TAKE


class Waiting(NamedTuple):
    """A connection that waits beside another of the same peer."""

    peer: Any
    connection: SpeakerIncoming
    since: float


class Key(NamedTuple):
    """Options of the listening sockets for one peer."""

    password: str | None
    """Base64 (TCP MD5, RFC 2385)."""
    sending_ttl: int | None
    """The TTL of our SYN ACK, for a peer that checks (RFC 5082)."""


class SpeakerListener(Listener):  # type: ignore[misc] # exabgp has no types
    """The listening sockets, and the connections that wait."""

    def __init__(self, reactor: Any) -> None:  # noqa: ANN401
        super().__init__(reactor)
        self._listening: dict[str, socket.socket] = {}
        self._keyed: dict[str, set[str]] = {}
        self._waiting: list[Waiting] = []
        self._complaints: set[str] = set()
        self._complain_at: dict[str, float] = {}
        self._accept_at = 0.0
        """When listening sockets are looked at again, after they failed."""

    # Sockets

    def serve(self, addresses: set[str], port: int, keys: Mapping[str, Key]) -> bool:
        """Listen on exactly these addresses; return whether all could be bound.

        `keys` are by peer address. The sockets of addresses that stay are kept.
        """
        for address in self._listening.keys() - addresses:
            self._listening.pop(address).close()
            del self._keyed[address]
        complaints = set()
        for address in sorted(addresses):
            try:
                if address not in self._listening:
                    self._listening[address] = _listen(address, port)
                    self._keyed[address] = set()
                self._set_keys(address, keys)
            except (OSError, NetworkError) as error:
                complaints.add(_advice(error, address, port))
        for reason in sorted(complaints - self._complaints):
            log.error("cannot_listen", reason=reason)
        self._complaints = complaints
        self.serving = bool(self._listening)
        return not complaints

    def _set_keys(self, address: str, keys: Mapping[str, Key]) -> None:
        """Set the MD5 keys of the peers that may connect to a socket."""
        listening = self._listening[address]
        same = {
            peer: key for peer, key in keys.items() if (":" in peer) == (":" in address)
        }
        keyed = {peer for peer, key in same.items() if key.password}
        for peer in self._keyed[address] - keyed:
            md5(listening, peer, 0, None, False)  # noqa: FBT003
        for peer in keyed:
            md5(listening, peer, 0, same[peer].password, True)  # noqa: FBT003
        self._keyed[address] = keyed
        ttls = [key.sending_ttl for key in same.values() if key.sending_ttl]
        if ttls:
            set_sending_ttl(listening, _afi(listening), address, max(ttls))

    def descriptors(self) -> list[int]:
        """List what to poll for input."""
        listening = self._listening.values()
        if time.monotonic() < self._accept_at:
            listening = {}.values()
        return [
            *(each.fileno() for each in listening),
            *(
                waiting.connection.fd()
                for waiting in self._waiting
                if not waiting.connection.holds_an_open
            ),
        ]

    @property
    def undecided(self) -> bool:
        """Return whether a connection waits."""
        return bool(self._waiting)

    def stop(self) -> None:
        """Stop listening."""
        for listening in self._listening.values():
            listening.close()
        for waiting in self._waiting:
            waiting.connection.close()
        self._listening.clear()
        self._waiting.clear()
        self.serving = False

    # Connections

    def incoming(self) -> bool:
        """Run once: accept new connections, check those that wait.

        Before the agent is ready connections stay in the kernel's backlog. False:
        ExaBGP has nothing left to do for any of them.
        """
        if not self._reactor.ready:
            return False
        # The older ones first: the newest connection of a peer is the one it means.
        waiting, self._waiting = self._waiting, []
        for candidate in waiting:
            self._judge(candidate)
        for listening in self._listening.values():
            for _ in range(BACKLOG):
                try:
                    io, _address = listening.accept()
                except BlockingIOError:
                    break
                except OSError as error:  # out of descriptors, or gone already
                    self._complain("accept_failed", reason=error.strerror)
                    # It stays readable; polled, it would be all that we do.
                    self._accept_at = time.monotonic() + ACCEPT_PAUSE
                    break
                self._accept(io)
        return False

    def _complain(self, event: str, about: str = "", **keys: object) -> None:
        """Log trouble with connections, now and then for each peer."""
        now = time.monotonic()
        if now < self._complain_at.get(about, 0.0):
            return
        if len(self._complain_at) > COMPLAINTS_MAX:
            self._complain_at.clear()
        self._complain_at[about] = now + COMPLAIN_EVERY
        log.warning(event, **keys)

    def _accept(self, io: socket.socket) -> None:
        try:
            remote, local = io.getpeername()[0], io.getsockname()[0]
        except OSError:  # reset already
            io.close()
            return
        connection = SpeakerIncoming(_afi(io), remote, local, io)
        peer = self._reactor.peer(remote)
        if peer is None:
            # RFC 4486, section 4: the peer is not configured.
            _refuse(connection, Goodbye(6, 5))
            self._complain("stranger_refused", remote, peer=remote, local=local)
            return
        minimum = peer.neighbor["incoming-ttl"] or 0
        try:
            set_sending_ttl(io, connection.afi, remote, peer.neighbor["outgoing-ttl"])
            set_minimum_ttl(io, connection.afi, remote, minimum)
        except NetworkError as error:
            log.error("ttl_security_failed", peer=remote, reason=str(error))
            connection.close()
            return
        ttl = syn_ttl(io)
        if ttl < minimum:
            connection.close()
            if not peer.established():
                peer.tell_error(
                    f"a connection with TTL {ttl} was refused, "
                    f"ttl-security requires at least {minimum}"
                )
            return
        self._judge(Waiting(peer, connection, time.monotonic()))

    def _judge(self, candidate: Waiting) -> None:
        peer, connection, since = candidate
        if peer.stopping():
            _refuse(connection, Goodbye(6, 3))
            return
        if peer.damped():
            # RFC 4271, section 8.2.2: Idle refuses what the peer opens.
            _refuse(connection, Goodbye(6, 5))
            return
        if peer.proto is None and peer.attempt is None:
            self._take(candidate)
            return
        waited = time.monotonic() - since
        try:
            # The end of a connection is to be seen, whatever came before it.
            if connection.unread < UNREAD_MAX:
                connection.fill()
            verdict = self._verdict(peer, connection, waited)
        except NetworkError:  # the peer decided for the other one
            connection.close()
            return
        except Goodbye as goodbye:
            _refuse(connection, goodbye)
            self._complain(
                "connection_refused",
                peer.address,
                peer=peer.address,
                reason=describe(goodbye),
            )
            return
        match verdict:
            case Verdict.TAKE:
                self._take(candidate)
            case Verdict.REFUSE:
                _refuse(connection, Goodbye(6, 7))
            case Verdict.WAIT:
                self._wait(candidate)

    def _take(self, candidate: Waiting) -> None:
        """Hand a connection to its peer; close an older one that waits."""
        self._forget(candidate.peer)
        candidate.peer.take(candidate.connection)

    def _wait(self, candidate: Waiting) -> None:
        """Keep a connection for its OPEN, instead of an older one."""
        if time.monotonic() - candidate.since >= OPEN_WAIT:
            candidate.connection.close()
            return
        self._forget(candidate.peer)
        self._waiting.append(candidate)

    def _forget(self, peer: Any) -> None:  # noqa: ANN401
        """Close the waiting connection of a peer."""
        for other in [each for each in self._waiting if each.peer is peer]:
            self._waiting.remove(other)
            other.connection.close()

    @staticmethod
    def _verdict(peer: Any, connection: SpeakerIncoming, waited: float) -> Verdict:  # noqa: ANN401
        if peer.established():
            # A peer that restarted may be back before we notice that it was gone:
            # its new connection replaces the old one (RFC 4724, section 5).
            if not peer.restart_expected():
                return Verdict.WAIT if waited < NEWS_WAIT else Verdict.REFUSE
            if connection.offered_identifier() is None or waited < RESTART_WAIT:
                return Verdict.WAIT
            return Verdict.TAKE
        ours = (peer.proto or peer.attempt).connection
        outgoing = isinstance(ours, SpeakerOutgoing)
        if not outgoing and not peer.opened():
            return Verdict.TAKE
        identifier = connection.offered_identifier()
        if identifier is None or (not outgoing and waited < NEWS_WAIT):
            return Verdict.WAIT
        if not outgoing or not ours.connected():
            return Verdict.TAKE
        neighbor = peer.neighbor
        local_id = int.from_bytes(neighbor["router-id"].pack(), "big")
        verdict = collide(
            Speaker(local_id, int(neighbor["local-as"])),
            Speaker(identifier, int(neighbor["peer-as"])),
        )
        if verdict is Verdict.REFUSE and not peer.opened():
            # On ours nobody has spoken yet, and perhaps nobody will.
            return Verdict.WAIT if waited < OPEN_WAIT - 1 else Verdict.TAKE
        return verdict


def _afi(io: socket.socket) -> AFI:
    return AFI.ipv6 if io.family == socket.AF_INET6 else AFI.ipv4


def syn_ttl(io: socket.socket) -> int:
    """Read the TTL that the first segment of an accepted connection came with.

    Octets may have arrived before the connection was accepted and IP_MINTTL set.
    Without a saved SYN (a flood makes the kernel use cookies) it is taken for 255.
    """
    try:
        syn = io.getsockopt(socket.IPPROTO_TCP, TCP_SAVED_SYN, 256)
    except OSError:
        return 255
    if len(syn) < 20:
        return 255
    return syn[8] if syn[0] >> 4 == 4 else syn[7]


def _listen(address: str, port: int) -> socket.socket:
    """Open a listening socket; the address may come to the host later."""
    six = ":" in address
    family = socket.AF_INET6 if six else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
        listening.setsockopt(socket.IPPROTO_TCP, TCP_SAVE_SYN, 1)
        if six:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind((address, port))
        listening.listen(BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening


def _refuse(connection: SpeakerIncoming, notify: Goodbye) -> None:
    with contextlib.suppress(NetworkError):
        for _ in connection.writer(notify.message()):
            pass
    connection.close()


def _advice(error: Exception, address: str, port: int) -> str:
    """Return what went wrong, and what to do."""
    where = f"cannot listen for BGP on {address} port {port}"
    match getattr(error, "errno", None):
        case errno.EADDRINUSE:
            return (
                f"{where}: another program has the port; "
                f"`ss -ltnp sport = :{port}` names it, stop it"
            )
        case errno.EACCES | errno.EPERM:
            return f"{where}: not permitted; run as root or with CAP_NET_BIND_SERVICE"
        case int(number):
            return f"{where}: {os.strerror(number)}"
        case _:
            return f"{where}: {error}"
