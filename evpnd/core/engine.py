"""The engine: events in, desired state, difference out.

`handle` absorbs and marks; `reconcile` compares the marked keys and hands out
actions; `next_deadline` says when to call it again. No input, output, clock or
logging: the same events end in the same state, however they were grouped.
"""

from collections.abc import Iterable
from typing import assert_never

from evpnd.core import actual, rib
from evpnd.core.duplicates import Duplicates
from evpnd.core.importing import Importer
from evpnd.core.inventory import Inventory
from evpnd.core.originate import Originator
from evpnd.core.reconcile import Pass, reconcile, remove_rows
from evpnd.core.retries import Retries
from evpnd.core.sessions import Session
from evpnd.model.actions import (
    Action,
    DumpFdb,
    DumpLinks,
    DumpNeighbors,
    FinishAnnouncement,
    Notice,
    RequestRefresh,
    ResetSession,
    SnoopPorts,
)
from evpnd.model.config import Config
from evpnd.model.events import (
    AddressObserved,
    BindingsSnooped,
    ConfigChanged,
    DeviceActionFailed,
    Event,
    FdbDumped,
    FdbObserved,
    KernelOverran,
    LinkObserved,
    LinksDumped,
    LinkVanished,
    NeighborsDumped,
    NeighborsObserved,
    NotificationSeen,
    PeerStateChanged,
    PeerWentDown,
    PeerWentUp,
    RefreshMarked,
    RowFailed,
    UpdateReceived,
)
from evpnd.model.ids import Peer, format_ip
from evpnd.model.routes import Treatment, Update
from evpnd.model.rows import FdbRow

FIRST_DUMPS = 5.0
"""Seconds that the first announcement waits for the first dumps at the most."""
OVERRUN_PAUSE = 1.0
"""Seconds between two dumps because of lost notifications."""
MALFORMED_PAUSE = 60.0
"""Seconds between two lines on one peer's malformed routes."""


class Engine:
    """All state of one daemon."""

    def __init__(self, config: Config, now: float) -> None:
        """Begin with the configuration alone; nothing is known of the world."""
        self.config = config
        self.sessions: dict[Peer, Session] = {}
        self.inventory = Inventory(config)
        self.importer = Importer(config)
        self.retries = Retries()
        self.originator = Originator()
        self.duplicates = Duplicates(config.duplicate_detection)
        self.settled = False
        """Every configured peer has had its say since the start."""
        self.announced_first = False
        self.malformed: dict[Treatment, int] = {}
        self.resyncs: dict[str, int] = {}
        self._pending: list[Action] = [DumpLinks()]
        self._notices: list[Notice] = []
        self._started = now
        self._links_known = False
        self._snooped: frozenset[int] = frozenset()
        self._overran_at: float | None = None
        self._malformed_told: dict[Peer, float] = {}
        self._configure_peers(now)

    def handle(self, event: Event, now: float) -> None:
        """Absorb one event; `now` is monotonic seconds and never goes back."""
        match event:
            case UpdateReceived(peer, update):
                self._update(peer, update, now)
            case FdbObserved(rows):
                self._observe_fdb(rows, now)
            case NeighborsObserved(rows):
                for row in rows:
                    vrf = self.inventory.by_bridge.get(row.ifindex)
                    if vrf is not None and vrf.neighbors_known:
                        actual.observe_neighbor(vrf, row)
            case BindingsSnooped(bindings):
                for port, mac, ip in bindings:
                    vrf = self.inventory.by_port.get(port)
                    if vrf is not None:
                        actual.snoop(vrf, port, mac, ip)
            case FdbDumped(bridge, rows):
                vrf = self.inventory.by_bridge.get(bridge)
                if vrf is not None:
                    actual.dump_fdb(vrf, rows, now, self._notices)
            case NeighborsDumped(ifindex, rows):
                vrf = self.inventory.by_bridge.get(ifindex)
                if vrf is not None:
                    actual.dump_neighbors(vrf, rows)
            case RowFailed():
                self._row_failed(event, now)
            case LinksDumped(links, addresses):
                self.inventory.links.replace(links, addresses)
                self._links_known = True
                self.inventory.changed = True
            case LinkObserved(link):
                self.inventory.observe(link)
            case LinkVanished(ifindex):
                self.inventory.vanish(ifindex)
            case AddressObserved(ifindex, ip, present):
                self.inventory.observe_address(ifindex, ip, present=present)
            case DeviceActionFailed(device, reason):
                self.inventory.device_failed(device, reason, now)
                self._warn("device_refused", device=device, reason=reason)
            case KernelOverran(reason):
                self.resyncs[reason] = self.resyncs.get(reason, 0) + 1
                if self._overran_at is None:
                    self._overran_at = now + OVERRUN_PAUSE
                    self._warn("kernel_overran", reason=reason)
            case ConfigChanged(config):
                self._reconfigure(config, now)
            case _:
                self._handle_session(event, now)

    def _handle_session(
        self,
        event: PeerStateChanged
        | PeerWentUp
        | PeerWentDown
        | NotificationSeen
        | RefreshMarked,
        now: float,
    ) -> None:
        session = self.sessions.get(event.peer)
        if session is None:
            return
        match event:
            case PeerWentUp():
                self._went_up(session, event, now)
            case PeerWentDown():
                self._went_down(session, event, now)
            case PeerStateChanged():
                if not session.established:
                    session.state = event.state
            case NotificationSeen():
                if session.last_error != event.text:
                    self._warn("peer_error", peer=session.peer, error=event.text)
                session.last_error = event.text
            case RefreshMarked():
                if event.ended:
                    self._finish(session)
                else:
                    session.rib.mark_stale()
                    session.deadline = now + max(session.restart_time, 120)
            case _:
                assert_never(event)

    def _went_up(self, session: Session, event: PeerWentUp, now: float) -> None:
        session.went_up(now, event.restart_time, event.age)
        session.enhanced_refresh = event.enhanced_refresh
        if session.rib.stale is not None and not event.forwarding:
            session.rib.drop_stale()
        if event.resumed:
            if event.route_refresh:
                self._pending.append(RequestRefresh(session.peer))
            elif not event.replayed:
                self._pending.append(ResetSession(session.peer, 6, 4))
        self._info("peer_up", peer=session.peer, resumed=event.resumed)

    def _went_down(self, session: Session, event: PeerWentDown, now: float) -> None:
        kept = session.went_down(now, event.reason, graceful=event.graceful)
        gone = 0 if kept else session.rib.drop_all()
        self._warn(
            "peer_down",
            peer=session.peer,
            reason=event.reason,
            routes_withdrawn=gone,
            routes_kept=len(session.rib),
        )

    def _update(self, peer: Peer, update: Update, now: float) -> None:
        session = self.sessions.get(peer)
        if session is None:
            return
        session.last_update = now
        adj = session.rib
        for batch in update.withdrawn_mac_ip:
            adj.withdraw(batch)
        for route in update.withdrawn:
            adj.withdraw_other(route)
        attributes = update.attributes
        if attributes is not None:
            find = self.importer.path
            for batch in update.mac_ip:
                rd, ethernet_tag, esi, labels, _ = batch
                parts = (rd, ethernet_tag, esi, labels)
                adj.install(batch, find(session, attributes, parts, now))
            for route in update.routes:
                parts = (route.rd, b"", b"", b"")
                adj.install_other(route, find(session, attributes, parts, now))
        if update.end_of_rib:
            self._finish(session)
        if update.malformed:
            self._count_malformed(session, update, now)

    def _finish(self, session: Session) -> None:
        gone = session.finish()
        self._info("end_of_rib", peer=session.peer, stale_routes_withdrawn=gone)

    def _count_malformed(self, session: Session, update: Update, now: float) -> None:
        for found in update.malformed:
            count = self.malformed.get(found.treatment, 0)
            self.malformed[found.treatment] = count + 1
            if found.treatment is Treatment.SESSION_RESET:
                self._pending.append(
                    ResetSession(session.peer, found.code, found.subcode)
                )
        told = self._malformed_told.get(session.peer)
        if told is None or now >= told + MALFORMED_PAUSE:
            self._malformed_told[session.peer] = now
            found = update.malformed[0]
            self._warn(
                "update_malformed",
                peer=session.peer,
                treatment=found.treatment.value,
                reason=found.reason,
            )

    def _observe_fdb(self, rows: Iterable[FdbRow], now: float) -> None:
        by_port = self.inventory.by_port
        notices = self._notices
        for row in rows:
            vrf = by_port.get(row.ifindex)
            if vrf is not None and vrf.fdb_known:
                actual.observe_fdb(vrf, row, now, notices)

    def _row_failed(self, failure: RowFailed, now: float) -> None:
        inventory = self.inventory
        table = (
            inventory.by_bridge if failure.table == "neighbor" else inventory.by_port
        )
        vrf = table.get(failure.ifindex)
        if vrf is None:
            return
        key = failure.key
        if not failure.deleting:
            match failure.table:
                case "fdb":
                    vrf.remote_rows.pop(key, None)
                case "flood":
                    vrf.flood_rows.pop(key, None)
                case _:
                    vrf.neighbor_rows.pop(key, None)
        if self.retries.failed(vrf.config.vni, failure, now):
            self._warn(
                "row_refused",
                evi=vrf.config.name,
                vni=vrf.config.vni,
                table=failure.table,
                key=key.hex(":") if failure.table == "fdb" else format_ip(key),
                errno=failure.errno,
                deleting=failure.deleting,
            )

    def reconcile(self, now: float) -> list[Action]:
        """Hand out what brings the world to what the state wants."""
        actions, self._pending = self._pending, []
        self._expire(now)
        if self._links_known:
            self._stand_on_devices(now, actions)
        self._import_anew()
        vrfs = self.inventory.vrfs.values()
        self.retries.release(now, self.inventory.vrfs)
        turn = Pass(self.settled, self.retries.waiting, self.originator)
        self.duplicates.expire(now, self.inventory.vrfs, self._notices)
        for vrf in vrfs:
            if vrf.moved:
                self.duplicates.count(vrf, now, self._notices)
            if vrf.dirty_macs or vrf.dirty_ips or vrf.dirty_flood or vrf.dirty_imet:
                reconcile(vrf, turn)
        for vrf in vrfs:
            if vrf.moved:
                self.duplicates.count(vrf, now, turn.notices)
        actions.extend(turn.actions)
        actions.extend(self.originator.flush())
        self._announce_first(now, actions)
        actions.extend(self._notices)
        actions.extend(turn.notices)
        self._notices = []
        return actions

    def _expire(self, now: float) -> None:
        for session in self.sessions.values():
            if not session.expired(now):
                continue
            if session.established or session.rib.stale is None:
                self._finish(session)
            else:
                gone = session.rib.drop_all()
                session.told_everything = True
                session.deadline = None
                self._warn(
                    "peer_did_not_return", peer=session.peer, routes_withdrawn=gone
                )
        if not self.settled and all(
            session.told_everything for session in self.sessions.values()
        ):
            self.settled = True
            for vrf in self.inventory.vrfs.values():
                vrf.dirty_macs |= vrf.adopted_macs
                vrf.dirty_ips |= vrf.adopted_ips
                vrf.dirty_flood = True
        if self._overran_at is not None and now >= self._overran_at:
            self._overran_at = None
            self._pending.append(DumpLinks())
            for vrf in self.inventory.vrfs.values():
                if vrf.reason is None:
                    self._pending.append(DumpFdb(vrf.bridge))
                    self._pending.append(DumpNeighbors(vrf.bridge))

    def _stand_on_devices(self, now: float, actions: list[Action]) -> None:
        inventory = self.inventory
        for vrf in inventory.stand(now, actions, self._notices):
            actions.extend(self.originator.withdraw_all(vrf))
        if inventory.vtep_changed:
            inventory.vtep_changed = False
            self.importer.stale = True
        if inventory.vrfs_changed:
            inventory.vrfs_changed = False
            self.importer.stale = True
            self.retries.forget(inventory.vrfs)
        ports = inventory.snooped_ports()
        if ports != self._snooped:
            self._snooped = ports
            actions.append(SnoopPorts(ports))

    def _import_anew(self) -> None:
        if not self.importer.stale:
            return
        vrfs = self.inventory.vrfs.values()
        self.importer.learn(vrfs, self.inventory.vtep)
        for session in self.sessions.values():
            self.importer.judge_again(session)
        rib.reimport((session.rib for session in self.sessions.values()), vrfs)

    def _announce_first(self, now: float, actions: list[Action]) -> None:
        if self.announced_first or not self._links_known:
            return
        vrfs = self.inventory.vrfs.values()
        waiting = any(vrf.reason is None and not vrf.ready for vrf in vrfs)
        if waiting and now < self._started + FIRST_DUMPS:
            return
        self.announced_first = True
        actions.append(FinishAnnouncement(any(vrf.preserved for vrf in vrfs)))

    def next_deadline(self) -> float | None:
        """Say when to call `reconcile` again if no event comes; None: never."""
        deadlines = [
            session.deadline
            for session in self.sessions.values()
            if session.deadline is not None
        ]
        others = (
            self._overran_at,
            self.retries.next_due(),
            self.inventory.next_due(),
            self.duplicates.next_due(),
            None if self.announced_first else self._started + FIRST_DUMPS,
        )
        deadlines.extend(other for other in others if other is not None)
        return min(deadlines, default=None)

    def flush(self) -> list[Action]:
        """Remove all that was installed and created (`--flush-on-exit`)."""
        actions: list[Action] = []
        for vrf in self.inventory.vrfs.values():
            actions.extend(remove_rows(vrf))
        actions.extend(self.inventory.remove_managed())
        return actions

    def clear_duplicate(self, vni: int, mac: bytes) -> bool:
        """Release a duplicate MAC; tells whether it was one."""
        return self.duplicates.clear((vni, mac), self.inventory.vrfs, self._notices)

    def resync(self, reason: str) -> None:
        """Ask for every dump again."""
        self.resyncs[reason] = self.resyncs.get(reason, 0) + 1
        self._overran_at = 0.0

    def _reconfigure(self, config: Config, now: float) -> None:
        self.config = config
        self._configure_peers(now)
        self.importer.configure(config)
        self.duplicates.settings = config.duplicate_detection
        for vrf in self.inventory.reconfigure(config):
            self._pending.extend(self.originator.withdraw_all(vrf))
            self._pending.extend(remove_rows(vrf))
        self._pending.extend(self.inventory.take_removals())

    def _configure_peers(self, now: float) -> None:
        wanted = {peer.address: peer for peer in self.config.peers}
        for peer in list(self.sessions):
            if peer not in wanted:
                self.sessions.pop(peer).rib.drop_all()
        for peer, config in wanted.items():
            session = self.sessions.get(peer)
            if session is None:
                session = self.sessions[peer] = Session(config, now)
                session.told_everything = self.settled
                if self.settled:
                    session.deadline = None
            session.config = config

    def _info(self, event: str, **fields: object) -> None:
        self._notices.append(Notice("info", event, fields))

    def _warn(self, event: str, **fields: object) -> None:
        self._notices.append(Notice("warning", event, fields))
