"""Output of the daemon: log, `show`, metrics."""

import collections
import os
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from evpnd import __version__, log
from evpnd.adapters.control.requests import FILTERS
from evpnd.adapters.metrics import Counting, Histogram, MetricsServer, Snapshot
from evpnd.adapters.processes import age, resident
from evpnd.core.engine import Engine
from evpnd.log_stream import LogStream
from evpnd.model.actions import Notice
from evpnd.model.config import Config
from evpnd.model.ids import format_ip
from evpnd.views import parts, policies, routes, show
from evpnd.views import vrfs as vrf_tables
from evpnd.views.query import Query
from evpnd.views.vlans import vlan_of
from evpnd.wire.pipe import LAYOUT

KEPT_EVENTS = 1000
COUNTED_EVIS = 20
COUNTED_ROUTES = 2_000
"""EVIs, and routes and local MACs, up to which the loop itself answers a scrape: some
milliseconds. A copy takes about as long to be made."""
SAME_EVENT_LIMIT = 50
"""Lines a second of one event; the rest are counted and told in one line."""

Entry = dict[str, Any]


class Reports:
    """Reads the engine, never changes it."""

    def __init__(
        self,
        engine: Engine,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        quiet: bool = False,
    ) -> None:
        """Start with no event seen; `quiet`: log nothing.

        A replay has clocks of its own.
        """
        self._query = Query(engine)
        self._clock = clock
        self._monotonic = monotonic
        self._quiet = quiet
        self.on_told: Callable[[Notice], None] | None = None
        """Who else is told what the agent itself has to tell."""
        self._events: collections.deque[Entry] = collections.deque(maxlen=KEPT_EVENTS)
        self._second = 0
        self._told: collections.Counter[str] = collections.Counter()
        self._metrics: MetricsServer | None = None
        self._counting = Counting(self._query)
        self._convergence = Histogram()
        self.log: LogStream | None = None
        """Where log lines go; it counts those that are dropped."""
        self.speaker = __version__, LAYOUT
        """The speaker may be of an earlier version, which was replaced on disk."""

    def tell(self, notice: Notice) -> None:
        """Log what the agent itself has to tell, not the core."""
        self.notice(notice)
        if self.on_told is not None:
            self.on_told(notice)

    def remembered(self) -> list[Entry]:
        """Return the latest events."""
        return list(self._events)

    def remember(self, events: Iterable[Entry]) -> None:
        """Take over what was remembered."""
        self._events.extend(events)

    def notice(self, notice: Notice) -> None:
        """Log an event, and keep it for `show events`."""
        self._counting.note(notice)
        self._events.append(
            {
                "time": _iso(self._clock()),
                "level": notice.level,
                "event": notice.event,
                **notice.fields,
            }
        )
        if not self._quiet:
            self._log(notice)

    def _log(self, notice: Notice) -> None:
        second = int(time.monotonic())
        if second != self._second:
            for event, count in self._told.items():
                if count > SAME_EVENT_LIMIT:
                    suppressed = count - SAME_EVENT_LIMIT
                    log.warning("events_suppressed", of=event, count=suppressed)
            self._second = second
            self._told.clear()
        self._told[notice.event] += 1
        if self._told[notice.event] <= SAME_EVENT_LIMIT:
            log.write(notice.level, notice.event, **notice.fields)

    def show(
        self, what: str, filters: dict[str, object], *, at_once: bool = True
    ) -> dict[str, object]:
        """Answer `show`: the entries of one table that pass the filters.

        The answer has a `note` where no EVI has the VNI or VLAN that is asked for.
        Unless they are wanted at once, they are made while `result` is walked over,
        and nothing may change meanwhile. With `limit` it is a part of the table, with
        the `total`.
        """
        query = self._query
        now = self._monotonic()
        tables: dict[str, Callable[[], Iterator[Entry]]] = {
            "peers": lambda: show.peers(query, now),
            "evis": lambda: show.evis(query),
            "vrfs": lambda: vrf_tables.vrfs(query),
            "prefixes": lambda: vrf_tables.prefixes(query),
            "macs": lambda: show.macs(query),
            "neighbors": lambda: show.neighbors(query),
            "vteps": lambda: show.vteps(query),
            "routes": lambda: routes.routes(query),
            "policies": lambda: show.policies(query),
            "events": lambda: iter(list(self._events)),
        }
        table = tables.get(what)
        if table is None:
            return {"ok": False, "error": f"there is no table {what!r}"}
        if isinstance(name := filters.get("peer"), str):
            meant = self._peers(name)
            if not meant and what != "events":  # those may be of a stranger
                known = ", ".join(query.sessions) or "none"
                error = f"there is no peer {name}; known peers: {known}"
                return {"ok": False, "error": error}
            filters = {**filters, "peer": {name, *meant}}
        answer: dict[str, object] = {"ok": True}
        if "limit" in filters:
            answer["total"], rows = self._part(what, filters)
            found = _shown(rows, filters, self._clock() - now)
        else:
            found = _shown(table(), filters, self._clock() - now)
        if what != "events" and (note := _unknown(query, filters)):
            answer["note"] = note
        return {**answer, "result": list(found) if at_once else found}

    def _part(self, what: str, wanted: dict[str, Any]) -> tuple[int, Iterator[Entry]]:
        """Return how many rows a table has, and the part that is asked for."""
        if what == "events":
            passing = [each for each in self._events if _passes(each, wanted)]
            last = max(0, len(passing) - int(wanted["offset"]))
            first = max(0, last - int(wanted["limit"]))
            return len(passing), iter(passing[first:last])
        table = parts.macs if what == "macs" else parts.neighbors
        total, rows = table(self._query, wanted)
        return total, iter(rows)

    def _peers(self, name: str) -> list[str]:
        """Return peers by their address or description."""
        return [
            session.peer
            for session in self._query.sessions.values()
            if name in (session.peer, session.config.description)
        ]

    def size(self) -> int:
        """Count the routes and the local MACs, which make tables long."""
        query = self._query
        count = sum(len(each.rib) for each in query.sessions.values())
        return count + sum(len(vrf.macs.local) for vrf in query.vrfs.values())

    def _is_large(self) -> bool:
        evis = len(self._query.vrfs)
        return evis > COUNTED_EVIS or self.size() > COUNTED_ROUTES

    def service(self) -> Entry:
        """Return the state of the daemon and of its two processes."""
        config, vtep = self._query.config, self._query.vtep
        speaker, agent = os.getppid(), os.getpid()
        return {
            "version": __version__,
            "speaker_version": self.speaker[0],
            "speaker_messages": self.speaker[1],
            "uptime": age(speaker),
            "agent_uptime": age(agent),
            "pid": speaker,
            "agent_pid": agent,
            "config": str(config.path),
            "socket": str(config.control_socket),
            "router_id": format_ip(config.router_id),
            "asn": config.asn,
            "vtep": format_ip(vtep) if vtep else None,
            "memory": resident(speaker),
            "agent_memory": resident(agent),
            **self.status(),
        }

    def status(self) -> Entry:
        """Return the daemon's own state in a few numbers."""
        sessions = self._query.sessions.values()
        vrfs = self._query.vrfs.values()
        return {
            "settled": self._query.settled,
            "peers": len(sessions),
            "peers_established": sum(session.established for session in sessions),
            "evis": len(vrfs),
            "evis_ready": sum(vrf.ready for vrf in vrfs),
            "routes": sum(len(session.rib) for session in sessions),
        }

    def serve_metrics(self, config: Config) -> None:
        """Serve Prometheus metrics where the configuration asks for them."""
        if config.metrics_listen is not None:
            self._metrics = MetricsServer(
                config.metrics_listen, self.snapshot, is_large=self._is_large
            )
            try:
                self._metrics.start()
            except OSError as error:
                log.warning("metrics_not_served", reason=str(error))

    async def close(self) -> None:
        """Serve no more metrics."""
        if self._metrics is not None:
            await self._metrics.close()

    def written(self, received: float) -> None:
        """Record that what came in then (monotonic seconds) is in the kernel now."""
        self._convergence.observe(time.monotonic() - received)

    def snapshot(self) -> Snapshot:
        """Read the counters that metrics show, in the event loop."""
        query = self._query
        return Snapshot(
            peers=self._counting.peers(),
            evis=self._counting.evis(),
            netlink_errors={
                (table, errno): count
                for (table, errno), count in query.refusals.items()
            },
            resyncs=dict(query.resyncs),
            drift_repaired=dict(query.repaired),
            malformed={
                treatment.value: count for treatment, count in query.malformed.items()
            },
            policy_verdicts={
                (policy, rule, verdict): count
                for policy, rule, verdict, count in policies.verdicts(
                    query.config, query.attached.counts()
                )
            },
            limit_waiting={
                (policy, limit): count
                for policy, limit, count in policies.waiting(query.limits)
            },
            log_lines_dropped=0 if self.log is None else self.log.dropped,
            convergence=Histogram(
                self._convergence.bounds,
                list(self._convergence.counts),
                self._convergence.total,
            ),
        )


def _unknown(query: Query, filters: dict[str, object]) -> str | None:
    """Return a sentence if no EVI has the VNI or the VLAN of the filters."""
    vrfs = query.vrfs
    vlans = {vlan for vrf in vrfs.values() if (vlan := vlan_of(vrf))}
    for key, known in (("vni", list(vrfs)), ("vlan", sorted(vlans))):
        value, word = filters.get(key), key.upper()
        if value is not None and value not in known:
            listed = ", ".join(map(str, known)) or "none"
            return f"no EVI has {word} {value}; known {word}s: {listed}"
    return None


def _shown(
    entries: Iterator[Entry], filters: dict[str, object], offset: float
) -> Iterator[Entry]:
    """Return the entries that pass, with times of day; `offset` is from monotonic."""
    for entry in entries:
        if not _passes(entry, filters):
            continue
        for name in ("since", "last_error_at"):
            if isinstance(entry.get(name), float):
                entry[name] = _iso(entry[name] + offset)
        yield entry


def _passes(entry: Entry, filters: dict[str, Any]) -> bool:
    for name in FILTERS:
        wanted = filters.get(name)
        if wanted is None:
            continue
        if name == "vni" and "vnis" in entry:
            if wanted not in entry["vnis"]:
                return False
        elif name == "ip" and "ips" in entry:
            if wanted not in entry["ips"]:
                return False
        elif name == "peer":
            if entry.get("address", entry.get(name)) not in wanted:
                return False
        elif entry.get(name) != wanted:
            return False
    return True


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
