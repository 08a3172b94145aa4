"""The one thread that asks the kernel: rows, dumps and devices, first in, first out.

What it finds goes to the loop's thread by `call_soon_threadsafe`. An action that
fails costs that action alone; an error that nobody foresaw is raised in the loop.
"""

import asyncio
import errno
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from typing import assert_never

from evpnd.adapters.netlink import bpf
from evpnd.adapters.netlink.audit import audit_rows, audit_tables
from evpnd.adapters.netlink.bridges import change_bridge
from evpnd.adapters.netlink.device_changes import DeviceChange, change_devices
from evpnd.adapters.netlink.dump import (
    DumpInterruptedError,
    dump_links,
    dump_ports,
    dump_vlans,
    read_fdb,
    read_link,
    read_neighbors,
)
from evpnd.adapters.netlink.echoes import EchoCounter, is_explained
from evpnd.adapters.netlink.forwarding import enable_forwarding
from evpnd.adapters.netlink.jobs import (
    CloseSockets,
    Job,
    MeasureRest,
    Reach,
    ReadLinks,
)
from evpnd.adapters.netlink.listener import Listener, Recording
from evpnd.adapters.netlink.listing import Lister
from evpnd.adapters.netlink.lookup import look_up
from evpnd.adapters.netlink.pack import OF_MACS, Delete, Upsert, row_count
from evpnd.adapters.netlink.paths import measure_paths
from evpnd.adapters.netlink.port import (
    DeviceRefusedError,
    describe,
    link_name,
)
from evpnd.adapters.netlink.probe import ProbeSender
from evpnd.adapters.netlink.routes import dump_vrf
from evpnd.adapters.netlink.rtnl import RTM_DELNEIGH, RTM_NEWNEIGH
from evpnd.adapters.netlink.snoop import Snooper, open_port
from evpnd.adapters.netlink.writer import Writer
from evpnd.core.evi.readiness import Refusal
from evpnd.model.actions import (
    AuditRows,
    AuditTables,
    DumpFdb,
    DumpLinks,
    DumpNeighbors,
    DumpPorts,
    FlushVlan,
    ListMacs,
    LookUpMacs,
    MeasurePaths,
    OverrideLocalMacs,
    SendProbes,
    SnoopPorts,
)
from evpnd.model.bridge_actions import (
    AttachPorts,
    BridgeAction,
    MakeBridge,
    MakeSharedVxlan,
    MakeVlanDevices,
    MakeVxlanDevices,
    SetPortVlans,
    SetTunnels,
    SetVlanSuppression,
)
from evpnd.model.events import (
    AddressObserved,
    DeviceActionFailed,
    DevicesTried,
    Event,
    FdbObserved,
    KernelOverran,
    LinkObserved,
    LinkVanished,
    NeighborsObserved,
    PathsMeasured,
    ProbesRefused,
    RowsInDoubt,
)
from evpnd.model.vrf_actions import (
    DumpVrf,
    EnableForwarding,
    VrfRowAction,
)
from evpnd.model.vrf_events import NexthopsObserved, RoutesObserved

BULK = 64
"""More rows at once than this are written with their echoes muted."""
_RUN = 8192
"""Rows after which the echoes are heard again for a moment."""
PATHS_AT_ONCE = 64
"""Routes that are looked up before rows that wait meanwhile: some 3 ms."""
_DEVICES = 64
"""Most devices that are written to at once: a filter looks for them one by one."""
_FEW = 16
"""More devices than this are made with their notifications muted: each sends some ten,
and none of those is news after a dump of all links."""
_ROW_EVENTS = (FdbObserved, NeighborsObserved)
_ROUTE_EVENTS = (RoutesObserved, NexthopsObserved)
_LINK_EVENTS = (LinkObserved, LinkVanished, AddressObserved)


class Worker:
    """A daemon thread, its queue, and the socket that rows are written to."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        listener: Listener,
        snooper: Snooper,
        on_event: Callable[[Event], None],
    ) -> None:
        self._loop = loop
        self._listener = listener
        self._snooper = snooper
        self._on_event = on_event
        self._writer = Writer(self._tell, self._sent)
        self._echoes = EchoCounter()
        self._prober = ProbeSender()
        self._lister = Lister(lambda event: self._tell([event]), self._list_failed)
        self._jobs: deque[Job] = deque()
        self._wake = threading.Event()
        self._stopping = False
        self._submitted = 0
        self._awaited: tuple[int, Callable[[], None]] | None = None
        """Whom to call back once how many rows wait at most."""
        self._snooped = SnoopPorts(frozenset())
        self._thread = threading.Thread(target=self._run, name="netlink", daemon=True)

    def start(self) -> None:
        """Start to work."""
        self._thread.start()

    def submit(self, jobs: Sequence[Job]) -> None:
        """Queue jobs; from the loop's thread."""
        for job in jobs:
            if isinstance(job, Upsert | OverrideLocalMacs | Delete | VrfRowAction):
                self._submitted += row_count(job)
        self._jobs.extend(jobs)
        self._wake.set()

    def backlog(self) -> int:
        """Count the rows that are queued and not written yet."""
        return self._submitted - self._writer.written

    def call_when_few(self, most: int, few: Callable[[], None]) -> None:
        """Call back, in the loop, after a send that leaves at most so many rows."""
        self._awaited = most, few

    def stop(self) -> None:
        """Finish the job at hand, leave the others, end; blocks until then."""
        self._stopping = True
        self._wake.set()
        self._thread.join()
        self._lister.stop()

    def close(self) -> None:
        """Close the sockets, those too that wait in the queue for it; blocks."""
        self._writer.close()
        self._echoes.close()
        self._prober.close()
        for job in self._jobs:
            if isinstance(job, CloseSockets):
                _close(job.sockets)

    def _run(self) -> None:
        while not self._stopping:
            self._wake.wait()
            self._wake.clear()
            while self._jobs and not self._stopping:
                job = self._jobs.popleft()
                try:
                    self._do(job)
                except Exception as error:  # noqa: BLE001 - it is raised, over there
                    self._loop.call_soon_threadsafe(_raise, error)

    def _do(self, job: Job) -> None:
        if isinstance(job, Upsert | Delete):
            self._write(job)
            return
        if isinstance(job, OverrideLocalMacs | VrfRowAction):
            self._writer.write([job])
            return
        if isinstance(job, DeviceChange):
            self._change(job)
            return
        match job:
            case FlushVlan(domain):
                self._writer.flush_vlan(domain)
            case DumpLinks():
                self._read(lambda: [dump_links()], *_LINK_EVENTS)
            case ReadLinks(ifindexes, vlans):
                # A port that begins to map VLANs has a new map by then.
                if vlans:
                    self._read(lambda: [dump_vlans()])
                self._read(lambda: _read_links(ifindexes), *_LINK_EVENTS)
            case DumpFdb(bridge, many):
                self._read(lambda: [read_fdb(bridge, many=many)], FdbObserved)
            case DumpPorts(bridge, ports):
                self._read(lambda: [dump_ports(bridge, ports)], FdbObserved)
            case LookUpMacs():
                self._read(lambda: [look_up(job)], FdbObserved)
            case ListMacs():
                self._lister.ask(job)
            case DumpNeighbors():
                self._dump_neighbors(job)
            case DumpVrf():
                self._listener.hear_routes(self._loop, self._writer.port_id)
                self._read(lambda: [dump_vrf(job)], *_ROW_EVENTS, *_ROUTE_EVENTS)
            case EnableForwarding(devices):
                self._tell([enable_forwarding(devices)])
            case MeasurePaths(vteps):
                self._measure(vteps, {})
            case MeasureRest(vteps, mtus):
                self._measure(vteps, mtus)
            case AuditTables():
                self._read(lambda: [audit_tables(job)], *_ROW_EVENTS)
            case AuditRows():
                self._read(lambda: [audit_rows(job)], *_ROW_EVENTS)
            case (
                MakeBridge()
                | MakeVlanDevices()
                | MakeVxlanDevices()
                | MakeSharedVxlan()
                | AttachPorts()
                | SetPortVlans()
                | SetTunnels()
                | SetVlanSuppression()
            ):
                self._change_bridge(job)
            case SnoopPorts():
                self._snoop(job)
            case SendProbes():
                self._probe(job)
            case CloseSockets(sockets):
                _close(sockets)
            case Reach(reached):
                self._loop.call_soon_threadsafe(reached)
            case _:
                assert_never(job)

    def _sent(self) -> None:
        """Tell that few rows are left, if that is awaited; in the worker's thread."""
        awaited = self._awaited
        if awaited is not None and self.backlog() <= awaited[0]:
            self._awaited = None
            self._loop.call_soon_threadsafe(awaited[1])

    def _dump_neighbors(self, first: DumpNeighbors) -> None:
        """Dump the neighbours of a device, and of those that follow in the queue."""
        ifindexes = [first.ifindex]
        while self._jobs and isinstance(following := self._jobs[0], DumpNeighbors):
            ifindexes.append(following.ifindex)
            self._jobs.popleft()
        self._read(lambda: read_neighbors(ifindexes), NeighborsObserved)

    def _write(self, first: Upsert | Delete) -> None:
        """Write an action and those like it that follow in the queue."""
        run = self._take_run(first)
        rows = sum(map(row_count, run))
        written = self._writer.written
        try:
            if rows > BULK:
                self._write_muted(run)
            else:
                self._writer.write(run)
        finally:
            self._writer.written = written + rows

    def _take_run(self, first: Upsert | Delete) -> list[Upsert | Delete]:
        """Return from the queue what can be written with the first action."""
        alike = Upsert if isinstance(first, Upsert) else Delete
        run, rows, devices = [first], row_count(first), {first.domain.vxlan}
        while self._jobs and rows < _RUN:
            following = self._jobs[0]
            if not isinstance(following, Upsert | Delete) or not isinstance(
                following, alike
            ):
                break
            devices.add(following.domain.vxlan)
            if len(devices) > _DEVICES:
                break
            run.append(following)
            rows += row_count(following)
            self._jobs.popleft()
        return run

    def _write_muted(self, run: list[Upsert | Delete]) -> None:
        """Write many rows with notifications muted; report if others wrote, too."""
        of_macs = [action for action in run if isinstance(action, OF_MACS)]
        devices = {action.domain.vxlan for action in of_macs}
        rows = sum(map(row_count, of_macs))
        writer, listener, echoes = self._writer, self._listener.rows, self._echoes
        kind, mute = RTM_DELNEIGH, bpf.mute_deletes
        if isinstance(run[0], Upsert):
            kind, mute = RTM_NEWNEIGH, bpf.mute_upserts
        refused, halves = writer.refused, writer.halves
        echoes.start(bpf.count_echoes(kind, devices))
        bpf.attach(listener, mute(writer.port_id, devices))
        try:
            writer.write(run)
        finally:
            bpf.attach(listener, bpf.WITHOUT_GHOSTS)
            heard = echoes.count()
        refused, halves = writer.refused - refused, writer.halves - halves
        if not is_explained(heard, rows, refused, halves):
            self._tell([RowsInDoubt(frozenset(devices))])

    def _read(self, produce: Callable[[], Sequence[Event]], *kinds: type) -> None:
        """Read a table; deliver notifications from meanwhile again after it."""
        recording = self._listener.record(*kinds)
        events: Sequence[Event] = ()
        try:
            events = produce()
        except (DumpInterruptedError, OSError) as error:
            events = [KernelOverran(f"a dump failed: {error}")]
        finally:
            self._loop.call_soon_threadsafe(self._deliver_read, events, recording)

    def _measure(self, vteps: tuple[bytes, ...], mtus: dict[bytes, int]) -> None:
        """Look up some routes; what waits in the queue goes before the others."""
        found = mtus | measure_paths(vteps[:PATHS_AT_ONCE]).mtus
        rest = vteps[PATHS_AT_ONCE:]
        if rest:
            self._jobs.append(MeasureRest(rest, found))
        else:
            self._tell([PathsMeasured(found)])

    def _list_failed(self, error: Exception) -> None:
        if not isinstance(error, OSError):
            self._loop.call_soon_threadsafe(_raise, error)
        elif error.errno != errno.ENODEV:
            self._tell([KernelOverran(f"a dump failed: {error}")])

    def _change_bridge(self, action: BridgeAction) -> None:
        """Change devices of a bridge; what many tell of themselves is read at once."""
        # The kernel tells of a new alias only where the device is up: what it told of
        # a VLAN device before would be taken for the last word.
        many = isinstance(action, MakeVlanDevices) or (
            isinstance(action, MakeVxlanDevices) and len(action.devices) > _FEW
        )
        refused: Iterable[Refusal] = ()
        try:
            with self._listener.without_links() if many else nullcontext():
                refused = change_bridge(action)
        except (DumpInterruptedError, OSError) as error:
            self._tell([KernelOverran(f"a bridge was not changed: {error}")])
        if many:
            self._read(lambda: [dump_links()], *_LINK_EVENTS)
        told: list[Event] = [DeviceActionFailed(*each) for each in refused]
        if isinstance(action, MakeVlanDevices | MakeVxlanDevices):
            told.append(DevicesTried(frozenset(each.name for each in action.devices)))
        self._tell(told)

    def _change(self, action: DeviceChange) -> None:
        try:
            change_devices(action)
        except DeviceRefusedError as refused:
            self._tell([DeviceActionFailed(refused.device, refused.reason)])

    def _probe(self, action: SendProbes) -> None:
        try:
            self._prober.send(action)
        except OSError as error:
            self._tell([ProbesRefused(describe(error))])

    def _snoop(self, wanted: SnoopPorts) -> None:
        opened: dict[int, socket.socket] = {}
        before = self._snooped
        kept = (before.ports & wanted.ports) - (before.tagged ^ wanted.tagged)
        for port in wanted.ports - kept:
            try:
                sock = open_port(port, tagged=port in wanted.tagged)
            except OSError as error:
                reason = f"cannot watch ARP and ND: {describe(error)}"
                self._tell([DeviceActionFailed(link_name(port), reason)])
                continue
            if sock is not None:
                opened[port] = sock
        known = kept | opened.keys()
        self._snooped = SnoopPorts(known, wanted.tagged & known)
        self._loop.call_soon_threadsafe(self._adopt, wanted, opened)

    def _adopt(self, wanted: SnoopPorts, opened: dict[int, socket.socket]) -> None:
        unused = self._snooper.adopt(self._loop, wanted, opened)
        if unused:
            self.submit([CloseSockets(unused)])

    def _tell(self, events: Sequence[Event]) -> None:
        self._loop.call_soon_threadsafe(self._deliver, events)

    def _deliver(self, events: Sequence[Event]) -> None:
        for event in events:
            self._on_event(event)

    def _deliver_read(self, events: Sequence[Event], recording: Recording) -> None:
        self._deliver(events)
        self._deliver(self._listener.end(recording))


def _read_links(ifindexes: Iterable[int]) -> list[Event]:
    links = map(read_link, ifindexes)
    return [LinkObserved(link) for link in links if link is not None]


def _close(sockets: Iterable[socket.socket]) -> None:
    for sock in sockets:
        sock.close()


def _raise(error: Exception) -> None:
    raise error
