"""Peers: their sessions and routes, and when End-of-RIB came from all."""

from typing import assert_never

from evpnd.core.bgp.earlier_withdrawals import Bygone
from evpnd.core.bgp.importer import Importer
from evpnd.core.bgp.max_routes import Quota
from evpnd.core.bgp.other_routes import nlri_parts
from evpnd.core.bgp.session import Session
from evpnd.core.turn import Turn, soonest
from evpnd.model.actions import (
    EndDamping,
    ReopenSession,
    RequestRefresh,
    ResendRoutes,
    ResetSession,
)
from evpnd.model.config import Config
from evpnd.model.events import (
    NotificationSeen,
    PeerDamped,
    PeerStateChanged,
    PeerWentDown,
    PeerWentUp,
    RefreshMarked,
    ReplayBegan,
    ReplayEnded,
)
from evpnd.model.ids import Peer
from evpnd.model.routes import ImetRoute, Treatment, Update

MALFORMED_PAUSE = 60.0
"""Seconds between two lines on one peer's malformed routes."""
ADMINISTRATIVE_RESET = (6, 4)
"""Code and subcode of a NOTIFICATION (RFC 4486)."""
REFRESH_TIMER = 120.0
"""Seconds that a peer has to mark the end of a refresh that it began."""

SessionEvent = (
    PeerStateChanged
    | PeerWentUp
    | PeerWentDown
    | PeerDamped
    | NotificationSeen
    | RefreshMarked
    | ReplayEnded
)


class Peering:
    """The sessions of all configured peers."""

    def __init__(self, config: Config, importer: Importer, turn: Turn) -> None:
        """Start with every session idle."""
        self.sessions: dict[Peer, Session] = {}
        self.quotas: dict[Peer, Quota] = {}
        """Route counts of the peers that have `max-routes`."""
        self.settled = False
        """Every configured peer sent End-of-RIB, or its timer expired."""
        self._finished = False
        """A peer sent End-of-RIB since the last `expire`, and others had not yet."""
        self.malformed: dict[Treatment, int] = {}
        self.replaying: set[Peer] = set()
        """Peers whose routes before our start are still being read: what is known of
        them is history, and nothing is decided by it."""
        self.bygone = Bygone()
        """Routes that were withdrawn before this agent started."""
        self._importer = importer
        self._malformed_told: dict[tuple[Peer, Treatment], float] = {}
        self.configure(config, turn)

    def handle(self, event: SessionEvent | ReplayBegan, turn: Turn) -> None:
        """Handle an event of a session; ignore a peer that is not configured."""
        if isinstance(event, ReplayBegan):
            self.replaying = {peer for peer in event.peers if peer in self.sessions}
            return
        session = self.sessions.get(event.peer)
        if session is None:
            return
        now = turn.now
        match event:
            case PeerWentUp():
                self._went_up(session, event, turn)
            case PeerWentDown():
                self._went_down(session, event, turn)
            case PeerStateChanged():
                if not session.established:
                    session.state = event.state
                    if event.state != "idle":
                        session.damped_until = None
                if event.waited is not None:
                    session.never_up(now, event.waited)
            case ReplayEnded():
                self.replaying.discard(event.peer)
            case PeerDamped():
                session.damped_until = now + event.seconds
                session.short_sessions = event.ended
                fields = {"pause": event.seconds, "short_sessions": event.ended}
                turn.warn("peer_damped", peer=session.peer, **fields)
            case NotificationSeen():
                error = session.explained(event.text)
                if session.last_error != error:
                    turn.warn("peer_error", peer=session.peer, error=error)
                session.failed(error, now)
            case RefreshMarked():
                if event.ended:
                    self._finish(session, turn)
                else:
                    session.rib.mark_stale()
                    session.deadline = now + max(session.restart_time, REFRESH_TIMER)
            case _:
                assert_never(event)

    def _went_up(self, session: Session, event: PeerWentUp, turn: Turn) -> None:
        now = turn.now
        session.went_up(now, event)
        if session.rib.again is not None and not event.forwarding:
            session.rib.drop_stale()
            if session.peer in self.quotas:
                self.quotas[session.peer].recount(now)
        if event.resumed and not event.replayed:
            session.ask(event.routes)
            if event.route_refresh:
                turn.do(RequestRefresh(session.peer))
            else:
                self._reopen(session, turn, "ROUTE-REFRESH was not negotiated")
        turn.inform("peer_up", peer=session.peer, resumed=event.resumed)

    def _reopen(self, session: Session, turn: Turn, reason: str) -> None:
        """Restart a session whose routes cannot be learned in another way.

        What is in the kernel stays until the peer has sent everything again.
        """
        session.deadline = turn.now + session.longest_absence
        turn.do(ReopenSession(session.peer))
        turn.warn("session_reopened", peer=session.peer, reason=reason)

    def _went_down(self, session: Session, event: PeerWentDown, turn: Turn) -> None:
        now = turn.now
        reason = session.explained(event.reason)
        if event.ago is not None:
            self._was_down(session, event, now)
        ago = event.ago or 0.0
        kept = session.went_down(now, reason, graceful=event.graceful, ago=ago)
        gone = 0 if kept else session.rib.drop_all()
        if session.peer in self.quotas:
            self.quotas[session.peer].session_ended(now)
        turn.warn(
            "peer_down",
            peer=session.peer,
            reason=reason,
            routes_withdrawn=gone,
            routes_kept=len(session.rib),
        )

    def _was_down(self, session: Session, event: PeerWentDown, now: float) -> None:
        """Record that a session ended before this agent started."""
        ended = now - (event.ago or 0.0)
        if session.established:
            session.was_up_until(ended)
        elif event.graceful:
            session.never_up(now, now - ended)
        else:
            session.told_everything = True

    def clear(self, name: str, turn: Turn, *, soft: bool) -> str | None:
        """Restart a session without damping; return why that is impossible.

        `name` is the peer's address or description. `soft`: the session stays; its
        routes are asked for, and ours sent again.
        """
        sessions = self.sessions.values()
        named = [s for s in sessions if name in (s.peer, s.config.description)]
        if not named:
            return f"there is no peer {name}; known peers: {', '.join(self.sessions)}"
        if len(named) > 1:
            addresses = " and ".join(session.peer for session in named)
            return f"{name} is the description of {addresses}; give one address"
        (session,) = named
        peer = session.peer
        turn.inform("peer_cleared", peer=peer, soft=soft)
        if not soft:
            self._end_damping(session, turn)
            if session.established:
                turn.do(ResetSession(peer, *ADMINISTRATIVE_RESET))
            return None
        if not session.established:
            return f"there is no session with {peer}: its state is {session.state}"
        turn.do(ResendRoutes(peer))
        if not session.route_refresh:
            return (
                f"{peer} does not support ROUTE-REFRESH: our routes were sent again, "
                f"but only `evpnd clear peer {peer}` makes it send its own again"
            )
        turn.do(RequestRefresh(peer))
        return None

    def end_damping(self, turn: Turn) -> None:
        """End the damping of all peers."""
        for session in self.sessions.values():
            if session.damped_until is not None:
                self._end_damping(session, turn)

    def _end_damping(self, session: Session, turn: Turn) -> None:
        session.damped_until = None
        turn.do(EndDamping(session.peer))

    def update(self, peer: Peer, update: Update, turn: Turn) -> None:
        """Apply the routes of one UPDATE, the withdrawn ones first."""
        session = self.sessions.get(peer)
        if session is None:
            return
        now = turn.now
        session.last_update = now
        quota = self.quotas.get(peer)
        if quota is not None and quota.ending:
            return
        if peer in self.replaying:
            self.bygone.note(session, update)
        adj = quota or session.rib
        for batch in update.withdrawn_mac_ip:
            adj.withdraw(batch)
        for route in update.withdrawn:
            adj.withdraw_other(route)
        if quota is not None:
            quota.let_in(now)
        attributes = update.attributes
        if attributes is not None:
            find = self._importer.path
            for batch in update.mac_ip:
                rd, ethernet_tag, esi, labels, _ = batch
                parts = (rd, ethernet_tag, esi, labels)
                adj.install(batch, find(session, attributes, parts, now), now)
            for route in update.routes:
                path = find(session, attributes, nlri_parts(route), now)
                adj.install_other(route, path, now)
                if isinstance(route, ImetRoute):
                    self._importer.note_imet(session, route, path)
        if quota is not None:
            turn.do_all(quota.review(now))
        if update.end_of_rib:
            self._finish(session, turn)
        if update.malformed:
            self._count_malformed(session, update, turn)

    def _finish(self, session: Session, turn: Turn, by: str = "marker") -> None:
        now = turn.now
        waited = session.deadline is not None
        gone = session.finish()
        if gone and session.peer in self.quotas:
            self.quotas[session.peer].recount(now)
        self._importer.findings.finished(session, now)
        self._finished |= not self.settled
        if (waited or gone) and session.may_tell_end(now):
            # A peer may repeat the marker as often as it likes.
            fields = {"by": by, "stale_routes_withdrawn": gone}
            turn.inform("end_of_rib", peer=session.peer, **fields)

    def _count_malformed(self, session: Session, update: Update, turn: Turn) -> None:
        for found in update.malformed:
            count = self.malformed.get(found.treatment, 0)
            self.malformed[found.treatment] = count + 1
            if found.treatment is Treatment.SESSION_RESET:
                turn.do(ResetSession(session.peer, found.code, found.subcode))
                session.fault = found.reason
        for found in update.malformed:
            # The harmless ones must not hide the others.
            kind = (session.peer, found.treatment)
            told = self._malformed_told.get(kind)
            if told is None or turn.now >= told + MALFORMED_PAUSE:
                self._malformed_told[kind] = turn.now
                turn.warn(
                    "update_malformed",
                    peer=session.peer,
                    treatment=found.treatment.value,
                    reason=found.reason,
                )

    def expire(self, turn: Turn) -> bool:
        """End the waits whose time is over.

        Return whether by now every configured peer sent End-of-RIB, or its timer
        expired: this is true once.
        """
        now = turn.now
        for session in self.sessions.values():
            if session.peer in self.replaying or not session.expired(now):
                continue
            if session.established and not session.answered:
                self._reopen(session, turn, "the peer did not answer ROUTE-REFRESH")
                continue
            if session.established or session.rib.again is None:
                self._finish(session, turn, by="timer")
                continue
            gone = session.rib.drop_all()
            if session.peer in self.quotas:
                self.quotas[session.peer].recount(now)
            session.told_everything = True
            session.deadline = None
            turn.warn("peer_did_not_return", peer=session.peer, routes_withdrawn=gone)
        if self.replaying:
            return False
        someone, self._finished = self._finished, False
        everyone = not self.settled and all(
            session.told_everything for session in self.sessions.values()
        )
        self.settled |= everyone
        turn.settled = self.settled
        if everyone or someone:
            self._importer.heard(everyone=everyone)
        return everyone

    def sweep(self, most: int | None) -> None:
        """Withdraw some of each peer's leaving routes; None: all of them."""
        for session in self.sessions.values():
            if session.rib.leaving:
                session.rib.sweep(most)

    def next_due(self) -> float | None:
        """Return when the next wait is over; in the past while routes are leaving."""
        found = None
        for session in self.sessions.values():
            if session.rib.leaving:
                return 0.0
            if session.deadline is not None and session.peer not in self.replaying:
                found = soonest(found, session.deadline)
        return found

    def configure(self, config: Config, turn: Turn) -> list[Peer]:
        """Apply the peers of a configuration, remove others; return the new ones."""
        wanted = {peer.address: peer for peer in config.peers}
        for peer in list(self.sessions):
            if peer not in wanted:
                rib = self.sessions.pop(peer).rib
                rib.drop_all()
                rib.sweep(None)
                self.replaying.discard(peer)
                self.quotas.pop(peer, None)
        new: list[Peer] = []
        for peer, settings in wanted.items():
            session = self.sessions.get(peer)
            if session is None:
                session = self.sessions[peer] = Session(settings, turn.now)
                new.append(peer)
                session.told_everything = self.settled
                if self.settled:
                    session.deadline = None
            session.config = settings
            self._limit(session, turn)
        return new

    def _limit(self, session: Session, turn: Turn) -> None:
        """Apply the configured maximum to the routes of a peer."""
        settings, old = session.config.max_routes, self.quotas.get(session.peer)
        if settings == (None if old is None else old.settings):
            return
        now = turn.now
        if old is not None:
            old.release(now)
            del self.quotas[session.peer]
        if settings is not None:
            quota = Quota(session, self._importer, settings)
            self.quotas[session.peer] = quota
            quota.fit(now)
            turn.do_all(quota.review(now))
