"""The kernel's tables as an engine knows them: where there is no kernel to read.

A replay runs on another host. Of rows it is known which are ours, which MACs tenants
have, and which keys have a row of somebody else; where such a row leads is not known.
"""

from collections.abc import Callable, Iterator
from typing import assert_never

from evpnd.core.engine import Engine
from evpnd.core.evi.local_macs import Origin
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.model.actions import (
    DumpFdb,
    DumpLinks,
    DumpNeighbors,
    LookUpMacs,
    MeasurePaths,
)
from evpnd.model.domain import NO_VTEP, Vtep
from evpnd.model.events import (
    Event,
    FdbDumped,
    LinksDumped,
    MacsLookedUp,
    NeighborsDumped,
    PathsMeasured,
)
from evpnd.model.ids import FLOOD_MAC, Ip
from evpnd.model.rows import (
    EVPND_PROTOCOL,
    NTF_EXT_LEARNED,
    NTF_ROUTER,
    NTF_SELF,
    NTF_STICKY,
    NUD_NOARP,
    NUD_PERMANENT,
    NUD_REACHABLE,
    NUD_STATIC,
    FdbRow,
    NeighborRow,
)
from evpnd.views.plan import Dump

THERE = True

_OF_ORIGIN = {
    Origin.DYNAMIC: (NUD_REACHABLE, 0),
    Origin.STATIC: (NUD_NOARP, 0),
    Origin.STICKY: (NUD_NOARP, NTF_STICKY),
}
"""State and flags of the row of a local MAC."""


def memory_of(engine: Engine) -> Callable[[Dump | LookUpMacs], Event]:
    """Return what answers dumps in place of the kernel."""

    def read(action: Dump | LookUpMacs) -> Event:
        vrfs = engine.inventory.vrfs.values()
        match action:
            case DumpLinks():
                return _links(engine)
            case DumpFdb(bridge):
                here = [vrf for vrf in vrfs if vrf.domain.bridge == bridge]
                return FdbDumped(bridge, [row for vrf in here for row in fdb_rows(vrf)])
            case LookUpMacs(domain, macs):
                rows = [
                    row
                    for vrf in vrfs
                    if vrf.domain == domain
                    for row in fdb_rows(vrf)
                    if row.mac in macs
                ]
                return MacsLookedUp(domain, macs, rows)
            case DumpNeighbors(ifindex):
                here = [vrf for vrf in vrfs if vrf.domain.svi == ifindex]
                found = [row for vrf in here for row in neighbor_rows(vrf)]
                return NeighborsDumped(ifindex, found)
            case MeasurePaths(vteps):
                known = engine.inventory.underlay.routes
                return PathsMeasured({v: known[v] for v in vteps if v in known})
            case _:
                assert_never(action)

    return read


def _links(engine: Engine) -> LinksDumped:
    links = engine.inventory.links
    addresses = frozenset(
        (ifindex, ip)
        for ifindex in links.by_index
        for ip in links.addresses_of(ifindex)
    )
    return LinksDumped(
        tuple(links.by_index.values()),
        addresses,
        links.vlans,
        links.lengths(),
        links.vni_filters,
    )


def fdb_rows(vrf: MacVrf) -> Iterator[FdbRow]:
    """Yield the FDB rows of an EVI, as far as they are known."""
    vlan, vxlan, vni = vrf.domain.vlan, vrf.domain.vxlan, vrf.domain.vni
    ours = NTF_SELF | NTF_EXT_LEARNED
    for mac in vrf.fdb.actual.keys() | vrf.fdb.partial.keys():
        vtep, bridged = vrf.fdb.halves(mac)
        if vtep:
            yield FdbRow(THERE, vxlan, mac, 0, NUD_STATIC, ours, vtep, vni)
        if bridged:
            state, flags = NUD_REACHABLE, NTF_EXT_LEARNED
            yield FdbRow(THERE, vxlan, mac, vlan, state, flags, NO_VTEP)
    state = NUD_NOARP | NUD_PERMANENT
    lists = ((vrf.floods.actual, ours), (vrf.floods.foreign, NTF_SELF))
    for vteps, flags in lists:
        for each in map(Vtep, map(Ip, vteps)):
            yield FdbRow(THERE, vxlan, FLOOD_MAC, 0, state, flags, each, vni)
    for mac, local in vrf.macs.local.items():
        state, flags = _OF_ORIGIN[local.origin]
        yield FdbRow(THERE, local.port, mac, vlan, state, flags, NO_VTEP)


def neighbor_rows(vrf: MacVrf) -> Iterator[NeighborRow]:
    """Yield the neighbours of an EVI's bridge that are ours."""
    for ip, known in vrf.neighbors.actual.items():
        state = NUD_PERMANENT if known.local else NUD_NOARP
        flags = NTF_EXT_LEARNED | (NTF_ROUTER if known.router else 0)
        yield NeighborRow(
            THERE, vrf.domain.svi, ip, known.mac, state, flags, EVPND_PROTOCOL
        )
