"""Long questions to the daemon are answered by a copy of it.

`fork` gives a process of its own all that the agent knows, as it is at this moment,
for some milliseconds' work; the agent goes on. The copy holds none of the agent's
sockets or pipes, so that the death of the agent is seen by the speaker at once. What
it answers passes through the agent in pieces, and is nowhere as a whole.
"""

import asyncio
import contextlib
import gc
import os
import signal
import traceback
import warnings
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Final, NoReturn

from evpnd.adapters.control.encoding import encoded, refusal
from evpnd.process_title import set_title

AT_ONCE: Final = 2
"""Copies that may work at the same time. Each has the agent's memory anew, as far as
the agent changes it meanwhile."""
PATIENCE: Final = 60.0
"""Seconds after which a copy is ended, and the answer with it."""
WAIT: Final = 20.0
"""Seconds that a question waits for its turn; `evpnd` itself waits for 30."""
_PIECE: Final = 64 << 10


class CopyFailed(Exception):  # noqa: N818 - it says what happened
    """The copy ended in the middle of its answer; the text is a sentence."""


class Copies:
    """Answers questions by copies of this process."""

    def __init__(self) -> None:
        """Start with no copy."""
        self._free = asyncio.Semaphore(AT_ONCE)

    async def ask(
        self, work: Callable[[], dict[str, object]]
    ) -> AsyncGenerator[bytes, None]:
        """Run some work in a copy; yields its result as a line of JSON, in pieces.

        What goes wrong before the first piece is a refusal. Raises CopyFailed where
        the answer breaks off; its beginning was yielded then.
        """
        begun = False
        try:
            async for piece in self.octets(partial(_encode, work)):
                begun = True
                yield piece
        except CopyFailed as failed:
            if begun:
                raise
            yield _line(str(failed))

    async def octets(
        self, work: Callable[[], Iterable[bytes]]
    ) -> AsyncGenerator[bytes, None]:
        """Run some work in a copy; yields the octets that it makes.

        The work may use and change all it reaches: nothing of that comes back but
        the result. Raises CopyFailed where that cannot be had, or breaks off.
        """
        try:
            async with asyncio.timeout(WAIT):
                await self._free.acquire()
        except TimeoutError:
            raise CopyFailed(
                f"{AT_ONCE} long answers are on their way already; ask again"
            ) from None
        try:
            try:
                copy = _Copy(work)
            except OSError as error:
                raise CopyFailed(
                    f"no copy can be made to answer this: {error.strerror}"
                ) from None
            async for piece in copy.answer():
                yield piece
        finally:
            self._free.release()


def _encode(work: Callable[[], dict[str, object]]) -> Iterator[bytes]:
    """Yield the result of some work as JSON; its error, before the first piece."""
    begun = False
    try:
        for piece in encoded(work()):
            begun = True
            yield piece
    except Exception as error:
        if begun:
            raise
        yield _line("".join(traceback.format_exception_only(error)).strip())


def _line(reason: str) -> bytes:
    return b"".join(encoded(refusal(reason)))


class _Copy:
    """A process, and the pipe that its answer comes through."""

    def __init__(self, work: Callable[[], Iterable[bytes]]) -> None:
        self._reader, writer = os.pipe()
        try:
            self._pid = fork()
            if self._pid == 0:
                _work(writer, work)
        except OSError:
            os.close(self._reader)
            raise
        finally:
            os.close(writer)
        os.set_blocking(self._reader, False)
        self._reaping: asyncio.Future[tuple[int, int]] | None = None

    async def answer(self) -> AsyncGenerator[bytes, None]:
        try:
            deadline = asyncio.get_running_loop().time() + PATIENCE
            while piece := await self._read(deadline):
                yield piece
            trouble = await self._reap()
        except TimeoutError:
            trouble = f"no answer within {PATIENCE:g} seconds"
        finally:
            await self._end()
        if trouble:
            raise CopyFailed(trouble)

    async def _read(self, deadline: float) -> bytes:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout_at(deadline):
            while True:
                # In the loop's turn at least once: a client that is slow is seen.
                await _readable(loop, self._reader)
                with contextlib.suppress(BlockingIOError):
                    return os.read(self._reader, _PIECE)

    async def _reap(self) -> str | None:
        """Wait for the end that follows the answer; return what went wrong."""
        _, status = await self._ended()
        code = os.waitstatus_to_exitcode(status)
        if code < 0:
            return f"the copy that answers died: {signal.Signals(-code).name}"
        return "the copy that answers failed" if code else None

    async def _end(self) -> None:
        os.close(self._reader)
        if self._reaping is None:
            os.kill(self._pid, signal.SIGKILL)
        await self._ended()

    def _ended(self) -> asyncio.Future[tuple[int, int]]:
        """Wait for the process once, however often its waiter is cancelled."""
        if self._reaping is None:
            self._reaping = asyncio.ensure_future(
                asyncio.to_thread(os.waitpid, self._pid, 0)
            )
        return asyncio.shield(self._reaping)


async def _readable(loop: asyncio.AbstractEventLoop, fd: int) -> None:
    ready = loop.create_future()
    loop.add_reader(fd, _set, ready)
    try:
        await ready
    finally:
        loop.remove_reader(fd)


def _set(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


def _work(writer: int, work: Callable[[], Iterable[bytes]]) -> NoReturn:
    status = 1
    try:
        become_copy("answer", writer, 5)
        for piece in work():
            write_all(writer, piece)
        status = 0
    finally:
        os._exit(status)


def fork() -> int:
    """Return the pid of a copy of this process, and 0 in it; raises OSError."""
    with warnings.catch_warnings():
        # Python warns of threads that hold locks; the copy takes none that a thread
        # of ours could hold.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def become_copy(title: str, kept: int, niceness: int) -> None:
    """Take a name, and nothing of the agent's but one descriptor; in the copy."""
    gc.disable()
    set_title(title)
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    _close_all_but(kept)
    os.nice(niceness)


def _close_all_but(kept: int) -> None:
    # Up to the highest that is open: the limit may be a thousand millions.
    highest = max(int(entry.name) for entry in Path("/proc/self/fd").iterdir())
    os.closerange(0, kept)
    os.closerange(kept + 1, highest + 1)


def write_all(writer: int, octets: bytes) -> None:
    """Write octets to a descriptor that blocks; raises OSError."""
    while octets:
        octets = octets[os.write(writer, octets) :]
