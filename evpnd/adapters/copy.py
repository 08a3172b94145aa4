"""Long questions to the daemon are answered by a copy of it.

`fork` gives a process of its own all that the agent knows, as it is at this moment,
for some milliseconds' work; the agent goes on. The copy holds none of the agent's
sockets or pipes, so that the death of the agent is seen by the speaker at once.
"""

import asyncio
import gc
import json
import os
import resource
import signal
import traceback
import warnings
from collections.abc import Callable
from typing import Final, NoReturn

AT_ONCE: Final = 2
"""Copies that may work at the same time."""
PATIENCE: Final = 60.0
"""Seconds after which a copy is ended."""


class CopyFailed(Exception):  # noqa: N818 - it says what happened
    """The copy ended without an answer; the text is a sentence."""


class Copies:
    """Answers questions by copies of this process."""

    def __init__(self) -> None:
        """Begin with no copy."""
        self._free = asyncio.Semaphore(AT_ONCE)

    async def ask(self, work: Callable[[], object]) -> bytes:
        """Run some work in a copy; returns its result as JSON.

        The work may use and change all it reaches: nothing of that comes back but
        the result. Raises CopyFailed.
        """
        async with self._free:
            reader, writer = os.pipe()
            with warnings.catch_warnings():
                # Python warns of threads that hold locks; the copy takes none that
                # a thread of ours could hold.
                warnings.simplefilter("ignore", DeprecationWarning)
                pid = os.fork()
            if pid == 0:
                _work(writer, work)
            os.close(writer)
            try:
                async with asyncio.timeout(PATIENCE):
                    answer = await _read(reader)
            except TimeoutError:
                os.kill(pid, signal.SIGKILL)
                raise CopyFailed(f"no answer within {PATIENCE:g} seconds") from None
            except asyncio.CancelledError:
                os.kill(pid, signal.SIGKILL)
                raise
            finally:
                _, status = await asyncio.shield(asyncio.to_thread(os.waitpid, pid, 0))
            if status != 0:
                raise CopyFailed(answer.decode(errors="replace").strip() or "it died")
            return answer


def _work(writer: int, work: Callable[[], object]) -> NoReturn:
    status = 1
    try:
        gc.disable()
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        os.closerange(0, writer)
        os.closerange(writer + 1, limit)
        os.nice(5)
        answer = json.dumps(work(), separators=(",", ":")).encode()
        status = 0
    except BaseException as error:  # noqa: BLE001 - it is told in the parent's words
        answer = "".join(traceback.format_exception_only(error)).encode()
    try:
        while answer:
            answer = answer[os.write(writer, answer) :]
    finally:
        os._exit(status)


async def _read(reader: int) -> bytes:
    loop = asyncio.get_running_loop()
    stream = asyncio.StreamReader()
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(reader, "rb")
    )
    try:
        return await stream.read()
    finally:
        transport.close()
