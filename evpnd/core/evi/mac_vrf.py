"""One EVI of this host: its MAC-VRF, as told by BGP and as seen in the kernel.

It has these parts, each with an owner that writes it:

| part | what it holds | owner |
|---|---|---|
| `routes` | the peers' routes that it imports | `bgp/` |
| `tables` | its rows in the kernel: `fdb`, `neighbors`, `floods` | `kernel/` |
| `macs` | MACs behind the tenant ports | `local/mobility.py` |
| `bindings` | IPs of these MACs | `local/bindings.py` |
| `remembered` | tenants that the bridge does not have | `local/flushed.py` |
| `sent` | what the peers were told | `announce/` |

The rest, where it stands and what it lacks, is written by the inventory. A part marks
the keys that it changed itself (`touched`, and `dirty` in a table), and reconciliation
looks at nothing else.
"""

from collections.abc import Iterator

from evpnd.core.bgp.evi_routes import EviRoutes
from evpnd.core.evi.local_bindings import LocalBindings
from evpnd.core.evi.local_macs import LocalMacs
from evpnd.core.evi.remembered import Remembered
from evpnd.core.evi.sent import Sent
from evpnd.core.tables.order import KernelTables
from evpnd.core.turn import Turn
from evpnd.model.actions import Notice
from evpnd.model.advert import RD_LENGTH, source_of
from evpnd.model.config import EviConfig
from evpnd.model.domain import NOWHERE
from evpnd.model.ids import Rd
from evpnd.model.key import MAC


class MacVrf:
    """MAC table of one EVI: routes, local MACs, and the kernel's rows for them.

    Keys are octets: a MAC (6), or a MAC with an IP (10 or 22).
    """

    def __init__(self, config: EviConfig, rd: bytes, *, discovered: bool) -> None:
        """Start empty and not ready."""
        self.config = config
        self.routes = EviRoutes(config)
        self.tables = KernelTables()
        self.fdb = self.tables.fdb
        self.neighbors = self.tables.neighbors
        self.floods = self.tables.floods
        self.macs = LocalMacs(config)
        self.bindings = LocalBindings(config, self.macs)
        self.remembered = Remembered()
        self.sent = Sent()

        self.source = source_of(rd, config.ethernet_tag)
        """RD and Ethernet Tag of its routes."""
        self.discovered = discovered
        self.vtep = b""
        self.domain = NOWHERE
        """Where it stands; replaced as a whole."""
        self.bridge_mac = b""
        """MAC of the device with its addresses."""
        self.router_mac = b""
        """Of its VRF, as our routes name it; empty: there is none, or it is not
        ready."""
        self.own_ips: set[bytes] = set()
        """Addresses of that device."""
        self.ports: frozenset[int] = frozenset()
        """Tenant ports of its bridge."""
        self.members: frozenset[int] = frozenset()
        """Those of them that are in its VLAN, as far as is known by now."""
        self.tagged: frozenset[int] = frozenset()
        """Those of them where its frames have a tag."""
        self.open_ports: frozenset[int] = frozenset()
        """Those of them that pass frames."""
        self.ageing: float | None = None
        """Seconds after which the bridge forgets a silent MAC; None: not known."""
        self.no_hosts: frozenset[bytes] = frozenset()
        """Network and broadcast addresses of the underlay's subnets: nobody's."""
        self.reason: str | None = "not evaluated yet"
        """Why it is not ready; None: ready."""
        self.notes: tuple[str, ...] = ()
        """Notes for the operator although it is ready."""
        self.preserved = False
        """The first dump held rows of an earlier run."""

    @property
    def rd(self) -> Rd:
        """Return the route distinguisher."""
        return Rd(self.source[:RD_LENGTH])

    def notice(self, level: str, event: str, **fields: object) -> Notice:
        """Return an event of this EVI."""
        evi = {"evi": self.config.name, "vni": self.config.vni}
        return Notice(level, event, {**evi, **fields})

    @property
    def ready(self) -> bool:
        """Return whether its devices are there and its tables were read."""
        return self.reason is None and self.tables.known

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

    def take_own_ips(self, ips: set[bytes], mac: bytes) -> None:
        """Store the addresses of its bridge's device, and that device's MAC."""
        if (ips, mac) == (self.own_ips, self.bridge_mac):
            return
        self.neighbors.dirty |= ips ^ self.own_ips
        self.bindings.touch_all()
        self.own_ips, self.bridge_mac = ips, mac
        self.sent.doubt()

    def take_router_mac(self, mac: bytes) -> None:
        """Store our MAC in its VRF, which routes with an IP name."""
        if mac != self.router_mac:
            self.router_mac = mac
            self.fdb.dirty.update(self.sent.macs)

    def take_no_hosts(self, ips: frozenset[bytes]) -> None:
        """Store the network and broadcast addresses of the underlay."""
        if ips != self.no_hosts:
            self.no_hosts = ips
            self.floods.mark_all()

    def mark_all(self) -> None:
        """Mark all keys as dirty."""
        self.tables.mark_all()
        self.fdb.dirty.update(
            (key[MAC] for key in self.routes.slots),
            self.macs.local,
            self.macs.static,
            self.sent.macs,
        )
        self.neighbors.dirty.update(self.routes.macs_of)
        self.bindings.touch_all()
        self.sent.doubt()

    def take_touched(self) -> None:
        """Mark the keys that the parts changed as dirty."""
        routes, macs, bindings = self.routes, self.macs, self.bindings
        if macs.touched:
            self.fdb.dirty |= macs.touched
            for mac in macs.touched:
                # Where a MAC is decides about the IPs that are bound to it.
                self.neighbors.dirty.update(
                    routes.ips_of.get(mac, ()), bindings.ips_of.get(mac, ())
                )
            macs.touched = set()
        if bindings.touched_macs or bindings.touched_ips:
            self.fdb.dirty |= bindings.touched_macs
            self.neighbors.dirty |= bindings.touched_ips
            bindings.touched_macs, bindings.touched_ips = set(), set()
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
        """Forget what was known of the kernel: the devices are others now."""
        self.tables.forget()
        self.macs.forget()
        self.bindings.forget(self.config)
        self.remembered.forget()

    def reconfigure(self, config: EviConfig) -> None:
        """Store a configuration with the same devices and the same RD."""
        self.config = self.routes.config = config
        self.macs.configure(config)
        self.bindings.configure(config)
        self.mark_all()


def _merged(marked: set[bytes], more: set[bytes]) -> set[bytes]:
    """Return both; the second is the caller's to keep, and can be large."""
    more |= marked
    return more
