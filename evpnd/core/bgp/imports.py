"""The paths of one peer, and what import decided about each.

A path does not change. What is decided about it stands beside it, and paths about
which the same is decided share the answer.
"""

from collections.abc import Iterable, Sequence
from typing import Final, final

from evpnd.core.bgp.evi_routes import EviRoutes
from evpnd.core.bgp.import_policy import ALONE, Admission, Fate, Origin, admit_other
from evpnd.core.bgp.path import Path, Rank
from evpnd.core.bgp.route_target_hints import Nearest
from evpnd.model.routes import OtherRoute, PathAttributes

PATH_CACHE = 4096
"""Paths that are kept for routes to come, and paths without a route before those are
looked for."""

NlriParts = tuple[bytes, bytes, bytes, bytes]
"""RD, Ethernet Tag, ESI and labels."""


@final
class Imported:
    """Which EVIs take the routes of a path, or why none does."""

    __slots__ = ("admission", "evis", "hint", "origin", "ours", "own_as", "rejection")

    def __init__(
        self,
        evis: Sequence[EviRoutes],
        rejection: str | None,
        hint: Nearest | None,
        *,
        admission: Admission | None = None,
        origin: Origin | None = None,
        ours: bool = False,
        own_as: int = 0,
    ) -> None:
        """Store the decision."""
        self.evis: Final = evis
        """Where policies stand between, all that may have one; they become more."""
        self.rejection: Final = rejection
        self.hint: Final = hint
        """Where its route targets lead to no EVI: which one was probably meant."""
        self.admission: Final = admission
        """The policies that its type 2 routes pass; None: all of them are imported."""
        self.origin: Final = origin
        """Where policies are named: what they are asked about the peer."""
        self.ours: Final = ours
        """Its RD is that of one of our EVIs: a peer sent our own route back."""
        self.own_as: Final = own_as
        """Rejected because our own AS is in its AS_PATH so often; 0: it is not."""


def fate(path: Path, imported: Imported, key: bytes) -> Fate:
    """Return what became of one type 2 route; counts nothing."""
    admission = imported.admission
    if admission is None:
        takers = tuple((evi, path) for evi in imported.evis)
        return Fate((key,), takers, imported.rejection)
    (found,) = admission.judge((key,), count=False)
    return admission.within_limits(found)


def other_fate(
    path: Path, imported: Imported, route: OtherRoute, *, count: bool = True
) -> Fate:
    """Return what becomes of a route of another type than 2; only type 3 is used."""
    if imported.origin is None:
        takers = tuple((evi, path) for evi in imported.evis)
        return Fate(ALONE, takers, imported.rejection)
    evis, origin = imported.evis, imported.origin
    assert isinstance(evis, list)
    admission = admit_other(path, route, origin, evis, imported.hint)
    (found,) = admission.judge(ALONE, count=count)
    return found


@final
class Imports(dict[Path, Imported]):
    """What is decided about the paths in use.

    A path without a route stays until many routes were withdrawn or came again: to
    look for such paths costs what there is in the table.
    """

    __slots__ = ("bound", "by_parts", "lost", "ranks")

    def __init__(self) -> None:
        """Start with no path."""
        super().__init__()
        self.by_parts: dict[tuple[PathAttributes, NlriParts], Path] = {}
        """For the next route with equal attributes and NLRI parts."""
        self.ranks: dict[PathAttributes, Rank] = {}
        self.lost = 0
        """Routes that left their paths since paths without a route were forgotten."""
        self.bound = PATH_CACHE
        """Number of such routes at which to look for unused paths."""

    @property
    def is_cache_full(self) -> bool:
        """Return whether no more paths should be kept for future routes."""
        return len(self.by_parts) >= PATH_CACHE

    @property
    def is_large(self) -> bool:
        """Return whether it is worthwhile to look for paths without a route."""
        return len(self) > PATH_CACHE

    def forget_cached(self) -> None:
        """Stop sharing the present paths with future routes."""
        self.by_parts.clear()
        self.ranks.clear()

    def keep(self, used: Iterable[Path], routes: int) -> None:
        """Forget all paths but those in use; `routes` is how many there are."""
        kept = {path: self[path] for path in (*used, *self.by_parts.values())}
        self.decide_anew(kept)
        self.lost = 0
        self.bound = max(PATH_CACHE, routes // 4)

    def decide_anew(self, decisions: dict[Path, Imported]) -> None:
        """Replace all decisions."""
        self.clear()
        self.update(decisions)
