"""What is remembered of tenants that the bridge does not have, or not yet."""

from typing import NamedTuple, final

from evpnd.core.evi.local_bindings import Claim
from evpnd.model.ids import is_tenant_ip

WAITING_MACS = 512
WAITING_IPS = 16
"""Most bindings that wait for the bridge to learn their MAC."""
DEPARTED_MACS = 1024
DEPARTED_IPS = 64
"""Most MACs that left, and most IPs of each, remembered."""


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

    def wait(self, port: int, claim: Claim) -> None:
        """Store a claim until the bridge learns its MAC."""
        claims = self.waiting.get(claim.mac)
        if claims is None:
            if len(self.waiting) >= WAITING_MACS:
                del self.waiting[next(iter(self.waiting))]
            claims = self.waiting[claim.mac] = {}
        if claim.ip in claims or len(claims) < WAITING_IPS:
            claims[claim.ip] = (port, claim)

    def depart(self, mac: bytes, ip: bytes, now: float) -> None:
        """Record for a moment which IP a MAC had."""
        if not is_tenant_ip(ip):
            return
        ips = self.departed.pop(mac, {})
        if len(self.departed) >= DEPARTED_MACS:
            del self.departed[next(iter(self.departed))]
        self.departed[mac] = ips
        if len(ips) < DEPARTED_IPS:
            ips[ip] = now

    def forget(self) -> None:
        """Forget what the bridge has learned again: the devices are others now.

        What tenants had is remembered: it comes back with their MACs.
        """
        self.returned.clear()
