"""The daemon's end of the control socket."""

import asyncio
import contextlib
import inspect
import json
import os
import socket
import stat
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import Final

from evpnd.adapters.control.client import is_answered
from evpnd.adapters.control.requests import Request, parse_request

Answer = dict[str, object] | bytes
"""What to say: as values, or as one line of JSON without its end."""

MAX_REQUEST: Final = 64 << 10
"""Octets of one request."""
MAX_CLIENTS: Final = 64
PATIENCE: Final = 30.0
"""Seconds that a client may take to send a request or to read on."""
_CHUNK: Final = 500
"""Entries encoded between two turns of the event loop: about a millisecond."""
_BUFFERED: Final = 1 << 20
"""Octets that wait in memory for a client that reads slowly."""


class SocketInUse(Exception):  # noqa: N818 - it says what is wrong
    """Something stands at the path that must not be taken away."""


class ControlServer:
    """Answers requests at a Unix socket, one task for each client.

    A long ``result`` is encoded piece by piece and sent as the client takes it,
    so that neither its size nor a slow client holds up the event loop.
    """

    def __init__(
        self, path: Path, answer: Callable[[Request], Answer | Awaitable[Answer]]
    ) -> None:
        self._path = path
        self._answer = answer
        self._server: asyncio.Server | None = None
        self._inode = 0
        self._clients: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen, with the socket's directory made and a dead daemon's socket gone.

        Raises SocketInUse with a sentence where a daemon answers at the path or
        something else than a socket is there; OSError where it cannot be made.
        """
        self._path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        if await asyncio.to_thread(is_answered, self._path):
            raise SocketInUse(f"another evpnd answers at {self._path}; stop it first")
        with contextlib.suppress(FileNotFoundError):
            if not stat.S_ISSOCK(self._path.lstat().st_mode):
                raise SocketInUse(f"{self._path} is not a socket; remove it")
            self._path.unlink()
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            # Never open to others, not even between bind and chmod.
            mask = os.umask(0o117)
            try:
                listener.bind(str(self._path))
            finally:
                os.umask(mask)
            self._inode = self._path.lstat().st_ino
            self._server = await asyncio.start_unix_server(
                self._serve, sock=listener, limit=MAX_REQUEST
            )
        except OSError:
            listener.close()
            raise

    async def close(self) -> None:
        """Stop listening, end the clients, remove the socket if it is still ours."""
        if self._server is None:
            return
        # Closing the server first would break a connection that is half accepted.
        for listener in self._server.sockets:
            asyncio.get_running_loop().remove_reader(listener)
        await _take_turns()
        self._server.close()
        for task in self._clients:
            task.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        await _take_turns()
        with contextlib.suppress(FileNotFoundError):
            if self._path.lstat().st_ino == self._inode:
                self._path.unlink()
        self._server = None

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        writer.transport.set_write_buffer_limits(high=_BUFFERED)
        try:
            if len(self._clients) > MAX_CLIENTS:
                await _send(writer, _refusal("too many clients; try again"))
                return
            while await self._serve_one(reader, writer):
                pass
        except OSError:
            # The client went away or does not read: nobody is left to be told.
            writer.transport.abort()
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            self._clients.discard(task)
            writer.close()

    async def _serve_one(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Answer one request; False when there are no more."""
        try:
            async with asyncio.timeout(PATIENCE):
                line = await reader.readline()
        except ValueError:
            await _send(
                writer, _refusal(f"the request is longer than {MAX_REQUEST} octets")
            )
            return False
        if not line.endswith(b"\n"):
            return False
        try:
            request = parse_request(line)
        except ValueError as error:
            await _send(writer, _refusal(str(error)))
            return True
        try:
            answer = self._answer(request)
            if inspect.isawaitable(answer):
                answer = await answer
            await _send(writer, answer)
        except OSError:
            raise
        except Exception as error:  # noqa: BLE001
            # A fault of ours in a table must not end the daemon that forwards.
            asyncio.get_running_loop().call_exception_handler(
                {"message": "answering a control request failed", "exception": error}
            )
            fault = f"{type(error).__name__} in the daemon; see its log"
            await _send(writer, _refusal(fault))
            return False
        return True


async def _take_turns() -> None:
    """Let asyncio finish what it does in steps: accepting and closing take four."""
    for _ in range(5):
        await asyncio.sleep(0)


def _refusal(reason: str) -> Answer:
    return {"ok": False, "error": reason}


async def _send(writer: asyncio.StreamWriter, answer: Answer) -> None:
    async for piece in _encoded(answer):
        writer.write(piece)
        await _drained(writer)
    writer.write(b"\n")
    await _drained(writer)


async def _drained(writer: asyncio.StreamWriter) -> None:
    """Wait until little is left to send; TimeoutError from a client that stalls."""
    async with asyncio.timeout(PATIENCE):
        await writer.drain()


async def _encoded(answer: Answer) -> AsyncIterator[bytes]:
    """Yield an answer as JSON without a line end, a bounded piece at a time."""
    if isinstance(answer, bytes):
        for start in range(0, len(answer), _BUFFERED):
            yield answer[start : start + _BUFFERED]
        return
    result = answer.get("result")
    if not isinstance(result, Iterable) or isinstance(result, str | dict):
        yield _dump(answer)
        return
    rest = {key: value for key, value in answer.items() if key != "result"}
    yield _dump(rest)[:-1] + (b',"result":[' if rest else b'"result":[')
    entries = iter(result)
    separator = b""
    while chunk := list(islice(entries, _CHUNK)):
        yield separator + _dump(chunk)[1:-1]
        separator = b","
        await asyncio.sleep(0)
    yield b"]}"


def _dump(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
