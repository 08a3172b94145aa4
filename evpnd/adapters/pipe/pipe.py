"""Standard input from the speaker and standard output to it, never blocking."""

import asyncio
import os
from collections import deque
from collections.abc import Callable, Iterable

from evpnd.wire.messages import Message
from evpnd.wire.pipe import Frames, decode

READ_SIZE = 64 << 10
"""Octets that one turn of the loop takes: what they change is reconciled before more
is read, and a peer's message waits no longer than that."""
GATHER = 1 << 16
"""Octets gathered for one write: ExaBGP reads 16 KiB at a time anyway."""


def read_messages(
    fd: int, heard: Callable[[Iterable[Message]], None], ended: Callable[[], None]
) -> Callable[[], None]:
    """Make a reader callback that hands on whole messages, many at a time.

    The descriptor is non-blocking. `ended` is called at end of file. What is no
    message raises PipeError where `heard` comes to it.
    """
    frames = Frames()

    def readable() -> None:
        try:
            octets = os.read(fd, READ_SIZE)
        except BlockingIOError:
            return
        if not octets:
            asyncio.get_running_loop().remove_reader(fd)
            ended()
        elif whole := frames.feed(octets):
            heard(map(decode, whole))

    return readable


class Output:
    """A queue of frames before a pipe."""

    def __init__(self, fd: int) -> None:
        """Take over the descriptor and make it non-blocking."""
        os.set_blocking(fd, False)
        self._fd = fd
        self._queue: deque[bytes] = deque()
        self._waiting = False

    def write(self, frames: Iterable[bytes]) -> None:
        """Queue frames and send what the pipe takes."""
        self._queue.extend(frames)
        if not self._waiting:
            self._flush()

    def _flush(self) -> None:
        queue = self._queue
        while queue:
            some: list[bytes] = []
            size = 0
            while queue and size < GATHER:
                some.append(queue.popleft())
                size += len(some[-1])
            octets = b"".join(some)
            try:
                sent = os.write(self._fd, octets)
            except BlockingIOError:
                sent = 0
            except BrokenPipeError:
                queue.clear()
                return
            if sent < len(octets):
                queue.appendleft(octets[sent:])
                self._wait()
                return
        if self._waiting:
            self._waiting = False
            asyncio.get_running_loop().remove_writer(self._fd)

    def _wait(self) -> None:
        if not self._waiting:
            self._waiting = True
            asyncio.get_running_loop().add_writer(self._fd, self._flush)
