"""Clients of a listening socket: a limited number, one task for each.

The streams of asyncio are not used: they buffer what a client does not read, and keep
the exception with which a client left, and with its frames the whole answer. Here an
answer is sent piece by piece, and a piece that is sent is gone.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Coroutine
from typing import Final

from evpnd import log
from evpnd.adapters import descriptors

PAUSE: Final = 0.5
"""Seconds without accepting after the kernel refused a descriptor."""
COMPLAIN_EVERY: Final = 60.0
"""Seconds between two log entries about that."""


class Clients:
    """Accepts clients, and refuses those that are too many."""

    def __init__(
        self,
        listener: socket.socket,
        serve: Callable[[socket.socket], Coroutine[object, object, None]],
        *,
        most: int,
        refusal: bytes,
    ) -> None:
        """Store a listening socket; `serve` talks to one client, and closes nothing.

        More than `most` clients at a time are told `refusal` and left; so are those
        that come when few descriptors are left.
        """
        self._listener = listener
        self._serve = serve
        self._most = most
        self._refusal = refusal
        self._tasks: dict[asyncio.Task[None], socket.socket] = {}
        self._complain_at = 0.0
        self._resuming: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Start to accept, in the running loop."""
        self._listener.setblocking(False)  # noqa: FBT003 - it is socket's
        self._resume()

    async def close(self) -> None:
        """Stop accepting, leave the clients, close all sockets."""
        if self._resuming is not None:
            self._resuming.cancel()
        asyncio.get_running_loop().remove_reader(self._listener)
        self._listener.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _resume(self) -> None:
        self._resuming = None
        asyncio.get_running_loop().add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            client, _ = self._listener.accept()
        except BlockingIOError:
            return
        except OSError as error:
            # No descriptor or no memory; or the client is gone already.
            self._complain(error, loop.time())
            loop.remove_reader(self._listener)
            self._resuming = loop.call_later(PAUSE, self._resume)
            return
        client.setblocking(False)  # noqa: FBT003 - as above
        if (
            len(self._tasks) >= self._most
            or client.fileno() >= descriptors.for_clients()
        ):
            with client, contextlib.suppress(OSError):
                client.send(self._refusal)
            return
        task = loop.create_task(self._serve(client))
        self._tasks[task] = client
        task.add_done_callback(self._leave)

    def _complain(self, error: OSError, now: float) -> None:
        if now >= self._complain_at:
            self._complain_at = now + COMPLAIN_EVERY
            log.warning("accept_failed", reason=error.strerror)

    def _leave(self, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task).close()


async def receive(client: socket.socket, octets: int) -> bytes:
    """Return what a client sends next; empty where it ended, or is gone."""
    try:
        return await asyncio.get_running_loop().sock_recv(client, octets)
    except OSError as error:
        _forget_frames(error)
        return b""


async def send(client: socket.socket, piece: bytes, patience: float) -> bool:
    """Send some octets; return False where the client is gone, or does not take them.

    `patience` is in seconds.
    """
    try:
        async with asyncio.timeout(patience):
            await asyncio.get_running_loop().sock_sendall(client, piece)
    except OSError as error:
        _forget_frames(error)
        return False
    return True


def _forget_frames(error: OSError) -> None:
    """Break the circle of an exception, its frames, and the future that holds it.

    The collector comes by so seldom that what a frame holds would stay for hours.
    """
    error.__traceback__ = None
