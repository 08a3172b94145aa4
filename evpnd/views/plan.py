"""What a configuration would change: a copy of the engine runs with it.

`pretend` drives an engine as the agent does, with a kernel that obeys at once and
peers that say nothing new. The difference between two `picture`s of it is the plan.
The engine is used up by that: it is a copy, or one made for the purpose.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any, Final

from evpnd.core.engine import Engine
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.core.evi.made_ports import NO_VLANS
from evpnd.core.evi.made_tunnels import format_map
from evpnd.core.evi.readiness import MANAGED_ALIAS, port_refusal, refusal
from evpnd.core.tables.neighbors import Neighbor
from evpnd.model.actions import (
    Action,
    ConfigureVxlanPort,
    CreateDevices,
    DumpFdb,
    DumpLinks,
    DumpNeighbors,
    MeasurePaths,
    ReleasePorts,
    RemoveDevices,
)
from evpnd.model.bridge_actions import BridgeAction
from evpnd.model.bridges import as_ranges, format_ranges
from evpnd.model.config import Config, PeerConfig
from evpnd.model.config_changes import UNNOTICED
from evpnd.model.events import (
    DeviceActionFailed,
    Event,
    LinkObserved,
    LinksDumped,
    LinkVanished,
)
from evpnd.model.ids import format_ip, format_mac, format_rd, format_route_target
from evpnd.model.policy import Policy
from evpnd.model.rows import BridgePort, VxlanLink
from evpnd.views import plan_bridges
from evpnd.views.plan_bridges import free_index, new_link
from evpnd.views.plan_routes import compare, told
from evpnd.views.query import Query
from evpnd.views.vlans import vlan_of

ROUNDS = 20
"""Number of reconciliations after which a change has no further effect."""

Dump = DumpLinks | DumpFdb | DumpNeighbors | MeasurePaths
Key = tuple[str, ...]
Picture = dict[Key, dict[str, Any]]
"""What, and which, to its properties: ("fdb", "10100", "02:00:00:00:00:01")."""
Change = dict[str, Any]

Properties = dict[str, Any]
Restarts = dict[str, tuple[int, bool]]
"""Peers whose session is up: routes received, and whether a restart keeps them."""

_IDENTITY = frozenset({"asn", "local_asn", "router_id", "local_address"})
"""Settings whose change ends the session with a NOTIFICATION."""


def pretend(engine: Engine, now: float, read: Callable[[Dump], Event]) -> Picture:
    """Run an engine until it would do nothing more.

    `read` answers dumps. Returns what it found that was not known before: devices,
    and the rows of EVIs whose tables were not read yet.
    """
    found: Picture = {}
    for _ in range(ROUNDS):
        actions = engine.reconcile(now)
        unknown = [vrf for vrf in engine.inventory.vrfs.values() if not vrf.ready]
        answered = False
        for action in actions:
            # One after the other: what an action makes is there for the next.
            for event in obey(engine, action, read):
                answered = True
                engine.handle(event, now)
                if isinstance(event, LinksDumped):
                    found.update(_devices(Query(engine)))
        if not answered:
            break
        for vrf in unknown:
            if vrf.ready:
                found.update(_rows(vrf))
    return found


def obey(
    engine: Engine, action: Action, read: Callable[[Dump], Event]
) -> Iterator[Event]:
    """Yield what a kernel tells that does at once what it is asked for."""
    links = engine.inventory.links
    match action:
        case DumpLinks() | DumpFdb() | DumpNeighbors() | MeasurePaths():
            yield read(action)
        case CreateDevices():
            yield from _create(engine, action)
        case RemoveDevices(names):
            for link in map(links.by_name.get, names):
                if link is not None and link.alias == MANAGED_ALIAS:
                    yield LinkVanished(link.ifindex)
        case ReleasePorts(bridge, names):
            master = links.by_name.get(bridge)
            for port in map(links.by_name.get, names):
                if port and master and port.master == master.ifindex:
                    yield LinkObserved(port._replace(master=0))
        case ConfigureVxlanPort(ifindex, suppress):
            link = links.by_index.get(ifindex)
            if link is None or link.vxlan is None or link.port is None:
                return
            yield LinkObserved(
                link._replace(
                    vxlan=link.vxlan._replace(learning=False),
                    port=link.port._replace(learning=False, neigh_suppress=suppress),
                )
            )
        case _ if isinstance(action, BridgeAction):
            yield from plan_bridges.obey(action, links)
        case _:
            pass


def _create(engine: Engine, action: CreateDevices) -> Iterator[Event]:
    links = engine.inventory.links
    refused = refusal(action, links.by_name)
    if refused is not None:
        yield DeviceActionFailed(*refused)
        return
    free = free_index(links)
    bridge = links.by_name.get(action.bridge) or new_link(free, action.bridge, "bridge")
    vxlan = links.by_name.get(action.vxlan) or new_link(free + 1, action.vxlan, "vxlan")
    yield LinkObserved(bridge._replace(up=True, mtu=bridge.mtu or action.mtu))
    yield LinkObserved(
        vxlan._replace(
            up=True,
            master=bridge.ifindex,
            mtu=action.mtu,
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
        if port is None:
            continue
        refused = port_refusal(port, action.bridge, links.by_name)
        if refused is not None:
            yield DeviceActionFailed(*refused)
        else:
            yield LinkObserved(port._replace(master=bridge.ifindex, up=True))


def picture(query: Query) -> Picture:
    """Record devices, sessions, policies, EVIs, announcements and rows."""
    seen: Picture = dict(_devices(query))
    for peer in query.config.peers:
        seen["session", peer.address] = _session(peer, query.config)
    for policy in query.config.policies.values():
        seen["policy", policy.name] = _policy(policy)
    for vrf in query.vrfs.values():
        seen["evi", str(vrf.config.vni)] = _evi(vrf)
        seen.update(told(vrf, query.exporter))
        seen.update(_rows(vrf))
    return seen


def _devices(query: Query) -> Iterator[tuple[Key, dict[str, Any]]]:
    links = query.links
    for link in links.by_index.values():
        master = links.by_index.get(link.master)
        shown: dict[str, Any] = {
            "kind": link.kind or "physical",
            "up": link.up,
            "bridge": master.name if master is not None else None,
            "refused": query.refused_devices.get(link.name),
        }
        vlans = links.vlans.get(link.ifindex, NO_VLANS) if link.master else NO_VLANS
        shown["untagged"] = vlans.pvid or None
        shown["tagged"] = format_ranges(as_ranges(vlans.tagged)) or None
        if vlans.tunnels:
            shown["tunnels"] = format_map(vlans.tunnels)
        if link.vlan_id:
            shown["vlan"] = link.vlan_id
        if link.vxlan is not None:
            local = link.vxlan.local
            shown["vni"] = None if link.vxlan.external else link.vxlan.vni
            shown["local"] = format_ip(local) if local else None
            shown["udp_port"] = link.vxlan.udp_port
            shown["mtu"] = link.mtu
            shown["learning"] = link.vxlan.learning
        if link.vxlan is not None and link.port is not None:
            shown["learning"] = link.port.learning or link.vxlan.learning
            shown["neigh_suppress"] = link.port.neigh_suppress
        yield ("device", link.name), shown


def _session(peer: PeerConfig, config: Config) -> dict[str, Any]:
    shown: dict[str, Any] = {"asn": peer.asn, "local_asn": config.asn}
    shown["router_id"] = format_ip(config.router_id)
    for name in PeerConfig.__slots__:
        value = getattr(peer, name)
        if name == "profile":
            value = value.value
        elif isinstance(value, tuple):
            value = list(value)
        if name != "address":
            shown[name] = value
    return shown


def _policy(policy: Policy) -> dict[str, Any]:
    """Record a policy by its content, whatever its file and line."""
    rules = tuple(replace(rule, line=0) for rule in policy.rules)
    limits = tuple(replace(limit, line=0) for limit in policy.limits)
    said = repr((rules, limits, policy.default)).encode()
    return {
        "rules": [rule.name for rule in policy.rules],
        "default": policy.default.value,
        "limits": [limit.text for limit in policy.limits],
        "revision": sha256(said).hexdigest()[:8],
    }


def _evi(vrf: MacVrf) -> dict[str, Any]:
    evi = vrf.config
    return {
        "name": evi.name,
        "vlan": vlan_of(vrf),
        "rd": format_rd(vrf.rd),
        "ethernet_tag": evi.ethernet_tag,
        "import_targets": evi.import_targets.texts(),
        "export_targets": [format_route_target(t) for t in evi.export_targets],
        "import_policies": list(evi.import_policies),
        "export_policies": list(evi.export_policies),
        "state": "ready" if vrf.ready else "not-ready",
        "reason": None if vrf.ready else vrf.reason,
        "notes": list(vrf.notes),
    }


def _rows(vrf: MacVrf) -> Iterator[tuple[Key, dict[str, Any]]]:
    vni = str(vrf.config.vni)
    for table in vrf.tables:
        properties = _ROWS[table.name]
        for key, row in table.actual.items():
            yield (table.name, vni, table.format_key(key)), properties(row)


def _neighbor(row: Neighbor) -> dict[str, Any]:
    return {
        "mac": format_mac(row.mac),
        "router": row.router,
        "kind": "local" if row.local else "remote",
    }


_ROWS: Final[Mapping[str, Callable[[Any], dict[str, Any]]]] = {
    "fdb": lambda vtep: {"vtep": format_ip(vtep)},
    "neighbor": _neighbor,
    "flood": lambda _: {},
}
"""What is told of a row, beside its key."""


def restarts(query: Query) -> Restarts:
    """Record what each session that is up loses if it restarts.

    Routes of a peer that was told to go are not kept; otherwise graceful restart
    keeps them, where the peer has it.
    """
    return {
        session.peer: (len(session.rib), session.restart_time > 0)
        for session in query.sessions.values()
        if session.established
    }


def difference(
    before: Picture, after: Picture, lost: Restarts | None = None
) -> Iterator[Change]:
    """Return the differences between two pictures.

    `lost` are the sessions that are up.
    """
    peers = [which[1] for which in after if which[0] == "session"]
    known = [peer for peer in peers if ("session", peer) in before]
    # What a peer that comes or goes is told is no news of the routes.
    peers = known if any(which[0] == "session" for which in before) else peers
    for which in (*after, *(which for which in before if which not in after)):
        old, new = before.get(which), after.get(which)
        if which[0] == "route":
            for change in compare(old or {}, new or {}, peers, _change):
                yield {**_named(which), **change}
            continue
        found = _change(old, new)
        if found is None:
            continue
        if which[0] == "session":
            _tell_session(found, (lost or {}).get(which[1]))
        if which[0] == "device":
            found |= _remade(found)
        yield {**_named(which), **found}


def _change(old: Properties | None, new: Properties | None) -> Properties | None:
    if old is None:
        return None if new is None else {"action": "add", **new}
    if new is None:
        return {"action": "remove", **old}
    if old == new:
        return None
    was = {name: old[name] for name in old if old[name] != new.get(name)}
    return {"action": "change", **new, "was": was}


def _remade(change: Properties) -> Properties:
    """Return whether a VXLAN device is created again, with all of its rows."""
    was = change.get("was", {})
    old, new = was.get("local"), change.get("local")
    families = old and new and (":" in old) != (":" in new)
    return {"remade": True} if families or {"vni", "udp_port"} & was.keys() else {}


def _tell_session(change: Change, lost: tuple[int, bool] | None) -> None:
    """Add whether the session starts anew, and what of the peer's routes is lost."""
    was = change.get("was", {})
    if change["action"] == "change":
        anew = lost is not None and not UNNOTICED.issuperset(was)
        change["restarts"] = anew
        if lost is not None and anew:
            routes, kept = lost
            kept = kept and _IDENTITY.isdisjoint(was)
            change["routes_withdrawn"] = 0 if kept else routes
    for shown in (change, was):
        if shown.get("password") is not None:
            shown["password"] = "(set)"  # noqa: S105 - that it is there, not what


_NAMES = {
    "device": ("name",),
    "session": ("address",),
    "policy": ("name",),
    "evi": ("vni",),
    "route": ("vni", "type", "mac", "ip"),
    "flood": ("vni", "vtep"),
    "fdb": ("vni", "mac"),
    "neighbor": ("vni", "ip"),
}


def _named(which: Key) -> dict[str, Any]:
    what, *rest = which
    named: dict[str, Any] = {"action": "", "what": what}
    for name, value in zip(_NAMES[what], rest, strict=False):
        named[name] = int(value) if name == "vni" else value
    return named
