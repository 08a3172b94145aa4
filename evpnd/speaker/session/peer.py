"""A peer: when its session starts, how it ends, what is sent to the agent."""

import ipaddress
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

from exabgp.bgp.fsm import FSM
from exabgp.bgp.message import Notify
from exabgp.bgp.message.notification import Notification
from exabgp.bgp.message.open.capability import REFRESH, Capability
from exabgp.bgp.message.refresh import RouteRefresh
from exabgp.reactor.network.error import NetworkError
from exabgp.reactor.peer import ACTION, Peer

from evpnd.model.numbers import EVPN_FAMILY
from evpnd.speaker.rib.adj_rib_out import AdjRibOut
from evpnd.speaker.rib.journal import Journal
from evpnd.speaker.rib.record import SessionRecord
from evpnd.speaker.session.damping import FREE, FREE_CLOSED, Damping
from evpnd.speaker.session.notifications import (
    CEASE,
    PREFIX_LIMIT,
    Goodbye,
    describe,
    is_not_ready,
)
from evpnd.speaker.session.silent_drops import (
    REASONS,
    WITH_PASSWORD,
    WITH_TTL_SECURITY,
    WITHOUT_PASSWORD,
)
from evpnd.wire import messages
from evpnd.wire.messages import OfPeer, Up

FORWARDING_STATE = 0x80
"""F bit of a family in the graceful restart capability (RFC 4724, section 3)."""


class Reopened(NetworkError):  # type: ignore[misc] # noqa: N818 # no error
    """We end the session to open it again, and both ends keep their routes."""


class Superseded(NetworkError):  # type: ignore[misc] # noqa: N818 # no error
    """The session moved to another connection that the peer opened."""


class SpeakerPeer(Peer):  # type: ignore[misc] # exabgp has no types
    """One configured peer."""

    def __init__(self, neighbor: Any, reactor: Any) -> None:  # noqa: ANN401
        super().__init__(neighbor, reactor)
        self.address = str(ipaddress.ip_address(neighbor["peer-address"].top()))
        self.attempt: Any = None
        """The protocol of a connection that is being opened."""
        self.farewell: Goodbye | Reopened | None = None
        """The NOTIFICATION that is to end the session, or its end without one."""
        self.record = SessionRecord(self.address)
        self.damping = Damping()
        self._up_since = 0.0
        """When the session that is up was established; monotonic seconds."""
        self._reported_state = ""
        self._reported_error = ""
        self._drops = ""
        """Why the kernel drops segments that may be this peer's."""

    @property
    def adj_rib_out(self) -> AdjRibOut:
        """Create the table of routes that this peer is sent."""
        routes = self.neighbor.rib.outgoing
        assert isinstance(routes, AdjRibOut)
        return routes

    @property
    def journal(self) -> Journal:
        """Return what the peer sent on the session that is up, or was the last one."""
        return self.record.journal

    # What the reactor calls

    def run(self) -> object:
        """Run once. Nothing happens before the agent has announced its routes.

        ExaBGP asks for another turn at once in places where nothing can happen
        before the peer has said or read something.
        """
        if not self.reactor.ready and not self.stopping():
            return ACTION.LATER
        self.record.await_session()
        self.journal.work()
        if self.damped():
            return ACTION.LATER
        action = super().run()
        self.report_state()
        if action == ACTION.NOW and self._has_to_wait():
            return ACTION.LATER
        return action

    def _has_to_wait(self) -> bool:
        connection = self.proto.connection if self.proto else None
        if connection is None or not connection.starved:
            return False
        return not self.established() or bool(connection.unsent)

    def damped(self) -> bool:
        """Return whether the peer has to wait because its sessions were short."""
        idle = self.proto is None and self.attempt is None and not self.stopping()
        return idle and self.damping.left() > 0

    def settled(self) -> bool:
        """Return whether ExaBGP need not be polled."""
        if self.stopping() or self.attempt is not None:
            return False
        if self.proto is not None:
            return self.established()
        return self.generator is None

    def opened(self) -> bool:
        """Return whether the peer's OPEN arrived on the connection."""
        return bool(self.fsm in (FSM.OPENCONFIRM, FSM.ESTABLISHED))

    def established(self) -> bool:
        """Return whether the session is up."""
        return bool(self.fsm == FSM.ESTABLISHED)

    def reestablish(self, restart_neighbor: Any = None) -> None:  # noqa: ANN401
        """Start over with a changed configuration; that is no restart of ours."""
        super().reestablish(restart_neighbor)
        self._restarted = False
        self.damping.clear()
        if self.proto is None and self.generator is None:
            self._teardown: int | None = None
            if restart_neighbor is not None:
                self.neighbor: Any = restart_neighbor
            self._neighbor = None

    def remove(self) -> None:
        """Close the session with a peer that is no longer configured."""
        self.say_goodbye(Goodbye(6, 3))
        super().remove()

    # Ending a session

    def end_with(self, code: int, subcode: int, data: bytes = b"") -> None:
        """End an established session with a NOTIFICATION, then reconnect."""
        if self.fsm == FSM.ESTABLISHED:
            self.farewell = Goodbye(code, subcode, data)

    def reopen(self) -> None:
        """Restart an established session, without loss if possible.

        Where graceful restart was negotiated the connection just closes, so that
        both ends keep the routes (RFC 4724, section 4); elsewhere a NOTIFICATION
        says that the session was reset.
        """
        if self.fsm == FSM.ESTABLISHED:
            self.farewell = (
                Reopened("reopened, with graceful restart")
                if self._negotiated_restart()
                else Goodbye(6, 4)
            )

    def leave(self, *, flush: bool) -> None:
        """Shut the session down for good.

        Where graceful restart was negotiated the connection just closes, so that
        the peer keeps our routes; a flush wants them gone.
        """
        if flush or not self._negotiated_restart():
            self.say_goodbye(Goodbye(6, 2))
        self.shutdown()

    def say_goodbye(self, notify: Goodbye) -> None:
        """Send a NOTIFICATION without waiting, and close."""
        if self.proto is None or self.fsm not in (
            FSM.OPENSENT,
            FSM.OPENCONFIRM,
            FSM.ESTABLISHED,
        ):
            return
        for _ in self.proto.new_notification(notify):
            pass
        self._close("", notify)

    def _negotiated_restart(self) -> bool:
        """Return whether the peer keeps our routes when the session breaks."""
        opens = self.proto and (
            self.proto.negotiated.sent_open,
            self.proto.negotiated.received_open,
        )
        code = Capability.CODE.GRACEFUL_RESTART
        return bool(opens) and all(
            message is not None and message.capabilities.announced(code)
            for message in opens
        )

    def _close(self, message: str = "", error: object = "") -> None:
        """Close the connection, and tell why."""
        notified = isinstance(error, Notification)
        if isinstance(error, Notification):
            self._tell_notification(error)
        if self.fsm == FSM.ESTABLISHED:
            reason = describe(error) if notified else str(error) or message
            self._tell(self.record.end(reason, graceful=not notified))
            # ExaBGP may close once more, with an error that says nothing new.
            self._reported_error = "closing"
            self._damp(error)
        elif isinstance(error, NetworkError) and not isinstance(error, Superseded):
            self.tell_error(f"{error}{self._progress()}")
        self.farewell = None
        if self.fsm == FSM.OPENSENT and is_not_ready(error):
            self._delay.reset()
        super()._close(message, error)
        self.report_state()

    def _damp(self, error: object) -> None:
        """Count the session that ends; send the agent the pause after it.

        What an operator ends, here, is no failure. Neither is a connection that is
        lost where graceful restart keeps the routes: that costs no rows.
        """
        if self._teardown is not None or isinstance(error, Superseded):
            return
        free = FREE
        if isinstance(error, Notify) and error.code == CEASE:
            if error.subcode != PREFIX_LIMIT:
                return
            free = 0
        elif not isinstance(error, Notification):
            if self._negotiated_restart():
                return
            free = FREE_CLOSED
        lasted = time.monotonic() - self._up_since
        if self.damping.session_ended(lasted, free):
            self._tell_damping()

    def _tell_damping(self) -> None:
        left, ended = round(self.damping.left()), self.damping.ended
        self._tell(messages.Damped(self.address, left, ended))

    def _tell_notification(self, notification: Notification) -> None:
        sent = isinstance(notification, Notify)
        self._tell(
            messages.Notification(
                self.address,
                "sent" if sent else "received",
                notification.code,
                notification.subcode,
                describe(notification),
            )
        )

    def _progress(self) -> str:
        """Return how far a lost connection came."""
        if self.fsm == FSM.OPENSENT:
            return " before it sent an OPEN"
        if self.fsm == FSM.OPENCONFIRM:
            return " instead of confirming our OPEN"
        return f"; {self._drops}" if self._drops else ""

    def tell_error(self, text: str) -> None:
        """Report once why there is no session."""
        if text != self._reported_error:
            self._reported_error = text
            self._tell(messages.Unreachable(self.address, text))

    def note_drops(self, counters: set[str]) -> None:
        """Record what the kernel dropped; the segments may be this peer's."""
        if self.established():
            return
        keyed = bool(self.neighbor["md5-password"])
        mine = list(WITH_PASSWORD if keyed else WITHOUT_PASSWORD)
        if self.neighbor["incoming-ttl"]:
            mine += WITH_TTL_SECURITY
        reasons = [REASONS[name] for name in mine if name in counters]
        if not reasons or self._drops:
            return
        self._drops = "the kernel drops: " + ", ".join(reasons)
        self.tell_error(self._drops)

    # A session

    def _main(self) -> Iterator[object]:
        """Run an established session."""
        self._reported_error = self._drops = ""
        self._up_since = time.monotonic()
        self._tell_up()
        yield from super()._main()

    def _tell_up(self) -> None:
        """Send the agent what the new session negotiated."""
        negotiated = self.proto.negotiated
        restart = self.proto.peer_open.restart
        flags = None if restart is None else restart.families.get(EVPN_FAMILY)
        self._reported_state = "established"
        session = Up(
            self.address,
            asn4=bool(negotiated.asn4),
            restart_time=None if restart is None or flags is None else restart.time,
            forwarding=bool(flags and flags & FORWARDING_STATE),
            route_refresh=negotiated.refresh != REFRESH.ABSENT,
            enhanced_refresh=negotiated.refresh == REFRESH.ENHANCED,
            hold_time=int(negotiated.holdtime),
            local_address=self.proto.connection.io.getsockname()[0],
            remote_id=str(negotiated.received_open.router_id),
        )
        self._tell(self.record.begin(session))

    def note_refresh(self, phase: str) -> None:
        """Keep the journal no longer than what the peer said last."""
        if phase == "begin":
            self.journal.refresh_began()
        else:
            self.journal.refresh_ended()

    def ask_refresh(self) -> None:
        """Ask for all routes again, of a peer that can do so (RFC 2918)."""
        if self.fsm != FSM.ESTABLISHED:
            return
        if self.proto.negotiated.refresh != REFRESH.ABSENT:
            self.neighbor.refresh.append(RouteRefresh(*EVPN_FAMILY))

    def send_again(self) -> None:
        """Send all routes once more, between marks where the peer knows them."""
        if self.fsm == FSM.ESTABLISHED:
            self.resend(self.proto.negotiated.refresh == REFRESH.ENHANCED, EVPN_FAMILY)

    def undamp(self) -> None:
        """Forget the sessions that were short, and make the next attempt now."""
        if self.damping.left():
            self._delay.reset()
        self.damping.clear()
        self.report_state()

    # What the agent hears

    def _tell(self, message: OfPeer) -> None:
        """Send the agent a message, behind the others of this peer."""
        self.reactor.processes.send(message)

    def state(self) -> str:
        """Return the FSM state (RFC 4271, section 8.2.2)."""
        if self.fsm in (FSM.OPENSENT, FSM.OPENCONFIRM, FSM.ESTABLISHED):
            return str(self.fsm.name()).lower()
        if self.proto is not None or self.attempt is not None:
            return "connect"
        if self.damped():
            return "idle"
        return "active" if self.reactor.ready and not self.stopping() else "idle"

    def report_state(self) -> None:
        """Send the agent a new state other than established."""
        state = self.state()
        if state not in (self._reported_state, "established"):
            self._reported_state = state
            self._tell(messages.State(self.address, state))

    def introduce(self) -> None:
        """Send a new agent the peer's state."""
        self._reported_error = self._drops = ""
        self._reported_state = self.state()
        hand_on = partial(self.reactor.processes.send_updates, self.address)
        self.record.introduce(self._tell, hand_on, self._reported_state)
        if not self.established() and self.damped():
            self._tell_damping()

    # Connections that the peer opens

    def take(self, connection: Any) -> None:  # noqa: ANN401
        """Use a connection that the peer opened, instead of any other."""
        if self.proto is not None:
            self._close("", Superseded("the peer opened another connection"))
        if self.attempt is not None:
            self.attempt.close()
            self.attempt = None
        self.handle_connection(connection)

    def restart_expected(self) -> bool:
        """Return whether a new connection may mean that the peer restarted."""
        return self.fsm == FSM.ESTABLISHED and self._negotiated_restart()
