"""The engine: events in, desired state, difference out.

`handle` absorbs and marks; `reconcile` compares the marked keys and hands out
actions; `next_deadline` says when to call it again. No input, output, clock or
logging: the same events end in the same state, however they were grouped.
"""

from evpnd.core.announce import prefixes
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
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.core.kernel import parts, vrf_rows
from evpnd.core.kernel.moving import follow
from evpnd.core.kernel.reconcile import Pass, is_dirty, reconcile
from evpnd.core.kernel.removal import let_go, remove_rows
from evpnd.core.kernel.rows import KernelRows, RowEvent
from evpnd.core.local.tenants import Tenants
from evpnd.core.turn import Turn, soonest
from evpnd.core.vrf.forwarding import tell_forwarding
from evpnd.core.vrf.ip_vrf import IpVrf
from evpnd.core.vrf.ip_vrfs import IpVrfs, Left
from evpnd.model.actions import (
    Action,
    DumpLinks,
    FinishAnnouncement,
)
from evpnd.model.config import Config, PeerConfig
from evpnd.model.events import (
    AddressObserved,
    BindingsSnooped,
    ConfigChanged,
    DeviceActionFailed,
    DevicesTried,
    Event,
    LinkObserved,
    LinksDumped,
    LinkVanished,
    PathsMeasured,
    ProbesRefused,
    UpdateReceived,
    VlansObserved,
)
from evpnd.model.vrf_events import ForwardingChanged


class Engine:
    """All state of one daemon."""

    def __init__(self, config: Config, now: float) -> None:
        """Start with the configuration; nothing else is known."""
        self.config = config
        self.inventory = Inventory(config)
        self.ip_vrfs = IpVrfs(config, self.inventory)
        self.importer = Importer(config)
        self._turn = Turn(now)
        self.peering = Peering(config, self.importer, self._turn)
        self.originator = Originator()
        self.originator.ask_how_learned((), asked=asks_how_learned(config))
        self.exporter = Exporter(config, self._export_policy)
        self.tenants = Tenants(config.duplicate_detection, self.inventory.links, now)
        self.rows = KernelRows(
            self.inventory, self.ip_vrfs, self.tenants, self.importer, now=now
        )
        self.announced_first = False
        self._turn.do(DumpLinks())
        self._links_known = False

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
            case _ if isinstance(event, RowEvent):
                self.rows.handle(event, turn)
            case BindingsSnooped():
                inventory = self.inventory
                return self.tenants.hear(
                    event, inventory.domains, inventory.links.vlans, turn
                )
            case ProbesRefused(reason):
                self.tenants.prober.stop(reason, turn)
            case LinksDumped():
                self.inventory.replace_links(event)
                self._links_known = True
            case PathsMeasured(mtus):
                self.inventory.take_paths(mtus)
            case LinkObserved(link):
                self.inventory.observe(link)
            case VlansObserved():
                self.inventory.observe_vlans(event)
            case LinkVanished(ifindex):
                self.inventory.vanish(ifindex)
            case AddressObserved():
                self.inventory.observe_address(event)
            case DeviceActionFailed(device, reason):
                if self.inventory.device_failed(device, reason, now):
                    turn.warn("device_refused", device=device, reason=reason)
            case DevicesTried(devices):
                self.inventory.devices_tried(devices)
            case ForwardingChanged():
                tell_forwarding(event, turn)
            case ConfigChanged(config):
                self._reconfigure(config, turn)
            case _:
                self.peering.handle(event, turn)
        return True

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
        self.rows.retries.release(now, self._with_vni)
        if not self.peering.replaying:
            if not self.announced_first and self._all_read():
                let_go(vrfs, self.peering.bygone.release(self.importer))
            self._reconcile_vrfs(turn)
        # The kernel answers questions after the writes, and so with their outcome.
        self.rows.ask(turn, replaying=bool(self.peering.replaying))
        # A new peer is told what the others have been told by now.
        ip_vrfs = self.ip_vrfs.vrfs
        turn.do_last(self.originator.tell_new_peers(vrfs.values(), ip_vrfs.values()))
        # Each peer is told it in the form for it, once all is known that is told.
        actions = self.exporter.export(turn.take_actions(), vrfs, ip_vrfs)
        self._announce_first(actions)
        self.importer.tell(self.peering.sessions, turn)
        actions.extend(turn.take_notices())
        return actions

    def _reconcile_vrfs(self, turn: Turn) -> None:
        work = Pass(turn, self.originator, self.tenants, self.rows.repaired)
        vrfs, tenants = self.inventory.vrfs, self.tenants
        # Duplicates that are over and tenants that do not answer change the rows.
        tenants.expire(vrfs, turn)
        tenants.prober.ask_due(vrfs, turn)
        for vrf in vrfs.values():
            tenants.bindings.restore(vrf, turn)
            vrf.take_touched()
            if vrf.config.vrf is not None and vrf.neighbors.dirty:
                self.ip_vrfs.touch_hosts(vrf)
            if vrf.floods.is_dirty:
                self.inventory.underlay.expect(turn.now)
            if is_dirty(vrf):
                reconcile(vrf, work)
        self._reconcile_ip_vrfs(turn)
        # Rows that go to another VTEP, or come from one, are a reason to ask tenants.
        tenants.prober.ask_new(vrfs, turn)
        turn.do_all(self.inventory.underlay.ask(turn.now, vrfs.values()))
        # Routes of equal adverts go out together, of all EVIs.
        turn.do_all(self.originator.flush())

    def _reconcile_ip_vrfs(self, turn: Turn) -> None:
        for vrf in self.ip_vrfs.vrfs.values():
            vrf.take_touched()
            turn.do_all(vrf_rows.reconcile(vrf, turn, self.rows.repaired))
            turn.do_all(prefixes.announce(vrf))

    def _with_vni(self, vni: int) -> MacVrf | IpVrf | None:
        return self.inventory.vrfs.get(vni) or self.ip_vrfs.vrfs.get(vni)

    def _end_waits(self, turn: Turn) -> None:
        """Stop waiting for peers, and for the kernel after an overrun."""
        if self.peering.expire(turn):
            for vrf in self.inventory.vrfs.values():
                vrf.tables.mark_adopted()
            for ip_vrf in self.ip_vrfs.vrfs.values():
                ip_vrf.tables.mark_adopted()
        self.rows.read_anew(turn)

    def _stand_on_devices(self, turn: Turn) -> None:
        placed: list[Action] = []
        for change in self.inventory.stand(turn, placed):
            match change:
                case Changed():
                    for vrf in change.gone:
                        turn.do_all(self.originator.withdraw_all(vrf))
                        turn.do_all(self._leave(vrf))
                    self._follow_evis(change, turn)
                case UnderlayChanged():
                    self.importer.doubt()
                case _:
                    placed.extend(follow(change, self.tenants, turn))
        for left in self.ip_vrfs.stand(turn):
            self._leave_ip_vrf(left, turn)
        # Dumps come last: an EVI that is ready hears its tenants already.
        turn.do_all(placed)

    def _leave_ip_vrf(self, left: Left, turn: Turn) -> None:
        """Remove our rows of a VRF from where it stood, and its routes with it."""
        vrf = left.vrf
        turn.do_all(vrf_rows.remove_rows(vrf))
        vrf.forget_kernel()
        if left.gone:
            turn.do_all(prefixes.withdraw_all(vrf))

    def _leave(self, vrf: MacVrf) -> list[Action]:
        """Remove our rows of an EVI that was discovered, where its devices still are.

        A VXLAN device for many VNIs keeps the rows of a VNI that it loses.
        """
        links, domain = self.inventory.links.by_index, vrf.domain
        vxlan, bridge = domain.vxlan in links, domain.svi in links
        bridged = vxlan and links[domain.vxlan].master == domain.bridge
        return remove_rows(vrf, vxlan=vxlan, bridge=bridge, bridged=bridged)

    def _import_anew(self) -> None:
        """Judge all routes again, where something else decides about them now."""
        if not (self.importer.is_outdated and self._links_known):
            return
        inventory = self.inventory
        vrfs = inventory.vrfs.values()
        for vrf in vrfs:
            vrf.mark_all()
        ip_vrfs = self.ip_vrfs.vrfs.values()
        for ip_vrf in ip_vrfs:
            ip_vrf.mark_all()
        self.importer.judge_all(
            self.peering.sessions.values(),
            [*(vrf.routes for vrf in vrfs), *(vrf.routes for vrf in ip_vrfs)],
            frozenset([*(vrf.rd for vrf in vrfs), *(vrf.rd for vrf in ip_vrfs)]),
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
        ip_vrfs = self.ip_vrfs.vrfs.values()
        return self._links_known and not (
            any(
                vrf.reason is None and (not vrf.ready or parts.hides_tenants(vrf))
                for vrf in vrfs
            )
            or any(vrf.reason is None and not vrf.ready for vrf in ip_vrfs)
        )

    def next_deadline(self) -> float | None:
        """Return when to call `reconcile` again if no event comes; None: never."""
        return soonest(
            self.peering.next_due(),
            self.inventory.next_due(),
            self.inventory.underlay.due,
            self.tenants.next_due(),
            self.importer.findings.next_due(self.peering.sessions),
            self.rows.next_due(),
        )

    def flush(self) -> list[Action]:
        """Remove all that was installed and created (`--flush-on-exit`)."""
        actions: list[Action] = []
        for vrf in self.inventory.vrfs.values():
            actions.extend(remove_rows(vrf))
        for ip_vrf in self.ip_vrfs.vrfs.values():
            actions.extend(vrf_rows.remove_rows(ip_vrf))
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
        for left in self.ip_vrfs.reconfigure(config):
            self._leave_ip_vrf(left, turn)
            self.importer.doubt()
        self._follow_evis(evis, turn)

    def _follow_evis(self, evis: Changed, turn: Turn) -> None:
        """Forget the state of removed EVIs; apply the new RDs of others."""
        first, last = rename(evis.renamed, self.originator)
        turn.do_all(first)
        turn.do_last(last)
        if evis.others:
            self.importer.doubt()
            self.rows.retries.forget(
                self.inventory.vrfs.keys() | self.ip_vrfs.vrfs.keys()
            )
            self.tenants.duplicates.forget(self.inventory.vrfs)

    def _export_policy(self, peer: PeerConfig) -> ExportPolicy | None:
        """Return the policies between our EVIs and a peer."""
        if not needs_judging(peer, self.config):
            return None
        attached = self.importer.attached
        return PeerExport(
            peer, self.config, attached, self.inventory.vrfs, self.ip_vrfs.vrfs
        )
