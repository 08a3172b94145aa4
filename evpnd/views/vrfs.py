"""`show vrfs` and `show prefixes`: VRFs, and where their prefixes lead."""

from collections.abc import Iterator
from typing import Any

from evpnd.core.announce.prefixes import is_announced
from evpnd.core.bgp.path import Path
from evpnd.core.bgp.vrf_routes import host_prefix
from evpnd.core.reasons import Reason, sentence
from evpnd.core.vrf.ip_vrf import IpVrf
from evpnd.core.want import prefixes as want
from evpnd.model.ids import (
    format_ip,
    format_mac,
    format_prefix,
    format_rd,
    format_route_target,
)
from evpnd.model.rows import (
    RTN_UNICAST,
    RTPROT_BOOT,
    RTPROT_KERNEL,
    RTPROT_STATIC,
)
from evpnd.views.query import Query

Entry = dict[str, Any]
_KINDS = {RTPROT_KERNEL: "connected", RTPROT_STATIC: "static", RTPROT_BOOT: "kernel"}


def vrfs(query: Query) -> Iterator[Entry]:
    """List the VRFs."""
    links = query.links.by_index
    for vrf in query.ip_vrfs.values():
        config, ready = vrf.config, vrf.ready
        vxlan = links.get(vrf.domain.vxlan)
        yield {
            "name": config.name,
            "vni": config.vni,
            "vxlan": vxlan.name if vxlan else None,
            "table": vrf.table or config.table,
            "rd": format_rd(vrf.rd),
            "router_mac": format_mac(vrf.router_mac) if vrf.router_mac else None,
            "import_targets": config.import_targets.texts(),
            "export_targets": [format_route_target(t) for t in config.export_targets],
            "evis": [evi.config.name for evi in vrf.evis],
            "state": "ready" if ready else "not-ready",
            "reason": None
            if ready
            else vrf.reason or "its tables have not been read yet",
            "prefixes": len(vrf.tables.prefixes.actual),
            "announced": len(vrf.sent),
            "managed": config.manage,
        }


def prefixes(query: Query) -> Iterator[Entry]:
    """List the prefixes of all VRFs: those of peers, and those of the tables."""
    for vrf in query.ip_vrfs.values():
        hosts = {host_prefix(ip) for ip in vrf.routes.macs_of}
        for prefix in sorted({*vrf.routes.prefixes, *hosts}):
            yield from _received(query, vrf, prefix)
        for prefix, others in sorted(vrf.tables.prefixes.others.items()):
            for other in others:
                if other.kind != RTN_UNICAST:
                    continue
                told = prefix in vrf.sent
                why = None if told else _why_not_announced(vrf, prefix)
                entry = _entry(vrf, prefix, _KINDS.get(other.protocol, "other"))
                state = "announced" if told else "not-announced"
                yield entry | {"state": state, "reason": why}


def _received(query: Query, vrf: IpVrf, prefix: bytes) -> Iterator[Entry]:
    wanted = want.decide(vrf, prefix)
    leading = vrf.routes.leading(prefix)
    reason = None
    state = "installed"
    if isinstance(wanted, Reason):
        state, reason = "not-installed", sentence(wanted)
    elif not vrf.ready:
        state, reason = "not-installed", vrf.reason or "its tables have not been read"
    elif vrf.tables.prefixes.actual.get(prefix) != wanted:
        state = "pending"
        errno = query.refusal(vrf.config.vni, "route", prefix)
        if errno is not None:
            reason = f"the kernel refused it (errno {errno})"
    for path in leading:
        entry = _entry(vrf, prefix, "prefix" if path.of_prefixes else "host")
        entry.update(_where(vrf, prefix, path))
        yield entry | {"state": state, "reason": reason, "since": path.received_at}


def _entry(vrf: IpVrf, prefix: bytes, kind: str) -> Entry:
    return {
        "vrf": vrf.config.name,
        "prefix": format_prefix(prefix),
        "kind": kind,
        "vtep": None,
        "router_mac": None,
        "vni": vrf.config.vni,
        "next_hop": None,
        "state": None,
        "reason": None,
        "since": None,
        "peer": None,
    }


def _where(vrf: IpVrf, prefix: bytes, path: Path) -> Entry:
    router = vrf.routes.router(path)
    found = {"vtep": format_ip(path.vtep), "peer": path.peer}
    if router is not None:
        found["router_mac"] = format_mac(router.mac)
        found["next_hop"] = format_ip(want.gateway_of(router.vtep, prefix[:-1]))
    return found


def _why_not_announced(vrf: IpVrf, prefix: bytes) -> str:
    if not vrf.ready:
        return f"VRF {vrf.config.name} is not ready"
    if is_announced(vrf, prefix):
        return "it has not been evaluated yet"
    return "`advertise` of the VRF does not name it"
