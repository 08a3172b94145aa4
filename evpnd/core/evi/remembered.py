"""What is remembered of tenants that the bridge does not have, or not yet."""

from typing import NamedTuple, final

from evpnd.core.evi.local_bindings import Claim


class Flushed(NamedTuple):
    """Bindings of a tenant when the bridge forgot its MAC."""

    port: int
    at: float
    """When it was flushed, monotonic seconds."""
    ips: dict[bytes, int]
    """IP to R and O of its advertisements, as in `LocalBindings.nd_flags`."""


@final
class Remembered:
    """MACs without a port. The rules are in local/flushed.py and bindings.py."""

    __slots__ = ("departed", "flushed", "returned", "waiting")

    def __init__(self) -> None:
        """Start empty."""
        self.waiting: dict[bytes, dict[bytes, tuple[int, Claim]]] = {}
        """Claims with a MAC that is not learned yet: MAC to IP to (port, claim)."""
        self.departed: dict[bytes, dict[bytes, float]] = {}
        """MACs that left, to the IPs that they had, and when that ended."""
        self.flushed: dict[bytes, Flushed] = {}
        """MACs that the kernel flushed, the earliest first."""
        self.returned: set[bytes] = set()
        """Those of them that the bridge has learned again."""

    def forget(self) -> None:
        """Forget what the bridge has learned again: the devices are others now.

        What tenants had is remembered: it comes back with their MACs.
        """
        self.returned.clear()
