"""Compares the kernel's answer with what was believed when it was asked.

The kernel answers after all writes that were asked for before, and before all that
came later. So a row that we wrote or removed since is not judged, and what differs
otherwise was changed by somebody else.
"""

from collections.abc import Iterator
from typing import NamedTuple

from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.core.kernel.observe import neighbor_of
from evpnd.core.tables.neighbors import Neighbor
from evpnd.model.domain import NO_VTEP, Vtep
from evpnd.model.events import RowsAudited
from evpnd.model.ids import FLOOD_MAC, Ip
from evpnd.model.rows import NTF_SELF, FdbRow, NeighborRow


class Asked(NamedTuple):
    """The believed state of the rows that the kernel was asked for."""

    macs: dict[bytes, bytes]
    """MAC to VTEP: both rows are there."""
    ips: dict[bytes, Neighbor]
    flood: set[bytes]


class _Found(NamedTuple):
    """FDB rows by what they are looked up by."""

    own: dict[bytes, FdbRow]
    """Rows of the VXLAN device."""
    bridged: dict[bytes, FdbRow]
    """Bridge rows, on whatever port."""
    flood: dict[bytes, FdbRow]


def differences(
    vrf: MacVrf, asked: Asked, event: RowsAudited
) -> tuple[list[FdbRow], list[NeighborRow]]:
    """Return the rows that differ from the belief, in the form of notifications."""
    found = _sort(vrf, event.fdb)
    fdb = list(_changed_macs(vrf, asked, found, whole=event.whole))
    if event.whole:
        fdb.extend(_unknown_macs(vrf, asked, found))
        fdb.extend(_changed_flood(vrf, asked, found))
    if event.neighbors is None:
        return fdb, []
    rows = {row.ip: row for row in event.neighbors}
    neighbors = list(_changed_neighbors(vrf, asked, rows, whole=event.whole))
    if event.whole:
        neighbors.extend(
            row
            for ip, row in rows.items()
            if row.is_ours and ip not in asked.ips and ip not in vrf.neighbors.actual
        )
    return fdb, neighbors


def _sort(vrf: MacVrf, rows: list[FdbRow]) -> _Found:
    found = _Found({}, {}, {})
    vxlan, vlan, vni = vrf.domain.vxlan, vrf.domain.vlan, vrf.domain.vni
    for row in rows:
        if not row.flags & NTF_SELF:
            if vlan and row.vlan != vlan:
                continue
            # Of several VLANs the row on the VXLAN device says the most.
            if row.ifindex == vxlan or row.mac not in found.bridged:
                found.bridged[row.mac] = row
        elif row.ifindex == vxlan and row.vni == vni:
            if row.mac == FLOOD_MAC:
                found.flood[row.dst] = row
            else:
                found.own[row.mac] = row
    return found


def _changed_macs(
    vrf: MacVrf, asked: Asked, found: _Found, *, whole: bool
) -> Iterator[FdbRow]:
    rows, fixed, vxlan = vrf.fdb.actual, vrf.fdb.fixed, vrf.domain.vxlan
    own, bridged = found.own, found.bridged
    for mac, vtep in asked.macs.items():
        if rows.get(mac) != vtep:
            continue
        row = own.get(mac)
        if row is None:
            if whole:
                yield FdbRow(False, vxlan, mac, 0, 0, NTF_SELF, NO_VTEP)  # noqa: FBT003
        elif not (row.present and row.is_ours and row.dst == vtep):
            yield row
        row = bridged.get(mac)
        if row is None:
            if whole:
                yield FdbRow(False, vxlan, mac, vrf.domain.vlan, 0, 0, NO_VTEP)  # noqa: FBT003
        elif (
            not (row.present and row.ifindex == vxlan)
            or not (row.is_ours or row.is_fixed)
            or row.is_fixed != (mac in fixed)
        ):
            yield row


def _unknown_macs(vrf: MacVrf, asked: Asked, found: _Found) -> Iterator[FdbRow]:
    """Return rows on the VXLAN device for MACs of which we have no rows."""
    known, partial = asked.macs, vrf.fdb.partial
    rows, foreign, fixed = vrf.fdb.actual, vrf.fdb.foreign, vrf.fdb.fixed
    for mac, row in found.own.items():
        if mac in known or mac in rows:
            continue
        dst, _ = partial.get(mac, (b"", False))
        if (row.dst != dst) if row.is_ours else (mac not in foreign):
            yield row
    for mac in foreign - found.own.keys():
        yield FdbRow(False, vrf.domain.vxlan, mac, 0, 0, NTF_SELF, NO_VTEP)  # noqa: FBT003
    for mac, row in found.bridged.items():
        if row.ifindex != vrf.domain.vxlan or mac in known or mac in rows:
            continue
        _, in_bridge = partial.get(mac, (b"", False))
        if mac in vrf.macs.own:
            continue
        if (not in_bridge) if row.is_ours else (row.is_fixed and mac not in fixed):
            yield row


def _changed_flood(vrf: MacVrf, asked: Asked, found: _Found) -> Iterator[FdbRow]:
    flood = vrf.floods
    for vtep in asked.flood:
        if vtep not in found.flood and vtep in flood:
            hop = Vtep(Ip(vtep))
            yield FdbRow(False, vrf.domain.vxlan, FLOOD_MAC, 0, 0, NTF_SELF, hop)  # noqa: FBT003
    for vtep, row in found.flood.items():
        if vtep not in asked.flood and vtep not in flood:
            yield row


def _changed_neighbors(
    vrf: MacVrf, asked: Asked, rows: dict[bytes, NeighborRow], *, whole: bool
) -> Iterator[NeighborRow]:
    for ip, believed in asked.ips.items():
        if vrf.neighbors.actual.get(ip) != believed:
            continue
        row = rows.get(ip)
        if row is None:
            if whole:
                gone = NeighborRow(False, vrf.domain.svi, ip, b"", 0, 0, 0)  # noqa: FBT003
                yield gone
        elif not (row.present and row.is_ours and neighbor_of(row) == believed):
            yield row
