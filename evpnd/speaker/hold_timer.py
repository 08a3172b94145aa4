"""The hold timer, before and after a session is established."""

import time

from exabgp.bgp.message import _NOP, Message

from evpnd.speaker.notifications import Goodbye


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
        """Take a message for a sign of life, and none for time that passes."""
        now = time.monotonic()
        if message.TYPE != _NOP.TYPE:
            self._heard = now
        elif self._seconds and now - self._heard >= self._seconds:
            reason = f"nothing heard for {self._seconds} s"
            raise Goodbye(4, 0, reason=reason)

    check_ka = check_ka_timer
