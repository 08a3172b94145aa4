"""The model kernel with a VRF: its devices, its table, nexthop objects and routers.

It loses what Linux loses, and says as little about it: IPv4 routes and nexthop objects
of a device that goes down vanish without a notification. integration/test_vrf.py shows
that on the real kernel.
"""

import errno
from dataclasses import dataclass, field
from typing import Any

from evpnd.model.actions import (
    Action,
    DeleteNeighbors,
    DeleteVxlanRows,
    DumpLinks,
    UpsertNeighbors,
    UpsertVxlanRows,
)
from evpnd.model.domain import Domain
from evpnd.model.events import (
    Event,
    LinkObserved,
    LinksDumped,
    RowFailed,
)
from evpnd.model.rows import (
    EVPND_PROTOCOL,
    NTF_EXT_LEARNED,
    NTF_ROUTER,
    NTF_SELF,
    NUD_NOARP,
    NUD_STATIC,
    ROUTE_METRIC,
    RTN_UNICAST,
    RTN_UNREACHABLE,
    UNREACHABLE_METRIC,
    FdbRow,
    Link,
    NeighborRow,
    NexthopRow,
    RouteRow,
    VxlanLink,
)
from evpnd.model.vrf_actions import (
    DeleteNexthops,
    DeleteRoutes,
    DeleteUnreachable,
    DumpVrf,
    UpsertNexthopGroups,
    UpsertNexthops,
    UpsertRoutes,
    UpsertUnreachable,
)
from evpnd.model.vrf_events import NexthopsObserved, RoutesObserved, VrfDumped
from tests.fakes.kernel import FakeKernel

VRF, L3 = 50, 51
TABLE, L3_VNI = 1001, 9999
ROUTER_MAC = b"\2l3rmc"
DOMAIN = Domain(vxlan=L3, svi=L3)


@dataclass
class VrfKernel(FakeKernel):
    """VRF red with the VXLAN device of its L3 VNI inside, beside one EVI."""

    up: bool = True
    """The VXLAN device of the L3 VNI is."""
    routers: dict[bytes, FdbRow] = field(default_factory=dict)
    next_routers: dict[bytes, NeighborRow] = field(default_factory=dict)
    nexthops: dict[bytes, NexthopRow] = field(default_factory=dict)
    table: dict[tuple[bytes, int], RouteRow] = field(default_factory=dict)
    written: list[Action] = field(default_factory=list)
    """What the agent did to the VRF."""

    def links(self) -> tuple[Link, ...]:
        vxlan = VxlanLink(L3_VNI, self.vtep, 4789, learning=False, external=False)
        vrf = Link(VRF, "red", "vrf", True, True, 0, b"\2vrfvr", 65575, "", table=TABLE)
        return (*super().links(), vrf, self._l3(vxlan))

    def _l3(self, vxlan: VxlanLink) -> Link:
        up = self.up
        head = L3, "vx9999", "vxlan", up, up, VRF, ROUTER_MAC, 1500, ""
        return Link(*head, vxlan)

    def set_l3(self, *, up: bool) -> list[Event]:
        """The VXLAN device of the L3 VNI goes down, or up."""
        self.up = up
        if not up:
            self.nexthops.clear()
            self.next_routers.clear()
            for key, row in list(self.table.items()):
                if row.nexthop:
                    del self.table[key]
        return [LinkObserved(self.links()[-1])]

    def put_route(
        self, prefix: bytes, protocol: int, metric: int = 0, kind: int = RTN_UNICAST
    ) -> list[Event]:
        """Somebody else makes a route."""
        row = RouteRow(True, TABLE, prefix, protocol, metric, kind, b"")
        self.table[prefix, metric] = row
        return [RoutesObserved([row])]

    def take_route(self, prefix: bytes, metric: int = 0) -> list[Event]:
        """Somebody removes a route, whosever it is."""
        row = self.table.pop((prefix, metric), None)
        return [] if row is None else [RoutesObserved([row._replace(present=False)])]

    def take_nexthops(self) -> list[Event]:
        """Somebody flushes the nexthop objects; the routes go with them, unsaid."""
        gone = [row._replace(present=False) for row in self.nexthops.values()]
        self.nexthops.clear()
        for key, row in list(self.table.items()):
            if row.nexthop:
                del self.table[key]
        return [NexthopsObserved(gone)]

    def ours(self) -> dict[bytes, tuple[tuple[bytes, bytes, bytes], ...]]:
        """Follow our routes: prefix to (gateway, MAC, VTEP) of each router."""
        found = {}
        for (prefix, metric), row in self.table.items():
            if row.is_ours and metric == ROUTE_METRIC:
                found[prefix] = tuple(sorted(map(self._router, self._legs(row))))
        return found

    def _legs(self, row: RouteRow) -> list[bytes]:
        nexthop = self.nexthops[row.nexthop]
        members = nexthop.members
        rows = [self.nexthops[each] for each in members] if members else [nexthop]
        return [each.gateway for each in rows]

    def _router(self, gateway: bytes) -> tuple[bytes, bytes, bytes]:
        mac = self.next_routers[gateway].mac
        return gateway, mac, self.routers[mac].dst

    def needed(self) -> list[object]:
        """Return what routes of ours need, whether there are any or not."""
        return [*self.nexthops, *self.next_routers, *self.routers]

    def ends(self) -> set[bytes]:
        """Return the prefixes that are refused at the end of the table."""
        return {
            prefix
            for (prefix, metric), row in self.table.items()
            if row.kind == RTN_UNREACHABLE and metric == UNREACHABLE_METRIC
        }

    def apply(self, action: Action) -> list[Event]:
        domain: Any = getattr(action, "domain", None)
        if isinstance(action, DumpLinks):
            (dumped,) = super().apply(action)
            assert isinstance(dumped, LinksDumped)
            return [dumped._replace(links=self.links())]
        if domain is not None and domain.vxlan != L3:
            return super().apply(action)
        found = self._apply(action)
        if found is None:
            return super().apply(action)
        if not isinstance(action, DumpVrf):
            self.written.append(action)
        return found

    def _apply(self, action: Action) -> list[Event] | None:
        match action:
            case DumpVrf(domain, table):
                assert (domain, table) == (DOMAIN, TABLE)
                rows = (self.routers, self.next_routers, self.nexthops, self.table)
                return [VrfDumped(domain, table, *(list(r.values()) for r in rows))]
            case UpsertVxlanRows(_, vtep, macs):
                for mac in macs:
                    flags = NTF_SELF | NTF_EXT_LEARNED
                    self.routers[mac] = FdbRow(
                        True, L3, mac, 0, NUD_STATIC, flags, vtep
                    )
            case DeleteVxlanRows(_, macs):
                for mac in macs:
                    self.routers.pop(mac, None)
            case UpsertNeighbors(_, bindings):
                for ip, mac, router in bindings:
                    assert router
                    flags = NTF_EXT_LEARNED | NTF_ROUTER
                    self.next_routers[ip] = NeighborRow(
                        True, L3, ip, mac, NUD_NOARP, flags, EVPND_PROTOCOL
                    )
            case DeleteNeighbors(_, ips):
                for ip in ips:
                    self.next_routers.pop(ip, None)
            case UpsertNexthops(_, nexthops):
                for key, gateway in nexthops:
                    self.nexthops[key] = NexthopRow(
                        True, key, L3, gateway, (), EVPND_PROTOCOL
                    )
            case UpsertNexthopGroups(_, groups):
                for key, members in groups:
                    assert self.nexthops.keys() >= set(members)
                    self.nexthops[key] = NexthopRow(
                        True, key, 0, b"", members, EVPND_PROTOCOL
                    )
            case DeleteNexthops(_, keys):
                for key in keys:
                    self.nexthops.pop(key, None)
                # Else it would take routes and groups with it.
                left = [row.nexthop for row in self.table.values() if row.nexthop]
                left += [each for row in self.nexthops.values() for each in row.members]
                assert self.nexthops.keys() >= set(left)
            case UpsertRoutes(_, nexthop, prefixes):
                return self._upsert_routes(nexthop, prefixes)
            case DeleteRoutes(_, prefixes):
                for prefix in prefixes:
                    gone = self.table.pop((prefix, ROUTE_METRIC), None)
                    assert gone is None or gone.is_ours
            case UpsertUnreachable(_, prefixes):
                for prefix in prefixes:
                    self._end(prefix)
            case DeleteUnreachable(_, prefixes):
                for prefix in prefixes:
                    gone = self.table.pop((prefix, UNREACHABLE_METRIC), None)
                    assert gone is None or gone.is_ours
            case _:
                return None
        return []

    def _upsert_routes(self, nexthop: bytes, prefixes: list[bytes]) -> list[Event]:
        failed: list[Event] = []
        for prefix in prefixes:
            old = self.table.get((prefix, ROUTE_METRIC))
            assert old is None or old.is_ours
            if prefix in self.refused or nexthop not in self.nexthops:
                code = errno.EINVAL
                failed.append(RowFailed("route", TABLE, prefix, code, deleting=False))
                continue
            self.table[prefix, ROUTE_METRIC] = RouteRow(
                *(True, TABLE, prefix, EVPND_PROTOCOL, ROUTE_METRIC, RTN_UNICAST),
                nexthop,
            )
        return failed

    def _end(self, prefix: bytes) -> None:
        key = prefix, UNREACHABLE_METRIC
        assert key not in self.table or self.table[key].is_ours
        self.table[key] = RouteRow(
            *(True, TABLE, prefix, EVPND_PROTOCOL, UNREACHABLE_METRIC),
            *(RTN_UNREACHABLE, b""),
        )
