"""State of a peer's sessions that the speaker keeps for a new agent."""

import time
from collections.abc import Callable
from typing import NamedTuple

from evpnd.speaker.rib.journal import Journal
from evpnd.wire.messages import Down, OfPeer, Refreshing, Replayed, State, Up


class Ended(NamedTuple):
    """How the last session ended."""

    reason: str
    graceful: bool
    at: float
    """Monotonic seconds."""


class SessionRecord:
    """The session that is up, or the last one, and what the peer sent on it."""

    def __init__(self, peer: str, clock: Callable[[], float] = time.monotonic) -> None:
        """Start before the first session of a peer, named by its address."""
        self._peer = peer
        self._now = clock
        self.journal = Journal(clock)
        self._session: Up | None = None
        """What the session negotiated."""
        self._began = 0.0
        self._ended: Ended | None = None
        self._waiting_since: float | None = None
        """When the first session could have come up; monotonic seconds."""

    def await_session(self) -> None:
        """Record that a session may come up from now on."""
        if self._waiting_since is None:
            self._waiting_since = self._now()

    def begin(self, session: Up) -> Up:
        """Start a session; return the message for the agent."""
        self.journal = Journal(self._now)
        self._session = session
        self._began = self._now()
        self._ended = None
        return session

    def end(self, reason: str, *, graceful: bool) -> Down:
        """End the session; return the message for the agent."""
        self._ended = Ended(reason, graceful, self._now())
        return Down(self._peer, reason, graceful)

    def replays(self) -> bool:
        """Return whether a new agent is given what the peer sent.

        It is while the session is up, and after its end for as long as the routes are
        kept for the peer's graceful restart.
        """
        if not self.journal.complete or self._session is None:
            return False
        return self._ended is None or self._restarting(self._ended)

    def _restarting(self, ended: Ended) -> bool:
        assert self._session is not None
        restart_time = self._session.restart_time or 0
        return ended.graceful and self._now() - ended.at < restart_time

    def introduce(
        self,
        tell: Callable[[OfPeer], None],
        hand_on: Callable[[bytes], None],
        state: str,
    ) -> None:
        """Send a new agent the peer's state, and what the peer has sent.

        `tell` takes a message for the agent, `hand_on` UPDATEs with their headers;
        `state` is the state of the FSM.
        """
        replays = self.replays()
        up = self._session is not None and self._ended is None
        if self._session is not None and (up or replays):
            tell(self._resumed(self._session))
        if replays:
            self._replay(tell, hand_on)
            tell(Replayed(self._peer))
        if up:
            return
        waited = None
        if self._ended is not None:
            reason, _, _ = self._ended
            graceful = self._restarting(self._ended)
            ago = round(self._now() - self._ended.at, 1)
            tell(Down(self._peer, reason, graceful, ago))
        elif self._waiting_since is not None:
            waited = round(self._now() - self._waiting_since, 1)
        if state != "established":
            tell(State(self._peer, state, waited))

    def _replay(
        self, tell: Callable[[OfPeer], None], hand_on: Callable[[bytes], None]
    ) -> None:
        begin = Refreshing(self._peer, ended=False)
        pieces = self.journal.pieces()
        for number, updates in enumerate(pieces):
            if number == self.journal.refreshed_from:
                tell(begin)
            hand_on(updates)
        if self.journal.refreshed_from == len(pieces):
            tell(begin)

    def _resumed(self, session: Up) -> Up:
        return session._replace(
            resumed=True,
            age=int(self._now() - self._began),
            replayed=self.journal.complete,
            routes=self.journal.routes,
        )
