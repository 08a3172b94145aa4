"""Adj-RIB-In of each peer, and the import of its routes into EVIs.

A route is one slot in the peer's table and one in the EVI that imports it,
both pointing to the path it shares with others; both tables share the key.
"""

from collections.abc import Collection, Hashable, Iterable, Iterator, Sequence

from evpnd.core.bgp.evi_routes import EviRoutes
from evpnd.core.bgp.import_policy import Admission, source_of
from evpnd.core.bgp.imports import Imports
from evpnd.core.bgp.limit_buckets import Entrant
from evpnd.core.bgp.limits import Coming, Limits
from evpnd.core.bgp.other_routes import import_other, remove_other
from evpnd.core.bgp.path import Path
from evpnd.core.bgp.pieces import Pieces
from evpnd.core.bgp.withdrawals import AT_ONCE, Again, Leaving, Table, has_limits
from evpnd.model.routes import MacIpBatch, OtherRoute, identity

TOGETHER = 2.0
"""Seconds after its path in which a route came with it: a table comes in bursts."""
OTHERS = b""
"""Stands for the RD of routes of other types than 2."""


class AdjRibIn:
    """The routes of one peer, as it sent them."""

    __slots__ = ("_imports", "again", "late", "leaving", "mac_ip", "others")

    def __init__(self, imports: Imports) -> None:
        """Start empty; `imports` holds the decisions about the peer's paths."""
        self._imports = imports
        self.mac_ip: dict[bytes, Table] = {}
        """RD and Ethernet Tag (12 octets) to MAC and IP to path."""
        self.others: dict[tuple[object, ...], tuple[OtherRoute, Path]] = {}
        self.late: dict[bytes, Pieces[Hashable, float]] = {}
        """When routes came that came later than the path that they share, monotonic
        seconds: by RD and Ethernet Tag, with nothing for types other than 2."""
        self.again: Again | None = None
        """While the peer restarts or refreshes: the routes that it has sent again."""
        self.leaving: list[Leaving] = []
        """Routes that the peer no longer has and EVIs still have; the oldest first."""

    def __len__(self) -> int:
        """Return the number of routes."""
        return sum(map(len, self.mac_ip.values())) + len(self.others)

    def is_empty(self) -> bool:
        """Return whether there is no route, without counting them."""
        return not (self.mac_ip or self.others)

    def paths(self) -> Iterator[Path]:
        """Yield the paths in use, each at least once."""
        for table in self.mac_ip.values():
            yield from set(table.values())
        for _, path in self.others.values():
            yield path

    def since(self, source: bytes, key: Hashable, path: Path) -> float:
        """Return when a route came; a repeated one is as old as the first."""
        late = self.late.get(source)
        return (late and late.get(key)) or path.received_at

    def _note_time(
        self, source: bytes, keys: Collection[Hashable], path: Path, now: float
    ) -> None:
        """Record when new routes came, if later than their path."""
        late = self.late.get(source)
        if now - path.received_at < TOGETHER:
            if late:
                for key in keys:
                    late.pop(key, None)
            return
        if late is None:
            late = self.late[source] = Pieces()
        late.put(keys, now)

    def install(self, batch: MacIpBatch, path: Path, now: float) -> None:
        """Store type 2 routes that share one path."""
        source = batch.rd + batch.ethernet_tag
        table = self.mac_ip.get(source)
        if table is None:
            table = self.mac_ip[source] = Pieces()
        keys = batch.keys
        if source in self.late or now - path.received_at >= TOGETHER:
            new = [key for key in keys if table.get(key) is not path]
            self._note_time(source, new, path, now)
        if self.again is not None:
            self.again.take(source, keys)
        imports = self._imports
        imported = imports[path]
        if imported.admission is not None:
            self._install_judged(table, keys, path, imported.admission)
            return
        evis = imported.evis
        if table.isdisjoint(keys):
            table.add(keys, path)
            for evi in evis:
                evi.add_fresh(keys, path)
            return
        judged = None
        for key in keys:
            old = table.replace(key, path)
            if old is not None and old is not path:
                before = imports[old]
                judged = judged or before.admission
                for evi in before.evis:
                    if evi not in evis:
                        evi.remove(key, old)
            for evi in evis:
                evi.add(key, path, old)
        self.lost(len(keys))
        if judged is not None:
            limits = _leave(judged, path, keys)
            if limits is not None:
                limits.wake(_let_in)

    def _install_judged(
        self, table: Table, keys: list[bytes], path: Path, admission: Admission
    ) -> None:
        """Store type 2 routes that policies decide about."""
        old = {key: known for key in keys if (known := table.get(key)) is not None}
        table.put(keys, path)
        limits = admission.limits
        fates = list(admission.judge(keys))
        if old:
            for fate in fates:
                into = [evi for evi, _ in fate.takers]
                self._take_out_of_others(fate.keys, into, old, limits)
            if limits is not None:
                limits.wake(_let_in)
        for fate in fates:
            for evi, admitted in fate.takers:
                inside = list(fate.keys)
                gate = admission.gate(evi)
                if gate is not None and limits is not None:
                    coming = Coming(gate, source_of(path), admitted, fate.keys)
                    entered = limits.enter(coming, _let_in)
                    inside = [key for key in inside if key in entered]
                    for key in fate.keys if old else ():
                        if key not in entered and key in old:
                            evi.remove(key, old[key])
                if not old:
                    evi.add_fresh(inside, admitted)
                    continue
                for key in inside:
                    evi.add(key, admitted, old.get(key))
        if old:
            self.lost(len(keys))

    def _take_out_of_others(
        self,
        keys: Iterable[bytes],
        into: list[EviRoutes],
        old: dict[bytes, Path],
        limits: Limits | None,
    ) -> None:
        """Remove routes that came again from EVIs that no longer import them."""
        for key in keys:
            before = old.get(key)
            if before is None:
                continue
            for evi in self._imports[before].evis:
                if evi not in into:
                    evi.remove(key, before)
                    if limits is not None:
                        limits.leave(source_of(before), (key,), evi)

    def withdraw(self, batch: MacIpBatch) -> None:
        """Remove type 2 routes; absent ones are no error."""
        limits = self._withdraw(batch)
        if limits is not None:
            limits.wake(_let_in)

    def _withdraw(self, batch: MacIpBatch) -> Limits | None:
        """Remove type 2 routes; return the limits that may have room now."""
        table = self.mac_ip.get(batch.rd + batch.ethernet_tag)
        if table is None:
            return None
        if self.again is not None:
            self.again.forget(batch.rd + batch.ethernet_tag, batch.keys)
        judged = last = None
        evis: Sequence[EviRoutes] = ()
        late = self.late.get(batch.rd + batch.ethernet_tag)
        for key in batch.keys:
            if late is not None:
                late.pop(key, None)
            path = table.pop(key, None)
            if path is None:
                continue
            if path is not last:
                last, imported = path, self._imports[path]
                evis = imported.evis
                judged = path if imported.admission is not None else judged
            for evi in evis:
                evi.remove(key, path)
        if not table:
            del self.mac_ip[batch.rd + batch.ethernet_tag]
            self.late.pop(batch.rd + batch.ethernet_tag, None)
        admission = None if judged is None else self._imports[judged].admission
        self.lost(len(batch.keys))
        if judged is None or admission is None:
            return None
        return _leave(admission, judged, batch.keys)

    def install_other(self, route: OtherRoute, path: Path, now: float) -> None:
        """Store a route of another type than 2."""
        key = identity(route)
        if self.again is not None:
            self.again.others.add(key)
        if self._take_out(route) is not path:
            self._note_time(OTHERS, [key], path, now)
        self.others[key] = (route, path)
        import_other(route, path, self._imports[path])
        self.lost(1)

    def withdraw_other(self, route: OtherRoute) -> None:
        """Remove a route of another type than 2; an absent one is no error."""
        key = identity(route)
        if self.again is not None:
            self.again.others.discard(key)
        self._take_out(route)
        late = self.late.get(OTHERS)
        if late is not None:
            late.pop(key, None)
            if not late:
                del self.late[OTHERS]
        self.lost(1)

    def _take_out(self, route: OtherRoute) -> Path | None:
        """Remove a route of another type than 2 from all tables; return its path."""
        key = identity(route)
        _, old = self.others.pop(key, (None, None))
        if old is not None:
            remove_other(route, old, self._imports[old].evis)
        return old

    def lost(self, routes: int) -> None:
        """Record that routes left their paths: some paths may have no routes now."""
        imports = self._imports
        imports.lost += routes
        if imports.lost >= imports.bound and imports.is_large:
            used = set(self.paths())
            for leaving in self.leaving:
                used |= leaving.paths()
            imports.keep(used, len(self))

    def mark_stale(self) -> None:
        """Mark all routes as stale (RFC 4724, section 4.2)."""
        self.again = Again()

    def count_stale(self) -> int:
        """Return the number of stale routes; 0 outside of a restart or refresh."""
        return 0 if self.again is None else len(self) - len(self.again)

    def drop_stale(self) -> int:
        """Withdraw the stale routes; return how many."""
        again, self.again = self.again, None
        return 0 if again is None else self._withdraw_all_but(again)

    def drop_all(self) -> int:
        """Withdraw everything; return how many."""
        self.again = None
        return self._withdraw_all_but(Again())

    def sweep(self, most: int | None) -> None:
        """Withdraw some of the leaving routes, or all if there is no limit."""
        while self.leaving:
            self.leaving[0].withdraw(most)
            if self.leaving[0]:
                return
            del self.leaving[0]

    def _leave_all_but(self, those: Again) -> None:
        """Keep the type 2 routes that were sent again; the rest leaves in slices."""
        old, sent = self.mac_ip, those.mac_ip
        self.leaving.append(Leaving(old, sent, self._imports))
        self.mac_ip = {
            source: old[source].only(keys) for source, keys in sent.items() if keys
        }
        for source, late in list(self.late.items()):
            if source != OTHERS:
                self.late[source] = late.only(sent.get(source, ()))

    def _withdraw_all_but(self, those: Again) -> int:
        count = len(self) - len(those)
        limits = None
        if count > AT_ONCE and not has_limits(self.mac_ip, self._imports):
            self._leave_all_but(those)
        for source, table in list(self.mac_ip.items()):
            sent = those.mac_ip.get(source, ())
            keys = [key for key in table if key not in sent]
            if not keys:
                continue
            batch = MacIpBatch(source[:8], source[8:], b"", b"", keys)
            limits = self._withdraw(batch) or limits
        if limits is not None:
            # Not before all are gone: whoever waits may be among them.
            limits.wake(_let_in)
        for key, (route, _) in list(self.others.items()):
            if key not in those.others:
                self.withdraw_other(route)
        return count


def by_path(table: Table) -> dict[Path, list[bytes]]:
    """Group routes that share a path: they are evaluated together."""
    found: dict[Path, list[bytes]] = {}
    for key, path in table.items():
        found.setdefault(path, []).append(key)
    return found


def _leave(admission: Admission, path: Path, keys: Iterable[bytes]) -> Limits | None:
    """Return the places of removed routes to the limits; return the limits, if any."""
    limits = admission.limits
    if limits is not None:
        limits.leave(source_of(path), keys, None)
    return limits


def _let_in(entrant: Entrant) -> None:
    entrant.evi.add(entrant.key, entrant.path, None)


def reimport(
    sources: Iterable[tuple[AdjRibIn, Imports]],
    evis: Iterable[EviRoutes],
    limits: Limits,
) -> None:
    """Fill the EVIs again, after the import of the paths was decided again."""
    for evi in evis:
        evi.clear()
    limited: list[Coming] = []
    for rib, imports in sources:
        rib.leaving.clear()
        for source, table in rib.mac_ip.items():
            judged: dict[Path, list[bytes]] = {}
            for key, path in table.items():
                imported = imports[path]
                if imported.admission is not None:
                    judged.setdefault(path, []).append(key)
                    continue
                for evi in imported.evis:
                    evi.add(key, path, None)
            late = rib.late.get(source)
            for path, keys in judged.items():
                admission = imports[path].admission
                assert admission is not None
                limited.extend(_reimport_judged(path, admission, keys, late))
        for route, path in rib.others.values():
            import_other(route, path, imports[path])
    for entrant in limits.rebuild(limited):
        _let_in(entrant)


def _reimport_judged(
    path: Path,
    admission: Admission,
    keys: list[bytes],
    late: Pieces[Hashable, float] | None,
) -> Iterator[Coming]:
    """Import what policies accept; return the routes that limits decide about."""
    for fate in admission.judge(keys):
        for evi, admitted in fate.takers:
            gate = admission.gate(evi)
            if gate is not None:
                yield Coming(gate, source_of(path), admitted, fate.keys, late)
                continue
            for key in fate.keys:
                evi.add(key, admitted, None)
