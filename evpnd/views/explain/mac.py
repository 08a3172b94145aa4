"""Why a MAC is where it is."""

from collections.abc import Iterator

from evpnd.core.bgp.path import Path, why_better
from evpnd.core.bgp.select import mac_candidates
from evpnd.core.bgp.slots import best
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.core.local.mobility import judge
from evpnd.core.reasons import sentence
from evpnd.core.want import adverts, macs
from evpnd.model.ids import format_ip, format_mac, format_rd
from evpnd.model.rows import NTF_SELF
from evpnd.views.explain.announced import exported
from evpnd.views.explain.narrative import Story, duration
from evpnd.views.explain.packet import end_kept, end_local, end_remote_mac
from evpnd.views.explain.received import (
    Received,
    concerns,
    tell_lost,
    tell_received,
    why_not_imported,
    within,
)
from evpnd.views.query import Query


def explain_mac(story: Story, mac: bytes, vni: int | None) -> None:
    """Tell where a MAC leads, in one VNI or in every EVI that is concerned."""
    if story.unknown(vni):
        return
    received = list(_mac_routes(story.query, mac))
    paths = ((route.session, route.path) for route in received)
    concerned = within(vni, story.evis(vni), paths)
    received = [route for route in received if route.path in concerned]
    text = format_mac(mac)
    tell_received(story, received, f"no peer announces {text}")
    links = story.query.links.by_index.values()
    ours = [link.name for link in links if link.mac == mac]
    if ours:
        story.tell("local", f"it is the address of {', '.join(ours)}")
    learned = any(
        mac in vrf.macs.local or mac in vrf.macs.static for vrf in story.evis(vni)
    )
    if ours and not received and not learned:
        story.tell("end", "it is this host's own", ok=True)
        return
    vrfs = [
        vrf
        for vrf in story.evis(vni)
        if any(concerns(vrf, route) for route in received)
        or mac in vrf.macs.local
        or mac in vrf.macs.static
        or mac in vrf.fdb.actual
        or mac in vrf.fdb.partial
        or vni is not None
    ]
    if not vrfs:
        tell_lost(story, received, text)
    for vrf in vrfs:
        _tell_mac_in(story, vrf, mac, received)


def _tell_mac_in(
    story: Story, vrf: MacVrf, mac: bytes, received: list[Received]
) -> None:
    paths = mac_candidates(vrf.routes, mac)
    chosen = macs.leading_path(vrf, mac) or best(paths)
    lost: str | None = None
    if not paths and not vrf.macs.is_local(mac):
        lost = why_not_imported(received, vrf) or "no peer announces it"
    unready = story.not_ready(vrf)
    lost = lost or unready
    if mac in vrf.macs.frozen:
        _tell_frozen(story, vrf, mac)
    if mac in vrf.macs.ceded and mac in vrf.macs.static:
        text = "the configuration makes it static, but a better claim wins"
        story.tell("local", text, vrf)
    if vrf.macs.is_local(mac):
        lost = _tell_local(story, vrf, mac, chosen)
    elif chosen is not None:
        _tell_selected(story, vrf, mac, chosen, paths)
    wanted: Path | None = None
    if chosen is not None and not vrf.macs.is_local(mac):
        reason = macs.why_no_row(vrf, mac)
        if reason is None:
            wanted = chosen
            row = f"{format_mac(mac)} dst {format_ip(chosen.vtep)}"
            vxlan, where = story.link(vrf.domain.vxlan), story.vlan(vrf)
            text = f"FDB row {row} on {vxlan}, and its bridge row{where}"
            story.tell("wanted", text, vrf, vtep=format_ip(chosen.vtep))
        else:
            why = sentence(reason, evi=vrf.config.name)
            story.tell("wanted", f"no row: {why}", vrf)
            lost = lost or why
    _tell_found_mac(story, vrf, mac, wanted, lost)


def _tell_frozen(story: Story, vrf: MacVrf, mac: bytes) -> None:
    vni = vrf.config.vni
    until = story.query.duplicate_macs.get((vni, mac), story.now)
    text = f"it is a duplicate and frozen for another {duration(until - story.now)}"
    command = f"`evpnd clear duplicate --vni {vni} {format_mac(mac)}`"
    story.tell("noted", f"{text}; {command} releases it now", vrf)


def _tell_local(
    story: Story, vrf: MacVrf, mac: bytes, chosen: Path | None
) -> str | None:
    """Tell of a local MAC; return why no peer receives it, if none does."""
    local = vrf.macs.local.get(mac)
    if local is None:
        text = "it is static in the configuration"
    else:
        port = story.link(local.port)
        text = f"it is on local port {port}{story.vlan(vrf)} ({local.origin.value})"
        text = f"{text} for {duration(story.now - local.since)}"
    story.tell("local", text, vrf, interface=story.link(local.port) if local else None)
    if chosen is not None:
        own = vrf.macs.sequence.get(mac, 0)
        other = f"{format_ip(chosen.vtep)} from peer {chosen.peer}"
        other += f" (sequence {chosen.sequence})"
        text = f"the local MAC (sequence {own}) wins over {other}"
        text += f": {judge(vrf, mac, chosen).value}"
        if mac in vrf.macs.ceded:
            text = f"the local MAC (sequence {own}) stays where the operator put it, "
            text += f"though {other} has the better claim"
        if mac in vrf.macs.frozen:
            text = f"no winner: the MAC is a frozen duplicate (other claim: {other})"
        story.tell("selected", text, vrf)
    known = vrf.sent.macs.get(mac)
    if known is None:
        untold = sentence(adverts.why_not(vrf, mac), evi=vrf.config.name)
        story.tell("announced", f"no: {untold}", vrf)
        return untold
    ips = ", ".join(map(format_ip, known.ips)) or "no IP"
    tag = vrf.config.ethernet_tag
    text = f"RD {format_rd(vrf.rd)}" + (f", Ethernet Tag {tag}" if tag else "")
    text += f", next hop {format_ip(vrf.vtep)}, with {ips}"
    text += f", sequence {vrf.macs.sequence.get(mac, 0)}"
    kept = exported(story, vrf, mac)
    if kept.untold:
        text = f"to no peer: {text}"
    elif not story.is_heard:
        text = f"to nobody yet, for no session is up: {text}"
    story.tell("announced", text, vrf)
    story.steps += kept.steps
    return kept.untold


def _tell_selected(
    story: Story, vrf: MacVrf, mac: bytes, chosen: Path, paths: list[Path]
) -> None:
    where = f"{format_ip(chosen.vtep)} from peer {chosen.peer}"
    if mac in vrf.macs.static:
        why = judge(vrf, mac, chosen).value
        story.tell("selected", f"{where} over the static MAC of this host: {why}", vrf)
        return
    told = {
        f"{where} over {format_ip(loser.vtep)} from peer {loser.peer}: "
        f"{why_better(chosen, loser)}": None
        for loser in sorted(paths, key=lambda path: path.rank)
        if loser.rank != chosen.rank
    }
    for text in told or (f"{where}: it is the only candidate",):
        story.tell("selected", text, vrf)


def _tell_found_mac(
    story: Story, vrf: MacVrf, mac: bytes, wanted: Path | None, lost: str | None
) -> None:
    rows = story.fdb(vrf, mac)
    for row in rows:
        story.tell("found", story.row(row), vrf)
    kept = mac in vrf.fdb.adopted and story.waits and not vrf.macs.is_local(mac)
    if rows and wanted is None and kept:
        end_kept(story, vrf)
        return
    if not rows:
        story.tell("found", "no row in the kernel", vrf)
    errno = story.query.refusal(vrf.config.vni, "fdb", mac)
    if errno is not None:
        refused = story.refused("row", errno, vrf)
        lost = lost or refused
    if vrf.macs.is_local(mac):
        end_local(story, vrf, mac, lost)
        return
    if wanted is not None:
        own = [row for row in rows if row.flags & NTF_SELF and row.dst == wanted.vtep]
        bridge = [row for row in rows if not row.flags & NTF_SELF]
        if own and any(row.ifindex == vrf.domain.vxlan for row in bridge):
            end_remote_mac(story, vrf, mac, wanted)
            return
    ours = any(row.is_ours for row in rows)
    lost = lost or "the row is not in the kernel yet, or was removed"
    story.end(vrf, lost, there=ours and not vrf.ready)


def _mac_routes(query: Query, mac: bytes) -> Iterator[Received]:
    for session in query.sessions.values():
        for table in session.rib.mac_ip.values():
            for key, path in table.items():
                if key.startswith(mac):
                    yield Received(session, key, path)
