"""What evpnd knows of a VTEP, and which flood lists contain it."""

from evpnd.core.bgp.adj_rib_in import OTHERS
from evpnd.core.bgp.endpoints import flood_endpoint
from evpnd.core.bgp.imports import other_fate
from evpnd.core.bgp.path import Path
from evpnd.core.bgp.session import Session
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.core.reasons import Reason, sentence
from evpnd.core.want import floods, macs
from evpnd.model.ids import FLOOD_MAC, format_ip, format_rd
from evpnd.model.key import MAC
from evpnd.model.routes import ImetRoute, identity
from evpnd.views.explain.narrative import Story
from evpnd.views.explain.packet import end_kept, end_vtep
from evpnd.views.explain.received import (
    is_for,
    peer_name,
    stale,
    targets_of,
    tell_import,
    within,
)
from evpnd.views.query import Query

Imet = tuple[Session, ImetRoute, Path]


def kinds_of_ip(query: Query, ip: bytes) -> tuple[str, ...]:
    """Return what an IP address is: ``ip``, a tenant's; ``vtep``; or both."""
    vrfs = query.vrfs.values()
    tenant = any(
        ip in vrf.routes.macs_of
        or ip in vrf.own_ips
        or ip in vrf.neighbors.actual
        or vrf.bindings.holder(ip) is not None
        for vrf in vrfs
    )
    vtep = (
        ip == query.vtep
        or any(ip in vrf.floods for vrf in vrfs)
        or bool(_imets(query, ip))
        or any(
            path.vtep == ip
            for session in query.sessions.values()
            for table in session.rib.mac_ip.values()
            for path in table.values()
        )
    )
    return ("ip", "vtep") if tenant and vtep else ("vtep",) if vtep else ("ip",)


def _endpoint(route: ImetRoute, path: Path) -> bytes:
    return flood_endpoint(route, path.attributes)


def _imets(query: Query, vtep: bytes) -> list[Imet]:
    """Return the type 3 routes of a VTEP."""
    return [
        (session, route, path)
        for session in query.sessions.values()
        for route, path in session.rib.others.values()
        if isinstance(route, ImetRoute)
        and vtep
        in (route.originator, path.vtep, flood_endpoint(route, path.attributes))
    ]


def explain_vtep(story: Story, vtep: bytes, vni: int | None) -> None:
    """Tell what is known of a VTEP, and in which flood lists it is."""
    if story.unknown(vni):
        return
    text = format_ip(vtep)
    if vtep == story.query.vtep:
        story.tell("local", f"{text} is our own VTEP address")
        if story.query.links.has_address(vtep):
            story.tell("end", "it is this host itself", ok=True)
        else:
            story.tell("end", "no interface of this host has it", ok=False)
        return
    imets = _imets(story.query, vtep)
    concerned = _within(vni, story, imets)
    imets = [each for each in imets if each[2] in concerned]
    for session, route, path in imets:
        attributes = path.attributes
        pmsi = attributes.pmsi
        label = f"VNI {pmsi.label}" if pmsi is not None else "no PMSI tunnel"
        story.tell(
            "received",
            f"{peer_name(session)}: type 3, RD {format_rd(path.rd)}, originating IP "
            f"{format_ip(route.originator)}, next hop {format_ip(path.vtep)}, {label}, "
            f"route targets {targets_of(path)}, "
            f"{story.ago(session.rib.since(OTHERS, identity(route), path))}"
            f"{stale(story, session)}",
            peer=session.peer,
        )
        judged = other_fate(path, session.imports[path], route, count=False)
        tell_import(story, judged, path)
    if not imets:
        story.tell("received", f"no peer announces a type 3 route of {text}")
    for vrf in story.evis(vni):
        wants = vtep in vrf.routes.imets
        count = sum(
            _leads_to(vrf, mac, vtep) for mac in {key[MAC] for key in vrf.routes.slots}
        )
        asked = vni is not None or any(
            vrf.routes in session.imports[path].evis for session, _, path in imets
        )
        if wants or count or vtep in vrf.floods or asked:
            lost = None if wants else _why_not_wanted(vrf, imets)
            _tell_vtep_in(story, vrf, vtep, count, lost)
    if not any(step["step"] == "end" for step in story.steps):
        reason: str | None = f"no peer announces {text}"
        if imets:
            session, route, path = imets[0]
            imported = session.imports[path]
            reason = other_fate(path, imported, route, count=False).reason
        story.tell("end", f"absent: {reason or 'no EVI imports it'}", ok=False)


def _within(vni: int | None, story: Story, imets: list[Imet]) -> set[Path]:
    """Return the paths that concern the VNI asked about, as `within` does."""
    labelled = {
        path
        for *_, path in imets
        if path.attributes.pmsi is not None and path.attributes.pmsi.label == vni
    }
    return labelled or within(
        vni, story.evis(vni), ((session, path) for session, _, path in imets)
    )


def _why_not_wanted(vrf: MacVrf, imets: list[Imet]) -> str:
    """Return why an EVI has none of a VTEP's type 3 routes."""
    elsewhere: list[str] = []
    for session, route, path in imets:
        imported = session.imports[path]
        judged = other_fate(path, imported, route, count=False)
        refusal = judged.refused_by(vrf.routes)
        if refusal is not None:
            return refusal
        if judged.reason is not None and (is_for(vrf, path) or imported.hint):
            return judged.reason
        elsewhere += [other.config.name for other, _ in judged.takers]
    if elsewhere:
        return f"its type 3 route is imported by {', '.join(elsewhere)}, not here"
    return f"no type 3 route of it is for {vrf.config.name}"


def _tell_vtep_in(
    story: Story, vrf: MacVrf, vtep: bytes, reached: int, lost: str | None
) -> None:
    count = "1 MAC is" if reached == 1 else f"{reached} MACs are"
    story.tell("selected", f"{count} reached by it", vrf, macs=reached)
    unready = story.not_ready(vrf)
    decided = floods.decide(vrf, vtep)
    if lost is None and isinstance(decided, Reason):
        lost = sentence(decided, most=floods.FLOOD_MOST)
    if lost is not None:
        story.tell("wanted", f"not in the flood list: {lost}", vrf)
    elif vrf.ready:
        story.tell(
            "wanted", f"in the flood list of {story.link(vrf.domain.vxlan)}", vrf
        )
    lost = lost or unready
    rows = [row for row in story.fdb(vrf, FLOOD_MAC) if row.dst == vtep]
    for row in rows:
        ours = row.is_ours
        text = story.row(row) + ("" if ours else " (not marked as ours)")
        story.tell("found", text, vrf)
    if not rows:
        story.tell("found", "not in the kernel's flood list", vrf)
    if rows and vtep in vrf.floods.adopted and story.waits and lost is not None:
        end_kept(story, vrf)
        return
    errno = story.query.refusal(vrf.config.vni, "flood", vtep)
    if errno is not None:
        refused = story.refused("row", errno, vrf)
        lost = lost or refused
    if not rows:
        lost = lost or "the row is not in the kernel yet, or was removed"
    if lost is None:
        end_vtep(story, vrf, vtep)
    else:
        story.end(vrf, lost, there=bool(rows))


def _leads_to(vrf: MacVrf, mac: bytes, vtep: bytes) -> bool:
    chosen = macs.leading_path(vrf, mac)
    return chosen is not None and chosen.vtep == vtep and not vrf.macs.is_local(mac)
