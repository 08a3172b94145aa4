"""The process's file descriptors: how many it may have, and which are kept back.

Descriptors are numbered from below, so that a new one with a high number tells that
nearly all are in use; nothing has to be counted.
"""

import resource
from typing import Final

KEPT_BACK: Final = 32
"""Descriptors that clients do not get: reloads, copies and devices need them."""
LEFT_BY_PORTS: Final = 128
"""Descriptors that tenant ports do not get: those above, and 64 clients."""
OWN: Final = 32
"""Descriptors that the agent has open itself, generously."""

_UNLIMITED: Final = 1 << 30


def raise_limit() -> int:
    """Raise the limit as far as it goes without privileges; return it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return limit()


def limit() -> int:
    """Return how many descriptors the process may have (RLIMIT_NOFILE)."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _UNLIMITED if soft == resource.RLIM_INFINITY else soft


def needed(ports: int) -> int:
    """Return the limit with which so many tenant ports get a socket each."""
    return ports + LEFT_BY_PORTS + OWN


def for_clients() -> int:
    """Return the number from which on descriptors are not for clients.

    A small limit keeps back a quarter.
    """
    return limit() - min(KEPT_BACK, limit() // 4)


def for_ports() -> int:
    """Return the number from which on descriptors are not for tenant ports."""
    return limit() - min(LEFT_BY_PORTS, limit() // 2)
