"""What the agent tells a recording; in the loop's thread, and never waiting.

A record is a few references to values that exist anyway: `writer` makes text of them.
Where a recording begins in the middle, a copy of the process writes all that the agent
knows (`adapters/copy.py` says why that is harmless), while records wait in the queue.
"""

import asyncio
import os
import socket
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, NoReturn

from evpnd import __version__
from evpnd.adapters.copy import become_copy, fork, write_all
from evpnd.adapters.pipe.translation import MessageReader
from evpnd.adapters.recording import segments
from evpnd.adapters.recording.code import code
from evpnd.adapters.recording.writer import Member, Segment, Writer
from evpnd.adapters.reports import Reports
from evpnd.core.engine import Engine
from evpnd.model.actions import Notice
from evpnd.model.config import Config, RecordConfig
from evpnd.model.events import (
    ConfigChanged,
    Event,
    FdbDumped,
    FdbObserved,
    MacsListed,
    MacsLookedUp,
    NeighborsDumped,
    NeighborsObserved,
    PortsDumped,
    RowsAudited,
)
from evpnd.recording.passwords import Passwords
from evpnd.recording.records import (
    Cleared,
    ClearedPeer,
    Ended,
    Happened,
    Header,
    Lost,
    Noticed,
    Record,
    Said,
    State,
    Told,
    Turned,
    write_record,
)
from evpnd.recording.state import freeze
from evpnd.wire.messages import Message, ToAgent, Updates

SMALLEST: Final = 1 << 20
"""Octets of a ring, at least."""
_SMALL, _ROW = 200, 100
"""Octets of a record, and of a row in one, about."""


class Recorder:
    """Keeps what the core is told, between `start` and `stop`."""

    def __init__(self, engine: Engine, reader: MessageReader, reports: Reports) -> None:
        """Store whose state a recording begins with."""
        self._engine = engine
        self._reader = reader
        self._reports = reports
        self.on = False
        """Whether there is anything to tell it."""
        self._writer: Writer | None = None
        self._path = Path()
        self._size = 0
        self._began = 0.0
        self._number = 0
        self._lost = 0
        self._segment_due = False
        self._passwords = Passwords()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def status(self) -> dict[str, object]:
        """Return what is recorded, for `evpnd record`."""
        if not self.on:
            last = str(self._path) if self._began else None
            return {"recording": False, "file": last}
        return {"recording": True, "file": str(self._path), "size": self._size}

    def start(self, path: Path, size: int, now: float, *, fresh: bool) -> None:
        """Begin to record; `fresh`: the core has been told nothing yet.

        To be called right after a turn, or before all. Raises OSError.
        """
        self._path, self._size = path.absolute(), max(size, SMALLEST)
        self._began, self._number, self._lost = now, 0, 0
        self._segment_due = False
        self._life = f"{os.getpid()}-{time.time():.3f}"
        segment = self._segment(now, fresh=fresh)
        self._writer = Writer(
            segment, on_written=self._written, on_failure=self._failed_there
        )
        if fresh:
            self._writer.put(self._header(now), _SMALL)
        self.on = True

    @property
    def is_idle(self) -> bool:
        """Whether all that was told is written."""
        return self._writer is None or self._writer.is_empty

    @property
    def number(self) -> int:
        """Number of the segment that is written, from 0."""
        return self._number

    def start_or_tell(self, wanted: RecordConfig, now: float) -> None:
        """Begin to record before all else; a failure is told, and costs nothing."""
        try:
            self.start(wanted.file, wanted.size, now, fresh=True)
        except OSError as error:
            self._tell_failure(wanted.file, error)

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Store the loop that the thread calls back in."""
        self._loop = loop

    async def stop(self, why: str) -> None:
        """Write what was told, and end the recording."""
        writer = self._writer
        if writer is None:
            return
        writer.put(Ended(time.monotonic(), why), _SMALL)
        self.on, self._writer = False, None
        await asyncio.to_thread(writer.end)

    # What is recorded

    def hear(self, now: float, message: Message) -> None:
        """Keep a message of the speaker."""
        if isinstance(message, Updates):
            peer, octets = message
            self._keep(Said(now, peer, octets), 2 * len(octets) + _SMALL)
        elif isinstance(message, ToAgent):
            self._keep(Told(now, message), _SMALL)

    def see(self, now: float, event: Event) -> None:
        """Keep an event of the kernel, or a new configuration."""
        if isinstance(event, ConfigChanged):
            event = ConfigChanged(self._passwords.cut(event.config))
        self._keep(Happened(now, event), _SMALL + _ROW * _rows(event))

    def turn(self, now: float, sweep: int) -> None:
        """Keep that the core is asked what to do."""
        self._keep(Turned(now, sweep), _SMALL)

    def clear(self, now: float, vni: int, address: bytes) -> None:
        """Keep that a duplicate is cleared."""
        self._keep(Cleared(now, vni, address), _SMALL)

    def clear_peer(self, now: float, name: str, *, soft: bool) -> None:
        """Keep that a session is restarted."""
        self._keep(ClearedPeer(now, name, soft), _SMALL)

    def notice(self, notice: Notice) -> None:
        """Keep what the agent itself tells of."""
        self._keep(Noticed(time.monotonic(), *notice), _SMALL)

    def after_turn(self, now: float) -> None:
        """Begin a new segment where one is due."""
        writer = self._writer
        if writer is None or not (self._segment_due or self._lost) or writer.is_full:
            return
        if self._lost:
            writer.put(Lost(now, self._lost), _SMALL)
            fields: dict[str, object] = {"records": self._lost}
            self._reports.notice(Notice("warning", "recording_lost", fields))
        self._segment_due, self._lost = False, 0
        self._number += 1
        try:
            writer.put(self._segment(now, fresh=False), _SMALL)
        except OSError as error:
            self._failed(writer, error)

    def _keep(self, record: Record, octets: int) -> None:
        writer = self._writer
        if writer is None:
            return
        # What follows a loss has no meaning until a state is taken.
        if self._lost or writer.is_full:
            self._lost += 1
            return
        writer.put(record, octets)

    # Segments

    def _segment(self, now: float, *, fresh: bool) -> Segment:
        descriptor = segments.begin(self._path, self._size)
        if fresh:
            return Segment(descriptor, None, self._passwords)
        try:
            child = fork()
        except OSError:
            os.close(descriptor)
            raise
        if child == 0:
            self._write_state(descriptor, now)
        return Segment(descriptor, child, self._passwords)

    def _write_state(self, descriptor: int, now: float) -> NoReturn:
        """Write header and state, in the copy of the process."""
        status = 1
        try:
            become_copy("recording", descriptor, 10)
            known = (self._engine, self._reader, self._reports.remembered())
            state = State(freeze(known, self._passwords))
            member = Member()
            for record in (self._header(now, code()), state):
                write_all(descriptor, member.add(write_record(record) + "\n"))
            write_all(descriptor, member.end())
            status = 0
        finally:
            os._exit(status)

    def _header(self, now: float, digest: str = "") -> Header:
        config: Config = self._engine.config
        return Header(
            __version__,
            socket.gethostname(),
            self._life,
            self._number,
            now,
            time.time() - time.monotonic() + now,
            self._passwords.cut(config),
            digest,
        )

    # What the thread tells

    def _written(self, octets: int, beginning: int) -> None:
        """Make room, and ask for a new segment; in the thread."""
        if beginning > self._size // 2:
            reason = f"size {self._size} is too small: what evpnd knows takes {octets}"
            raise OSError(None, reason)
        segments.trim(self._path, self._size - octets)
        if octets > max(self._size // segments.PARTS, 2 * beginning):
            self._segment_due = True

    def _failed_there(self, error: Exception) -> None:
        writer, loop = self._writer, self._loop
        if writer is not None and loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(partial(self._failed, writer, error))

    def _failed(self, writer: Writer, error: Exception) -> None:
        if self._writer is not writer:
            return
        self.on, self._writer = False, None
        self._tell_failure(self._path, error)

    def _tell_failure(self, path: Path, error: Exception) -> None:
        reason = getattr(error, "strerror", None) or repr(error)
        fields: dict[str, object] = {"file": str(path), "reason": reason}
        self._reports.notice(Notice("warning", "recording_failed", fields))


_COUNTS: dict[type, Callable[..., int]] = {
    FdbObserved: lambda event: len(event.rows),
    NeighborsObserved: lambda event: len(event.rows),
    FdbDumped: lambda event: len(event.rows),
    PortsDumped: lambda event: len(event.rows),
    NeighborsDumped: lambda event: len(event.rows),
    MacsLookedUp: lambda event: len(event.rows),
    MacsListed: lambda event: len(event.macs),
    RowsAudited: lambda event: len(event.fdb) + len(event.neighbors or ()),
}


def _rows(event: Event) -> int:
    count = _COUNTS.get(type(event))
    return 1 if count is None else count(event)
