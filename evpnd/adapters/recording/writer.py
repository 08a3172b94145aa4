"""The thread that writes a recording: records to lines, lines to gzip, to a file.

It takes from a queue what the event loop puts there. The queue is bounded in octets:
what finds no room is counted, and told. What was written is flushed several times a
second, so that a crash costs no more than that.
"""

import os
import threading
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from evpnd.private_files import write_private
from evpnd.recording.passwords import Passwords
from evpnd.recording.records import Record, Said, Turned, write_record

ROOM: Final = 64 << 20
"""Octets of the queue, as the recorder estimates them."""
PAUSE: Final = 0.25
"""Seconds between two writes."""
_PIECE: Final = 256 << 10
"""Characters that are compressed at a time: the compression needs no interpreter."""
_LEVEL: Final = 1
_GZIP: Final = 31
"""Window bits of a gzip member (zlib.h: deflateInit2)."""


class Member:
    """Lines as a member of a gzip file."""

    def __init__(self) -> None:
        """Begin."""
        self._compress = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)

    def add(self, text: str) -> bytes:
        """Return the octets that are complete with some lines."""
        return self._compress.compress(text.encode())

    def flush(self) -> bytes:
        """Return octets that make all lines so far readable."""
        return self._compress.flush(zlib.Z_SYNC_FLUSH)

    def end(self) -> bytes:
        """Return the last octets."""
        return self._compress.flush(zlib.Z_FINISH)


def write_file(path: Path, records: Iterable[Record]) -> None:
    """Write a recording as one file, readable by its owner only; raises OSError."""
    member = Member()
    octets = [member.add(write_record(record) + "\n") for record in records]
    write_private(path, b"".join([*octets, member.end()]))


class Segment:
    """The end of a file that is written, and the process that writes its beginning."""

    def __init__(
        self, descriptor: int, child: int | None, passwords: Passwords
    ) -> None:
        """Store them; None: the file is empty. `passwords` must not be written."""
        self._passwords = passwords
        self.descriptor = descriptor
        self._child = child
        self._member = Member()
        self.written = 0
        self.beginning = 0
        """Octets of the beginning."""

    def open(self) -> None:
        """Wait for the beginning; raises OSError where it was not written."""
        if self._child is None:
            return
        _, status = os.waitpid(self._child, 0)
        self._child = None
        if status:
            raise OSError(None, "the process that writes the state failed")
        self.written = self.beginning = os.fstat(self.descriptor).st_size

    def write(self, records: Sequence[Record]) -> None:
        """Write records, readable from now on; raises OSError."""
        if not records:
            return
        lines: list[str] = []
        length = 0
        for record in records:
            line = write_record(record)
            if not isinstance(record, Said | Turned):  # which have no text
                line = self._passwords.cut_text(line)
            lines.append(line)
            length += len(lines[-1])
            if length > _PIECE:
                self._put(lines)
                length = 0
        self._put(lines)
        self._out(self._member.flush())

    def _put(self, lines: list[str]) -> None:
        if lines:
            lines.append("")
            self._out(self._member.add("\n".join(lines)))
            lines.clear()

    def close(self) -> None:
        """End the file; raises OSError."""
        try:
            self._out(self._member.end())
        finally:
            os.close(self.descriptor)

    def _out(self, octets: bytes) -> None:
        self.written += len(octets)
        while octets:
            octets = octets[os.write(self.descriptor, octets) :]


Job = Record | Segment
"""A segment ends the one before it."""


class Writer:
    """The queue and its thread."""

    def __init__(
        self,
        segment: Segment,
        *,
        on_written: Callable[[int, int], None],
        on_failure: Callable[[Exception], None],
    ) -> None:
        """Start.

        The thread calls `on_written` with the octets of the segment and of its
        beginning, and `on_failure` at its end, if that comes from an error.
        """
        self._queue: deque[Job] = deque([segment])
        self._on_written = on_written
        self._on_failure = on_failure
        self._wake = threading.Event()
        self._end = threading.Event()
        self._put = self._taken = 0
        """Octets that came into the queue, and left it, since the start."""
        self._thread = threading.Thread(target=self._run, name="recording", daemon=True)
        self._thread.start()

    @property
    def is_full(self) -> bool:
        """Whether what comes next finds no room."""
        return self._put - self._taken > ROOM

    @property
    def is_empty(self) -> bool:
        """Whether all that came is written."""
        return self._put == self._taken

    def put(self, job: Job, octets: int) -> None:
        """Queue something, whether or not there is room; in the loop's thread."""
        self._queue.append(job)
        self._put += octets
        if not self._wake.is_set():
            self._wake.set()

    def end(self) -> None:
        """Write what is in the queue, close the file; blocks until then."""
        self._end.set()
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._write(self._queue.popleft())
        except Exception as error:  # noqa: BLE001 - it is told, and costs no more
            self._on_failure(error)

    def _write(self, first: Job) -> None:
        assert isinstance(first, Segment)
        segment = first
        segment.open()
        ending = False
        while not ending:
            self._wake.wait()
            # What comes within a moment is written at once, and disturbs once.
            self._end.wait(PAUSE)
            ending = self._end.is_set()
            self._wake.clear()
            put = self._put
            segment = self._empty(segment)
            self._taken = put
        segment.close()

    def _empty(self, segment: Segment) -> Segment:
        """Write all that is in the queue; return the segment that is the last now."""
        some: list[Record] = []
        for _ in range(len(self._queue)):
            job = self._queue.popleft()
            if not isinstance(job, Segment):
                some.append(job)
                continue
            segment.write(some)
            segment.close()
            some.clear()
            segment = job
            segment.open()
        segment.write(some)
        self._on_written(segment.written, segment.beginning)
        return segment
