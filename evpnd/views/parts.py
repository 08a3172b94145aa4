"""Parts of the long tables, in order.

A table of 100,000 rows takes seconds to write. Here the keys are put in order, and only
the rows that are asked for are written.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from evpnd.core.bgp.select import best_for_ip, best_for_mac
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.model.ids import parse_ip
from evpnd.views import show
from evpnd.views.query import Query
from evpnd.views.vlans import vlan_of

Entry = dict[str, Any]
Wanted = Mapping[str, Any]
"""`limit` and `offset`, and filters: `vni`, `vlan`, `kind`, `vtep`."""

_LOCAL, _ROUTED = b"\0", b"\1"
"""What stands behind a MAC in a key: one that is known both ways has two rows."""


def macs(query: Query, wanted: Wanted) -> tuple[int, list[Entry]]:
    """Return how many MACs there are, and some of them by VNI and MAC."""
    part = _Part(wanted)
    for vrf in _vrfs(query, wanted):
        for key in part.cut(_mac_keys(vrf, wanted)):
            mac, routed = key[:-1], key.endswith(_ROUTED)
            if not routed:
                part.rows.append(show.local_mac(query, vrf, mac))
            elif (path := best_for_mac(vrf.routes, mac)) is not None:
                part.rows.append(show.remote_mac(query, vrf, mac, path))
    return part.total, part.rows


def neighbors(query: Query, wanted: Wanted) -> tuple[int, list[Entry]]:
    """Return how many bindings there are, and some of them by VNI and IP."""
    part = _Part(wanted)
    for vrf in _vrfs(query, wanted):
        for ip in part.cut(_ips(vrf, wanted)):
            mac = vrf.bindings.holder(ip)
            if mac is not None:
                part.rows.append(show.local_binding(query, vrf, ip, mac))
            elif (best := best_for_ip(vrf.routes, ip)) is not None:
                part.rows.append(show.remote_binding(query, vrf, ip, *best))
    return part.total, part.rows


class _Part:
    """What was counted and written so far."""

    def __init__(self, wanted: Wanted) -> None:
        self._first = int(wanted["offset"])
        self._end = self._first + int(wanted["limit"])
        self.total = 0
        self.rows: list[Entry] = []

    def cut(self, keys: Collection[bytes]) -> list[bytes]:
        """Count the keys of an EVI, and return those that are shown, in order."""
        first = max(0, self._first - self.total)
        end = max(0, self._end - self.total)
        self.total += len(keys)
        if first >= min(end, len(keys)):
            return []
        # Stable: IPv4 before IPv6, which is longer.
        return sorted(sorted(keys), key=len)[first:end]


def _vrfs(query: Query, wanted: Wanted) -> Iterator[MacVrf]:
    """Yield the EVIs that pass the filters, by VNI."""
    for vni, vrf in sorted(query.vrfs.items()):
        if wanted.get("vni") in (None, vni) and wanted.get("vlan") in (
            None,
            vlan_of(vrf),
        ):
            yield vrf


def _mac_keys(vrf: MacVrf, wanted: Wanted) -> set[bytes]:
    """Return the MACs of an EVI, each with how it is known."""
    kind, vtep = wanted.get("kind"), _vtep(wanted)
    macs = vrf.macs
    found: set[bytes] = set()
    if kind != "remote" and vtep in (None, vrf.vtep):
        found |= {mac + _LOCAL for mac in macs.local.keys() | macs.static.keys()}
    if kind != "local":
        routed = show.routed_macs(vrf) - macs.local.keys()
        routed -= {mac for mac in macs.static if macs.is_local(mac)}
        if vtep is not None:
            at = ((mac, best_for_mac(vrf.routes, mac)) for mac in routed)
            routed = {mac for mac, path in at if path and path.vtep == vtep}
        found |= {mac + _ROUTED for mac in routed}
    return found


def _ips(vrf: MacVrf, wanted: Wanted) -> set[bytes]:
    kind, vtep = wanted.get("kind"), _vtep(wanted)
    bindings = vrf.bindings
    local = {
        ip for ips in bindings.ips_of.values() for ip in ips if bindings.holder(ip)
    }
    found: set[bytes] = set()
    if kind != "remote" and vtep in (None, vrf.vtep):
        found |= local
    if kind != "local":
        remote = vrf.routes.macs_of.keys() - local
        if vtep is not None:
            at = ((ip, best_for_ip(vrf.routes, ip)) for ip in remote)
            remote = {ip for ip, best in at if best and best[1].vtep == vtep}
        found |= remote
    return found


def _vtep(wanted: Wanted) -> bytes | None:
    text = wanted.get("vtep")
    return None if text is None else bytes(parse_ip(text))
