"""Runs a recording through the core, offline: the same events at the same times."""

import gc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from evpnd.adapters.pipe.translation import MessageReader
from evpnd.adapters.recording.code import code
from evpnd.adapters.recording.reading import (
    RecordingError,
    Segment,
    records,
    segments_of,
)
from evpnd.adapters.reports import Reports
from evpnd.core.engine import Engine
from evpnd.model.actions import Action, Notice
from evpnd.model.config import Config
from evpnd.model.events import ConfigChanged
from evpnd.recording.records import (
    Cleared,
    ClearedPeer,
    Ended,
    Happened,
    Header,
    Lost,
    Noticed,
    Record,
    RecordError,
    Said,
    State,
    Told,
    Turned,
)
from evpnd.recording.state import OtherCodeError, thaw
from evpnd.wire.messages import Updates

_GC_THRESHOLD: Final = 50_000
"""As in the agent."""


class Until(NamedTuple):
    """Where a replay ends; by default at the end of the recording."""

    clock: float | None = None
    """Unix time: what came later is left out."""
    events: int | None = None
    """How many to run."""
    event: str | None = None
    """Name in `show events`: the first of that name is the last."""


TO_THE_END: Final = Until()


class Replay:
    """A core, and what is known beside it, on its way through a recording."""

    def __init__(
        self,
        config: Config | None = None,
        change: Callable[[Record], Record | None] | None = None,
        on_record: Callable[[Record], None] | None = None,
    ) -> None:
        """Store a configuration to use in place of the recorded one.

        `change` returns what is run in place of a record, None: nothing. `on_record`
        is told what is run.
        """
        self._other = config
        self._change = change
        self._on_record = on_record
        self.engine: Engine
        self.reader: MessageReader
        self.reports: Reports
        self.now = 0.0
        """Monotonic seconds of the host that was recorded."""
        self.offset = 0.0
        """From these to Unix time."""
        self.events = 0
        """How many were handled."""
        self.notes: list[str] = []
        """What a reader of the result has to know."""
        self.header: Header | None = None
        """Of the segment that is run."""
        self._seen: set[str] = set()

    @property
    def clock(self) -> float:
        """Unix time of the host that was recorded."""
        return self.now + self.offset

    def run(
        self,
        path: Path,
        until: Until = TO_THE_END,
        progress: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Run a recording, from the start of the agent that `until` names.

        `progress` is told of octets read. Raises RecordingError and OSError.
        """
        gc.set_threshold(_GC_THRESHOLD, 20, 20)
        for segment, record in needed(path, until, progress):
            if self._is_past(record, until):
                return
            try:
                self._run_one(record)
            except OtherCodeError as error:
                raise RecordingError(segment.path, str(error), 2) from None
            except RecordError as error:
                raise RecordingError(segment.path, str(error)) from None
            if until.event in self._seen or self.events == until.events:
                return

    def _run_one(self, record: Record) -> None:
        changed = record if self._change is None else self._change(record)
        if changed is None:
            return
        if self._on_record is not None:
            self._on_record(changed)
        self.apply(changed)

    def _is_past(self, record: Record, until: Until) -> bool:
        if until.clock is None:
            return False
        t = getattr(record, "t", None)
        if isinstance(record, Header):
            return record.clock > until.clock
        return t is not None and t + self.offset > until.clock

    def apply(self, record: Record) -> None:
        """Do what a record says; raises OtherCodeError for a state of other code."""
        match record:
            case Said(t, peer, updates):
                self.now = t
                self.events += 1
                handle = self.engine.handle
                for event in self.reader.read(Updates(peer, updates)):
                    handle(event, t)
            case Turned(t, sweep):
                self.now = t
                self._take(self.engine.reconcile(t, sweep))
            case Told(t, message):
                self.now = t
                self.events += 1
                for event in self.reader.read(message):
                    self.engine.handle(event, t)
            case Happened(t, ConfigChanged(config)):
                self.now = t
                self.events += 1
                if self._other is None:
                    self.reader.configure(config)
                    self.engine.handle(ConfigChanged(config), t)
            case Happened(t, event):
                self.now = t
                self.events += 1
                self.engine.handle(event, t)
            case Cleared(t, vni, address):
                self.now = t
                self.engine.clear_duplicate(vni, address)
            case ClearedPeer(t, name, soft):
                self.now = t
                self.engine.clear_peer(name, soft=soft)
            case Noticed(t, level, event, fields):
                self.now = t
                self._notice(Notice(level, event, fields))
            case Header():
                self._begin(record)
            case State(octets):
                self._restore(octets)
            case Lost(t, number):
                self.now = t
                self.notes.append(f"{number} records were lost before {self.clock:.3f}")
            case Ended(t):
                self.now = t

    def _take(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Notice):
                self._notice(action)

    def _notice(self, notice: Notice) -> None:
        self.reports.notice(notice)
        self._seen.add(notice.event)

    def _begin(self, header: Header) -> None:
        self.header = header
        if header.code:
            return  # a state follows
        self.now, self.offset = header.t, header.clock - header.t
        self._start(Engine(self._other or header.config, header.t))
        self.reader = MessageReader(self._other or header.config)

    def _start(self, engine: Engine) -> None:
        self.engine = engine
        self.reports = Reports(
            engine, clock=lambda: self.clock, monotonic=lambda: self.now, quiet=True
        )

    def _restore(self, octets: bytes) -> None:
        header = self.header
        assert header is not None
        if header.code != code():
            raise OtherCodeError(
                f"the recording begins in the middle, with what evpnd {header.evpnd} "
                "knew then, and only the same build of it can read that"
            )
        known: Any = thaw(octets)
        engine, self.reader, told = known
        self.now, self.offset = header.t, header.clock - header.t
        self._start(engine)
        self.reports.remember(told)
        if self._other is not None:
            self.reader.configure(self._other)
            engine.handle(ConfigChanged(self._other), self.now)


def needed(
    path: Path, until: Until, progress: Callable[[int], None] = lambda _: None
) -> Iterator[tuple[Segment, Record]]:
    """Yield the records that a replay has to run, with their segments.

    The beginning of a segment is left out for whoever comes from the one before.
    Raises RecordingError and OSError.
    """
    knows = False
    for segment in chosen(segments_of(path), until):
        begins = not knows
        for record in records(segment.path, progress):
            if isinstance(record, Header | State) and not begins:
                continue
            knows = not isinstance(record, Lost)
            yield segment, record


def chosen(found: list[Segment], until: Until) -> Iterator[Segment]:
    """Choose the segments to run: one agent's, from the earliest that is left of it.

    The last agent's; with a time, that of the last agent that began before.
    """
    last = found[-1]
    if until.clock is not None:
        before = [each for each in found if each.header.clock <= until.clock]
        if not before:
            began = found[0]
            raise RecordingError(
                began.path, "the recording begins later than the time that is given"
            )
        last = before[-1]
    run: list[Segment] = []
    for each in found:
        if each.header.life != last.header.life:
            continue
        if run and each.header.number != run[-1].header.number + 1:
            run.clear()
        run.append(each)
    yield from run
