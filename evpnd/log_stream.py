"""Standard error of a daemon: writing to it never blocks, never raises, is bounded.

A full disk, a pipe whose reader is gone and a pipe that nobody reads cost log lines,
which are counted, and nothing else. One thread does the writing, because no flag of a
descriptor makes a terminal, a slow disk and a pipe alike return at once, and because
O_NONBLOCK would be set for everybody who shares the descriptor's open file.
"""

import atexit
import io
import os
import select
import sys
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Final

STDERR: Final = 2
QUEUE_LIMIT: Final = 1 << 20
"""Octets that wait to be written: some thousands of lines. Later ones are dropped."""
LINE_LIMIT: Final = 64 << 10
"""Characters without a line feed that are taken for a line."""
FAREWELL: Final = 1.0
"""Seconds that an exit waits for the last lines to be written."""


class LogStream(io.TextIOBase):
    """A text stream for `sys.stderr`; whole lines are written, or dropped.

    Any thread may write. A process that is forked from this one writes nothing.
    """

    def __init__(
        self,
        fd: int,
        lost: Callable[[int], str],
        *,
        limit: int = QUEUE_LIMIT,
    ) -> None:
        """Write to a descriptor, which stays the caller's.

        `lost` gives the line, without its end, that tells of so many dropped lines;
        it is written when the descriptor takes lines again. `limit` is in octets.
        """
        self._fd = fd
        self._lost = lost
        self._limit = limit
        self._start_anew()
        self._muted = False
        self.dropped = 0
        """Lines that were dropped since the start."""
        self._told = 0
        self._torn = False
        os.register_at_fork(after_in_child=self._mute)

    def _start_anew(self) -> None:
        self._lines: SimpleQueue[bytes] = SimpleQueue()
        # Reentrant: a finalizer may write in the middle of a write.
        self._lock = threading.RLock()
        self._partial = ""
        self._queued = 0
        self._thread: threading.Thread | None = None

    def _mute(self) -> None:
        self._start_anew()
        self._muted = True

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding that lines are written in."""
        return "utf-8"

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._fd

    def isatty(self) -> bool:
        """Return whether lines go to a terminal."""
        return os.isatty(self._fd)

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, text: str) -> int:
        """Queue the whole lines of a text; keep the rest until its line feed comes."""
        if not isinstance(text, str):
            raise TypeError(f"text is needed, not {type(text).__name__}")
        if self._muted:
            return len(text)
        with self._lock:
            *lines, self._partial = (self._partial + text).split("\n")
            if len(self._partial) > LINE_LIMIT:
                lines.append(self._partial)
                self._partial = ""
            for line in lines:
                self._queue(f"{line}\n".encode(errors="backslashreplace"))
        return len(text)

    def flush(self) -> None:
        """Do nothing: lines are written as soon as the descriptor takes them."""

    def drain(self, seconds: float = FAREWELL) -> None:
        """Wait for the queue to be written, but no longer than so many seconds."""
        with self._lock:
            if self._partial:
                self.write("\n")
        deadline = time.monotonic() + seconds
        while self._queued and time.monotonic() < deadline:
            time.sleep(0.002)

    def _queue(self, line: bytes) -> None:
        if self._queued + len(line) > self._limit:
            self.dropped += 1
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="log", daemon=True)
            self._thread.start()
        self._queued += len(line)
        self._lines.put(line)

    # The thread

    def _run(self) -> None:
        while True:
            line = self._lines.get()
            if self._write(line):
                self._tell_of_dropped()
            else:
                with self._lock:
                    self.dropped += 1
            with self._lock:
                self._queued -= len(line)

    def _tell_of_dropped(self) -> None:
        count = self.dropped - self._told
        if count and self._write(f"{self._lost(count)}\n".encode()):
            self._told += count

    def _write(self, line: bytes) -> bool:
        """Write a line; return False where the descriptor does not take all of it."""
        octets = memoryview(b"\n" + line if self._torn else line)
        while octets:
            try:
                sent = os.write(self._fd, octets)
            except BlockingIOError:  # somebody else made it non-blocking
                self._await_room()
                continue
            except OSError:
                return False
            self._torn = sent < len(octets)
            octets = octets[sent:]
        return True

    def _await_room(self) -> None:
        poller = select.poll()
        poller.register(self._fd, select.POLLOUT)
        poller.poll()


def install(lost: Callable[[int], str]) -> LogStream:
    """Replace `sys.stderr` by a LogStream, for the life of the process.

    What is queued at the exit is waited for, but not for long. Where somebody has put
    something else there already, it stays.
    """
    stream = LogStream(STDERR, lost)
    if sys.stderr is sys.__stderr__:
        sys.stderr = stream
    atexit.register(stream.drain)
    return stream


def open_standard_descriptors() -> None:
    """Open /dev/null where descriptor 0, 1 or 2 is closed, for what is executed too.

    Otherwise the next file or socket that is opened gets the number, and the log.
    """
    for fd in range(STDERR + 1):
        try:
            os.fstat(fd)
        except OSError:
            null = os.open(os.devnull, os.O_RDWR)
            if null == fd:
                os.set_inheritable(fd, True)  # noqa: FBT003 - it is os's
            else:
                os.dup2(null, fd)
                os.close(null)
