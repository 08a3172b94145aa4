"""Whether the clock is disciplined: adjtimex(2), which changes nothing here."""

import ctypes

_TIME_ERROR = 5
"""What the kernel answers while the clock is not synchronised (STA_UNSYNC)."""
_TIMEX = 512
"""Octets, more than struct timex has; the first word, `modes`, is 0: only ask."""


def is_synchronised() -> bool | None:
    """Return whether something keeps the clock right; None: it cannot be asked."""
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(bytes(_TIMEX))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != _TIME_ERROR
