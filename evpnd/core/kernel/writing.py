"""The rows of each table, put together as the actions that write and delete them."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet

from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.core.tables.neighbors import Neighbor
from evpnd.model.actions import (
    Action,
    DeleteFlood,
    DeleteNeighbors,
    DeleteRemoteMacs,
    DeleteVxlanRows,
    OverrideLocalMacs,
    UpsertFlood,
    UpsertLocalNeighbors,
    UpsertNeighbors,
    UpsertRemoteMacs,
    UpsertVxlanRows,
)
from evpnd.model.domain import Hop


def write_macs(
    vrf: MacVrf, upserts: Mapping[bytes, Hop], leaving: AbstractSet[bytes]
) -> Iterator[Action]:
    """Write the two rows of MACs; `leaving` are taken from a tenant port by it.

    Where somebody else made the bridge row, the VXLAN row is written alone.
    """
    by_hop: defaultdict[Hop, list[bytes]] = defaultdict(list)
    overrides: defaultdict[Hop, list[bytes]] = defaultdict(list)
    for mac, hop in upserts.items():
        (overrides if mac in leaving else by_hop)[hop].append(mac)
    for hop, macs in overrides.items():
        yield OverrideLocalMacs(vrf.domain, hop, macs)
    for hop, macs in by_hop.items():
        both, alone = vrf.fdb.split_fixed(macs)
        if both:
            yield UpsertRemoteMacs(vrf.domain, hop, both)
        if alone:
            yield UpsertVxlanRows(vrf.domain, hop, alone)


def delete_macs(vrf: MacVrf, both: list[bytes], alone: list[bytes]) -> Iterator[Action]:
    """Delete the two rows of MACs, and of others the VXLAN row alone."""
    if both:
        yield DeleteRemoteMacs(vrf.domain, both)
    if alone:
        yield DeleteVxlanRows(vrf.domain, alone)


def write_neighbors(vrf: MacVrf, upserts: Mapping[bytes, Neighbor]) -> Iterator[Action]:
    """Write neighbours: those of remote hosts, and notes of tenants of ours."""
    remote: list[tuple[bytes, bytes, bool]] = []
    notes: list[tuple[bytes, bytes, bool]] = []
    for ip, (mac, router, local) in upserts.items():
        (notes if local else remote).append((ip, mac, router))
    if remote:
        yield UpsertNeighbors(vrf.domain, remote)
    if notes:
        yield UpsertLocalNeighbors(vrf.domain, notes)


def delete_neighbors(vrf: MacVrf, ips: list[bytes]) -> Iterator[Action]:
    """Delete neighbours."""
    if ips:
        yield DeleteNeighbors(vrf.domain, ips)


def write_vteps(vrf: MacVrf, upserts: Mapping[bytes, bytes]) -> Iterator[Action]:
    """Add VTEPs to the flood list."""
    if upserts:
        yield UpsertFlood(vrf.domain, sorted(upserts))


def delete_vteps(vrf: MacVrf, vteps: list[bytes]) -> Iterator[Action]:
    """Remove VTEPs from the flood list."""
    if vteps:
        yield DeleteFlood(vrf.domain, vteps)
