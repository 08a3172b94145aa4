"""Audits: compares the rows that we believe to exist with the kernel's.

Notifications tell of nearly every change. Not told is what others write while we
write a bulk (docs/adr/0016), and what the kernel itself does not tell. So every EVI
is looked at in its turn, in slices, at a pace that nobody notices; and where
somebody wrote beside us, at once.
"""

from collections import deque
from collections.abc import Mapping
from math import inf

from evpnd.core.evi.domains import Domains
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.core.kernel.comparison import Asked, differences
from evpnd.core.kernel.observe import observe_fdb, observe_neighbor
from evpnd.core.local.tenants import Tenants
from evpnd.core.tables.drift import AUDIT, RECHECK
from evpnd.core.turn import Turn
from evpnd.model.actions import Action, AuditRows, AuditTables
from evpnd.model.events import RowsAudited

WHOLE = 8_192
"""Rows up to which the tables of an EVI are read at once, by a dump. Of EVIs that share
a bridge or a VXLAN device, single rows are read: a dump would read those of the others,
too."""
SLICE = 256
"""Rows of a larger one that are asked for at a time."""
URGENT_SLICE = 4_096
"""The same, where somebody wrote beside us."""
ROUND = 120.0
"""Seconds in which every EVI is audited once, if the pace allows it."""
SHORTEST_PAUSE = 0.25
"""Seconds between two slices."""
PACE = 2_000
"""Most rows a second that are read by dumps."""
RECHECK_PAUSE = 0.2
"""Seconds from the first doubt about rows to the comparison."""
RECHECK_AGAIN = 0.5
"""Seconds between two rechecks of one EVI."""


class Walk:
    """The audit of one EVI's rows, slice by slice, or by a dump."""

    def __init__(self, vrf: MacVrf, cause: str, *, alone: bool) -> None:
        """Start with all rows of ours that exist now.

        `alone`: a dump of the bridge reads the rows of no other EVI.
        """
        self.vni = vrf.config.vni
        self.cause = cause
        self.whole = alone and size(vrf) <= WHOLE and vrf.fdb.reading is None
        self.over = False
        """Every row was asked for."""
        self._domain = vrf.domain
        self._macs = [] if self.whole else list(vrf.fdb.actual)
        self._ips = [] if self.whole else list(vrf.neighbors.actual)
        self._at = 0

    def is_of(self, vrf: MacVrf | None) -> bool:
        """Return whether an EVI is still on the devices that this began on."""
        return vrf is not None and vrf.ready and vrf.domain == self._domain

    def take(self, vrf: MacVrf, most: int) -> tuple[Action, Asked]:
        """Ask for the next rows, with what is believed of them."""
        rows, neighbors = vrf.fdb.actual, vrf.neighbors.actual
        if self.whole:
            self.over = True
            whole = Asked(dict(rows), dict(neighbors), set(vrf.floods.present()))
            return AuditTables(vrf.domain), whole
        start, self._at = self._at, self._at + most
        before = len(self._macs)
        macs = [mac for mac in self._macs[start : self._at] if mac in rows]
        ips = self._ips[max(0, start - before) : max(0, self._at - before)]
        ips = [ip for ip in ips if ip in neighbors]
        self.over = self._at >= before + len(self._ips)
        asked = Asked(
            {mac: rows[mac] for mac in macs}, {ip: neighbors[ip] for ip in ips}, set()
        )
        return AuditRows(vrf.domain, macs, ips), asked


class Audit:
    """The schedule of the audit."""

    def __init__(self, now: float) -> None:
        """Schedule the first round; `now` is monotonic seconds."""
        self._asked: tuple[Walk, Asked] | None = None
        """What the kernel has not answered yet."""
        self._walk: Walk | None = None
        """Of the round."""
        self._recheck: Walk | None = None
        self._left: deque[int] = deque()
        """VNIs of this round."""
        self._due = now + ROUND
        self._doubted: dict[int, float] = {}
        """VNIs to when they are looked at."""
        self._rechecked: dict[int, float] = {}

    def doubt(self, ifindexes: frozenset[int], domains: Domains, now: float) -> None:
        """Schedule a recheck of EVIs to whose VXLAN devices another program wrote."""
        doubted = [vrf for index in ifindexes for vrf in domains.on_vxlan(index)]
        for vni in [vrf.config.vni for vrf in doubted]:
            last = self._rechecked.get(vni, -inf)
            due = max(now + RECHECK_PAUSE, last + RECHECK_AGAIN)
            self._doubted.setdefault(vni, due)

    def abandon(self) -> None:
        """Drop the pending request: all tables are read again."""
        self._asked = self._recheck = None

    def next_due(self) -> float | None:
        """Return when to ask again; None: after the answer."""
        if self._asked is not None or self._recheck is not None:
            return None
        return min(self._due, *self._doubted.values()) if self._doubted else self._due

    def ask(
        self, vrfs: Mapping[int, MacVrf], domains: Domains, now: float
    ) -> list[Action]:
        """Request the next rows from the kernel."""
        if self._asked is not None:
            return []
        walk, most = self._next_in_doubt(vrfs, domains, now), URGENT_SLICE
        if walk is None and now >= self._due:
            walk, most = self._next_of_round(vrfs, domains, now), SLICE
        if walk is None:
            return []
        action, asked = walk.take(vrfs[walk.vni], most)
        self._asked = walk, asked
        if walk.over and walk is self._recheck:
            self._recheck = None
        return [action]

    def answer(
        self,
        vrfs: Mapping[int, MacVrf],
        event: RowsAudited,
        tenants: Tenants,
        turn: Turn,
    ) -> None:
        """Compare the kernel's answer with what we believed; apply differences."""
        if self._asked is None:
            return
        walk, asked = self._asked
        self._asked = None
        vrf = vrfs.get(walk.vni)
        if vrf is None or vrf.domain != event.domain or not walk.is_of(vrf):
            return
        fdb, neighbors = differences(vrf, asked, event)
        with vrf.tables.found_by(walk.cause):
            for row in fdb:
                observe_fdb(vrf, row, tenants, turn)
            for neighbor in neighbors:
                observe_neighbor(vrf, neighbor, tenants, turn)

    def _next_in_doubt(
        self, vrfs: Mapping[int, MacVrf], domains: Domains, now: float
    ) -> Walk | None:
        walk = self._recheck
        if walk is not None and walk.is_of(vrfs.get(walk.vni)):
            return walk
        self._recheck = None
        for vni in [vni for vni, due in self._doubted.items() if now >= due]:
            del self._doubted[vni]
            vrf = vrfs.get(vni)
            # One that is not ready is read whole when it becomes so.
            if vrf is not None and vrf.ready:
                self._rechecked[vni] = now
                self._recheck = Walk(vrf, RECHECK, alone=domains.is_alone(vrf))
                return self._recheck
        return None

    def _next_of_round(
        self, vrfs: Mapping[int, MacVrf], domains: Domains, now: float
    ) -> Walk | None:
        """Return the next EVI of the round, and schedule the one after it."""
        walk = self._walk
        if walk is None or walk.over or not walk.is_of(vrfs.get(walk.vni)):
            walk = self._walk = self._begin_next(vrfs, domains)
        if walk is None:
            self._due = now + ROUND
            return None
        sizes = [size(vrf) for vrf in vrfs.values() if vrf.ready]
        steps = sum(-(-rows // SLICE) if rows > WHOLE else 1 for rows in sizes)
        pause = max(SHORTEST_PAUSE, ROUND / max(1, steps))
        if walk.whole:
            pause = max(pause, size(vrfs[walk.vni]) / PACE)
        self._due = now + pause
        return walk

    def _begin_next(self, vrfs: Mapping[int, MacVrf], domains: Domains) -> Walk | None:
        if not self._left:
            self._left.extend(vrfs)
            self._rechecked = {v: t for v, t in self._rechecked.items() if v in vrfs}
        while self._left:
            vrf = vrfs.get(self._left.popleft())
            if vrf is not None and vrf.ready:
                return Walk(vrf, AUDIT, alone=domains.is_alone(vrf))
        return None


def size(vrf: MacVrf) -> int:
    """Return about how many rows a dump of an EVI's tables has."""
    return len(vrf.fdb.actual) + len(vrf.macs.local) + len(vrf.neighbors.actual)
