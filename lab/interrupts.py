"""Ctrl-C, and what else asks the runner to end: heard once, then it cleans up."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

_SIGNS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def hear_once() -> None:
    """Raise KeyboardInterrupt at the first of them; what comes after is not heard.

    All that follows is cleaning up, which somebody who presses the key again wants
    to see done, too. A terminal that closes, or a job that is cancelled, is the same.
    """
    for sign in _SIGNS:
        # A SIGHUP that is ignored already is ignored by intent, as `nohup` has it.
        if sign is not signal.SIGHUP or signal.getsignal(sign) != signal.SIG_IGN:
            signal.signal(sign, _interrupt)


def _interrupt(*_: object) -> None:
    for sign in _SIGNS:
        signal.signal(sign, signal.SIG_IGN)
    raise KeyboardInterrupt


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let nothing interrupt what is done here, nor the programs that it calls.

    Signals that are ignored stay so in programs, which a Ctrl-C reaches as well.
    """
    before = [(sign, signal.signal(sign, signal.SIG_IGN)) for sign in _SIGNS]
    try:
        yield
    finally:
        for sign, action in before:
            signal.signal(sign, action)
