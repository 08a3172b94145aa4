"""Import policies: which EVIs import which routes of a path, and how changed.

The peer's policies are asked first, and what they set decides with the rest which
EVIs import; then those EVIs' own. What a path's attributes say is asked once. A
route that is changed stands in the EVI on a variant of the path it came on.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, final

from evpnd.core.bgp.evi_routes import EviRoutes
from evpnd.core.bgp.limit_buckets import Gate
from evpnd.core.bgp.limits import Limits, Source
from evpnd.core.bgp.path import Path, Rank
from evpnd.core.bgp.route_target_hints import Nearest
from evpnd.core.bgp.vrf_routes import VrfRoutes
from evpnd.model.policy import Key, Subject
from evpnd.model.routes import OtherRoute, PathAttributes
from evpnd.policy.attached import Attached
from evpnd.policy.program import Chain, Outcome, Program
from evpnd.policy.subjects import received_as, received_mac_ip, received_other

Keys = Sequence[bytes]

NOT_IMPORTED = "no EVI imports the route targets that it has after policies"
ALONE: Keys = (b"",)
"""The one route where there is no MAC."""


class Fate(NamedTuple):
    """The import's result for some routes of a path."""

    keys: Keys
    takers: tuple[tuple[EviRoutes, Path], ...]
    """The EVIs that import them, each with the path to import them on."""
    reason: str | None
    """Why no EVI does."""
    outcomes: tuple[Outcome, ...] = ()
    """What the policies said that were asked."""
    asked_by: tuple[EviRoutes | None, ...] = ()
    """Whose policies each of these are: an EVI's, or the peer's."""
    refusals: tuple[tuple[EviRoutes, str], ...] = ()
    """The EVIs whose own policies, or limits, keep them out, and why."""

    def refused_by(self, evi: EviRoutes) -> str | None:
        """Return why an EVI rejects the routes; None: it does not."""
        return next((why for each, why in self.refusals if each is evi), None)


class Origin(NamedTuple):
    """What the importer and the session know of the paths of one peer."""

    peer: bytes
    description: str
    asn: int
    chain: Chain | None
    names: tuple[str, ...]
    """Of the policies in the chain."""
    attached: Attached
    limits: Limits | None
    """None: no policy that is named for import has limits."""
    importers: Callable[[Path], tuple[EviRoutes, ...]]
    rank: Callable[[PathAttributes, int | None], Rank]

    def complete(self, subject: Subject) -> Subject:
        """Add what the session knows."""
        return subject._replace(
            peer=self.peer,
            peer_description=self.description,
            asn=self.asn if subject.asn is None else subject.asn,
        )


class _Stage(NamedTuple):
    """Behind the peer's policies, for one outcome of them."""

    path: Path
    importers: tuple[tuple[EviRoutes, Program | None], ...]


@final
class Admission:
    """The policies between one path and the EVIs."""

    __slots__ = (
        "_alone",
        "_evis",
        "_gates",
        "_hint",
        "_origin",
        "_path",
        "_program",
        "_stages",
        "_subject",
        "_variants",
    )

    def __init__(
        self,
        path: Path,
        origin: Origin,
        subject: Subject,
        evis: list[EviRoutes],
        *,
        hint: Nearest | None,
        alone: Key | None = None,
    ) -> None:
        """Ask what can be asked without the keys.

        `evis` are those that may have routes of the path: who is found later is added.
        `alone` is the key of a route of another type than 2, one to a path.
        """
        self._alone = alone
        self._evis = evis
        self._hint = hint
        self._path = path
        self._origin = origin
        self._subject = subject
        chain = origin.chain
        self._program = None if chain is None else chain.program(subject)
        self._stages: dict[int, tuple[Outcome | None, _Stage]] = {}
        self._variants: dict[Subject, Path] = {subject: path}
        self._gates: dict[int, Gate | None] = {}

    @property
    def limits(self) -> Limits | None:
        """Return the limits of all import policies, if there are any."""
        return self._origin.limits

    def gate(self, evi: EviRoutes) -> Gate | None:
        """Return the limits between a path and an EVI.

        They count what EVIs import: a MAC/IP route counts there, and not in a VRF.
        """
        limits = self._origin.limits
        if limits is None or isinstance(evi, VrfRoutes):
            return None
        vni = evi.config.vni
        if vni not in self._gates:
            names = (*self._origin.names, *evi.config.import_policies)
            gate = limits.gate(names, evi, self._path, self._origin.peer)
            self._gates[vni] = gate
        return self._gates[vni]

    def within_limits(self, fate: Fate) -> Fate:
        """Leave out the EVIs that a limit keeps one route out of."""
        limits = self._origin.limits
        if limits is None:
            return fate
        (key,) = fate.keys
        takers = []
        refusals = list(fate.refusals)
        for taker in fate.takers:
            limiter = limits.blocker(source_of(self._path), taker[0], key)
            if limiter is None:
                takers.append(taker)
            else:
                refusals.append((taker[0], limiter.reason))
        if len(takers) == len(fate.takers):
            return fate
        return fate._replace(
            takers=tuple(takers),
            reason=None if takers else refusals[-1][1],
            refusals=tuple(refusals),
        )

    def __setstate__(self, state: tuple[None, dict[str, object]]) -> None:
        """Take the state of a recording, where outcomes had other identities."""
        for name, value in state[1].items():
            setattr(self, name, value)
        self._stages = {id(kept[0]): kept for kept in self._stages.values()}

    def judge(self, keys: Keys, *, count: bool = True) -> Iterator[Fate]:
        """Return the result for routes; count them unless `count` is false."""
        if self._program is None:
            yield from self._enter(None, keys, count=count)
            return
        for outcome, part in self._partition(self._program, keys):
            if count:
                _count(outcome, part)
            if outcome.accepted:
                yield from self._enter(outcome, part, count=count)
            else:
                yield Fate(part, (), outcome.reason, (outcome,), (None,))

    def _partition(
        self, program: Program, keys: Keys
    ) -> Sequence[tuple[Outcome, Keys]]:
        if self._alone is None:
            return program.partition(keys)
        return [(program.outcome_of(self._alone), keys)]

    def _stage(self, outcome: Outcome | None) -> _Stage:
        known = self._stages.get(id(outcome))
        if known is not None:
            return known[1]
        subject = self._subject if outcome is None else outcome.subject
        path = self._variant(subject)
        chain = self._origin.attached.chain
        importers = []
        for evi in self._origin.importers(path):
            chain_of_evi = chain(evi.config.import_policies)
            program = None if chain_of_evi is None else chain_of_evi.program(subject)
            importers.append((evi, program))
        self._remember(evi for evi, _ in importers)
        stage = _Stage(path, tuple(importers))
        # The outcome is kept, for its identity is the key.
        self._stages[id(outcome)] = outcome, stage
        return stage

    def _remember(self, evis: Iterable[EviRoutes]) -> None:
        """Record all EVIs that may have routes of the path."""
        self._evis.extend([evi for evi in evis if evi not in self._evis])

    def _variant(self, subject: Subject) -> Path:
        known = self._variants.get(subject)
        if known is not None:
            return known
        source = self._path
        attributes = received_as(source.attributes, subject)
        preference = subject.local_preference
        if preference == self._subject.local_preference:
            preference = None
        nlri = (source.rd, source.ethernet_tag, source.esi, source.labels)
        order = self._origin.rank(attributes, preference)
        came = source.received_at
        variant = Path(source.peer, attributes, nlri, order, came, source=source)
        self._variants[subject] = variant
        return variant

    def _enter(
        self, entered: Outcome | None, keys: Keys, *, count: bool
    ) -> Iterator[Fate]:
        """Ask the EVIs' own policies about routes that the peer's let pass."""
        stage = self._stage(entered)
        parts = [Fate(keys, (), None)]
        if entered is not None:
            parts = [Fate(keys, (), None, (entered,), (None,))]
        for evi, program in stage.importers:
            if program is None:
                taker = evi, stage.path
                parts = [each._replace(takers=(*each.takers, taker)) for each in parts]
                continue
            divided = []
            for part in parts:
                for outcome, smaller in self._partition(program, part.keys):
                    if count:
                        _count(outcome, smaller)
                    fate = part._replace(
                        keys=smaller,
                        outcomes=(*part.outcomes, outcome),
                        asked_by=(*part.asked_by, evi),
                    )
                    if outcome.accepted:
                        taker = evi, self._variant(outcome.subject)
                        fate = fate._replace(takers=(*part.takers, taker))
                    else:
                        refusal = evi, outcome.reason
                        fate = fate._replace(refusals=(*part.refusals, refusal))
                    divided.append(fate)
            parts = divided
        for part in parts:
            reason = None
            if not part.takers:
                refused = part.refusals
                reason = refused[0][1] if refused else self._lost(stage.path)
            yield part._replace(reason=reason)

    def _lost(self, path: Path) -> str:
        """Return why no EVI imports a path after policies."""
        hint = self._hint
        return hint.text if hint and path is self._path else NOT_IMPORTED


def _count(outcome: Outcome, keys: Keys) -> None:
    for step in outcome.steps:
        step.count += len(keys)


def source_of(path: Path) -> Source:
    """Return the scope within which a path's route keys are unique."""
    return path.peer, path.rd + path.ethernet_tag


def admit(
    path: Path, origin: Origin, evis: list[EviRoutes], hint: Nearest | None
) -> Admission:
    """Make the admission of a path of type 2 routes."""
    nlri = (path.rd, path.ethernet_tag, path.esi, path.labels)
    subject = origin.complete(received_mac_ip(path.attributes, nlri))
    return Admission(path, origin, subject, evis, hint=hint)


def admit_other(
    path: Path,
    route: OtherRoute,
    origin: Origin,
    evis: list[EviRoutes],
    hint: Nearest | None,
) -> Admission:
    """Make the admission of a route of another type than 2."""
    subject, key = received_other(path.attributes, route)
    said = origin.complete(subject)
    return Admission(path, origin, said, evis, hint=hint, alone=key)


def is_governed(evis: Iterable[EviRoutes], origin: Origin) -> bool:
    """Return whether a policy stands between a path and the EVIs that import it."""
    return origin.chain is not None or any(evi.config.import_policies for evi in evis)
