"""Which EVIs import a path: by its route targets (RFC 7432, section 7.10).

Its Ethernet Tag counts where the EVI has one: those of a bundle share their targets.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial

from evpnd.core.bgp.adj_rib_in import reimport
from evpnd.core.bgp.evi_routes import EviRoutes
from evpnd.core.bgp.import_policy import Origin, admit, is_governed
from evpnd.core.bgp.imports import Imported, NlriParts
from evpnd.core.bgp.limit_buckets import reached
from evpnd.core.bgp.limits import Limits
from evpnd.core.bgp.path import (
    Here,
    Path,
    Rank,
    own_as,
    own_as_rejection,
    rank,
    rejection,
)
from evpnd.core.bgp.peer_diagnostics import Findings
from evpnd.core.bgp.route_target_hints import Nearest, Nearness, other_kind, other_tag
from evpnd.core.bgp.session import Session
from evpnd.core.bgp.vrf_routes import VrfRoutes
from evpnd.core.turn import Turn
from evpnd.model.config import Config
from evpnd.model.ids import IPV4_ADDRESS, ROUTE_TARGET_SUBTYPE, TWO_OCTET_AS, Peer
from evpnd.model.packed import OctetStrings
from evpnd.model.routes import ImetRoute, PathAttributes
from evpnd.policy.attached import Attached

REMEMBERED = 4096
"""Decisions that paths to come share."""

_Kind = tuple[bool, bool] | None
"""Whether VRFs import such routes, and whether they alone do; None: there is none."""
_Decided = tuple[tuple[EviRoutes, ...], str | None, Nearest | None, bool, int]
"""EVIs, rejection, hint, whether the path is ours, and own AS numbers in it."""


def _judged_by(config: Config, named: Iterable[str]) -> object:
    """Collect all settings that affect import; if unchanged, skip re-evaluation."""
    return (
        (config.asn, config.router_id, config.site_of_origin),
        tuple(
            (
                *(peer.address, peer.asn, peer.description, peer.allow_own_as),
                peer.max_routes,
                peer.import_policies,
            )
            for peer in config.peers
        ),
        tuple(
            (
                *(evi.vni, evi.name, evi.import_targets, evi.ethernet_tag),
                evi.import_policies,
            )
            for evi in config.evis
        ),
        tuple(
            (vrf.vni, vrf.name, vrf.import_targets, vrf.import_policies)
            for vrf in config.vrfs
        ),
        tuple((name, config.policies.get(name)) for name in dict.fromkeys(named)),
    )


def _over_max_routes(session: Session) -> str:
    settings = session.config.max_routes
    limit = "" if settings is None else f" of {settings.limit}"
    return f"the peer sent more than its max-routes{limit}"


class Importer:
    """Makes paths, and finds their importers once for each."""

    def __init__(self, config: Config) -> None:
        """Start with no EVI."""
        self._outdated = True
        """EVIs, targets or our addresses changed since all paths were judged."""
        self._exact: dict[bytes, tuple[EviRoutes, ...]] = {}
        self._wildcards: dict[bytes, tuple[EviRoutes, ...]] = {}
        """By the local administrator: 4 octets, or 2 with a four-octet AS."""
        self._has_tags = False
        """An EVI imports routes with its Ethernet Tag alone."""
        self._has_vrfs = False
        self._own_rds: frozenset[bytes] = frozenset()
        self.findings = Findings()
        self._nearness = Nearness()
        self._decisions: dict[_Decided, Imported] = {}
        self._plain: dict[tuple[OctetStrings, bytes, _Kind], Imported] = {}
        """By route targets, by Ethernet Tag and kind where they count, for paths that
        lead to EVIs without a policy between."""
        self._here = Here(0, b"", b"", None)
        self.attached = Attached(config.policies)
        self.limits = Limits()
        self._judged_by: object = None
        """All of the configuration that what becomes of a route depends on."""
        self._origins: dict[Session, Origin] = {}
        """Of the peers whose routes pass policies, as far as they were needed."""
        self.configure(config)

    def configure(self, config: Config) -> None:
        """Store our AS, router ID and site of origin."""
        self._here = self._here._replace(
            asn=config.asn,
            router_id=bytes(config.router_id),
            site_of_origin=config.site_of_origin,
        )
        self.findings.asn = config.asn
        named = [name for peer in config.peers for name in peer.import_policies]
        instances = (*config.evis, *config.vrfs)
        named += (name for each in instances for name in each.import_policies)
        judged_by = _judged_by(config, named)
        self.attached.configure(config.policies)
        if judged_by == self._judged_by:
            return
        self._judged_by = judged_by
        self.limits.configure(config.policies, named)
        self._governed = any(each.import_policies for each in instances)
        self._origins.clear()
        self._outdated = True

    def doubt(self) -> None:
        """Mark all paths for evaluation: our EVIs or addresses changed."""
        self._outdated = True

    def recognise(self, vni: int, keys: Iterable[bytes]) -> None:
        """Make limits accept routes with rows of an earlier run first."""
        self._outdated |= self.limits.recognise(vni, keys)

    def heard(self, *, everyone: bool) -> None:
        """Record in the limits that a peer, or every peer, sent all of its routes."""
        if everyone:
            self.limits.settle()
        self._outdated |= self.limits.review()

    @property
    def is_outdated(self) -> bool:
        """Return whether all paths are to be judged again."""
        return self._outdated

    def judge_all(
        self,
        sessions: Collection[Session],
        evis: Sequence[EviRoutes],
        own_rds: frozenset[bytes],
        vtep: bytes,
        no_hosts: frozenset[bytes],
    ) -> None:
        """Judge the paths of all peers again, and import their routes again."""
        self._outdated = False
        self._learn(evis, own_rds, vtep, no_hosts)
        for session in sessions:
            self._judge_again(session)
        sources = ((session.rib, session.imports) for session in sessions)
        reimport(sources, evis, self.limits)

    def _learn(
        self,
        evis: Sequence[EviRoutes],
        own_rds: frozenset[bytes],
        vtep: bytes,
        no_hosts: frozenset[bytes],
    ) -> None:
        """Store the EVIs, their RDs, our VTEP, and the broadcast addresses."""
        self._here = self._here._replace(vtep=vtep, no_hosts=no_hosts)
        self._own_rds = own_rds
        self._decisions.clear()
        self._plain.clear()
        self._nearness.learn(evi.config for evi in evis)
        self._has_vrfs = any(isinstance(evi, VrfRoutes) for evi in evis)
        self._has_tags = any(evi.config.ethernet_tag is not None for evi in evis)
        exact: dict[bytes, list[EviRoutes]] = {}
        wildcards: dict[bytes, list[EviRoutes]] = {}
        for evi in evis:
            targets = evi.config.import_targets
            for target in targets.exact:
                exact.setdefault(target, []).append(evi)
            for number in targets.wildcards:
                wildcards.setdefault(number.to_bytes(4, "big"), []).append(evi)
            for number in targets.wide:
                wildcards.setdefault(number.to_bytes(2, "big"), []).append(evi)
        self._exact = {target: tuple(found) for target, found in exact.items()}
        self._wildcards = {number: tuple(found) for number, found in wildcards.items()}

    def importers(self, path: Path) -> tuple[EviRoutes, ...]:
        """Return the EVIs and VRFs that import a path.

        That is by its route targets, by its tag (none, of a route that is not used, is
        any), and by its kind: VRFs import type 5, and type 2 with a second label.
        """
        found = self._importers(path.attributes)
        if self._has_tags and path.ethernet_tag:
            tag = int.from_bytes(path.ethernet_tag)
            found = tuple(e for e in found if e.config.ethernet_tag in (None, tag))
        if self._has_vrfs:
            found = tuple(
                each
                for each in found
                if (path.into_vrfs if type(each) is VrfRoutes else not path.of_prefixes)
            )
        return found

    def _importers(self, attributes: PathAttributes) -> tuple[EviRoutes, ...]:
        """Return the EVIs and VRFs that import one of the route targets."""
        found: tuple[EviRoutes, ...] = ()
        for target in attributes.route_targets:
            matches = self._exact.get(target, ())
            if target[1] == ROUTE_TARGET_SUBTYPE and target[0] != IPV4_ADDRESS:
                local = target[4:] if target[0] == TWO_OCTET_AS else target[6:]
                matches = (*matches, *self._wildcards.get(local, ()))
            found += tuple(evi for evi in matches if evi not in found)
        return found

    def importers_of(self, session: Session, path: Path) -> Sequence[EviRoutes]:
        """Return the EVIs that import a path of an earlier evaluation."""
        return self._judge(session, path).evis

    def path(
        self, session: Session, attributes: PathAttributes, nlri: NlriParts, now: float
    ) -> Path:
        """Return the shared path of routes with equal attributes and NLRI parts."""
        imports = session.imports
        known = imports.by_parts.get((attributes, nlri))
        if known is not None:
            return known
        if imports.is_cache_full:
            session.rib.lost(len(imports.by_parts))
            imports.forget_cached()
        order = imports.ranks.get(attributes)
        if order is None:
            order = imports.ranks[attributes] = self._rank(session, attributes)
        path = Path(session.peer, attributes, nlri, order, now)
        imports[path] = imported = self._judge(session, path)
        imports.by_parts[(attributes, nlri)] = path
        if path.labels and not self._outdated:
            self.findings.mac_ip(session, path, imported)
        return path

    def note_imet(self, session: Session, route: ImetRoute, path: Path) -> None:
        """Check a type 3 route, unless all routes are being evaluated again."""
        if not self._outdated:
            self.findings.imet(session, route, path)

    def surplus(self, session: Session, path: Path) -> Path:
        """Return a twin of a path, for routes that are more than the peer may send."""
        nlri = (path.rd, path.ethernet_tag, path.esi, path.labels)
        received = path.received_at
        twin = Path(
            session.peer, path.attributes, nlri, path.rank, received, surplus=True
        )
        session.imports[twin] = self._judge(session, twin)
        return twin

    def _rank(
        self,
        session: Session,
        attributes: PathAttributes,
        preference: int | None = None,
    ) -> Rank:
        return rank(
            attributes,
            ebgp=session.config.asn != self._here.asn,
            router_id=session.router_id,
            peer_address=session.address,
            preference=preference,
        )

    def _origin(self, session: Session) -> Origin | None:
        """Return the policies of a peer; None: there are none."""
        names = session.config.import_policies
        if not (names or self._governed):
            return None
        known = self._origins.get(session)
        if known is None:
            known = self._origins[session] = Origin(
                peer=session.address,
                description=session.config.description,
                asn=session.config.asn,
                chain=self.attached.chain(names),
                names=names,
                attached=self.attached,
                limits=self.limits if self.limits.limiters else None,
                importers=self.importers,
                rank=partial(self._rank, session),
            )
        return known

    def _judge(self, session: Session, path: Path) -> Imported:
        attributes, asn = path.attributes, self._here.asn
        ours = path.rd in self._own_rds
        found = rejection(attributes, self._here)
        own = 0
        if path.surplus:
            found = _over_max_routes(session)
        elif found is None and session.config.asn != asn:
            own = own_as(attributes, asn, session.config.allow_own_as)
            if own:
                found = own_as_rejection(asn, own)
        if found is not None:
            return self._shared((), found, None, ours, own)
        origin = self._origin(session)
        tag = path.ethernet_tag if self._has_tags else b""
        kind = (path.into_vrfs, path.of_prefixes) if self._has_vrfs else None
        if origin is None and not ours:
            known = self._plain.get((attributes.route_targets, tag, kind))
            if known is not None:
                return known
        evis = self.importers(path)
        hint = None if evis else self._hint(path)
        if origin is not None and is_governed(evis, origin):
            into = list(evis)
            admission = admit(path, origin, into, hint) if path.labels else None
            return Imported(
                into, None, hint, admission=admission, origin=origin, ours=ours
            )
        rejected = None if hint is None else hint.text
        decided = self._shared(evis, rejected, hint, ours, 0)
        if origin is None and evis and not ours:
            if len(self._plain) >= REMEMBERED:
                self._plain.clear()
            self._plain[attributes.route_targets, tag, kind] = decided
        return decided

    def _hint(self, path: Path) -> Nearest:
        attributes = path.attributes
        if others := self._importers(attributes):
            if all(type(each) is VrfRoutes for each in others) != path.of_prefixes:
                return other_kind(path, [each.config for each in others])
            return other_tag(path.ethernet_tag, [evi.config for evi in others])
        label = int.from_bytes(path.labels[:3])
        if not path.labels and attributes.pmsi is not None:
            label = attributes.pmsi.label
        return self._nearness.nearest(attributes.route_targets, label)

    def _shared(self, *decided: *_Decided) -> Imported:
        """Return one value for all paths about which the same is decided."""
        known = self._decisions.get(decided)
        if known is None:
            if len(self._decisions) >= REMEMBERED:
                self._decisions.clear()
            evis, rejected, hint, ours, own = decided
            known = Imported(evis, rejected, hint, ours=ours, own_as=own)
            self._decisions[decided] = known
        return known

    def tell(self, sessions: Mapping[Peer, Session], turn: Turn) -> None:
        """Report faults in peers' routes, and limits that are reached."""
        self.findings.decide(sessions, turn)
        for bucket in self.limits.take_filled(turn.now):
            turn.warn("limit_reached", **reached(bucket))

    def _judge_again(self, session: Session) -> None:
        """Decide the importers of all paths of a peer again."""
        imports = session.imports
        used = set(session.rib.paths())
        known = used.union(imports.by_parts.values())
        imports.decide_anew({path: self._judge(session, path) for path in known})
        for path in used:
            if path.labels:
                self.findings.mac_ip(session, path, imports[path])
        for route, path in session.rib.others.values():
            if isinstance(route, ImetRoute):
                self.findings.imet(session, route, path)
