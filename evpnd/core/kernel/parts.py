"""Reads a large FDB in parts, while the EVI is already in service.

The kernel's dump of a large FDB is quadratic: 200,000 rows of remote MACs take it ten
seconds. So such a table is not waited for (docs/adr/0020). What the tenant ports have
is read first, and makes the EVI ready. The rows of a MAC are looked up by its key
before anything is decided about the MAC. The list of all MACs comes last, beside other
work: it tells of rows that no route asks for.
"""

from collections.abc import Collection, Iterable

from evpnd.core.evi.domains import Domains, begin_parts
from evpnd.core.evi.links import Links
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.core.kernel.observe import is_of_vlan, observe_fdb
from evpnd.core.local.tenants import Tenants
from evpnd.core.tables.drift import RESYNC
from evpnd.core.tables.reading import Reading
from evpnd.core.turn import Turn, soonest
from evpnd.model.actions import (
    Action,
    DumpNeighbors,
    DumpPorts,
    ListMacs,
    LookUpMacs,
)
from evpnd.model.events import FdbTooLarge, MacsListed, MacsLookedUp, PortsDumped
from evpnd.model.ids import FLOOD_MAC
from evpnd.model.rows import NTF_SELF, FdbRow

SLICE = 2_048
"""MACs that are looked up at once: some 20 ms of the thread that writes rows, too."""
PAUSE = 1.0
"""Seconds after which the kernel is asked again for what it did not answer."""
ReadingEvent = FdbTooLarge | PortsDumped | MacsLookedUp | MacsListed


def begin_all(
    vrfs: Collection[MacVrf], event: FdbTooLarge, links: Links, turn: Turn
) -> None:
    """Start to read the FDB of a bridge's EVIs in parts: its ports first."""
    if not vrfs:
        return
    for vrf in vrfs:
        if not vrf.fdb.known:
            vrf.preserved = vrf.domain.vxlan in event.ours
        vrf.mark_all()
        begin_parts(vrf, links.by_index)
    ports = frozenset[int]().union(*(vrf.ports for vrf in vrfs))
    turn.do(DumpPorts(event.bridge, ports | {event.bridge}))


def is_too_early(vrf: MacVrf) -> bool:
    """Return whether neighbours cannot be used yet: no local MAC is known."""
    return vrf.fdb.reading is not None and not vrf.fdb.known


def take_ports(
    domains: Domains, event: PortsDumped, tenants: Tenants, turn: Turn
) -> None:
    """Replace the state of ports, in all EVIs of a bridge.

    The first time, the neighbours follow; by these an EVI is ready.
    """
    missing: set[int] = set()
    for vrf, rows in domains.split(event.bridge, event.rows):
        if _take_ports(vrf, event, rows, tenants, turn):
            missing |= vrf.ports - event.ports
    if missing:
        turn.do(DumpPorts(event.bridge, frozenset(missing)))


def _take_ports(
    vrf: MacVrf, event: PortsDumped, rows: list[FdbRow], tenants: Tenants, turn: Turn
) -> bool:
    """Replace the state of ports; return whether they were the first of the EVI."""
    if event.bridge in event.ports:
        vrf.macs.forget_own()
    ports = event.ports
    gone = {mac for mac, local in vrf.macs.local.items() if local.port in ports}
    for row in rows:
        observe_fdb(vrf, row, tenants, turn)
        if row.ifindex in ports and is_of_vlan(vrf, row):
            gone.discard(row.mac)
    for mac in gone:
        tenants.flush(vrf, mac, turn)
    if vrf.fdb.known or vrf.fdb.reading is None:
        return False
    vrf.fdb.known = vrf.floods.known = True
    vrf.mark_all()
    if vrf.domain.svi:
        turn.do(DumpNeighbors(vrf.domain.svi))
    return True


def take_rows(vrf: MacVrf, event: MacsLookedUp, tenants: Tenants, turn: Turn) -> None:
    """Store the rows of MACs that were looked up."""
    reading = vrf.fdb.reading
    if reading is None or reading.asked != event.macs:
        return
    reading.asked = []
    own: dict[bytes, FdbRow] = {}
    bridged: dict[bytes, FdbRow] = {}
    for row in event.rows:
        (own if row.flags & NTF_SELF else bridged)[row.mac] = row
    with vrf.tables.found_by(RESYNC):
        for mac in event.macs:
            if mac not in own or mac not in bridged:
                reading.wanted[mac] = None
                reading.again_at = turn.now + PAUSE
                continue
            rows = own[mac], bridged[mac]
            reading.known.add(mac)
            if mac == FLOOD_MAC:
                _take_flood(vrf, reading, rows[0])
                continue
            vrf.fdb.look_at(mac)
            if reading.first and _is_ours(vrf, *rows):
                _adopt(vrf, reading, mac)
            if not _agree(vrf, mac, *rows):
                for found in rows:
                    observe_fdb(vrf, found, tenants, turn)


def take_list(vrf: MacVrf, event: MacsListed) -> None:
    """Store the MACs of a device: those that no route asked for are looked up."""
    reading = vrf.fdb.reading
    if reading is None or reading.number != event.reading:
        return
    known, floods = reading.known, vrf.floods
    reading.strays.update((mac, None) for mac in event.macs if mac not in known)
    if not event.last:
        return
    reading.listed = True
    if not reading.flood_known:
        floods.drop(floods.present() - event.flood.keys() - reading.flood_told)
    for vtep, ours in event.flood.items():
        if vtep in reading.flood_told or vtep in floods:
            continue
        floods.put(vtep, ours=ours)
        if not reading.first:
            continue
        if not ours:
            floods.unmarked.add(vtep)
        elif vtep not in reading.refuted:
            floods.adopted.add(vtep)


def end(vrf: MacVrf) -> None:
    """Record that the whole FDB is known: unwanted rows may be deleted."""
    vrf.fdb.reading = None
    vrf.tables.mark_adopted()


def ask(vrfs: Iterable[MacVrf], now: float, *, replaying: bool) -> list[Action]:
    """Request what is to be read next, a little at a time."""
    actions: list[Action] = []
    for vrf in vrfs:
        reading = vrf.fdb.reading
        if reading is None or not vrf.ready:
            continue
        macs = reading.take(SLICE, now)
        if macs:
            actions.append(LookUpMacs(vrf.domain, macs))
        if not (reading.listing or reading.wanted or replaying):
            # Until then it would be in the way of the others.
            reading.listing = True
            actions.append(ListMacs(vrf.domain, reading.number))
    return actions


def hides_tenants(vrf: MacVrf) -> bool:
    """Return whether MACs of ours wait for their rows, before they are announced."""
    reading = vrf.fdb.reading
    return reading is not None and reading.awaits((*vrf.macs.static, *vrf.macs.local))


def next_due(vrfs: Iterable[MacVrf]) -> float | None:
    """Return when to ask again."""
    found = None
    for vrf in vrfs:
        if vrf.fdb.reading is not None:
            found = soonest(found, vrf.fdb.reading.again_at)
    return found


def _is_ours(vrf: MacVrf, own: FdbRow, bridged: FdbRow) -> bool:
    here = bridged.present and bridged.ifindex == vrf.domain.vxlan
    return (own.present and own.is_ours) or (here and bridged.is_ours)


def _adopt(vrf: MacVrf, reading: Reading, mac: bytes) -> None:
    """Keep a row of an earlier run, unless its route is known to be withdrawn."""
    if mac in reading.known_before:
        return
    reading.adopted.add(mac)
    if mac not in reading.refuted:
        vrf.fdb.adopted.add(mac)


def _agree(vrf: MacVrf, mac: bytes, own: FdbRow, bridged: FdbRow) -> bool:
    """Store both rows of a MAC at once if nothing else is known of it.

    These are nearly all, and by the hundred thousand. Returns whether it was so.
    """
    if (
        mac in vrf.fdb.partial
        or mac in vrf.macs.local
        or mac in vrf.fdb.foreign
        or mac in vrf.fdb.fixed
        or mac in vrf.macs.own
        or mac in vrf.fdb.taken
        or mac in vrf.macs.displaced
    ):
        return False
    believed = vrf.fdb.actual.get(mac)
    if not own.present and not bridged.present:
        return believed is None
    if (
        own.present
        and own.is_ours
        and bridged.present
        and bridged.ifindex == vrf.domain.vxlan
        and bridged.is_ours
        and believed in (None, own.dst)
    ):
        vrf.fdb.actual[mac] = own.dst
        return True
    return False


def _take_flood(vrf: MacVrf, reading: Reading, row: FdbRow) -> None:
    """Store the first row of the flood list, whose marks are those of the whole list.

    A list that is ours is added to, whatever is in it: what is there stays as it is.
    One that somebody else has added to waits until all of it was read.
    """
    floods = vrf.floods
    floods.mark_all()
    if not row.present:
        reading.flood_known = True
        for vtep in floods.actual:
            floods.drift.lose(vtep)
        floods.drop(floods.present())
        return
    reading.flood_known = row.is_ours
    if not row.is_ours:
        return
    floods.drop(floods.present() - reading.flood_told)
    floods.put(row.dst, ours=True)
    if reading.first and row.dst not in reading.refuted:
        floods.adopted.add(row.dst)
