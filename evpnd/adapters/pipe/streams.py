"""Standard input from the speaker and standard output to it, never blocking."""

import asyncio
import os
import time
from collections import deque
from collections.abc import Callable, Iterable

from evpnd.adapters.pipe.pace import PacedPipe
from evpnd.wire.messages import Message
from evpnd.wire.pipe import Frames, decode

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
    pipe = PacedPipe(fd)

    def readable() -> None:
        try:
            octets = pipe.read()
        except BlockingIOError:
            return
        if not octets:
            asyncio.get_running_loop().remove_reader(fd)
            ended()
        elif whole := frames.feed(octets):
            began = time.thread_time()
            heard(map(decode, whole))
            pipe.took(sum(map(len, whole)), time.thread_time() - began)

    return readable


class Output:
    """A queue of frames before a pipe."""

    def __init__(self, fd: int) -> None:
        """Store the descriptor and make it non-blocking."""
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
