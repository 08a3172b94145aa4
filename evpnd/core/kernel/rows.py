"""What the kernel says of rows, what it refused, and what it is asked.

An event names a device, and a VLAN where EVIs share it: by these the inventory knows
whose it is (`evi/domains.py`). What is of no EVI is left out, and so is what comes
before the table was read: the dump will tell.
"""

from collections import Counter
from collections.abc import Iterable
from typing import assert_never

from evpnd.core.bgp.importer import Importer
from evpnd.core.evi.domains import dumps
from evpnd.core.evi.inventory import Inventory
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.core.kernel import observe, parts, retries, vrf_rows
from evpnd.core.kernel.audit import Audit
from evpnd.core.local.tenants import Tenants
from evpnd.core.turn import Turn, soonest
from evpnd.core.vrf.ip_vrfs import IpVrfs
from evpnd.model.actions import DumpLinks
from evpnd.model.events import (
    FdbDumped,
    FdbObserved,
    FdbTooLarge,
    KernelOverran,
    MacsListed,
    MacsLookedUp,
    NeighborsDumped,
    NeighborsObserved,
    PortsDumped,
    RowFailed,
    RowsAudited,
    RowsInDoubt,
)
from evpnd.model.rows import FdbRow, NeighborRow
from evpnd.model.vrf_events import NexthopsObserved, RoutesObserved, VrfDumped

OVERRUN_PAUSE = 1.0
"""Seconds between two dumps because of lost notifications."""

RowEvent = (
    FdbObserved
    | NeighborsObserved
    | FdbDumped
    | NeighborsDumped
    | parts.ReadingEvent
    | RoutesObserved
    | NexthopsObserved
    | VrfDumped
    | RowFailed
    | RowsInDoubt
    | RowsAudited
    | KernelOverran
)


class KernelRows:
    """The kernel's tables of all EVIs."""

    def __init__(
        self,
        inventory: Inventory,
        ip_vrfs: IpVrfs,
        tenants: Tenants,
        importer: Importer,
        *,
        now: float,
    ) -> None:
        """Create them with nothing known; `now` is monotonic seconds."""
        self.retries = retries.Retries()
        self.resyncs: dict[str, int] = {}
        """How often the tables were read anew, by reason."""
        self.repaired: Counter[tuple[str, str]] = Counter()
        """Rows that others changed and that were restored, by table and cause."""
        self._inventory = inventory
        self._ip_vrfs = ip_vrfs
        self._tenants = tenants
        self._importer = importer
        self._audit = Audit(now)
        self._overran_at: float | None = None
        """When the tables are read anew, monotonic seconds."""

    def handle(self, event: RowEvent, turn: Turn) -> None:
        """Apply an event of the kernel."""
        inventory = self._inventory
        match event:
            case FdbObserved(rows):
                self._observe_fdb(rows, turn)
            case NeighborsObserved(rows):
                self._observe_neighbors(rows, turn)
            case FdbDumped(bridge, rows):
                for each, own in inventory.domains.split(bridge, rows):
                    first = not each.fdb.known
                    observe.dump_fdb(each, own, self._tenants, turn)
                    if first:
                        self._recognise(each)
            case NeighborsDumped(ifindex, rows):
                vrf = inventory.domains.by_svi.get(ifindex)
                if vrf is not None and not parts.is_too_early(vrf):
                    first = not vrf.neighbors.known
                    observe.dump_neighbors(vrf, rows, self._tenants, turn)
                    if first:
                        self._recognise(vrf)
            case FdbTooLarge() | PortsDumped() | MacsLookedUp() | MacsListed():
                self._read_part(event, turn)
            case RoutesObserved() | NexthopsObserved() | VrfDumped():
                vrf_rows.observe(self._ip_vrfs, event)
            case RowFailed():
                self._row_failed(event, turn)
            case RowsInDoubt(ifindexes):
                self._audit.doubt(ifindexes, inventory.domains, turn.now)
            case RowsAudited():
                self._audit.answer(inventory.vrfs, event, self._tenants, turn)
            case KernelOverran(reason):
                self._overran(reason, turn)
            case _:
                assert_never(event)

    def _observe_fdb(self, rows: Iterable[FdbRow], turn: Turn) -> None:
        domains, tenants = self._inventory.domains, self._tenants
        by_device, of_shared = domains.by_device, domains.of_shared
        for row in rows:
            vrf = by_device.get(row.ifindex) or of_shared(row)
            if vrf is None:
                vrf_rows.observe_fdb_of_any(self._ip_vrfs, row)
            elif vrf.fdb.known:
                observe.observe_fdb(vrf, row, tenants, turn)

    def _observe_neighbors(self, rows: Iterable[NeighborRow], turn: Turn) -> None:
        by_svi, tenants = self._inventory.domains.by_svi, self._tenants
        for row in rows:
            vrf = by_svi.get(row.ifindex)
            if vrf is None:
                vrf_rows.observe_neighbor_of_any(self._ip_vrfs, row)
            elif vrf.neighbors.known:
                observe.observe_neighbor(vrf, row, tenants, turn)

    def _recognise(self, vrf: MacVrf, macs: Iterable[bytes] = ()) -> None:
        """Make limits accept routes with rows of an earlier run first."""
        self._importer.recognise(vrf.config.vni, (*vrf.adopted_keys(), *macs))

    def _read_part(self, event: parts.ReadingEvent, turn: Turn) -> None:
        domains, links = self._inventory.domains, self._inventory.links
        match event:
            case FdbTooLarge(bridge):
                parts.begin_all(domains.serving(bridge), event, links, turn)
            case PortsDumped():
                parts.take_ports(domains, event, self._tenants, turn)
            case MacsLookedUp(domain) | MacsListed(domain):
                vrf = domains.at(domain)
                if vrf is not None:
                    self._read_macs(vrf, event, turn)

    def _read_macs(
        self, vrf: MacVrf, event: MacsLookedUp | MacsListed, turn: Turn
    ) -> None:
        if isinstance(event, MacsLookedUp):
            parts.take_rows(vrf, event, self._tenants, turn)
        else:
            parts.take_list(vrf, event)
        reading = vrf.fdb.reading
        if reading is not None and reading.over:
            parts.end(vrf)
            if reading.first:
                self._recognise(vrf, reading.adopted)

    def _row_failed(self, failure: RowFailed, turn: Turn) -> None:
        vrf = self._inventory.domains.of_failure(failure) or self._ip_vrfs.of_failure(
            failure
        )
        if vrf is None:
            return
        if self.retries.failed(vrf, failure, turn.now):
            fields = {
                "table": failure.table,
                "key": vrf.tables.named(failure.table).format_key(failure.key),
                "errno": failure.errno,
                "deleting": failure.deleting,
            }
            turn.tell(vrf.notice("warning", "row_refused", **fields))

    def _overran(self, reason: str, turn: Turn) -> None:
        """Schedule a dump of all tables: notifications were lost."""
        self.resyncs[reason] = self.resyncs.get(reason, 0) + 1
        self._audit.abandon()
        if self._overran_at is None:
            self._overran_at = turn.now + OVERRUN_PAUSE
            turn.warn("kernel_overran", reason=reason)

    def read_anew(self, turn: Turn) -> None:
        """Dump all tables where notifications were lost, a while after that began."""
        if self._overran_at is None or turn.now < self._overran_at:
            return
        self._overran_at = None
        turn.do(DumpLinks())
        vrfs = [vrf for vrf in self._inventory.vrfs.values() if vrf.reason is None]
        for vrf in vrfs:
            vrf.tables.expect_dumps()
        turn.do_all(dumps(vrfs))
        turn.do_all(self._ip_vrfs.read_anew())

    def ask(self, turn: Turn, *, replaying: bool) -> None:
        """Ask for the next part of tables that are read by parts, and for an audit."""
        vrfs = self._inventory.vrfs
        turn.do_all(parts.ask(vrfs.values(), turn.now, replaying=replaying))
        turn.do_all(self._audit.ask(vrfs, self._inventory.domains, turn.now))

    def next_due(self) -> float | None:
        """Return when there is something to ask or to try again; monotonic seconds."""
        return soonest(
            self._overran_at,
            self.retries.next_due(),
            self._audit.next_due(),
            parts.next_due(self._inventory.vrfs.values()),
        )
