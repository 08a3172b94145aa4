"""The MACs behind the tenant ports of one EVI, and who else claims them."""

from enum import Enum
from typing import NamedTuple, final

from evpnd.model.config import EviConfig


class Origin(Enum):
    """How a local MAC was learned."""

    DYNAMIC = "dynamic"
    STATIC = "static"
    """A static row of the operator on a tenant port."""
    STICKY = "sticky"
    """A static sticky row of the operator on a tenant port."""


class LocalMac(NamedTuple):
    """A MAC behind a tenant port."""

    port: int
    vlan: int
    origin: Origin
    since: float
    """Monotonic seconds."""


@final
class LocalMacs:
    """What is known of local MACs. The rules are in local/mobility.py."""

    __slots__ = (
        "ceded",
        "contested",
        "displaced",
        "frozen",
        "local",
        "own",
        "sequence",
        "static",
        "sticky_told",
        "touched",
    )

    def __init__(self, config: EviConfig) -> None:
        """Start with the MACs that the YAML names."""
        self.local: dict[bytes, LocalMac] = {}
        self.own: set[bytes] = set()
        """MACs of the bridge and its ports themselves."""
        self.static: dict[bytes, bool] = {}
        """MACs that the YAML names, to whether they are sticky."""
        self.sequence: dict[bytes, int] = {}
        """Our own mobility sequence of a local MAC; absent is 0."""
        self.displaced: dict[bytes, LocalMac] = {}
        """MACs that lost their port to a remote route, until its row is seen: where the
        kernel refuses it, the port has the MAC still."""
        self.ceded: set[bytes] = set()
        """Fixed MACs, not sticky, that a remote VTEP has with a better claim: they
        stay where the operator put them and are not announced."""
        self.contested: set[bytes] = set()
        """Sticky MACs of ours that a remote VTEP claims; reported."""
        self.sticky_told: dict[bytes, float] = {}
        """Remote sticky MACs that were seen here, to the time of the last report."""
        self.frozen: dict[bytes, bytes] = {}
        """Duplicate MACs that are left where they are: behind a VTEP, or here
        (empty)."""
        self.touched: set[bytes] = set()
        """MACs that came, went or changed hands since reconciliation last took them."""
        self.configure(config)

    def configure(self, config: EviConfig) -> None:
        """Store the MACs that the YAML names."""
        self.touched.update(self.static)
        self.static = {entry.mac: entry.sticky for entry in config.static}
        self.touched.update(self.static)

    def put(self, mac: bytes, local: LocalMac) -> None:
        """Store that a MAC is behind a tenant port."""
        self.local[mac] = local
        self.touched.add(mac)

    def drop(self, mac: bytes) -> bool:
        """Forget that a MAC is behind a tenant port; returns whether it was."""
        if self.local.pop(mac, None) is None:
            return False
        self.touched.add(mac)
        self.sequence.pop(mac, None)
        return True

    def placed(self, mac: bytes) -> None:
        """Record that the kernel told where a MAC is: its remote row, or its port."""
        self.displaced.pop(mac, None)

    def begin_dump(self) -> None:
        """Doubt all that the bridge has: it is read anew."""
        self.touched.update(self.local)
        self.forget_own()
        self.displaced.clear()

    def forget_own(self) -> None:
        """Forget the MACs of the bridge and its ports: they are read anew."""
        self.touched |= self.own
        self.own.clear()

    def add_own(self, mac: bytes) -> None:
        """Store a MAC of the bridge or of one of its ports."""
        self.own.add(mac)
        self.touched.add(mac)

    def drop_own(self, mac: bytes) -> None:
        """Forget a MAC of the bridge or of one of its ports."""
        self.own.discard(mac)
        self.touched.add(mac)

    def cede(self, mac: bytes) -> None:
        """Leave a fixed MAC to a remote VTEP."""
        self.ceded.add(mac)
        self.touched.add(mac)

    def take_back(self, mac: bytes) -> None:
        """Announce a fixed MAC again, if it was left to a remote VTEP."""
        if mac in self.ceded:
            self.ceded.discard(mac)
            self.touched.add(mac)

    def freeze(self, mac: bytes, vtep: bytes) -> None:
        """Leave a duplicate MAC where it is: behind a VTEP, or here (empty)."""
        self.frozen[mac] = vtep
        self.touched.add(mac)

    def release(self, mac: bytes) -> None:
        """Release a frozen MAC."""
        self.frozen.pop(mac, None)
        self.touched.add(mac)

    def is_local(self, mac: bytes) -> bool:
        """Return whether a MAC is behind one of our tenant ports."""
        return mac in self.local or (mac in self.static and mac not in self.ceded)

    def is_fixed(self, mac: bytes) -> bool:
        """Return whether a local MAC was put there by the operator and stays."""
        local = self.local.get(mac)
        return mac in self.static or (
            local is not None and local.origin is not Origin.DYNAMIC
        )

    def is_sticky(self, mac: bytes) -> bool:
        """Return whether a local MAC is advertised as sticky (RFC 7432, 15.2)."""
        local = self.local.get(mac)
        return self.static.get(mac, False) or (
            local is not None and local.origin is Origin.STICKY
        )

    def forget(self) -> None:
        """Forget what the bridge had: the devices are others now."""
        self.touched.update(self.local, self.own, self.displaced)
        self.local.clear()
        self.own.clear()
        self.sequence.clear()
        self.displaced.clear()
