"""Which IPs the tenants of one EVI have, by all who say so."""

from collections.abc import Iterable
from typing import NamedTuple, final

from evpnd.core.evi.local_macs import LocalMacs
from evpnd.model.config import EviConfig
from evpnd.model.events import NdFlags
from evpnd.model.ids import IPV4_LENGTH
from evpnd.model.routes import IMMUTABLE, OVERRIDE


class Claim(NamedTuple):
    """A binding that a host stated by ARP or ND: its MAC has this IP."""

    mac: bytes
    ip: bytes
    heard: float
    """Monotonic seconds."""
    flags: NdFlags | None = None
    """None: it was no neighbour advertisement."""


class Dispute(NamedTuple):
    """A remote route's unsuccessful claim to an IP of a local MAC."""

    mac: bytes
    vtep: bytes
    answered: bool = False
    """The tenant was probed and still has the IP."""


@final
class LocalBindings:
    """IPs to local MACs. The rules are in local/bindings.py."""

    __slots__ = (
        "_macs",
        "ceded_pins",
        "disputed",
        "doubted",
        "heard",
        "ips_of",
        "kernel",
        "learned_tables",
        "limited",
        "nd_flags",
        "pinned",
        "snooped",
        "sought",
        "static",
        "touched_ips",
        "touched_macs",
        "unsure",
    )

    def __init__(self, config: EviConfig, macs: LocalMacs) -> None:
        """Start with the IPs that the YAML binds."""
        self._macs = macs
        self.static: dict[bytes, bytes] = {}
        """IPs that the YAML binds, to their MACs."""
        self.pinned: dict[bytes, bytes] = {}
        """IPs that an administrator's permanent neighbour binds."""
        self.snooped: dict[bytes, bytes] = {}
        """IPs that ARP or ND on a tenant port told of."""
        self.kernel: dict[bytes, bytes] = {}
        """IPs that the kernel's own neighbours bind."""
        self.learned_tables = (self.pinned, self.snooped, self.kernel)
        """All sources but the YAML; the first that has an IP counts."""
        self.ceded_pins: dict[bytes, bytes] = {}
        """Pinned IPs that a remote route has with a better claim: its end gives
        them back."""
        self.ips_of: dict[bytes, set[bytes]] = {}
        """Local MAC to the IPs bound to it, from any source."""
        self.heard: dict[bytes, float] = {}
        """When a MAC last claimed this IP, monotonic seconds."""
        self.nd_flags: dict[bytes, int] = {}
        """R and O of local IPv6 bindings, where they are not O alone."""
        self.unsure: set[bytes] = set()
        """Local IPs whose tenant has sent nothing since the kernel flushed it."""
        self.disputed: dict[bytes, Dispute] = {}
        """Local IPs that a remote route claims unsuccessfully for another MAC."""
        self.limited: set[bytes] = set()
        """MACs that were reported to have too many IPs."""
        self.doubted: dict[bytes, bytes] = {}
        """Kernel neighbours that did not answer a probe."""
        self.sought: dict[bytes, bytes] = {}
        """IPs that remote routes bind to a MAC that is local now: probed once."""
        self.touched_macs: set[bytes] = set()
        """MACs whose bindings changed since reconciliation last took them."""
        self.touched_ips: set[bytes] = set()
        self.configure(config)

    def configure(self, config: EviConfig) -> None:
        """Store the IPs that the YAML binds."""
        self.touch_all()
        self.static = {
            entry.ip: entry.mac for entry in config.static if entry.ip is not None
        }
        self.ips_of.clear()
        for table in (self.static, *self.learned_tables):
            for ip, mac in table.items():
                self.ips_of.setdefault(mac, set()).add(ip)
        self.touch_all()

    def put(self, table: dict[bytes, bytes], mac: bytes, ip: bytes) -> bool:
        """Bind an IP to a MAC in one table; return whether it was not bound to it."""
        old = table.get(ip)
        if old == mac:
            return False
        if old is not None:
            self.take_out(table, ip)
        table[ip] = mac
        self.ips_of.setdefault(mac, set()).add(ip)
        self.touch(mac, ip)
        return True

    def take_out(self, table: dict[bytes, bytes], ip: bytes) -> None:
        """Remove the binding of an IP from one table."""
        mac = table.pop(ip, None)
        if mac is None:
            return
        self.touch(mac, ip)
        if any(table.get(ip) == mac for table in self.learned_tables):
            return
        ips = self.ips_of.get(mac)
        if ips is not None and self.static.get(ip) != mac:
            ips.discard(ip)
            if not ips:
                del self.ips_of[mac]

    def leave_neighbors(self) -> None:
        """Forget what the neighbours of a device say: the EVI has left it."""
        for table in (self.kernel, self.pinned):
            for ip in list(table):
                self.take_out(table, ip)
        self.ceded_pins.clear()

    def touch(self, mac: bytes, ip: bytes) -> None:
        """Mark a binding that changed as dirty."""
        self.touched_macs.add(mac)
        self.touched_ips.add(ip)

    def touch_ips(self, ips: Iterable[bytes]) -> None:
        """Mark some IPs as dirty."""
        self.touched_ips.update(ips)

    def touch_holders(self, ip: bytes) -> None:
        """Mark the MACs that an IP is bound to as dirty."""
        for table in self.learned_tables:
            if ip in table:
                self.touched_macs.add(table[ip])

    def touch_all(self) -> None:
        """Mark all bindings as dirty."""
        self.touched_macs.update(self.ips_of)
        self.touched_ips.update(*self.ips_of.values())

    def seek(self, ip: bytes, mac: bytes | None) -> bool:
        """Store the local MAC to probe for an IP, or none; return whether it is new."""
        if mac is None:
            self.sought.pop(ip, None)
            return False
        if self.sought.get(ip) == mac:
            return False
        self.sought[ip] = mac
        return True

    def drop_mac(self, mac: bytes) -> None:
        """Forget what a MAC said of its IPs; what the kernel's neighbours say stays.

        They are there still, and are not told of again.
        """
        known = set()
        for ip in self.ips_of.pop(mac, ()):
            self.touch(mac, ip)
            if self.snooped.get(ip) == mac:
                del self.snooped[ip]
                self.unsure.discard(ip)
            if mac in (self.kernel.get(ip), self.pinned.get(ip)):
                known.add(ip)
        if known:
            self.ips_of[mac] = known

    def holder(self, ip: bytes) -> bytes | None:
        """Return the local MAC that an IP is bound to."""
        for table in (self.static, *self.learned_tables):
            mac = table.get(ip)
            if mac is not None and self._macs.is_local(mac):
                return mac
        return None

    def arp_nd_flags(self, ip: bytes) -> int:
        """Return the flags of a local binding (RFC 9047, 3.1): R and O for IPv6 alone.

        O is set unless an advertisement came without it, as an anycast address's.
        """
        fixed = self.static.get(ip)
        immutable = 0
        if fixed is not None and self._macs.is_local(fixed):
            immutable = IMMUTABLE
        if len(ip) == IPV4_LENGTH:
            return immutable
        return immutable | self.nd_flags.get(ip, OVERRIDE)

    def forget(self, config: EviConfig) -> None:
        """Forget what tenants and the kernel said: the devices are others now."""
        for table in (
            *self.learned_tables,
            self.ceded_pins,
            self.heard,
            self.nd_flags,
            self.disputed,
            self.doubted,
            self.sought,
        ):
            table.clear()
        self.unsure.clear()
        self.limited.clear()
        self.configure(config)
