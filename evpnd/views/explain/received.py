"""The first steps: what peers sent, and which EVIs imported it."""

from collections.abc import Iterable
from typing import NamedTuple

from evpnd.core.bgp.import_policy import Fate
from evpnd.core.bgp.imports import Imported, fate
from evpnd.core.bgp.path import Path
from evpnd.core.bgp.peer_diagnostics import of_mac_ip
from evpnd.core.bgp.session import Session
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.model.ids import format_ip, format_mac, format_rd, format_route_target
from evpnd.model.key import IP, MAC
from evpnd.views.explain.narrative import Story, duration, rule_fields, rule_text


class Received(NamedTuple):
    """One route that a peer sent for the address asked about."""

    session: Session
    key: bytes
    path: Path

    @property
    def imported(self) -> Imported:
        """Return what import decided about its path."""
        return self.session.imports[self.path]

    @property
    def fate(self) -> Fate:
        """Return the import's result for it."""
        return fate(self.path, self.imported, self.key)


def within(
    vni: int | None, vrfs: list[MacVrf], paths: Iterable[tuple[Session, Path]]
) -> set[Path]:
    """Return the paths that concern the VNI asked about; all if none does."""
    every = {path: session.imports[path].evis for session, path in paths}
    if vni is None:
        return set(every)
    concerned = {
        path
        for path, evis in every.items()
        if path.labels[:3] == vni.to_bytes(3, "big")
        or any(vrf.routes in evis for vrf in vrfs)
    }
    return concerned or set(every)


def tell_received(story: Story, received: list[Received], nothing: str) -> None:
    """Tell of every route that was received, and of its import."""
    if not received:
        story.tell("received", nothing)
        for session in story.query.sessions.values():
            if not session.established:
                why = f": {session.last_error}" if session.last_error else ""
                text = f"the session with {peer_name(session)} is not up{why}"
                story.tell("noted", text, peer=session.peer)
    for route in received:
        session, key, path = route
        ip = f" with {format_ip(key[IP])}" if key[IP] else ""
        story.tell(
            "received",
            f"{peer_name(session)}: type 2 {format_mac(key[MAC])}{ip}, RD "
            f"{format_rd(path.rd)}, VNI {int.from_bytes(path.labels[:3])}, next hop "
            f"{format_ip(path.vtep)}, sequence {path.sequence}"
            f"{', sticky' if path.sticky else ''}, route targets {targets_of(path)}, "
            f"{story.ago(session.rib.since(path.rd + path.ethernet_tag, key, path))}"
            f"{stale(story, session)}",
            peer=session.peer,
        )
        tell_import(story, route.fate, path)
        for note in of_mac_ip(path, route.imported, None):
            story.tell("noted", note, peer=session.peer)


def stale(story: Story, session: Session) -> str:
    """Return whether a route is only kept for a peer that is gone, as text."""
    if session.established or session.rib.again is None or session.deadline is None:
        return ""
    return f"; stale, and kept for another {duration(session.deadline - story.now)}"


def is_for(vrf: MacVrf, path: Path) -> bool:
    """Return whether an EVI imports a route target of a received route."""
    return any(map(vrf.config.import_targets.matches, path.attributes.route_targets))


def concerns(vrf: MacVrf, route: Received) -> bool:
    """Return whether a route concerns an EVI: imported, refused, or nearly so."""
    if is_for(vrf, route.path):
        return True
    judged = route.fate
    takers = [each for each, _ in judged.takers]
    return vrf.routes in takers or judged.refused_by(vrf.routes) is not None


def tell_import(story: Story, judged: Fate, received: Path) -> None:
    """Tell the policies' verdict, which EVIs import a route, or why none does."""
    for outcome, evi in zip(judged.outcomes, judged.asked_by, strict=True):
        into = f"into {evi.config.name}: " if evi is not None else ""
        for step in outcome.steps:
            text = into + rule_text(step)
            story.tell("policy", text, evi, peer=received.peer, **rule_fields(step))
    rejections = {each.reason for each in judged.outcomes if not each.accepted}
    for evi, reason in judged.refusals:
        if reason not in rejections:
            text = f"not into {evi.config.name}: {reason}"
            story.tell("imported", text, evi, peer=received.peer)
            rejections.add(reason)
    if judged.reason is not None and judged.reason not in rejections:
        story.tell("imported", f"no: {judged.reason}", peer=received.peer)
    for evi, path in judged.takers:
        targets = [
            format_route_target(target)
            for target in path.attributes.route_targets
            if evi.config.import_targets.matches(target)
        ]
        text = f"into {evi.config.name} by route target {', '.join(targets)}"
        story.tell("imported", text, evi, peer=path.peer, route_targets=targets)


def tell_lost(story: Story, received: list[Received], text: str) -> None:
    """End a story that concerns no EVI."""
    fates = [route.fate for route in received]
    reasons = {judged.reason for judged in fates if judged.reason is not None}
    reason = (
        "; ".join(sorted(reasons)) or f"no peer announces {text}, and no port has it"
    )
    story.tell("end", f"absent: {reason}", ok=False)


def why_not_imported(received: list[Received], vrf: MacVrf) -> str | None:
    """Return why an EVI has none of the received routes; None: there are none."""
    reasons: dict[str, None] = {}
    elsewhere: dict[str, None] = {}
    for route in received:
        judged = route.fate
        own = judged.refused_by(vrf.routes)
        if own is None and judged.reason is not None:
            own = judged.reason
            if not (is_for(vrf, route.path) or route.imported.hint):
                own = f"{vrf.config.name} imports none of its route targets"
        if own is not None:
            reasons[own] = None
        else:
            elsewhere |= {other.config.name: None for other, _ in judged.takers}
    if reasons:
        return "; ".join(reasons)
    if elsewhere:
        others = ", ".join(elsewhere)
        return f"its routes are imported by {others}, not by {vrf.config.name}"
    return None


def peer_name(session: Session) -> str:
    """Return a peer's address with its description."""
    description = session.config.description
    return f"{session.peer} ({description})" if description else str(session.peer)


def targets_of(path: Path) -> str:
    """Write the route targets of a path."""
    targets = map(format_route_target, path.attributes.route_targets)
    return ", ".join(targets) or "none"
