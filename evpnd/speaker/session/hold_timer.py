"""The hold timer of a session, before and after it is up, and the send hold timer."""

import time
from typing import Protocol

from exabgp.bgp.message import _NOP, Message

from evpnd.speaker.session.notifications import Goodbye


class HoldTimer:
    """Stands in for ExaBGP's `ReceiveTimer`.

    That one ends a session whose hold time is 0 at the second KEEPALIVE, and calls a
    peer that sends no OPEN out of synchronization. By RFC 4271, section 8.2.2, the
    first needs no NOTIFICATION, and the second has the same one in every state.
    """

    def __init__(
        self,
        _session: object,
        holdtime: int,
        _code: int,
        _subcode: int,
        _text: str = "",
    ) -> None:
        self._seconds = int(holdtime)
        self._heard = time.monotonic()

    def check_ka_timer(self, message: Message = _NOP) -> None:
        """Restart the timer at a message; check it where there is none."""
        now = time.monotonic()
        if message.TYPE != _NOP.TYPE:
            self._heard = now
        elif self._seconds and now - self._heard >= self._seconds:
            reason = f"nothing received for {self._seconds} s"
            raise Goodbye(4, 0, reason=reason)

    check_ka = check_ka_timer


SEND_HOLD_EXPIRED = 8
"""The error code of its NOTIFICATION (RFC 9687, section 3.3)."""
SEND_HOLD = 2
"""Hold times that a peer may take nothing, as in FRR and BIRD; RFC 9687 wants one at
least."""
LOOK_EVERY = 1.0
"""Seconds between two readings of what a peer's host has acknowledged."""


class Outgoing(Protocol):
    """The connection, as the send hold timer sees it."""

    @property
    def outstanding(self) -> int:
        """Octets that the peer's host has not acknowledged."""

    @property
    def acknowledged(self) -> int:
        """Octets that it has, since the connection began."""


class SendHoldTimer:
    """Ends a session whose peer keeps its window shut (RFC 9687).

    Its KEEPALIVEs may come all the while, so the hold timer does not see it. What
    counts is what the peer's host acknowledges: the kernel takes octets from us long
    after the peer stopped reading. Off where the hold time is 0.
    """

    def __init__(self, holdtime: int) -> None:
        self._seconds = SEND_HOLD * holdtime
        self._acknowledged = -1
        self._since = self._look_at = time.monotonic()

    def check(self, connection: Outgoing) -> None:
        """Raise Goodbye if the peer accepted no data for too long."""
        now = time.monotonic()
        if now < self._look_at or not self._seconds:
            return
        self._look_at = now + LOOK_EVERY
        acknowledged = connection.acknowledged
        if acknowledged != self._acknowledged or not connection.outstanding:
            self._acknowledged, self._since = acknowledged, now
        elif now - self._since >= self._seconds:
            reason = f"the peer accepted no data for {self._seconds} s"
            raise Goodbye(SEND_HOLD_EXPIRED, 0, reason=reason)
