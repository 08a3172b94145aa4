"""One EVI of this host: its MAC-VRF, from BGP and from the kernel."""

from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from evpnd.core.bgp.evi_routes import EviRoutes
from evpnd.core.evi.flushed_macs import Flushed
from evpnd.core.tables.order import KernelTables
from evpnd.core.turn import Turn
from evpnd.model.actions import Notice
from evpnd.model.advert import Advert
from evpnd.model.config import EviConfig
from evpnd.model.domain import NOWHERE
from evpnd.model.events import NdFlags
from evpnd.model.ids import IPV4_LENGTH
from evpnd.model.key import MAC
from evpnd.model.policy import Learned
from evpnd.model.routes import IMMUTABLE, OVERRIDE


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


class Claim(NamedTuple):
    """A binding that a host stated by ARP or ND: its MAC has this IP."""

    mac: bytes
    ip: bytes
    heard: float
    """Monotonic seconds."""
    flags: NdFlags | None = None
    """None: it was no neighbour advertisement."""


class Announced(NamedTuple):
    """The announcement of one local MAC."""

    advert: Advert
    alone: bool
    """A route without an IP was sent."""
    ips: tuple[bytes, ...]
    of_ips: tuple[Advert, ...] = ()
    """The advert with each IP; empty: all have `advert`."""
    learned: tuple[Learned, ...] = ()
    """How the MAC was learned, then each IP; empty where no policy asks."""


class Gateway(NamedTuple):
    """The announcement of the bridge's own addresses in one family."""

    advert: Advert
    keys: tuple[bytes, ...]
    """The bridge's MAC with each of its IPs."""


class Dispute(NamedTuple):
    """A remote route's unsuccessful claim to an IP of a local MAC."""

    mac: bytes
    vtep: bytes
    answered: bool = False
    """The tenant was probed and still has the IP."""


class MacVrf:
    """MAC table of one EVI: routes, local MACs, and the kernel's rows for them.

    The tables are plain dictionaries of octets; a key is a MAC (6 octets) or a MAC
    with an IP (10 or 22 octets). What changed is named in the `dirty_` fields, and
    reconciliation looks at nothing else.
    """

    def __init__(self, config: EviConfig, rd: bytes, *, discovered: bool) -> None:
        """Start empty and not ready."""
        self.routes = EviRoutes(config)
        """The routes that it imports."""
        self.rd = rd
        self.discovered = discovered
        self.vtep = b""
        self.domain = NOWHERE
        """Where it stands; replaced as a whole."""
        self.tagged_ports: frozenset[int] = frozenset()
        """Ports whose untagged frames are of another VLAN: no probes are sent there."""
        self.ports: frozenset[int] = frozenset()
        self.reason: str | None = "not evaluated yet"
        """Why it is not ready; None: ready."""
        self.notes: tuple[str, ...] = ()
        """Notes for the operator although it is ready."""
        self.tables = KernelTables()
        self.fdb = self.tables.fdb
        self.neighbors = self.tables.neighbors
        self.floods = self.tables.floods
        self.preserved = False
        """The first dump held rows of an earlier run."""

        self.no_hosts: frozenset[bytes] = frozenset()
        """Network and broadcast addresses of the underlay's subnets: nobody's."""
        self.local: dict[bytes, LocalMac] = {}
        self.own_macs: set[bytes] = set()
        """MACs of the bridge and its ports themselves."""
        self.own_ips: set[bytes] = set()

        self.snooped: dict[bytes, bytes] = {}
        self.kernel_bindings: dict[bytes, bytes] = {}
        self.pinned: dict[bytes, bytes] = {}
        """IPs that an administrator's permanent neighbour binds."""
        self.learned_tables = (self.pinned, self.snooped, self.kernel_bindings)
        """All sources but the YAML; the first that has an IP counts."""
        self.ceded_pins: dict[bytes, bytes] = {}
        """Pinned IPs that a remote route has with a better claim: its end gives
        them back."""
        self.bindings_of: dict[bytes, set[bytes]] = {}
        """Local MAC to the IPs bound to it, from any source."""
        self.heard: dict[bytes, float] = {}
        """When a MAC last claimed this IP, monotonic seconds."""
        self.nd_flags: dict[bytes, int] = {}
        """R and O of local IPv6 bindings, where they are not O alone."""
        self.waiting: dict[bytes, dict[bytes, tuple[int, Claim]]] = {}
        """Claims with a MAC that is not learned yet: MAC to IP to (port, claim)."""
        self.departed: dict[bytes, dict[bytes, float]] = {}
        """MACs that left, to the IPs that they had, and when that ended."""
        self.flushed: dict[bytes, Flushed] = {}
        """MACs that the kernel flushed, the earliest first."""
        self.returned: set[bytes] = set()
        """Those of them that the bridge has learned again."""
        self.unsure: set[bytes] = set()
        """Local IPs whose tenant has sent nothing since the kernel flushed it."""
        self.open_ports: frozenset[int] = frozenset()
        """Tenant ports that pass frames."""
        self.disputed: dict[bytes, Dispute] = {}
        """Local IPs that a remote route claims unsuccessfully for another MAC."""
        self.limited: set[bytes] = set()
        """MACs that were reported to have too many IPs."""
        self.doubted: dict[bytes, bytes] = {}
        """Kernel neighbours that did not answer a probe."""
        self.sought: dict[bytes, bytes] = {}
        """IPs that remote routes bind to a MAC that is local now: probed once."""
        self.ageing: float | None = None
        """Seconds after which the bridge forgets a silent MAC; None: not known."""
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
        self.announced: dict[bytes, Announced] = {}
        self.bridge_mac = b""
        self.announced_gateway: tuple[Gateway, ...] = ()
        self.announced_imet: Advert | None = None
        self.static: dict[bytes, bool] = {}
        """MACs that the YAML names, to whether they are sticky."""
        self.static_ips: dict[bytes, bytes] = {}
        """IPs that the YAML binds, to their MACs."""
        self._take_static()

        self.fdb.dirty.update(self.static)
        self.dirty_imet = True

    def notice(self, level: str, event: str, **fields: object) -> Notice:
        """Return an event of this EVI."""
        evi = {"evi": self.config.name, "vni": self.config.vni}
        return Notice(level, event, {**evi, **fields})

    @property
    def config(self) -> EviConfig:
        """Return its configuration."""
        return self.routes.config

    @property
    def ready(self) -> bool:
        """Return whether its devices exist and its tables were read."""
        return self.reason is None and self.tables.known

    def is_local(self, mac: bytes) -> bool:
        """Return whether a MAC is behind one of our tenant ports."""
        return mac in self.local or (mac in self.static and mac not in self.ceded)

    def is_fixed(self, mac: bytes) -> bool:
        """Return whether a local MAC is an operator's static row."""
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

    def binding(self, ip: bytes) -> bytes | None:
        """Return the local MAC that an IP is bound to."""
        for table in (self.static_ips, *self.learned_tables):
            mac = table.get(ip)
            if mac is not None and self.is_local(mac):
                return mac
        return None

    def arp_nd_flags(self, ip: bytes) -> int:
        """Return the flags of a local binding (RFC 9047, 3.1): R and O, IPv6 only.

        O is set unless an advertisement came without it, as an anycast address's.
        """
        fixed = self.static_ips.get(ip)
        immutable = IMMUTABLE if fixed is not None and self.is_local(fixed) else 0
        if len(ip) == IPV4_LENGTH:
            return immutable
        return immutable | self.nd_flags.get(ip, OVERRIDE)

    def may_lose_rows(self, turn: Turn) -> bool:
        """Return whether unconfirmed rows may be deleted: peers and tables are read."""
        return turn.settled and self.fdb.reading is None

    def adopted_keys(self) -> Iterator[bytes]:
        """Yield the keys of routes that rows of an earlier run represent."""
        yield from self.fdb.adopted
        for ip in self.neighbors.adopted:
            row = self.neighbors.actual.get(ip)
            if row is not None:
                yield row.mac + ip

    def mark_bound(self, mac: bytes) -> None:
        """Mark the IPs that routes bind to a MAC as dirty.

        It has to where the MAC becomes ours or is ours no longer.
        """
        self.neighbors.dirty.update(self.routes.ips_of.get(mac, ()))

    def mark_all(self) -> None:
        """Mark all keys as dirty."""
        self.tables.mark_all()
        self.fdb.dirty.update(
            (key[MAC] for key in self.routes.slots),
            self.local,
            self.static,
            self.announced,
        )
        self.neighbors.dirty.update(self.routes.macs_of)
        for ips in self.bindings_of.values():
            self.neighbors.dirty.update(ips)
        self.dirty_imet = True

    def take_touched(self) -> None:
        """Mark the keys that routes changed as dirty."""
        routes = self.routes
        if routes.touched_macs:
            self.fdb.dirty = _merged(self.fdb.dirty, routes.touched_macs)
            routes.touched_macs = set()
        if routes.touched_ips:
            self.neighbors.dirty = _merged(self.neighbors.dirty, routes.touched_ips)
            routes.touched_ips = set()
        if routes.touched_vteps:
            self.floods.dirty = _merged(self.floods.dirty, routes.touched_vteps)
            routes.touched_vteps = set()

    def forget_kernel(self) -> None:
        """Forget the kernel's tables: the devices are others now."""
        self.tables.forget()
        for table in (
            self.local,
            self.snooped,
            self.kernel_bindings,
            self.pinned,
            self.ceded_pins,
            self.heard,
            self.nd_flags,
            self.waiting,
            self.departed,
            self.disputed,
            self.doubted,
            self.sought,
            self.sequence,
            self.displaced,
        ):
            table.clear()
        for known in (
            self.own_macs,
            self.unsure,
            self.returned,
            self.limited,
        ):
            known.clear()
        self.bindings_of.clear()
        self._take_static()

    def reconfigure(self, config: EviConfig) -> None:
        """Store a configuration with the same devices and the same RD."""
        self.mark_all()
        self.routes.config = config
        self.bindings_of.clear()
        for table in self.learned_tables:
            for ip, mac in table.items():
                self.bindings_of.setdefault(mac, set()).add(ip)
        self._take_static()
        self.mark_all()

    def _take_static(self) -> None:
        self.static = {entry.mac: entry.sticky for entry in self.config.static}
        self.static_ips = {
            entry.ip: entry.mac for entry in self.config.static if entry.ip is not None
        }
        for entry in self.config.static:
            if entry.ip is not None:
                self.bindings_of.setdefault(entry.mac, set()).add(entry.ip)


def _merged(marked: set[bytes], more: set[bytes]) -> set[bytes]:
    """Return both; the second is the caller's to keep, and can be large."""
    more |= marked
    return more
