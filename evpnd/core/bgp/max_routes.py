"""Maximum number of routes of a peer: `peers[].max-routes`.

They are counted as received, before policies. With `action: reject` the surplus stays
in the peer's table, on twins of its paths that no EVI imports, so that `show routes`
and `explain` have the reason. Who waits is let in, in order of arrival, when there is
room.
"""

from collections.abc import Hashable, Iterator
from itertools import islice
from typing import final

from evpnd.core.bgp.adj_rib_in import OTHERS
from evpnd.core.bgp.importer import Importer
from evpnd.core.bgp.imports import PATH_CACHE
from evpnd.core.bgp.path import Path
from evpnd.core.bgp.session import Session
from evpnd.model.actions import Action, Notice, ResetSession
from evpnd.model.config import MaxRoutes, MaxRoutesAction
from evpnd.model.numbers import EVPN
from evpnd.model.routes import MacIpBatch, OtherRoute, identity

TELL_EVERY = 60.0
"""Seconds between two events about the same level of one peer."""
MAXIMUM_PREFIXES = (6, 1)
"""Code and subcode of a NOTIFICATION (RFC 4486)."""

_FINE, _NEAR, _OVER = range(3)

Place = tuple[bytes, Hashable]
"""RD and Ethernet Tag, with the key within them; OTHERS for types other than 2."""


@final
class Quota:
    """The routes of one peer as far as they are limited.

    It takes routes as its AdjRibIn does, and hands them on.
    """

    def __init__(
        self, session: Session, importer: Importer, settings: MaxRoutes
    ) -> None:
        """Count the present routes; `fit` applies the settings."""
        self.settings = settings
        self.size = len(session.rib)
        """Routes received, rejected ones included."""
        self.ending = False
        """The session will end: routes that come until then are ignored."""
        self._session = session
        self._importer = importer
        self._rejects = settings.action is MaxRoutesAction.REJECT
        self._surplus: dict[Place, None] = {}
        self._twins: dict[Path, Path] = {}
        self._level = 0
        self._told: dict[int, float] = {}

    @property
    def over(self) -> int:
        """Return how many routes there are over the limit."""
        return max(0, self.size - self.settings.limit)

    # What an AdjRibIn has

    def withdraw(self, batch: MacIpBatch) -> None:
        """Remove type 2 routes; absent ones are no error."""
        source = batch.rd + batch.ethernet_tag
        tables = self._session.rib.mac_ip
        before = len(tables.get(source, ()))
        self._session.rib.withdraw(batch)
        self.size += len(tables.get(source, ())) - before
        if self._surplus:
            for key in batch.keys:
                self._surplus.pop((source, key), None)

    def withdraw_other(self, route: OtherRoute) -> None:
        """Remove a route of another type than 2; an absent one is no error."""
        others = self._session.rib.others
        before = len(others)
        self._session.rib.withdraw_other(route)
        self.size += len(others) - before
        self._surplus.pop((OTHERS, identity(route)), None)

    def install(self, batch: MacIpBatch, path: Path, now: float) -> None:
        """Store type 2 routes that share one path."""
        source = batch.rd + batch.ethernet_tag
        tables = self._session.rib.mac_ip
        before = len(tables.get(source, ()))
        inside = batch.keys
        if self._rejects and (self._surplus or self._room() < len(inside)):
            inside = self._enter(source, batch.keys)
        waiting = []
        if self._surplus:
            waiting = [key for key in batch.keys if (source, key) in self._surplus]
        if waiting:
            twin = self._twin(path)
            self._session.rib.install(batch._replace(keys=waiting), twin, now)
        if inside:
            self._session.rib.install(batch._replace(keys=inside), path, now)
        self.size += len(tables[source]) - before

    def install_other(self, route: OtherRoute, path: Path, now: float) -> None:
        """Store a route of another type than 2."""
        others = self._session.rib.others
        key = identity(route)
        before = len(others)
        if self._rejects and not self._enters(OTHERS, key, known=key in others):
            path = self._twin(path)
        self._session.rib.install_other(route, path, now)
        self.size += len(others) - before

    def _room(self) -> int:
        """Return how many new routes may still come in."""
        return self.settings.limit - (self.size - len(self._surplus))

    def _enter(self, source: bytes, keys: list[bytes]) -> list[bytes]:
        """Return the accepted keys; the others wait."""
        table = self._session.rib.mac_ip.get(source, ())
        room = self._room()
        inside = dict.fromkeys(keys)
        for key in list(inside):
            if (source, key) in self._surplus:
                del inside[key]
            elif key not in table:
                room -= 1
                if room < 0:
                    self._surplus[source, key] = None
                    del inside[key]
        return list(inside)

    def _enters(self, source: bytes, key: Hashable, *, known: bool) -> bool:
        """Return whether one route is accepted; if not, it waits."""
        if (source, key) in self._surplus:
            return False
        if not known and self._room() < 1:
            self._surplus[source, key] = None
            return False
        return True

    def _twin(self, path: Path) -> Path:
        """Return the path for the surplus of a path."""
        twin = self._twins.get(path)
        if twin is None or twin not in self._session.imports:
            if len(self._twins) >= PATH_CACHE:
                self._twins.clear()
            twin = self._twins[path] = self._importer.surplus(self._session, path)
        return twin

    # When things change

    def let_in(self, now: float) -> None:
        """Accept waiting routes if there is room.

        Not while the peer sends everything again: what it has not sent again may go.
        """
        if self._surplus and self._session.rib.again is None and self._room() > 0:
            self._move(list(islice(self._surplus, self._room())), now)

    def release(self, now: float) -> None:
        """Accept all routes: there is no limit any more."""
        self._move(list(self._surplus), now)

    def fit(self, now: float) -> None:
        """Move the latest routes to the waiting ones if there are too many."""
        if not self._rejects or not self.over:
            return
        rib = self._session.rib
        for place in list(islice(self._last_first(), self.over)):
            source, key = place
            self._surplus[place] = None
            if source == OTHERS:
                route, path = rib.others[key]  # type: ignore[index] # it is one
                rib.install_other(route, self._twin(path), now)
                continue
            path = rib.mac_ip[source][key]  # type: ignore[index] # it is octets
            batch = _batch(path, [key])  # type: ignore[list-item] # it is octets
            rib.install(batch, self._twin(path), now)

    def _last_first(self) -> Iterator[Place]:
        """Yield the routes, type 3 last: without them nothing is flooded."""
        rib = self._session.rib
        for source in reversed(list(rib.mac_ip)):
            yield from ((source, key) for key in reversed(list(rib.mac_ip[source])))
        yield from ((OTHERS, key) for key in reversed(list(rib.others)))

    def _move(self, places: list[Place], now: float) -> None:
        """Import routes that waited."""
        rib = self._session.rib
        together: dict[Path, list[bytes]] = {}
        for place in places:
            source, key = place
            del self._surplus[place]
            if source == OTHERS:
                route, twin = rib.others[key]  # type: ignore[index] # it is one
                rib.install_other(route, self._original(twin, now), now)
            else:
                twin = rib.mac_ip[source][key]  # type: ignore[index] # it is octets
                together.setdefault(twin, []).append(key)  # type: ignore[arg-type]
        for twin, keys in together.items():
            rib.install(_batch(twin, keys), self._original(twin, now), now)

    def _original(self, twin: Path, now: float) -> Path:
        parts = (twin.rd, twin.ethernet_tag, twin.esi, twin.labels)
        return self._importer.path(self._session, twin.attributes, parts, now)

    def recount(self, now: float) -> None:
        """Count again after routes of a session or a restart were removed."""
        rib = self._session.rib
        self.size = len(rib)
        self._surplus = {
            (source, key): None
            for source, key in self._surplus
            if key in (rib.others if source == OTHERS else rib.mac_ip.get(source, ()))
        }
        self.let_in(now)

    def session_ended(self, now: float) -> None:
        """Record that the session ended; routes may be kept for a restart."""
        self.ending = False
        self._twins.clear()
        self.recount(now)

    # What is told

    def review(self, now: float) -> list[Action]:
        """Return the notices and actions about the number of routes."""
        level = self._find_level()
        before, self._level = self._level, level
        if level <= before:
            return []
        actions: list[Action] = []
        settings, peer = self.settings, self._session.peer
        restarts = settings.action is MaxRoutesAction.RESTART
        if level == _OVER and restarts and self._session.established:
            self.ending = True
            said = EVPN + settings.limit.to_bytes(4)
            actions.append(ResetSession(peer, *MAXIMUM_PREFIXES, said))
        told = self._told.get(level)
        if told is None or now >= told + TELL_EVERY:
            self._told[level] = now
            event = "max_routes_exceeded" if level == _OVER else "max_routes_near"
            fields: dict[str, object] = {
                "peer": peer,
                "routes": self.size,
                "limit": settings.limit,
                "action": settings.action.value,
            }
            actions.append(Notice("warning", event, fields))
        return actions

    def _find_level(self) -> int:
        if self.over:
            return _OVER
        near = self.size * 100 >= self.settings.limit * self.settings.warn_at
        return _NEAR if near else _FINE

    def finding(self) -> str | None:
        """Return the finding about the number of routes."""
        limit, over = self.settings.limit, self.over
        if over and self._rejects:
            return (
                f"it sent {self.size} routes, max-routes is {limit}: {over} are "
                "rejected until there is room"
            )
        if over:
            return f"it sent {self.size} routes, {over} over max-routes {limit}"
        if self._find_level() == _NEAR:
            percent = self.size * 100 // limit
            return f"it sent {self.size} routes, {percent} % of max-routes {limit}"
        return None


def _batch(path: Path, keys: list[bytes]) -> MacIpBatch:
    return MacIpBatch(path.rd, path.ethernet_tag, path.esi, path.labels, keys)
