"""Why an IP is bound to its MAC, and who answers for it."""

from evpnd.core.bgp.path import why_better
from evpnd.core.bgp.select import best_for_ip, candidates
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.core.reasons import Reason, sentence
from evpnd.core.want import neighbors
from evpnd.model.ids import IPV4_LENGTH, format_ip, format_mac
from evpnd.model.key import IP
from evpnd.views.explain.announced import exported
from evpnd.views.explain.narrative import Story
from evpnd.views.explain.packet import end_kept, end_local, end_own, end_remote_ip
from evpnd.views.explain.received import (
    Received,
    concerns,
    tell_lost,
    tell_received,
    why_not_imported,
    within,
)


def explain_ip(story: Story, ip: bytes, vni: int | None) -> None:
    """Tell the MAC that an IP is bound to, and whether the bridge answers for it."""
    if story.unknown(vni):
        return
    received = [
        Received(session, key, path)
        for session in story.query.sessions.values()
        for table in session.rib.mac_ip.values()
        for key, path in table.items()
        if key[IP] == ip
    ]
    paths = ((route.session, route.path) for route in received)
    concerned = within(vni, story.evis(vni), paths)
    received = [route for route in received if route.path in concerned]
    text = format_ip(ip)
    tell_received(story, received, f"no peer announces a MAC with {text}")
    vrfs = [
        vrf
        for vrf in story.evis(vni)
        if any(concerns(vrf, route) for route in received)
        or ip in vrf.routes.macs_of
        or _is_known(vrf, ip)
        or vni is not None
    ]
    if not vrfs:
        tell_lost(story, received, text)
    for vrf in vrfs:
        _tell_ip_in(story, vrf, ip, received)


def _is_known(vrf: MacVrf, ip: bytes) -> bool:
    """Return whether this host has state about an IP of an EVI."""
    tables = (
        *vrf.bindings.learned_tables,
        vrf.bindings.static,
        vrf.bindings.ceded_pins,
        vrf.bindings.doubted,
    )
    return (
        any(ip in table for table in tables)
        or ip in vrf.neighbors.actual
        or ip in vrf.neighbors.foreign
        or ip in vrf.own_ips
    )


def _tell_ip_in(story: Story, vrf: MacVrf, ip: bytes, received: list[Received]) -> None:
    local = vrf.bindings.holder(ip)
    found = best_for_ip(vrf.routes, ip)
    lost: str | None = None
    untold: str | None = None
    if ip in vrf.own_ips:
        story.tell("local", f"it is an address of {story.link(vrf.domain.svi)}", vrf)
    elif local is not None:
        known = vrf.sent.macs.get(local)
        kept = exported(story, vrf, local, ip)
        untold = kept.untold
        if local in vrf.macs.frozen:
            untold = f"its MAC {format_mac(local)} is a duplicate and frozen"
        told = known is not None and ip in known.ips and not untold
        text = f"it is bound to the local MAC {format_mac(local)}"
        if ip in vrf.bindings.pinned:
            text += f" by the permanent neighbour on {story.link(vrf.domain.svi)}"
        text += ", and announced" if told else ", but not announced"
        if told and not story.is_heard:
            text += " to no peer yet, because no session is up"
        story.tell("local", text, vrf, mac=format_mac(local))
        story.steps += kept.steps
    elif ip in vrf.bindings.static:
        text = f"the configuration binds it to {format_mac(vrf.bindings.static[ip])}"
        story.tell("local", f"{text}, but a better claim wins", vrf)
    else:
        lost = _tell_unbound(story, vrf, ip)
    if found is not None:
        mac, path = found
        where = f"{format_mac(mac)} at {format_ip(path.vtep)} from peer {path.peer}"
        losers = [
            (other, loser)
            for other in vrf.routes.macs_of.get(ip, ())
            for loser in candidates(vrf.routes, other + ip)
            if loser is not path
        ]
        if local is not None:
            why = _why_local(story, vrf, ip)
            text = f"the local binding to {format_mac(local)} wins over {where}: {why}"
            story.tell("selected", text, vrf)
            losers = []
        elif not losers:
            story.tell("selected", f"{where}: it is the only candidate", vrf)
        for other, loser in losers:
            against = f"{format_mac(other)} at {format_ip(loser.vtep)}"
            reason = why_better(path, loser)
            text = f"{where} over {against} from peer {loser.peer}: {reason}"
            story.tell("selected", text, vrf)
    elif local is None and ip not in vrf.own_ips:
        lost = why_not_imported(received, vrf) or lost or "no peer announces it"
    unready = story.not_ready(vrf)
    lost = lost or unready
    if found is not None and local is None and ip not in vrf.own_ips:
        lost = lost or _why_no_neighbor(story, vrf, ip)
    lost = _tell_neighbor(story, vrf, ip, lost)
    if story.steps[-1]["step"] == "end":
        return
    if ip in vrf.own_ips:
        end_own(story, vrf)
    elif lost is not None:
        story.end(vrf, lost)
    elif local is not None:
        end_local(story, vrf, local, untold, ip)
    elif found is not None:
        end_remote_ip(story, vrf, ip, *found)


def _tell_unbound(story: Story, vrf: MacVrf, ip: bytes) -> str | None:
    """Tell of a neighbour that binds an IP to no tenant; return the reason."""
    bridge = story.link(vrf.domain.svi)
    mac = vrf.bindings.ceded_pins.get(ip)
    if mac is not None:
        text = f"the permanent neighbour on {bridge} binds it to {format_mac(mac)}"
        story.tell("local", f"{text}, but a better claim wins", vrf)
        return None
    mac = vrf.bindings.doubted.get(ip)
    if mac is not None:
        reason = f"{format_mac(mac)} did not answer the probe for it"
        story.tell("local", reason, vrf, mac=format_mac(mac))
        return reason
    mac = vrf.bindings.pinned.get(ip) or vrf.bindings.kernel.get(ip)
    if mac is None:
        return None
    reason = f"no tenant port has its MAC {format_mac(mac)}"
    kind = "permanent neighbour" if ip in vrf.bindings.pinned else "neighbour"
    text = f"the {kind} on {bridge} binds it to {format_mac(mac)}, but {reason}"
    story.tell("local", text, vrf)
    return reason


def _why_local(story: Story, vrf: MacVrf, ip: bytes) -> str:
    """Return why a local binding goes before a remote one."""
    if ip in vrf.bindings.static:
        return "the configuration binds it"
    if ip in vrf.bindings.pinned:
        return f"the permanent neighbour on {story.link(vrf.domain.svi)} binds it"
    return "it is here"


def _tell_neighbor(
    story: Story, vrf: MacVrf, ip: bytes, lost: str | None
) -> str | None:
    """Tell of the neighbour; return the step that failed."""
    decided = neighbors.decide(vrf, ip) if vrf.ready else Reason.NOT_READY
    wanted = None if isinstance(decided, Reason) else decided
    if wanted is not None:
        text = f"neighbour {format_ip(ip)} lladdr {format_mac(wanted.mac)}"
        story.tell("wanted", f"{text} on {story.link(vrf.domain.svi)}", vrf)
    else:
        why = _why_no_neighbor(story, vrf, ip)
        story.tell("wanted", f"no neighbour: {why}", vrf)
    rows = [row for row in story.neighbors(vrf) if row.ip == ip]
    for row in rows:
        whose = "ours" if row.is_ours else "not ours"
        text = f"{format_ip(ip)} lladdr {format_mac(row.mac) if row.mac else '-'}"
        text = f"{text} on {story.link(row.ifindex)} ({whose})"
        story.tell("found", text, vrf)
    if rows and wanted is None and ip in vrf.neighbors.adopted and story.waits:
        end_kept(story, vrf)
        return lost
    if not rows:
        story.tell("found", "no neighbour in the kernel", vrf)
    errno = story.query.refusal(vrf.config.vni, "neighbor", ip)
    if errno is not None:
        refused = story.refused("neighbour", errno, vrf, six=len(ip) > IPV4_LENGTH)
        lost = lost or refused
    if wanted is not None and not any(
        row.mac == wanted.mac and row.is_ours for row in rows
    ):
        lost = lost or "the neighbour is not in the kernel yet, or was removed"
    return lost


def _why_no_neighbor(story: Story, vrf: MacVrf, ip: bytes) -> str | None:
    """Return why no neighbour is wanted; None: one is."""
    reason = neighbors.why_no_row(vrf, ip)
    if reason is None:
        return None
    found = best_for_ip(vrf.routes, ip)
    return sentence(
        reason,
        evi=vrf.config.name,
        ip=format_ip(ip),
        mac=format_mac(found[0]) if found is not None else None,
        bridge=story.link(vrf.domain.bridge),
        vlan=vrf.domain.vlan,
    )
