"""The engine: events in, desired state, difference out.

`handle` absorbs and marks; `reconcile` compares the marked keys and hands out
actions; `next_deadline` says when to call it again. No input, output, clock or
logging: the same events end in the same state, however they were grouped.
"""

from collections import Counter
from collections.abc import Iterable

from evpnd.core.announce.export_policy import (
    PeerExport,
    asks_how_learned,
    needs_judging,
)
from evpnd.core.announce.originator import Originator
from evpnd.core.announce.rd_change import rename
from evpnd.core.announce.update_groups import Exporter, ExportPolicy
from evpnd.core.bgp.importer import Importer
from evpnd.core.bgp.peers import Peering
from evpnd.core.evi.changes import UnderlayChanged
from evpnd.core.evi.instances import Changed
from evpnd.core.evi.inventory import Inventory
from evpnd.core.evi.local_bindings import Claim
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.core.kernel import observe, parts, retries
from evpnd.core.kernel.audit import Audit
from evpnd.core.kernel.moving import follow
from evpnd.core.kernel.reconcile import Pass, is_dirty, reconcile
from evpnd.core.kernel.removal import let_go, remove_rows
from evpnd.core.local.tenants import Tenants
from evpnd.core.turn import Turn
from evpnd.model.actions import (
    Action,
    DumpFdb,
    DumpLinks,
    DumpNeighbors,
    FinishAnnouncement,
)
from evpnd.model.config import Config, PeerConfig
from evpnd.model.events import (
    AddressObserved,
    BindingsSnooped,
    ConfigChanged,
    DeviceActionFailed,
    Event,
    FdbDumped,
    FdbObserved,
    FdbTooLarge,
    KernelOverran,
    LinkObserved,
    LinksDumped,
    LinkVanished,
    MacsListed,
    MacsLookedUp,
    NeighborsDumped,
    NeighborsObserved,
    PathsMeasured,
    PortsDumped,
    ProbesRefused,
    RowFailed,
    RowsAudited,
    RowsInDoubt,
    UpdateReceived,
    VlansObserved,
)
from evpnd.model.rows import FdbRow

OVERRUN_PAUSE = 1.0
"""Seconds between two dumps because of lost notifications."""


class Engine:
    """All state of one daemon."""

    def __init__(self, config: Config, now: float) -> None:
        """Start with the configuration; nothing else is known."""
        self.config = config
        self.inventory = Inventory(config)
        self.importer = Importer(config)
        self._turn = Turn(now)
        self.peering = Peering(config, self.importer, self._turn)
        self.retries = retries.Retries()
        self.originator = Originator()
        self.originator.ask_how_learned((), asked=asks_how_learned(config))
        self.exporter = Exporter(config, self._export_policy)
        self.tenants = Tenants(config.duplicate_detection, self.inventory.links, now)
        self.audit = Audit(now)
        self.announced_first = False
        self.resyncs: dict[str, int] = {}
        self.repaired: Counter[tuple[str, str]] = Counter()
        """Rows that others changed and that were restored, by table and cause."""
        self._turn.do(DumpLinks())
        self._links_known = False
        self._overran_at: float | None = None

    def handle(self, event: Event, now: float) -> bool:
        """Apply one event; `now` is monotonic seconds and never goes back.

        Returns whether there may be something to reconcile: not where a tenant said
        what was known of it.
        """
        turn = self._turn
        turn.now = now
        match event:
            case UpdateReceived(peer, update):
                self.peering.update(peer, update, turn)
            case FdbObserved(rows):
                self._observe_fdb(rows, turn)
            case NeighborsObserved(rows):
                for row in rows:
                    vrf = self.inventory.domains.by_svi.get(row.ifindex)
                    if vrf is not None and vrf.neighbors.known:
                        observe.observe_neighbor(vrf, row, self.tenants, turn)
            case BindingsSnooped():
                return self._hear(event, turn)
            case ProbesRefused(reason):
                self.tenants.prober.stop(reason, turn)
            case FdbDumped(bridge, rows):
                vrf = self.inventory.domains.by_bridge.get(bridge)
                if vrf is not None:
                    first = not vrf.fdb.known
                    observe.dump_fdb(vrf, rows, self.tenants, turn)
                    if first:
                        self._recognise(vrf)
            case FdbTooLarge() | PortsDumped() | MacsLookedUp() | MacsListed():
                self._read_part(event, turn)
            case NeighborsDumped(ifindex, rows):
                vrf = self.inventory.domains.by_svi.get(ifindex)
                if vrf is not None and not parts.is_too_early(vrf):
                    first = not vrf.neighbors.known
                    observe.dump_neighbors(vrf, rows, self.tenants, turn)
                    if first:
                        self._recognise(vrf)
            case RowFailed():
                self._row_failed(event, turn)
            case RowsInDoubt(ifindexes):
                self.audit.doubt(ifindexes, self.inventory.domains.by_device, now)
            case RowsAudited():
                self.audit.answer(self.inventory.vrfs, event, self.tenants, turn)
            case LinksDumped():
                self.inventory.replace_links(event)
                self._links_known = True
            case PathsMeasured(mtus):
                self.inventory.take_paths(mtus)
            case LinkObserved(link):
                self.inventory.observe(link)
            case VlansObserved(vlans):
                self.inventory.observe_vlans(vlans)
            case LinkVanished(ifindex):
                self.inventory.vanish(ifindex)
            case AddressObserved():
                self.inventory.observe_address(event)
            case DeviceActionFailed(device, reason):
                if self.inventory.device_failed(device, reason, now):
                    turn.warn("device_refused", device=device, reason=reason)
            case KernelOverran(reason):
                self.resyncs[reason] = self.resyncs.get(reason, 0) + 1
                self.audit.abandon()
                if self._overran_at is None:
                    self._overran_at = now + OVERRUN_PAUSE
                    turn.warn("kernel_overran", reason=reason)
            case ConfigChanged(config):
                self._reconfigure(config, turn)
            case _:
                self.peering.handle(event, turn)
        return True

    def _hear(self, heard: BindingsSnooped, turn: Turn) -> bool:
        by_device, flags = self.inventory.domains.by_device, heard.flags
        news = False
        for binding in heard.bindings:
            port, mac, ip = binding
            vrf = by_device.get(port)
            if vrf is not None:
                claim = Claim(mac, ip, turn.now, flags.get(binding))
                news |= self.tenants.bindings.snoop(vrf, port, claim, turn)
        return news or turn.has_news

    def _observe_fdb(self, rows: Iterable[FdbRow], turn: Turn) -> None:
        by_device = self.inventory.domains.by_device
        for row in rows:
            vrf = by_device.get(row.ifindex)
            if vrf is not None and vrf.fdb.known:
                observe.observe_fdb(vrf, row, self.tenants, turn)

    def _recognise(self, vrf: MacVrf, macs: Iterable[bytes] = ()) -> None:
        """Make limits accept routes with rows of an earlier run first."""
        self.importer.recognise(vrf.config.vni, (*vrf.adopted_keys(), *macs))

    def _read_part(self, event: parts.ReadingEvent, turn: Turn) -> None:
        inventory = self.inventory
        match event:
            case FdbTooLarge(bridge) | PortsDumped(bridge):
                vrf = inventory.domains.by_bridge.get(bridge)
            case MacsLookedUp(domain) | MacsListed(domain):
                vrf = inventory.domains.at(domain)
        if vrf is None:
            return
        match event:
            case FdbTooLarge():
                parts.begin(vrf, event, inventory.links, turn)
            case PortsDumped():
                parts.take_ports(vrf, event, self.tenants, turn)
            case MacsLookedUp():
                parts.take_rows(vrf, event, self.tenants, turn)
            case MacsListed():
                parts.take_list(vrf, event)
        reading = vrf.fdb.reading
        if reading is not None and reading.over:
            parts.end(vrf)
            if reading.first:
                self._recognise(vrf, reading.adopted)

    def _row_failed(self, failure: RowFailed, turn: Turn) -> None:
        domains, ifindex = self.inventory.domains, failure.ifindex
        vrf = domains.by_svi.get(ifindex) or domains.by_device.get(ifindex)
        if vrf is None:
            return
        if self.retries.failed(vrf, failure, turn.now):
            turn.warn(
                "row_refused",
                evi=vrf.config.name,
                vni=vrf.config.vni,
                table=failure.table,
                key=vrf.tables.named(failure.table).format_key(failure.key),
                errno=failure.errno,
                deleting=failure.deleting,
            )

    def reconcile(self, now: float, sweep: int | None = None) -> list[Action]:
        """Return the actions of this turn; `sweep`: as in `Peering.sweep`.

        The stages are in this order because each needs what those before it decide.
        Their actions come in the same order, behind those that events asked for.
        """
        turn, vrfs = self._turn, self.inventory.vrfs
        turn.now = now
        # Who is waited for decides which rows may go.
        self._end_waits(turn)
        self.peering.sweep(sweep)
        # Which EVIs there are, and our VTEP, decide who imports which route.
        if self._links_known:
            self._stand_on_devices(turn)
        self._import_anew()
        # Rows follow from routes, but not while what peers sent earlier is replayed.
        self.retries.release(now, vrfs)
        if not self.peering.replaying:
            if not self.announced_first and self._all_read():
                let_go(vrfs, self.peering.bygone.release(self.importer))
            self._reconcile_vrfs(turn)
        # The kernel answers questions after the writes, and so with their outcome.
        replaying = bool(self.peering.replaying)
        turn.do_all(parts.ask(vrfs.values(), now, replaying=replaying))
        turn.do_all(self.audit.ask(vrfs, now))
        # A new peer is told what the others have been told by now.
        turn.do_last(self.originator.tell_new_peers(vrfs.values()))
        # Each peer is told it in the form for it, once all is known that is told.
        actions = self.exporter.export(turn.take_actions(), vrfs)
        self._announce_first(actions)
        self.importer.tell(self.peering.sessions, turn)
        actions.extend(turn.take_notices())
        return actions

    def _reconcile_vrfs(self, turn: Turn) -> None:
        work = Pass(turn, self.originator, self.tenants, self.repaired)
        vrfs, tenants = self.inventory.vrfs, self.tenants
        # Duplicates that are over and tenants that do not answer change the rows.
        tenants.expire(vrfs, turn)
        tenants.prober.ask_due(vrfs, turn)
        for vrf in vrfs.values():
            tenants.bindings.restore(vrf, turn)
            vrf.take_touched()
            if vrf.floods.is_dirty:
                self.inventory.underlay.expect(turn.now)
            if is_dirty(vrf):
                reconcile(vrf, work)
        # Rows that go to another VTEP, or come from one, are a reason to ask tenants.
        tenants.prober.ask_new(vrfs, turn)
        turn.do_all(self.inventory.underlay.ask(turn.now, vrfs.values()))
        # Routes of equal adverts go out together, of all EVIs.
        turn.do_all(self.originator.flush())

    def _end_waits(self, turn: Turn) -> None:
        """Stop waiting for peers, and for the kernel after an overrun."""
        if self.peering.expire(turn):
            for vrf in self.inventory.vrfs.values():
                vrf.tables.mark_adopted()
        if self._overran_at is not None and turn.now >= self._overran_at:
            self._overran_at = None
            turn.do(DumpLinks())
            for vrf in self.inventory.vrfs.values():
                if vrf.reason is None:
                    vrf.tables.expect_dumps()
                    turn.do(DumpFdb(vrf.domain.bridge))
                    if vrf.domain.svi:
                        turn.do(DumpNeighbors(vrf.domain.svi))

    def _stand_on_devices(self, turn: Turn) -> None:
        placed: list[Action] = []
        for change in self.inventory.stand(turn, placed):
            match change:
                case Changed():
                    for vrf in change.gone:
                        turn.do_all(self.originator.withdraw_all(vrf))
                    self._follow_evis(change, turn)
                case UnderlayChanged():
                    self.importer.doubt()
                case _:
                    placed.extend(follow(change, self.tenants, turn))
        # Dumps come last: an EVI that is ready hears its tenants already.
        turn.do_all(placed)

    def _import_anew(self) -> None:
        """Judge all routes again, where something else decides about them now."""
        if not (self.importer.is_outdated and self._links_known):
            return
        inventory = self.inventory
        vrfs = inventory.vrfs.values()
        for vrf in vrfs:
            vrf.mark_all()
        self.importer.judge_all(
            self.peering.sessions.values(),
            [vrf.routes for vrf in vrfs],
            frozenset(vrf.rd for vrf in vrfs),
            inventory.vtep,
            inventory.no_hosts,
        )

    def _announce_first(self, actions: list[Action]) -> None:
        """End the first announcement once every table is read.

        The speaker withdraws then what an agent before us announced and we did not.
        """
        if self.announced_first or not self._all_read() or self.peering.replaying:
            return
        self.announced_first = True
        vrfs = self.inventory.vrfs.values()
        actions.append(FinishAnnouncement(any(vrf.preserved for vrf in vrfs)))

    def _all_read(self) -> bool:
        """Return whether we know all that is ours to announce.

        The tables of all EVIs that have devices were read, or what concerns tenants.
        """
        vrfs = self.inventory.vrfs.values()
        return self._links_known and not any(
            vrf.reason is None and (not vrf.ready or parts.hides_tenants(vrf))
            for vrf in vrfs
        )

    def next_deadline(self) -> float | None:
        """Return when to call `reconcile` again if no event comes; None: never."""
        deadlines = (
            self._overran_at,
            self.peering.next_due(),
            self.retries.next_due(),
            self.inventory.next_due(),
            self.inventory.underlay.due,
            self.tenants.next_due(),
            self.importer.findings.next_due(self.peering.sessions),
            self.audit.next_due(),
            parts.next_due(self.inventory.vrfs.values()),
        )
        return min((d for d in deadlines if d is not None), default=None)

    def flush(self) -> list[Action]:
        """Remove all that was installed and created (`--flush-on-exit`)."""
        actions: list[Action] = []
        for vrf in self.inventory.vrfs.values():
            actions.extend(remove_rows(vrf))
        actions.extend(self.inventory.remove_managed())
        return actions

    def clear_duplicate(self, vni: int, address: bytes) -> bool:
        """Release a duplicate MAC or IP; return whether it was one."""
        vrfs = self.inventory.vrfs
        return self.tenants.clear_duplicate(vni, address, vrfs, self._turn)

    def clear_peer(self, name: str, *, soft: bool) -> str | None:
        """Restart a session; return why that is impossible (`Peering.clear`)."""
        return self.peering.clear(name, self._turn, soft=soft)

    def _reconfigure(self, config: Config, turn: Turn) -> None:
        self.config = config
        self.originator.introduce(self.peering.configure(config, turn))
        self.peering.end_damping(turn)
        self.importer.configure(config)
        self.exporter.configure(config, self._export_policy)
        vrfs = self.inventory.vrfs.values()
        self.originator.ask_how_learned(vrfs, asked=asks_how_learned(config))
        settings = config.duplicate_detection
        self.tenants.configure(settings, self.inventory.vrfs, turn)
        evis, removals = self.inventory.reconfigure(config)
        for vrf in evis.gone:
            turn.do_all(self.originator.withdraw_all(vrf))
            turn.do_all(remove_rows(vrf))
        turn.do_all(removals)
        self._follow_evis(evis, turn)

    def _follow_evis(self, evis: Changed, turn: Turn) -> None:
        """Forget the state of removed EVIs; apply the new RDs of others."""
        first, last = rename(evis.renamed, self.originator)
        turn.do_all(first)
        turn.do_last(last)
        if evis.others:
            self.importer.doubt()
            self.retries.forget(self.inventory.vrfs)
            self.tenants.duplicates.forget(self.inventory.vrfs)

    def _export_policy(self, peer: PeerConfig) -> ExportPolicy | None:
        """Return the policies between our EVIs and a peer."""
        if not needs_judging(peer, self.config):
            return None
        attached = self.importer.attached
        return PeerExport(peer, self.config, attached, self.inventory.vrfs)
