"""`show routes`: every route received, and whether it is used."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evpnd.core.bgp.adj_rib_in import OTHERS
from evpnd.core.bgp.import_policy import Fate
from evpnd.core.bgp.imports import fate, other_fate
from evpnd.core.bgp.other_routes import prefix_of
from evpnd.core.bgp.path import Path, why_better
from evpnd.core.bgp.peer_diagnostics import of_imet, of_mac_ip
from evpnd.core.bgp.rewriting import find_rewriting
from evpnd.core.bgp.select import best_for_ip, mac_candidates
from evpnd.core.bgp.session import Session
from evpnd.core.bgp.slots import best
from evpnd.core.bgp.vrf_routes import VrfRoutes, host_prefix
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.core.reasons import Reason, sentence
from evpnd.core.want import macs as want_macs
from evpnd.core.want import neighbors as want_neighbors
from evpnd.model.community_text import format_community, format_large_community
from evpnd.model.ids import (
    IPV4_LENGTH,
    format_ip,
    format_mac,
    format_rd,
    format_route_target,
)
from evpnd.model.key import IP, MAC
from evpnd.model.routes import (
    IMMUTABLE,
    OVERRIDE,
    ROUTER,
    EthernetAdRoute,
    EthernetSegmentRoute,
    ImetRoute,
    IpPrefixRoute,
    OtherRoute,
    PathAttributes,
)
from evpnd.views.query import Query
from evpnd.views.vlans import vlan_of

Entry = dict[str, Any]
_UNUSED = "routes of this type are kept, but not used"


def flags_of(path: Path, ip: bytes) -> int:
    """Return what a route says of its binding (RFC 9047, section 3.2).

    R and O mean nothing with IPv4; IPv6 without the community is a host with O set.
    """
    flags = path.attributes.arp_nd_flags
    if len(ip) == IPV4_LENGTH:
        return (flags or 0) & IMMUTABLE
    return OVERRIDE if flags is None else flags


def arp_nd(flags: int) -> Entry:
    """Write the flags of a binding (RFC 9047)."""
    return {
        "router": bool(flags & ROUTER),
        "override": bool(flags & OVERRIDE),
        "immutable": bool(flags & IMMUTABLE),
    }


def routes(query: Query) -> Iterator[Entry]:
    """List the routes received, whether used or not."""
    for session in query.sessions.values():
        rewriting = find_rewriting(session)
        vrfs = query.vrfs
        # What a path says is written once for its thousands of routes.
        shared: dict[Path, Entry] = {}
        for source, table in session.rib.mac_ip.items():
            for key, path in table.items():
                imported = session.imports[path]
                said = shared.get(path)
                if said is None:
                    said = shared[path] = _path_entry(session, path, 2)
                    said["vni"] = int.from_bytes(path.labels[:3])
                    said["notes"] = of_mac_ip(path, imported, rewriting)
                entry = _mac_ip_entry(vrfs, key, path, said, fate(path, imported, key))
                entry["since"] = session.rib.since(source, key, path)
                yield entry
        for which, (route, path) in session.rib.others.items():
            entry = _other_entry(vrfs, session, route, path)
            entry["since"] = session.rib.since(OTHERS, which, path)
            yield entry


def _mac_ip_entry(
    vrfs: Mapping[int, MacVrf], key: bytes, path: Path, said: Entry, judged: Fate
) -> Entry:
    mac, ip = key[MAC], key[IP]
    entry = {**said, "mac": format_mac(mac)}
    if ip:
        entry["ip"] = format_ip(ip)
        entry.update(arp_nd(flags_of(path, ip)))
    _tell_fate(entry, judged)
    takers = _takers(vrfs, judged)
    entry["vlan"] = _vlan([vrf for vrf, _ in takers])
    reasons = [_why_not(vrf, mac, taken) for vrf, taken in takers]
    entry["best"] = any(reason is None for reason in reasons)
    routed = [each for each, _ in judged.takers if isinstance(each, VrfRoutes)]
    if ip and not takers and routed:
        # No EVI of this host has it: it is a host that the VRF leads to.
        reasons += [_why_no_host(each, ip, path) for each in routed]
        entry["best"] = None in reasons
    if entry["accepted"] and not entry["best"]:
        lost = [reason for reason in (*reasons, entry["reason"]) if reason]
        entry["reason"] = "; ".join(lost)
    elif ip and entry["best"] and not entry["reason"]:
        lost = [why for vrf, _ in takers if (why := _why_unbound(vrf, mac, ip))]
        entry["reason"] = f"used for its MAC only: {'; '.join(lost)}" if lost else None
    return entry


def _why_no_host(vrf: VrfRoutes, ip: bytes, path: Path) -> str | None:
    """Return why a host is not routed on a path in a VRF that imports it."""
    leading = vrf.leading(host_prefix(ip))
    if any(each.source is path for each in leading):
        return None
    better = leading[0] if leading else path
    where = f"{format_ip(better.vtep)} from peer {better.peer}"
    return f"{where} is better in {vrf.config.title}"


def _takers(vrfs: Mapping[int, MacVrf], judged: Fate) -> list[tuple[MacVrf, Path]]:
    """Return the EVIs that import a route, each with what its policies made of it."""
    return [
        (vrf, taken)
        for evi, taken in judged.takers
        if (vrf := vrfs.get(evi.config.vni)) is not None
    ]


def _vlan(takers: Sequence[MacVrf]) -> int | None:
    """Return the VLAN that a route is imported into; of several, that of the first."""
    return vlan_of(takers[0]) if takers else None


def _why_unbound(vrf: MacVrf, mac: bytes, ip: bytes) -> str | None:
    """Return what an IP is bound to in place of this MAC; None: to this one."""
    local = vrf.bindings.holder(ip)
    if local is not None:
        where = f"the local MAC {format_mac(local)}"
    elif want_neighbors.decide(vrf, ip) is Reason.NO_HOST:
        return sentence(Reason.NO_HOST, ip=format_ip(ip))
    elif len(vrf.routes.macs_of.get(ip, ())) > 1 and (
        found := best_for_ip(vrf.routes, ip)
    ):
        other, path = found
        if other == mac:
            return None
        where = f"{format_mac(other)} at {format_ip(path.vtep)}"
    else:
        return None
    return f"{format_ip(ip)} is bound to {where} in {vrf.config.name}"


def _tell_fate(entry: Entry, judged: Fate) -> None:
    """Add the import policies' verdict on a route to its entry."""
    entry["accepted"] = judged.reason is None
    refused = [f"not into {evi.config.name}: {why}" for evi, why in judged.refusals]
    entry["reason"] = judged.reason if len(refused) < 2 else None
    if refused and entry["reason"] is None:
        entry["reason"] = "; ".join(refused)
    entry["policies"] = [outcome.rules for outcome in judged.outcomes]
    if judged.takers:
        entry.update(_policy_attributes(judged.takers[0][1].attributes))


def _why_not(vrf: MacVrf, mac: bytes, path: Path) -> str | None:
    if mac in vrf.macs.frozen:
        return sentence(Reason.FROZEN)
    lost = want_macs.why_no_row(vrf, mac)
    reason = None if lost is None else sentence(lost, evi=vrf.config.name)
    if lost in (Reason.LOCAL, Reason.OPERATORS_ROW):
        return reason
    chosen = best(mac_candidates(vrf.routes, mac))
    if chosen is not path and chosen is not None and chosen.rank < path.rank:
        same = chosen.vtep == path.vtep
        where = "the same VTEP" if same else format_ip(chosen.vtep)
        return f"{where} from peer {chosen.peer} is better: {why_better(chosen, path)}"
    return reason


def _other_entry(
    vrfs: Mapping[int, MacVrf], session: Session, route: OtherRoute, path: Path
) -> Entry:
    imported = session.imports[path]
    match route:
        case ImetRoute():
            entry = _path_entry(session, path, 3)
            entry["originator"] = format_ip(route.originator)
            entry["ethernet_tag"] = int.from_bytes(route.ethernet_tag)
            if path.attributes.pmsi is not None:
                entry["vni"] = path.attributes.pmsi.label
            entry["notes"] = of_imet(route, path, imported)
        case EthernetAdRoute():
            entry = _path_entry(session, path, 1)
            entry["esi"] = route.esi.hex(":")
            entry["ethernet_tag"] = int.from_bytes(route.ethernet_tag)
            entry["vni"] = int.from_bytes(route.label)
        case EthernetSegmentRoute():
            entry = _path_entry(session, path, 4)
            entry["esi"] = route.esi.hex(":")
            entry["originator"] = format_ip(route.originator)
        case IpPrefixRoute():
            entry = _path_entry(session, path, 5)
            entry["esi"] = route.esi.hex(":")
            entry["ethernet_tag"] = int.from_bytes(route.ethernet_tag)
            entry["ip"] = f"{format_ip(route.prefix)}/{route.prefix_length}"
            entry["gateway"] = format_ip(route.gateway)
            entry["vni"] = int.from_bytes(route.label)
    judged = other_fate(path, imported, route, count=False)
    _tell_fate(entry, judged)
    entry["vlan"] = _vlan([vrf for vrf, _ in _takers(vrfs, judged)])
    used = isinstance(route, ImetRoute)
    if isinstance(route, IpPrefixRoute) and entry["accepted"]:
        takers = [each for each, _ in judged.takers if isinstance(each, VrfRoutes)]
        reasons = [_why_not_routed(each, route, path) for each in takers]
        used = None in reasons
        entry["reason"] = "; ".join(filter(None, reasons)) if reasons else _UNUSED
    elif not used and entry["accepted"]:
        entry["reason"] = _UNUSED
    entry["best"] = entry["accepted"] and used
    return entry


def _why_not_routed(vrf: VrfRoutes, route: IpPrefixRoute, path: Path) -> str | None:
    """Return why a prefix is not routed on a path in a VRF that imports it."""
    if any(route.gateway):
        return "its gateway is a host, which evpnd does not look up"
    leading = vrf.leading(prefix_of(route))
    if any(each.source is path for each in leading):
        return None
    better = leading[0] if leading else path
    where = f"{format_ip(better.vtep)} from peer {better.peer}"
    return f"{where} is better in {vrf.config.title}"


def _path_entry(session: Session, path: Path, route_type: int) -> Entry:
    attributes = path.attributes
    rejection = session.imports[path].rejection
    return {
        "peer": session.peer,
        "type": route_type,
        "rd": format_rd(path.rd),
        "ethernet_tag": int.from_bytes(path.ethernet_tag),
        "esi": (path.esi or bytes(10)).hex(":"),
        "mac": None,
        "ip": None,
        "originator": None,
        "vni": None,
        "vlan": None,
        "next_hop": format_ip(attributes.next_hop),
        "route_targets": [format_route_target(t) for t in attributes.route_targets],
        "encapsulation": list(attributes.encapsulations),
        "sequence": attributes.sequence,
        "sticky": attributes.sticky,
        "default_gateway": attributes.default_gateway,
        **arp_nd(0),
        "as_path": list(attributes.as_path),
        **_policy_attributes(attributes),
        "accepted": rejection is None,
        "best": False,
        "reason": rejection,
        "notes": [],
        "policies": [],
        "since": None,
    }


def _policy_attributes(attributes: PathAttributes) -> Entry:
    """Write what policies set."""
    return {
        "local_preference": attributes.local_preference,
        "med": attributes.med,
        "communities": list(map(format_community, attributes.communities)),
        "large_communities": list(
            map(format_large_community, attributes.large_communities)
        ),
    }
