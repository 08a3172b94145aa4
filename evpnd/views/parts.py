"""Parts of the long tables, in order.

A table of 100,000 rows takes seconds to write. Here the keys are put in order, and only
the rows that are asked for are written.
"""

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from evpnd.core.bgp.path import Path
from evpnd.core.bgp.select import best_for_ip, best_for_mac
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.model.ids import parse_ip
from evpnd.views import show
from evpnd.views.query import Query
from evpnd.views.vlans import vlan_of

Entry = dict[str, Any]
Wanted = Mapping[str, Any]
"""`limit` and `offset`, and filters: `vni`, `vlan`, `kind`, `vtep`."""

T = TypeVar("T")
_Mac = tuple[MacVrf, bytes, Path | None]
_Binding = tuple[MacVrf, bytes, bytes, Path | None]


def macs(query: Query, wanted: Wanted) -> tuple[int, list[Entry]]:
    """Return how many MACs there are, and some of them by VNI and MAC."""
    total, found = _cut(_macs(query, wanted), wanted)
    rows = [
        show.local_mac(query, vrf, mac)
        if path is None
        else show.remote_mac(query, vrf, mac, path)
        for vrf, mac, path in found
    ]
    return total, rows


def neighbors(query: Query, wanted: Wanted) -> tuple[int, list[Entry]]:
    """Return how many bindings there are, and some of them by VNI and IP."""
    total, found = _cut(_bindings(query, wanted), wanted)
    rows = [
        show.local_binding(query, vrf, ip, mac)
        if path is None
        else show.remote_binding(query, vrf, ip, mac, path)
        for vrf, ip, mac, path in found
    ]
    return total, rows


def _cut(found: list[T], wanted: Wanted) -> tuple[int, list[T]]:
    first = int(wanted["offset"])
    return len(found), found[first : first + int(wanted["limit"])]


def _vrfs(query: Query, wanted: Wanted) -> Iterator[MacVrf]:
    """Yield the EVIs that pass the filters, by VNI."""
    for vni, vrf in sorted(query.vrfs.items()):
        if wanted.get("vni") in (None, vni) and wanted.get("vlan") in (
            None,
            vlan_of(vrf),
        ):
            yield vrf


def _macs(query: Query, wanted: Wanted) -> list[_Mac]:
    found: list[_Mac] = []
    kind, vtep = wanted.get("kind"), _vtep(wanted)
    for vrf in _vrfs(query, wanted):
        here: list[_Mac] = []
        if kind != "remote" and vtep in (None, vrf.vtep):
            local = vrf.macs.local.keys() | vrf.macs.static.keys()
            here += [(vrf, mac, None) for mac in local]
        if kind != "local":
            for mac in show.routed_macs(vrf):
                path = best_for_mac(vrf.routes, mac)
                if path is None or vrf.macs.is_local(mac):
                    continue
                if vtep in (None, path.vtep):
                    here.append((vrf, mac, path))
        found += sorted(here, key=lambda each: (each[1], each[2] is not None))
    return found


def _bindings(query: Query, wanted: Wanted) -> list[_Binding]:
    found: list[_Binding] = []
    kind, vtep = wanted.get("kind"), _vtep(wanted)
    for vrf in _vrfs(query, wanted):
        here: list[_Binding] = []
        if kind != "remote" and vtep in (None, vrf.vtep):
            here += [
                (vrf, ip, mac, None)
                for mac, ips in vrf.bindings.ips_of.items()
                for ip in ips
                if vrf.bindings.holder(ip) == mac
            ]
        if kind != "local":
            for ip in vrf.routes.macs_of:
                best = best_for_ip(vrf.routes, ip)
                if best is None or vrf.bindings.holder(ip) is not None:
                    continue
                if vtep in (None, best[1].vtep):
                    here.append((vrf, ip, *best))
        found += sorted(here, key=lambda each: (len(each[1]), each[1]))
    return found


def _vtep(wanted: Wanted) -> bytes | None:
    text = wanted.get("vtep")
    return None if text is None else bytes(parse_ip(text))
