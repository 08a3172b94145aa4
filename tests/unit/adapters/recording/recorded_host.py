"""A conformance case whose agent is recorded, as `agent/loop.py` does it."""

import json
from pathlib import Path
from typing import Any

from evpnd.adapters.recording.recorder import Recorder
from evpnd.adapters.reports import Reports
from evpnd.core.engine import Engine
from evpnd.model.actions import Action, Notice
from evpnd.model.config import Config
from evpnd.model.events import Event
from evpnd.views.query import Query
from evpnd.wire.messages import Message
from tests.conformance.case import Case
from tests.conformance.host import Host
from tests.conformance.steps import play

TABLES = ("peers", "evis", "macs", "neighbors", "vteps", "routes", "policies", "events")
_TIMES = ("uptime", "since", "last_error_at", "time")


class _Reader:
    """Tells the recorder of each message."""

    def __init__(self, host: "RecordedHost") -> None:
        self._host = host

    def read(self, message: Message) -> list[Event]:
        self._host.recorder.hear(self._host.now, message)
        events = list(self._host.plain_reader.read(message))
        self._host.of_messages.extend(map(id, events))
        self._host.kept.extend(events)
        return events

    def configure(self, config: Config) -> None:
        self._host.plain_reader.configure(config)


class _Engine:
    """Tells the recorder of all that the engine is told."""

    def __init__(self, host: "RecordedHost", engine: Engine) -> None:
        self._host = host
        self._engine = engine

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever an engine has
        return getattr(self._engine, name)

    def handle(self, event: Event, now: float) -> bool:
        if id(event) not in self._host.of_messages:
            self._host.recorder.see(now, event)
        return self._engine.handle(event, now)

    def reconcile(self, now: float) -> list[Action]:
        self._host.recorder.turn(now, 512)
        actions = self._engine.reconcile(now, 512)
        for action in actions:
            if isinstance(action, Notice):
                self._host.reports.notice(action)
        self._host.recorder.after_turn(now)
        return actions

    def clear_duplicate(self, vni: int, address: bytes) -> bool:
        self._host.recorder.clear(self._host.now, vni, address)
        return self._engine.clear_duplicate(vni, address)


class RecordedHost(Host):
    """A host of a case; each agent begins the recording anew."""

    def __init__(self, path: Path, recording: Path, *, size: int = 1 << 20) -> None:
        self.recording = recording
        self.size = size
        self.recorders: list[Recorder] = []
        super().__init__(path)

    def start_agent(self) -> None:
        self.of_messages: list[int] = []
        self.kept: list[Event] = []
        """So that no other event has their identity."""
        super().start_agent()

    def __setattr__(self, name: str, value: Any) -> None:  # noqa: ANN401 - as above
        if name == "engine":
            self.plain_engine = value
            value = _Engine(self, value)
        elif name == "reader":
            self.plain_reader = value
            self._begin()
            value = _Reader(self)
        object.__setattr__(self, name, value)

    def _begin(self) -> None:
        self.reports = Reports(
            self.plain_engine,
            clock=lambda: self.now,
            monotonic=lambda: self.now,
            quiet=True,
        )
        self.recorder = Recorder(self.plain_engine, self.plain_reader, self.reports)
        self.recorders.append(self.recorder)
        self.recorder.start(self.recording, self.size, self.now, fresh=True)

    @property
    def query(self) -> Query:
        return Query(self.plain_engine)

    def tables(self) -> dict[str, list[str]]:
        return {table: normal(self.reports.show(table, {})) for table in TABLES}


def normal(answer: dict[str, Any]) -> list[str]:
    """Return the rows of an answer to `show`, without times, in one order."""
    rows = [
        {k: v for k, v in row.items() if k not in _TIMES} for row in answer["result"]
    ]
    return sorted(json.dumps(row) for row in rows)


def play_all(host: Host, case: Case) -> None:
    for number, step in enumerate(case.steps):
        play(host, case.folder, step, f"step {number}")
