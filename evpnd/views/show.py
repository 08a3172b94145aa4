"""`show`: the state as plain values, with the names of the interface.

Times leave the core as monotonic seconds; the agent turns them into dates.
"""

from collections.abc import Iterator
from typing import Any

from evpnd.core.announce import originator
from evpnd.core.bgp import peer_diagnostics
from evpnd.core.bgp.path import Path
from evpnd.core.bgp.select import best_for_ip, best_for_mac
from evpnd.core.bgp.session import Session
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.core.reasons import Reason, sentence
from evpnd.core.want import adverts
from evpnd.core.want import macs as want_macs
from evpnd.core.want import neighbors as want_neighbors
from evpnd.core.want.floods import flood_note
from evpnd.model.ids import (
    format_ip,
    format_mac,
    format_rd,
    format_route_target,
    parse_ip,
)
from evpnd.model.key import MAC
from evpnd.views.policies import limits as policy_limits
from evpnd.views.policies import policies as policy_rules
from evpnd.views.policy_counts import count_present
from evpnd.views.query import Query
from evpnd.views.rejected_routes import kept_rejected
from evpnd.views.routes import arp_nd, flags_of
from evpnd.views.vlans import vlan_of

Entry = dict[str, Any]


def peers(query: Query, now: float) -> Iterator[Entry]:
    """List the sessions."""
    advertised = query.exporter.advertised(query.vrfs.values(), query.ip_vrfs.values())
    for session in query.sessions.values():
        rejected, octets = kept_rejected(session)
        yield {
            "address": session.peer,
            "asn": session.config.asn,
            "description": session.config.description,
            "state": session.state,
            "uptime": int(now - session.since) if session.established else 0,
            "routes_received": len(session.rib),
            "routes_stale": session.rib.count_stale(),
            "routes_rejected": rejected,
            "rejected_octets": octets,
            "routes_advertised": advertised[session.peer] if session.established else 0,
            **_quota(query, session),
            "damped_for": _damped_for(session, now),
            "last_error": session.last_error,
            "last_error_at": session.last_error_at,
            "findings": list(findings(query, session)),
        }


def _quota(query: Query, session: Session) -> Entry:
    """Return how many routes the peer may send, and how many there are over that."""
    quota = query.quotas.get(session.peer)
    return {
        "max_routes": None if quota is None else quota.settings.limit,
        "routes_over_limit": 0 if quota is None else quota.over,
    }


def findings(query: Query, session: Session) -> Iterator[str]:
    """Yield what is wrong with the routes and the session of a peer."""
    quota = query.quotas.get(session.peer)
    found = None if quota is None else quota.finding()
    if found is not None:
        yield found
    sessions = query.sessions.values()
    yield from peer_diagnostics.of_peer(session, sessions, query.config.asn)


def _damped_for(session: Session, now: float) -> int:
    """Return the seconds until a damped peer is tried again; 0: it is not damped."""
    until = session.damped_until
    return 0 if until is None else max(1, round(until - now))


def evis(query: Query) -> Iterator[Entry]:
    """List the EVIs."""
    for vrf in query.vrfs.values():
        evi = vrf.config
        remote = sum(1 for mac in routed_macs(vrf) if not vrf.macs.is_local(mac))
        ready = vrf.ready
        yield {
            "name": evi.name,
            "vni": evi.vni,
            "bridge": _link_name(query, vrf.domain.bridge) or evi.bridge,
            "vlan": vlan_of(vrf),
            "vxlan": _link_name(query, vrf.domain.vxlan) or evi.vxlan,
            "rd": format_rd(vrf.rd),
            "import_targets": evi.import_targets.texts(),
            "export_targets": [format_route_target(t) for t in evi.export_targets],
            "vtep": format_ip(vrf.vtep) if vrf.vtep else None,
            "state": "ready" if ready else "not-ready",
            "reason": None
            if ready
            else vrf.reason or "its tables have not been read yet",
            "notes": [*vrf.notes, *flood_note(vrf)],
            "local_macs": len(vrf.macs.local.keys() | vrf.macs.static.keys()),
            "remote_macs": remote,
            "remote_vteps": len(vrf.routes.imets.vteps() - {vrf.vtep}),
            "managed": evi.owns_devices,
            "discovered": vrf.discovered,
        }


def macs(query: Query) -> Iterator[Entry]:
    """List local and remote MACs."""
    for vrf in query.vrfs.values():
        for mac in vrf.macs.local.keys() | vrf.macs.static.keys():
            yield local_mac(query, vrf, mac)
        for mac in routed_macs(vrf):
            path = best_for_mac(vrf.routes, mac)
            if path is not None and not vrf.macs.is_local(mac):
                yield remote_mac(query, vrf, mac, path)


def local_mac(query: Query, vrf: MacVrf, mac: bytes) -> Entry:
    """Return the row of a MAC that is behind a port of this host, or is to be."""
    local = vrf.macs.local.get(mac)
    state, reason = _local_state(query, vrf, mac)
    return {
        "vni": vrf.config.vni,
        "vlan": vlan_of(vrf),
        "mac": format_mac(mac),
        "ips": sorted(map(format_ip, vrf.bindings.ips_of.get(mac, ()))),
        "kind": "local",
        "vtep": format_ip(vrf.vtep) if vrf.vtep else None,
        "sequence": vrf.macs.sequence.get(mac, 0),
        "sticky": vrf.macs.is_sticky(mac),
        "duplicate": (vrf.config.vni, mac) in query.duplicate_macs,
        "interface": _link_name(query, local.port) if local else None,
        "state": state,
        "reason": reason,
        "since": local.since if local else None,
        "origin": local.origin.value if local else "configured",
        "peer": None,
    }


def remote_mac(query: Query, vrf: MacVrf, mac: bytes, path: Path) -> Entry:
    """Return the row of a MAC that is at another VTEP, by its best path."""
    state, reason = _row_state(query, vrf, mac, path)
    return {
        "vni": vrf.config.vni,
        "vlan": vlan_of(vrf),
        "mac": format_mac(mac),
        "ips": sorted(map(format_ip, vrf.routes.ips_of.get(mac, ()))),
        "kind": "remote",
        "vtep": format_ip(path.vtep),
        "sequence": path.sequence,
        "sticky": path.sticky,
        "duplicate": (vrf.config.vni, mac) in query.duplicate_macs,
        "interface": _link_name(query, vrf.domain.vxlan),
        "state": state,
        "reason": reason,
        "since": _since(query, vrf, mac, path),
        "origin": "bgp",
        "peer": path.peer,
    }


def _since(query: Query, vrf: MacVrf, mac: bytes, path: Path) -> float:
    """Return when a path brought a MAC, by itself or with an IP."""
    path = path.source
    session = query.sessions.get(path.peer)
    if session is None:
        return path.received_at
    source = path.rd + path.ethernet_tag
    table = session.rib.mac_ip.get(source)
    if table is None:
        return path.received_at
    keys = (mac, *(mac + ip for ip in vrf.routes.ips_of.get(mac, ())))
    came = [session.rib.since(source, k, path) for k in keys if table.get(k) is path]
    return min(came, default=path.received_at)


def neighbors(query: Query) -> Iterator[Entry]:
    """List bindings of IPs to MACs, local and remote."""
    for vrf in query.vrfs.values():
        for mac, ips in vrf.bindings.ips_of.items():
            for ip in ips:
                if vrf.bindings.holder(ip) == mac:
                    yield local_binding(query, vrf, ip, mac)
        for ip in vrf.routes.macs_of:
            found = best_for_ip(vrf.routes, ip)
            if found is not None and vrf.bindings.holder(ip) is None:
                yield remote_binding(query, vrf, ip, *found)


def local_binding(query: Query, vrf: MacVrf, ip: bytes, mac: bytes) -> Entry:
    """Return the row of an IP that a local MAC has."""
    told = ip in _announced_ips(vrf, mac) and query.exporter.tells(
        vrf.source, (mac + ip,)
    )
    return {
        "vni": vrf.config.vni,
        "vlan": vlan_of(vrf),
        "ip": format_ip(ip),
        "mac": format_mac(mac),
        "kind": "local",
        "vtep": format_ip(vrf.vtep) if vrf.vtep else None,
        "state": "advertised" if told else "not-advertised",
        "duplicate": (vrf.config.vni, ip) in query.duplicate_ips,
        **arp_nd(vrf.bindings.arp_nd_flags(ip)),
        "peer": None,
    }


def remote_binding(
    query: Query, vrf: MacVrf, ip: bytes, mac: bytes, path: Path
) -> Entry:
    """Return the row of an IP that a MAC at another VTEP has, by its best path."""
    wanted = want_neighbors.decide(vrf, ip)
    refused = query.refusal(vrf.config.vni, "neighbor", ip)
    if isinstance(wanted, Reason):
        state = "inactive"
    elif vrf.neighbors.actual.get(ip) == wanted:
        state = "installed"
    else:
        state = "pending" if refused is None else f"refused (errno {refused})"
    return {
        "vni": vrf.config.vni,
        "vlan": vlan_of(vrf),
        "ip": format_ip(ip),
        "mac": format_mac(mac),
        "kind": "remote",
        "vtep": format_ip(path.vtep),
        "state": state,
        "duplicate": (vrf.config.vni, ip) in query.duplicate_ips,
        **arp_nd(flags_of(path, ip)),
        "peer": path.peer,
    }


def vteps(query: Query) -> Iterator[Entry]:
    """List the remote VTEPs."""
    macs_by: dict[bytes, dict[int, int]] = {}
    peers_of: dict[bytes, set[str]] = {}
    """By which peers type 3 routes of a VTEP came."""
    by_mac: dict[bytes, set[str]] = {}
    """For the VTEPs without a type 3 route."""
    flooded: set[bytes] = set()
    for vrf in query.vrfs.values():
        vni = vrf.config.vni
        for (peer, *_), vtep in vrf.routes.imets.items():
            macs_by.setdefault(vtep, {}).setdefault(vni, 0)
            peers_of.setdefault(vtep, set()).add(str(peer))
        for mac in routed_macs(vrf):
            path = best_for_mac(vrf.routes, mac)
            if path is not None and not vrf.macs.is_local(mac):
                counts = macs_by.setdefault(path.vtep, {})
                counts[vni] = counts.get(vni, 0) + 1
                by_mac.setdefault(path.vtep, set()).add(path.peer)
        flooded.update(vrf.floods.present())
    macs_by.pop(bytes(query.vtep), None)
    for vtep, counts in macs_by.items():
        peers = sorted(peers_of.get(vtep) or by_mac[vtep], key=parse_ip)
        yield {
            "vtep": format_ip(vtep),
            "vnis": sorted(counts),
            "macs": sum(counts.values()),
            "flood": vtep in flooded,
            # Of several the lowest: the order of arrival tells nobody anything.
            "peer": peers[0],
            "peers": peers,
        }


def policies(query: Query) -> Iterator[Entry]:
    """List the policies in use, rule by rule, and their limits.

    That takes as long as all routes take to be judged.
    """
    judged = query.attached.counts()
    yield from policy_rules(query.config, judged, count_present(query))
    yield from policy_limits(query.config, query.limits)


def routed_macs(vrf: MacVrf) -> set[bytes]:
    """Return the MACs that routes lead to, alone or with an IP."""
    return {key[MAC] for key in vrf.routes.slots}


def _announced_ips(vrf: MacVrf, mac: bytes) -> tuple[bytes, ...]:
    known = vrf.sent.macs.get(mac)
    return known.ips if known is not None else ()


State = tuple[str, str | None]
"""State of a MAC, and the reason if it is not as expected; None: it is."""


def _local_state(query: Query, vrf: MacVrf, mac: bytes) -> State:
    known = vrf.sent.macs.get(mac)
    if known is None or mac in vrf.macs.frozen:
        state = "frozen" if mac in vrf.macs.frozen else "not-advertised"
        return state, sentence(adverts.why_not(vrf, mac), evi=vrf.config.name)
    keys = [key for key, _ in originator.routes(mac, known)]
    if query.exporter.tells(vrf.source, keys):
        return "advertised", None
    return "not-advertised", "no peer receives it: see `evpnd explain`"


def _row_state(query: Query, vrf: MacVrf, mac: bytes, path: Path) -> State:
    lost = want_macs.why_no_row(vrf, mac)
    reason = None if lost is None else sentence(lost, evi=vrf.config.name)
    if mac in vrf.macs.frozen:
        return "frozen", reason or sentence(Reason.FROZEN)
    if reason is not None and vrf.ready:
        return "inactive", reason
    if vrf.fdb.actual.get(mac) == path.vtep:
        return "installed", None
    refused = query.refusal(vrf.config.vni, "fdb", mac)
    if refused is None:
        return "pending", reason
    return f"refused (errno {refused})", "the kernel refused the row; evpnd tries again"


def _link_name(query: Query, ifindex: int) -> str | None:
    link = query.links.by_index.get(ifindex)
    return link.name if link is not None else None
