"""Tells of forwarding that was switched on, because a VRF needs it."""

from evpnd.core.turn import Turn
from evpnd.model.vrf_events import ForwardingChanged


def tell_forwarding(event: ForwardingChanged, turn: Turn) -> None:
    """Report which settings were changed, and why one was not."""
    if event.settings:
        turn.inform("forwarding_enabled", settings=list(event.settings))
    if event.reason:
        turn.warn("forwarding_refused", reason=event.reason)
