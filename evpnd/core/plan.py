"""What a configuration would change: the engine goes on with it, on paper.

`pretend` drives an engine as the agent does, with a kernel that obeys at once and
peers that say nothing new. The difference between two `picture`s of it is the plan.
The engine is used up by that: it is a copy, or one made for the purpose.
"""

from collections.abc import Callable, Iterator
from typing import Any

from evpnd.core.engine import Engine
from evpnd.core.evi import MacVrf
from evpnd.core.originate import DEFAULT_GATEWAY, routes
from evpnd.core.readiness import MANAGED_ALIAS
from evpnd.model.actions import (
    Action,
    ConfigureVxlanPort,
    CreateDevices,
    DumpFdb,
    DumpLinks,
    DumpNeighbors,
    ExportAttributes,
    RemoveDevices,
)
from evpnd.model.config import PeerConfig
from evpnd.model.events import Event, LinkObserved, LinksDumped, LinkVanished
from evpnd.model.ids import (
    ROUTE_TARGET_SUBTYPE,
    RouteTarget,
    format_ip,
    format_mac,
    format_rd,
    format_route_target,
)
from evpnd.model.routes import IMMUTABLE
from evpnd.model.rows import BridgePort, Link, VxlanLink

ROUNDS = 20
"""Reconciliations after which nothing more is expected to follow from a change."""

MAC_MOBILITY = b"\x06\x00"
ARP_ND = b"\x06\x08"
OPAQUE = 3
"""Extended communities of lower types may be route targets (RFC 7153)."""

Dump = DumpLinks | DumpFdb | DumpNeighbors
Key = tuple[str, ...]
Picture = dict[Key, dict[str, Any]]
"""What, and which, to its properties: ("fdb", "10100", "02:00:00:00:00:01")."""
Change = dict[str, Any]

_HIDDEN = frozenset({"password"})


def pretend(engine: Engine, now: float, read: Callable[[Dump], Event]) -> Picture:
    """Let an engine do all that it would do now.

    `read` answers dumps. Returns what it found that was not known before: devices,
    and the rows of EVIs whose tables were not read yet.
    """
    found: Picture = {}
    for _ in range(ROUNDS):
        answers = [
            event
            for action in engine.reconcile(now)
            for event in _obey(engine, action, read)
        ]
        if not answers:
            break
        unknown = [vrf for vrf in engine.inventory.vrfs.values() if not vrf.ready]
        for event in answers:
            engine.handle(event, now)
            if isinstance(event, LinksDumped):
                found.update(_devices(engine))
        for vrf in unknown:
            if vrf.ready:
                found.update(_rows(vrf))
    return found


def _obey(
    engine: Engine, action: Action, read: Callable[[Dump], Event]
) -> Iterator[Event]:
    links = engine.inventory.links
    match action:
        case DumpLinks() | DumpFdb() | DumpNeighbors():
            yield read(action)
        case CreateDevices():
            yield from _create(engine, action)
        case RemoveDevices(names):
            for link in map(links.by_name.get, names):
                if link is not None and link.alias == MANAGED_ALIAS:
                    yield LinkVanished(link.ifindex)
        case ConfigureVxlanPort(ifindex, suppress):
            link = links.by_index[ifindex]
            assert link.vxlan is not None
            assert link.port is not None
            yield LinkObserved(
                link._replace(
                    vxlan=link.vxlan._replace(learning=False),
                    port=link.port._replace(learning=False, neigh_suppress=suppress),
                )
            )
        case _:
            pass


def _create(engine: Engine, action: CreateDevices) -> Iterator[Event]:
    links = engine.inventory.links
    free = max(links.by_index, default=0) + 1
    bridge = links.by_name.get(action.bridge) or _new(free, action.bridge, "bridge")
    vxlan = links.by_name.get(action.vxlan) or _new(free + 1, action.vxlan, "vxlan")
    yield LinkObserved(bridge._replace(up=True))
    yield LinkObserved(
        vxlan._replace(
            up=True,
            master=bridge.ifindex,
            vxlan=VxlanLink(
                vni=action.evi.vni,
                local=action.vtep,
                udp_port=action.udp_port,
                learning=False,
                external=False,
            ),
            port=BridgePort(
                learning=False, neigh_suppress=action.evi.suppress, forwarding=True
            ),
        )
    )
    for name in action.evi.ports:
        port = links.by_name.get(name)
        if port is not None:
            yield LinkObserved(port._replace(master=bridge.ifindex, up=True))


def _new(ifindex: int, name: str, kind: str) -> Link:
    return Link(
        ifindex,
        name,
        kind,
        up=True,
        carrier=True,
        master=0,
        mac=b"",
        mtu=0,
        alias=MANAGED_ALIAS,
    )


def picture(engine: Engine) -> Picture:
    """Take down devices, sessions, EVIs, announcements and rows."""
    seen: Picture = dict(_devices(engine))
    for peer in engine.config.peers:
        seen["session", peer.address] = _session(peer)
    for vrf in engine.inventory.vrfs.values():
        seen["evi", str(vrf.config.vni)] = _evi(vrf)
        seen.update(_announced(vrf))
        seen.update(_rows(vrf))
    return seen


def _devices(engine: Engine) -> Iterator[tuple[Key, dict[str, Any]]]:
    links = engine.inventory.links
    for link in links.by_index.values():
        master = links.by_index.get(link.master)
        shown: dict[str, Any] = {
            "kind": link.kind or "physical",
            "up": link.up,
            "bridge": master.name if master is not None else None,
        }
        if link.vxlan is not None:
            local = link.vxlan.local
            shown["vni"] = link.vxlan.vni
            shown["local"] = format_ip(local) if local else None
            shown["udp_port"] = link.vxlan.udp_port
            shown["learning"] = link.vxlan.learning
        if link.vxlan is not None and link.port is not None:
            shown["learning"] = link.port.learning or link.vxlan.learning
            shown["neigh_suppress"] = link.port.neigh_suppress
        yield ("device", link.name), shown


def _session(peer: PeerConfig) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for name in PeerConfig.__slots__:
        value = getattr(peer, name)
        if name in _HIDDEN and value is not None:
            value = "(set)"
        elif name == "profile":
            value = value.value
        elif isinstance(value, tuple):
            value = list(value)
        if name != "address":
            shown[name] = value
    return shown


def _evi(vrf: MacVrf) -> dict[str, Any]:
    evi = vrf.config
    return {
        "name": evi.name,
        "rd": format_rd(vrf.rd),
        "export_targets": [format_route_target(t) for t in evi.export_targets],
        "state": "ready" if vrf.ready else "not-ready",
        "reason": None if vrf.ready else vrf.reason,
    }


def _announced(vrf: MacVrf) -> Iterator[tuple[Key, dict[str, Any]]]:
    vni = str(vrf.config.vni)
    rd = format_rd(vrf.rd)
    if vrf.announced_imet is not None:
        yield ("route", vni, "imet"), _export(rd, vrf.announced_imet)
    for mac, known in vrf.announced.items():
        text = format_mac(mac)
        for key, attributes in routes(mac, known):
            ip = [format_ip(key[6:])] if key[6:] else []
            yield ("route", vni, "mac-ip", text, *ip), _export(rd, attributes)
    for group in vrf.announced_gateway:
        for key in group.keys:
            which = ("route", vni, "mac-ip", format_mac(key[:6]), format_ip(key[6:]))
            yield which, _export(rd, group.attributes)


def _export(rd: str, attributes: ExportAttributes) -> dict[str, Any]:
    communities = attributes.extended_communities
    mobility = next((c for c in communities if c[:2] == MAC_MOBILITY), bytes(8))
    arp_nd = next((c for c in communities if c[:2] == ARP_ND), bytes(8))
    return {
        "rd": rd,
        "next_hop": format_ip(attributes.next_hop),
        "route_targets": [
            format_route_target(RouteTarget(community))
            for community in communities
            if community[1] == ROUTE_TARGET_SUBTYPE and community[0] < OPAQUE
        ],
        "sequence": int.from_bytes(mobility[4:]),
        "sticky": bool(mobility[2]),
        "default_gateway": DEFAULT_GATEWAY in communities,
        "immutable": bool(arp_nd[2] & IMMUTABLE),
    }


def _rows(vrf: MacVrf) -> Iterator[tuple[Key, dict[str, Any]]]:
    vni = str(vrf.config.vni)
    for vtep, ours in vrf.flood_rows.items():
        if ours:
            yield ("flood", vni, format_ip(vtep)), {}
    for mac, vtep in vrf.remote_rows.items():
        yield ("fdb", vni, format_mac(mac)), {"vtep": format_ip(vtep)}
    for ip, neighbor in vrf.neighbor_rows.items():
        yield (
            ("neighbor", vni, format_ip(ip)),
            {
                "mac": format_mac(neighbor.mac),
                "router": neighbor.router,
                "kind": "local" if neighbor.local else "remote",
            },
        )


def difference(before: Picture, after: Picture) -> Iterator[Change]:
    """List what one picture lacks, has more, or has otherwise than another."""
    for which, new in after.items():
        old = before.get(which)
        if old is None:
            yield {"action": "add", **_named(which), **new}
        elif old != new:
            was = {name: old[name] for name in old if old[name] != new.get(name)}
            yield {"action": "change", **_named(which), **new, "was": was}
    for which, old in before.items():
        if which not in after:
            yield {"action": "remove", **_named(which), **old}


_NAMES = {
    "device": ("name",),
    "session": ("address",),
    "evi": ("vni",),
    "route": ("vni", "type", "mac", "ip"),
    "flood": ("vni", "vtep"),
    "fdb": ("vni", "mac"),
    "neighbor": ("vni", "ip"),
}


def _named(which: Key) -> dict[str, Any]:
    what, *rest = which
    named: dict[str, Any] = {"what": what}
    for name, value in zip(_NAMES[what], rest, strict=False):
        named[name] = int(value) if name == "vni" else value
    return named
