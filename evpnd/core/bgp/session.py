"""BGP sessions as the core sees them: state, routes, and pending waits.

Routes of a restarting peer are kept until it has sent them again (RFC 4724, 4.2),
and rows of an earlier run until End-of-RIB, or the timer, of every configured peer.
"""

from evpnd.core.bgp.adj_rib_in import AdjRibIn
from evpnd.core.bgp.imports import Imports
from evpnd.model.config import PeerConfig
from evpnd.model.events import PeerWentUp
from evpnd.model.ids import parse_ip

MARKER_TIMER = 15.0
"""Seconds that an established peer has to send End-of-RIB: FRR 8.4 sends none."""
QUIET = 3.0
"""Seconds without an UPDATE before that timer counts as End-of-RIB."""
LONGEST_WAIT = 60.0
"""Seconds after which a peer that never pauses counts as having told everything."""
ENDS_TOLD = 10
"""End-of-RIB markers and ends of refreshes of one peer that are logged at once."""
ENDS_PAUSE = 10.0
"""Seconds for each one more."""


class Session:
    """One configured peer."""

    def __init__(self, config: PeerConfig, now: float) -> None:
        """Start idle, with the whole restart time to come up."""
        self.config = config
        self.peer = config.address
        self.address = parse_ip(config.address)
        self.state = "idle"
        self.since = now
        self.last_error: str | None = None
        self.last_error_at: float | None = None
        """When that was; monotonic seconds."""
        self.fault: str | None = None
        """What was wrong with the UPDATE for which we reset this session."""
        self.imports = Imports()
        self.rib = AdjRibIn(self.imports)
        self.restart_time = 0
        self.told_everything = False
        """Its End-of-RIB came, or its timer expired."""
        self.owed: int | None = None
        """Routes that the answer to our ROUTE-REFRESH is about; None: none is due."""
        self.deadline: float | None = now + self.longest_absence
        """When to stop waiting: for End-of-RIB, or for a restarting peer."""
        self.last_update = now
        self._waiting_since = now
        self._ends_told = 0.0
        self._end_told_at = now
        self._returning = False
        """It restarted, and has not sent End-of-RIB since."""
        self.damped_until: float | None = None
        """When the damping ends; monotonic seconds."""
        self.short_sessions = 0
        """Number of short sessions in a row."""
        self.route_refresh = False
        """It takes ROUTE-REFRESH (RFC 2918), by its last OPEN."""
        self.router_id = bytes(4)
        """Its BGP identifier, of the last session."""

    @property
    def established(self) -> bool:
        """Return whether the session is up."""
        return self.state == "established"

    def went_up(self, now: float, event: PeerWentUp) -> None:
        """Start to wait for End-of-RIB; the session may be older than this agent."""
        self.state = "established"
        self.fault = None
        self.damped_until = None
        self.route_refresh = event.route_refresh
        self.since = now - event.age
        self.router_id = event.router_id
        self.imports.forget_cached()
        # A session that is older than we has been sending for as long as it is up.
        began = now - event.age if event.replayed else now
        self._waiting_since = began
        self.owed = None
        # RFC 4724, 4.2: stale routes are kept no longer than an upper bound of ours.
        self.restart_time = min(event.restart_time or 0, self.config.graceful_restart)
        self.last_update = now
        self.deadline = max(now, began + MARKER_TIMER)

    def ask(self, routes: int) -> None:
        """Record that the peer was asked to send its routes again, about so many."""
        self.owed = routes

    @property
    def answered(self) -> bool:
        """Return whether the peer sent its routes again, if it was asked to.

        The end of the answer is not marked (RFC 2918), and a peer that sends a route
        now and then has not answered for that.
        """
        return self.owed is None or len(self.rib) >= max(1, self.owed // 2)

    def was_up_until(self, ended: float) -> None:
        """Record the end of a session that ended before this agent started.

        `ended` is in monotonic seconds. A session that lasted had sent everything.
        """
        if ended - self.since >= MARKER_TIMER:
            self.told_everything = True

    def never_up(self, now: float, waited: float) -> None:
        """Wait for the first session no longer than the speaker would have."""
        if self.deadline is not None and not self.told_everything:
            self.deadline = now + max(0.0, self.longest_absence - waited)

    @property
    def longest_absence(self) -> float:
        """Seconds that are granted to a peer to come up in."""
        return max(self.config.graceful_restart, MARKER_TIMER)

    def failed(self, error: str, now: float) -> None:
        """Record the last error."""
        self.last_error = error
        self.last_error_at = now

    def explained(self, error: str) -> str:
        """Return the text of a NOTIFICATION, with the fault of the UPDATE."""
        if self.fault is None or "UPDATE Message Error" not in error:
            return error
        return f"{error} ({self.fault})"

    def went_down(
        self, now: float, reason: str, *, graceful: bool, ago: float = 0.0
    ) -> bool:
        """Return whether the routes are kept for a restart, for what is left of it.

        `ago` is how many seconds ago the session ended.
        """
        self.state = "idle"
        self.since = now - ago
        self.failed(reason, now)
        self.imports.forget_cached()
        keep = graceful and self.restart_time > 0
        if keep:
            if self._returning:
                # Consecutive restarts: stale once is kept, twice is not.
                self.rib.drop_stale()
            self.rib.mark_stale()
            self._returning = True
            self.deadline = now - ago + self.restart_time
        elif self.told_everything:
            self.deadline = None
        return keep

    def expired(self, now: float) -> bool:
        """Return whether the peer sent everything.

        A peer that is still sending is given until it pauses, but not for ever.
        """
        if self.deadline is None or now < self.deadline:
            return False
        pause = min(self.last_update + QUIET, self._waiting_since + LONGEST_WAIT)
        if self.established and now < pause:
            self.deadline = pause
            return False
        return True

    def may_tell_end(self, now: float) -> bool:
        """Return whether one more End-of-RIB is logged: a peer can send thousands."""
        passed = (now - self._end_told_at) / ENDS_PAUSE
        self._ends_told = max(0.0, self._ends_told - passed)
        self._end_told_at = now
        if self._ends_told > ENDS_TOLD - 1:
            return False
        self._ends_told += 1
        return True

    def finish(self) -> int:
        """Treat the routes sent so far as complete; return how many were stale."""
        self.told_everything = True
        self.deadline = self.owed = None
        self._returning = False
        gone = self.rib.drop_stale()
        if gone:
            # What leaves must not share a path with what comes.
            self.imports.forget_cached()
        return gone
