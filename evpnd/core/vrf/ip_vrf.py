"""One VRF of this host: its IP-VRF (RFC 9136), as told by BGP and seen in the kernel.

| part | what it holds | owner |
|---|---|---|
| `routes` | the peers' routes that it imports | `bgp/` |
| `tables` | its rows in the kernel | `kernel/` |
| `sent` | what the peers were told | `announce/` |

The rest, where it stands and what it lacks, is written by `ip_vrfs`.
"""

from collections.abc import Mapping
from typing import NamedTuple

from evpnd.core.bgp.vrf_routes import VrfRoutes, host_prefix
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.core.tables.nexthops import NexthopIds
from evpnd.core.tables.order import VrfTables
from evpnd.core.tables.prefixes import DEFAULTS
from evpnd.model.actions import Notice
from evpnd.model.advert import Advert
from evpnd.model.config import VrfConfig
from evpnd.model.domain import NOWHERE
from evpnd.model.ids import Rd


class Routers(NamedTuple):
    """What the routes of a VRF need of its remote routers."""

    macs: Mapping[bytes, bytes]
    """By the address of a router, its MAC."""
    vteps: Mapping[bytes, bytes]
    """By that MAC, the VTEP."""
    conflicts: frozenset[tuple[bytes, bytes]]
    """VTEPs with a MAC that is not used: the VTEP has another, or the MAC is at another
    VTEP as well."""


NO_ROUTERS = Routers({}, {}, frozenset())


class IpVrf:
    """Routes of one VRF, and the kernel's rows for them.

    Prefixes are an address and the length in bits (1 octet) in one piece.
    """

    def __init__(self, config: VrfConfig, rd: Rd, ids: NexthopIds) -> None:
        """Start empty and not ready; `ids` are those of the host."""
        self.config = config
        self.routes = VrfRoutes(config)
        self.tables = VrfTables(ids)
        self.source: bytes = rd
        """The RD: its routes have no Ethernet Tag."""
        self.vtep = b""
        self.domain = NOWHERE
        """Of its L3 VNI: the SVI is the device in the VRF that leads to other hosts."""
        self.device = 0
        """ifindex of the VRF device; 0: there is none."""
        self.table = 0
        self.router_mac = b""
        """Our own, to which others send; empty while the SVI is not there."""
        self.evis: tuple[MacVrf, ...] = ()
        """Those whose tenants it routes."""
        self.reason: str | None = "not evaluated yet"
        """Why it is not ready; None: ready."""
        self.needs = NO_ROUTERS
        """The remote routers that its routes need."""
        self.sent: dict[bytes, Advert] = {}
        """What was announced of prefixes."""
        self.stale = True
        """All of it is to be compared with what is so now."""

    @property
    def rd(self) -> Rd:
        """Return the route distinguisher."""
        return Rd(self.source)

    @property
    def ready(self) -> bool:
        """Return whether its devices are there and its tables were read."""
        return self.reason is None and self.tables.known

    @property
    def is_bridged(self) -> bool:
        """Return whether the L3 VNI's VXLAN device is in a bridge."""
        return bool(self.domain.bridge)

    def notice(self, level: str, event: str, **fields: object) -> Notice:
        """Return an event of this VRF."""
        vrf = {"vrf": self.config.name, "vni": self.config.vni}
        return Notice(level, event, {**vrf, **fields})

    def has_tenant(self, ip: bytes) -> bool:
        """Return whether an IP is bound to a tenant of this host."""
        return any(evi.bindings.holder(ip) is not None for evi in self.evis)

    def touch_hosts(self, ips: set[bytes]) -> None:
        """Mark the prefixes of hosts, because a tenant of this host came or went."""
        self.tables.prefixes.dirty.update(map(host_prefix, ips))

    def take_touched(self) -> None:
        """Mark the prefixes whose routes changed as dirty."""
        routes, dirty = self.routes, self.tables.prefixes.dirty
        if routes.touched_prefixes:
            dirty |= routes.touched_prefixes
            routes.touched_prefixes = set()
        if routes.touched_ips:
            dirty.update(map(host_prefix, routes.touched_ips))
            routes.touched_ips = set()
        routes.touched_macs.clear()

    def mark_all(self) -> None:
        """Mark all keys as dirty."""
        self.tables.mark_all()
        self.tables.prefixes.dirty.update(
            self.routes.prefixes, map(host_prefix, self.routes.macs_of)
        )
        self.tables.unreachable.dirty.update(DEFAULTS)
        self.stale = True

    def forget_kernel(self) -> None:
        """Forget what was known of the kernel: devices or table are others now."""
        self.tables.forget()
        self.needs = NO_ROUTERS
        self.mark_all()

    def reconfigure(self, config: VrfConfig) -> None:
        """Store a configuration."""
        self.config = self.routes.config = config
        self.mark_all()
