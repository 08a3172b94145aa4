"""Findings about peers that interoperate badly, each reported once.

All is judged by path, or by type 3 route, never by type 2 route. `show` finds it
anew from the routes there are; the log has each once, and what was told is
remembered in bounded memory.
"""

from collections.abc import Iterable, Iterator, Mapping

from evpnd.core.bgp import acceptance
from evpnd.core.bgp.imports import Imported
from evpnd.core.bgp.path import Path
from evpnd.core.bgp.rewriting import Rewriting, find_rewriting
from evpnd.core.bgp.route_target_hints import Nearest
from evpnd.core.bgp.session import Session
from evpnd.core.turn import Turn
from evpnd.model.actions import Notice
from evpnd.model.ids import Peer, format_ip, format_route_target
from evpnd.model.routes import INGRESS_REPLICATION, ImetRoute

REMEMBERED = 4096
"""Findings that were reported; the oldest is forgotten first."""
FAR_TOLD = 16
"""Reported target sets of one peer that are close to no EVI."""
SHOWN = 20
"""Findings of one peer that `show peers` lists."""
PATIENCE = 3.0
"""Seconds that a type 3 route may come after the type 2 routes of its VTEP."""
SILENCE = 30.0
"""Seconds after End-of-RIB in which an empty external peer is not reported."""

NO_ENCAPSULATION = "its routes carry no encapsulation; evpnd treats them as VXLAN"
UNSAID = "it carries no encapsulation; evpnd treats it as VXLAN"


class Findings:
    """Findings that were reported, and those that are not decided yet."""

    def __init__(self) -> None:
        """Start with nothing reported."""
        self._notices: list[Notice] = []
        self.asn = 0
        """Our own AS."""
        self._told: dict[tuple[object, ...], None] = {}
        self._far: dict[Peer, int] = {}
        self._suspected: dict[Peer, float] = {}
        """Peers with their own address as next hop, and since when."""
        self._silent: dict[Peer, float] = {}
        """Peers that had sent nothing at their End-of-RIB, and when that was."""

    def finished(self, session: Session, now: float) -> None:
        """Check a peer that has sent End-of-RIB, or whose timer has expired.

        Over iBGP an empty table is usual while a fabric grows: `show` alone says it.
        """
        if session.config.asn != self.asn and acceptance.is_silent(session):
            self._silent.setdefault(session.peer, now)

    def mac_ip(self, session: Session, path: Path, imported: Imported) -> None:
        """Check a path of type 2 routes."""
        if not self._is_imported(session, path, imported):
            return
        if path.vtep == session.address:
            self._suspected.setdefault(session.peer, path.received_at)

    def imet(self, session: Session, route: ImetRoute, path: Path) -> None:
        """Check a type 3 route."""
        imported = session.imports[path]
        if not self._is_imported(session, path, imported):
            return
        if path.vtep == session.address != route.originator:
            self._suspected.setdefault(session.peer, path.received_at)
        mismatch = pmsi_mismatch(route, path, imported)
        if mismatch:
            self._tell(
                "warning",
                "pmsi_mismatch",
                session,
                route.originator,
                originator=format_ip(route.originator),
                reason=mismatch,
            )

    def _is_imported(self, session: Session, path: Path, imported: Imported) -> bool:
        """Report why no EVI imports a path; return whether one does."""
        self._own_as(session, imported)
        if not imported.evis:
            self._not_imported(session, path, imported.hint)
            return False
        if not path.attributes.encapsulations:
            self._no_encapsulation(session)
        return True

    def _own_as(self, session: Session, imported: Imported) -> None:
        if imported.own_as and not imported.ours:
            reason = acceptance.own_as_text(self.asn, imported.own_as)
            self._tell("warning", "own_as_rejected", session, None, reason=reason)

    def _no_encapsulation(self, session: Session) -> None:
        self._tell(
            "warning", "encapsulation_missing", session, None, reason=NO_ENCAPSULATION
        )

    def _not_imported(
        self, session: Session, path: Path, nearest: Nearest | None
    ) -> None:
        targets = path.attributes.route_targets
        if nearest is None or ("targets_not_imported", targets, nearest.near) in (
            self._told
        ):
            return
        reason = nearest.text
        if not nearest.near:
            told = self._far.get(session.peer, 0)
            if told == FAR_TOLD:
                return
            self._far[session.peer] = told + 1
            if told + 1 == FAR_TOLD:
                reason += "; evpnd reports no further ones of this peer"
        self._remember(("targets_not_imported", targets, nearest.near))
        fields: dict[str, object] = {
            "peer": session.peer,
            "targets": list(map(format_route_target, targets)),
            "reason": reason,
        }
        level = "warning" if nearest.near else "info"
        self._notices.append(Notice(level, "targets_not_imported", fields))

    def _tell(
        self,
        level: str,
        event: str,
        session: Session,
        subject: object,
        **fields: object,
    ) -> None:
        what = (event, session.peer, subject)
        if what in self._told:
            return
        self._remember(what)
        self._notices.append(Notice(level, event, {"peer": session.peer, **fields}))

    def _remember(self, what: tuple[object, ...]) -> None:
        if len(self._told) >= REMEMBERED:
            del self._told[next(iter(self._told))]
        self._told[what] = None

    def decide(self, sessions: Mapping[Peer, Session], turn: Turn) -> None:
        """Decide about suspected peers, and report findings of this turn."""
        if self._silent:
            self._decide_silent(sessions, turn.now)
        if self._suspected:
            self._decide_rewriting(sessions, turn.now)
        if self._notices:
            turn.tell_all(self._notices)
            self._notices.clear()

    def _decide_rewriting(self, sessions: Mapping[Peer, Session], now: float) -> None:
        """Report peers that rewrite next hops."""
        for peer, since in list(self._suspected.items()):
            session = sessions.get(peer)
            if session is not None and not session.told_everything:
                continue
            if now < since + PATIENCE:
                continue
            del self._suspected[peer]
            rewriting = None if session is None else find_rewriting(session)
            if session is not None and rewriting is not None:
                reason = rewriting.text
                self._tell(
                    "warning", "next_hop_rewritten", session, None, reason=reason
                )

    def _decide_silent(self, sessions: Mapping[Peer, Session], now: float) -> None:
        """Report peers that have still sent nothing."""
        for peer, since in list(self._silent.items()):
            if now < since + SILENCE:
                continue
            del self._silent[peer]
            session = sessions.get(peer)
            if session is not None and acceptance.is_silent(session):
                reason = acceptance.silent_text(session, self.asn)
                self._tell(
                    "warning", "no_routes_received", session, None, reason=reason
                )

    def next_due(self, sessions: Mapping[Peer, Session]) -> float | None:
        """Return when `decide` has something to decide."""
        if not (self._suspected or self._silent):
            return None
        due = (
            since + PATIENCE
            for peer, since in self._suspected.items()
            if peer not in sessions or sessions[peer].told_everything
        )
        silent = (since + SILENCE for since in self._silent.values())
        return min((*due, *silent), default=None)


def pmsi_mismatch(route: ImetRoute, path: Path, imported: Imported) -> str | None:
    """Return contradictions within a type 3 route; peers use different fields."""
    pmsi, next_hop = path.attributes.pmsi, path.vtep
    if pmsi is None or pmsi.tunnel_type != INGRESS_REPLICATION:
        return None
    said: list[str] = []
    if pmsi.endpoint and not pmsi.endpoint == route.originator == next_hop:
        said.append(
            f"its PMSI endpoint is {format_ip(pmsi.endpoint)}, "
            f"its originator {format_ip(route.originator)}, "
            f"its next hop {format_ip(next_hop)}"
        )
    vnis = [evi.config.vni for evi in imported.evis]
    if vnis and pmsi.label not in vnis:
        named = " and ".join(map(str, vnis))
        said.append(
            f"its PMSI label is {pmsi.label}, but it is imported into VNI {named}"
        )
    return "; ".join(said) or None


def of_peer(session: Session, sessions: Iterable[Session], asn: int) -> list[str]:
    """Return the present findings about a peer; `asn` is our own."""
    found = dict.fromkeys(acceptance.of_peer(session, sessions, asn))
    rewriting = find_rewriting(session) if session.told_everything else None
    if rewriting is not None:
        found[rewriting.text] = None
    for text in _of_paths(session):
        if text not in found and len(found) == SHOWN:
            return [*found, "and more: see show routes"]
        found[text] = None
    return list(found)


def _of_paths(session: Session) -> Iterator[str]:
    imports = session.imports
    for path in _mac_ip_paths(session):
        yield from _of_path(path, imports[path])
    for route, path in session.rib.others.values():
        if not isinstance(route, ImetRoute):
            continue
        imported = imports[path]
        yield from _of_path(path, imported)
        mismatch = pmsi_mismatch(route, path, imported) if imported.evis else None
        if mismatch:
            yield f"type 3 of {format_ip(route.originator)}: {mismatch}"


def _mac_ip_paths(session: Session) -> Iterable[Path]:
    for table in session.rib.mac_ip.values():
        yield from dict.fromkeys(table.values())


def _of_path(path: Path, imported: Imported) -> Iterator[str]:
    if imported.evis:
        if not path.attributes.encapsulations:
            yield NO_ENCAPSULATION
    elif imported.hint is not None and imported.hint.near:
        yield imported.hint.text


def of_mac_ip(path: Path, imported: Imported, rewriting: Rewriting | None) -> list[str]:
    """Return the notes about a type 2 route."""
    notes: list[str] = []
    if not imported.evis:
        return notes
    if not path.attributes.encapsulations:
        notes.append(UNSAID)
    if any(path.esi):
        notes.append(
            f"its Ethernet segment {path.esi.hex(':')} is multihomed; "
            "only its next hop is used"
        )
    if rewriting is not None and rewriting.concerns(path):
        notes.append(rewriting.note)
    return notes


def of_imet(route: ImetRoute, path: Path, imported: Imported) -> list[str]:
    """Return the notes about a type 3 route."""
    notes: list[str] = []
    if not imported.evis:
        return notes
    if not path.attributes.encapsulations:
        notes.append(UNSAID)
    pmsi = path.attributes.pmsi
    if pmsi is None:
        notes.append("it has no PMSI tunnel; its originator gets the BUM frames")
    elif pmsi.tunnel_type != INGRESS_REPLICATION:
        notes.append(
            f"its PMSI tunnel is of type {pmsi.tunnel_type}, not ingress replication "
            "(6); it gets no BUM frames"
        )
    mismatch = pmsi_mismatch(route, path, imported)
    if mismatch:
        notes.append(mismatch)
    return notes
