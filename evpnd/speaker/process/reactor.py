"""ExaBGP's reactor, woken by events instead of a hundred times a second."""

import os
import select
import signal
import time
from collections.abc import Iterable
from types import FrameType
from typing import Any

from exabgp.bgp.fsm import FSM
from exabgp.reactor.daemon import Daemon
from exabgp.reactor.interrupt import Signal
from exabgp.reactor.loop import Reactor

import evpnd
from evpnd import log
from evpnd.model.numbers import BGP_PORT
from evpnd.speaker.process import systemd
from evpnd.speaker.process.agent_pipe import AgentPipe
from evpnd.speaker.process.configuration import listening_addresses
from evpnd.speaker.rib.neighbor import PeerRib, SpeakerCapabilities
from evpnd.speaker.session.listener import Key
from evpnd.speaker.session.peer import SpeakerPeer
from evpnd.speaker.session.silent_drops import SilentDrops
from evpnd.wire.messages import Hello, Reload, Shutdown
from evpnd.wire.pipe import LAYOUT

IDLE_TICK = 0.25
"""Seconds between turns with nothing to do; ExaBGP's timers count whole seconds."""
BUSY_TICK = 0.01
"""Seconds between turns while a session is coming up."""
DROPS_EVERY = 1.0
"""Seconds between two readings of the kernel's drop counters, while a peer is down."""


class SpeakerSignal(Signal):  # type: ignore[misc] # exabgp has no types
    """SIGTERM and SIGINT stop us, SIGHUP is the agent's; the rest is ignored."""

    def __init__(self) -> None:
        self.hangup = False
        """SIGHUP arrived and was not handled yet."""
        super().__init__()

    def rearm(self) -> None:
        """Be ready for the next signal."""
        self.received = Signal.NONE
        self.number = 0
        signal.signal(signal.SIGTERM, self.sigterm)
        signal.signal(signal.SIGINT, self.sigterm)
        signal.signal(signal.SIGHUP, self.sighup)
        # A handler and not SIG_IGN, which the agent would inherit.
        for number in (signal.SIGALRM, signal.SIGUSR1, signal.SIGUSR2):
            signal.signal(number, self.ignore)

    def sigterm(self, signum: int, _frame: FrameType | None) -> None:
        """Ask the reactor to shut down."""
        self.received = Signal.SHUTDOWN
        self.number = signum

    def sighup(self, _signum: int, _frame: FrameType | None) -> None:
        """Record that the configuration should be read again."""
        self.hangup = True

    def ignore(self, _signum: int, _frame: FrameType | None) -> None:
        """Do nothing."""


class SpeakerDaemon(Daemon):  # type: ignore[misc] # exabgp has no types
    """The process keeps its privileges: the agent that it respawns needs them."""

    def drop_privileges(self) -> bool:
        """Return that all is well."""
        return True


class SpeakerReactor(Reactor):  # type: ignore[misc] # exabgp has no types
    """The one loop of the speaker."""

    def __init__(self, configuration: Any, *, flush_on_exit: bool) -> None:  # noqa: ANN401
        self.ready = False
        """The agent has announced its routes: sessions may start."""
        self._pipe: AgentPipe | None = None
        self._flush_on_exit = flush_on_exit
        self._drops: SilentDrops | None = None
        self._drops_at = 0.0
        self._service = systemd.Service()
        self._wake, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        super().__init__(configuration)

    @property
    def processes(self) -> AgentPipe | None:
        """Return the pipe to the agent; ExaBGP creates it."""
        return self._pipe

    @processes.setter
    def processes(self, pipe: AgentPipe | None) -> None:
        self._pipe = pipe
        if pipe is not None:
            pipe.greet = self._greet

    # Peers

    def speaking_peers(self) -> list[SpeakerPeer]:
        """Return the peers that are not being removed."""
        return [peer for peer in self._peers.values() if not peer.stopping()]

    def peer(self, address: str) -> SpeakerPeer | None:
        """Return a peer by the text of its address."""
        for peer in self.speaking_peers():
            if peer.address == address:
                return peer
        return None

    # The agent

    def _greet(self) -> None:
        """Send a new agent the state, and hold what the last one announced."""
        assert self._pipe is not None
        peers = self.speaking_peers()
        replaying = [peer.address for peer in peers if peer.record.replays()]
        self._pipe.send(Hello(evpnd.__version__, tuple(replaying), LAYOUT))
        for peer in peers:
            peer.adj_rib_out.mark_stale()
            peer.introduce()

    def agent_ready(self, *, preserved: bool) -> None:
        """Start the sessions, or withdraw what this agent did not announce again."""
        SpeakerCapabilities.preserved = preserved
        for peer in self.speaking_peers():
            peer.adj_rib_out.sweep_stale()
        if self.ready:
            return
        self.ready = True
        for peer in self.speaking_peers():
            peer.report_state()
        systemd.notify("READY=1")

    def agent_alive(self, evis: int, ready: int) -> None:
        """Record how many EVIs the agent has."""
        self._service.evis = (evis, ready)

    # The loop

    def _wait_for_io(self, sleeptime: int) -> Iterable[int]:
        """Sleep until there is something to do.

        ExaBGP gives every peer a turn anyway, so which descriptor woke us does
        not matter, and none is named.
        """
        assert self._pipe is not None
        if self.signal.hangup:
            self.signal.hangup = False
            self._pipe.send(Reload())
        now = time.monotonic()
        self._tell_service(now)
        self._pipe.judge_silence(now)
        self._look_for_drops(now)
        for peer in self._peers.values():
            # ExaBGP gives a passive peer without a connection no turn.
            if peer.damping.ended and not peer.established():
                peer.report_state()
        self._pipe.flush()
        if not sleeptime or self.signal.received:
            return ()
        poller = select.poll()
        for descriptor, events in self._interest(self._pipe).items():
            poller.register(descriptor, events)
        tick = IDLE_TICK
        if self.listener.undecided or not all(
            peer.settled() for peer in self._peers.values()
        ):
            tick = BUSY_TICK
        if any(peer.journal.condensing for peer in self._peers.values()):
            tick = 0
        due = self._pipe.timeout()
        if due is not None:
            tick = min(tick, due)
        if any(fd == self._wake for fd, _ in poller.poll(tick * 1000)):
            os.read(self._wake, 4096)
        return ()

    def _tell_service(self, now: float) -> None:
        """Tell the service manager that the loop goes round, and what is up."""
        self._service.feed_watchdog(now)
        if self.ready and self._service.wants_status(now):
            peers = self.speaking_peers()
            established = sum(peer.established() for peer in peers)
            self._service.tell_sessions(established, len(peers), now)

    def _look_for_drops(self, now: float) -> None:
        """Report segments that the kernel dropped to peers that are not up."""
        if now < self._drops_at or not self.ready:
            return
        self._drops_at = now + DROPS_EVERY
        waiting = [peer for peer in self.speaking_peers() if not peer.established()]
        if not waiting:
            self._drops = None
        elif self._drops is None:
            self._drops = SilentDrops()
        elif counters := self._drops.rose():
            for peer in waiting:
                peer.note_drops(counters)

    def _interest(self, pipe: AgentPipe) -> dict[int, int]:
        """List the descriptors to poll, and for what."""
        wanted = {self._wake: select.POLLIN, **pipe.interest()}
        if not self.ready:
            return wanted
        wanted.update(dict.fromkeys(self.listener.descriptors(), select.POLLIN))
        for peer in self._peers.values():
            if peer.attempt is not None:
                wanted[peer.attempt.fd()] = select.POLLOUT
            elif peer.proto is not None:
                events = select.POLLOUT if peer.proto.connection.unsent else 0
                held = peer.fsm == FSM.ESTABLISHED and pipe.congested(peer.address)
                if not held:
                    events |= select.POLLIN
                if events:
                    wanted[peer.proto.fd()] = events
        wanted.pop(-1, None)
        return wanted

    # Configuration

    def reload(self) -> bool:
        """Read the configuration file again and make the peers what it says."""
        if not super().reload():
            return False
        PeerRib.forget_all_but(
            {
                str(n["peer-address"].top())
                for n in self.configuration.neighbors.values()
            }
        )
        return True

    def _listen_for_neighbors(self) -> bool:
        """Listen on the peers' local addresses; return whether that worked."""
        neighbors = self.configuration.neighbors.values()
        pairs = [
            (
                n["peer-address"].top(),
                None if n.auto_discovery else n["local-address"].top(),
            )
            for n in neighbors
        ]
        keys = {
            n["peer-address"].top(): Key(n["md5-password"], n["outgoing-ttl"])
            for n in neighbors
        }
        return bool(self.listener.serve(listening_addresses(pairs), BGP_PORT, keys))

    # The end

    def _termination(self, reason: str, exit_code: int) -> None:
        """Stop because of an exception that ExaBGP's loop caught."""
        log.error("speaker_failed", reason=reason)
        self.exit_code = exit_code
        self.signal.received = Signal.SHUTDOWN

    def shutdown(self) -> None:
        """Close all sessions, let the agent clean up, and wait for it."""
        assert self._pipe is not None
        systemd.notify("STOPPING=1")
        self.listener.stop()
        # First of all, lest the agent take the sessions' end for the peers' doing
        # and remove their rows.
        self._pipe.send(Shutdown(self._flush_on_exit))
        for peer in self._peers.values():
            peer.leave(flush=self._flush_on_exit)
        self.asynchronous.clear()
        # A second signal says that somebody would rather not wait.
        self._pipe.close(impatient=lambda: self.signal.received != Signal.NONE)
