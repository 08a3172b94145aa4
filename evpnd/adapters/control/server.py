"""The daemon's end of the control socket."""

import asyncio
import contextlib
import inspect
import os
import socket
import stat
import struct
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Final

from evpnd.adapters.clients import Clients, receive, send
from evpnd.adapters.control.client import is_answered
from evpnd.adapters.control.encoding import encoded, refusal
from evpnd.adapters.control.requests import QUESTIONS, Request, parse_request

Answer = dict[str, object] | AsyncGenerator[bytes, None]
"""An answer: as values, or as pieces of one line of JSON with its end."""

MAX_REQUEST: Final = 64 << 10
"""Octets of one request."""
MAX_CLIENTS: Final = 64
PATIENCE: Final = 30.0
"""Seconds that a client may take to send a request."""
TAKING: Final = 10.0
"""Seconds that a client may take to read a piece of an answer."""
PIECE: Final = 64 << 10
"""Octets that are handed to the kernel at a time."""
HELD: Final = 64 << 20
"""Octets of answers that wait for slow readers, all together; more are refused."""
_BACKLOG: Final = 100
_CREDENTIALS: Final = struct.Struct("3i")
"""Of SO_PEERCRED (unix(7)): pid, uid and gid of who connected."""


class SocketInUse(Exception):  # noqa: N818 - it says what is wrong
    """The path exists and must not be removed."""


class ControlServer:
    """Answers requests at a Unix socket, one task for each client.

    A long answer is encoded in turns with the event loop and sent as the client takes
    it, so that neither its size nor a slow client holds up the loop, or much memory.
    """

    def __init__(
        self, path: Path, answer: Callable[[Request], Answer | Awaitable[Answer]]
    ) -> None:
        self._path = path
        self._answer = answer
        self._clients: Clients | None = None
        self._inode = 0
        self._held = 0

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
            listener.listen(_BACKLOG)
        except OSError:
            listener.close()
            raise
        busy = refusal("too many clients; try again when some have left")
        self._clients = Clients(
            listener, self._serve, most=MAX_CLIENTS, refusal=b"".join(encoded(busy))
        )
        self._clients.start()

    async def close(self) -> None:
        """Stop listening, end the clients, remove the socket if it is still ours."""
        if self._clients is None:
            return
        await self._clients.close()
        self._clients = None
        with contextlib.suppress(FileNotFoundError):
            if self._path.lstat().st_ino == self._inode:
                self._path.unlink()

    async def _serve(self, client: socket.socket) -> None:
        buffer = bytearray()
        may_change = _may_change(client)
        while True:
            try:
                async with asyncio.timeout(PATIENCE):
                    line = await _read_line(client, buffer)
            except TimeoutError:
                return
            except ValueError as error:
                await self._send(client, await self._pieces(refusal(str(error))))
                return
            if not line or not await self._serve_one(client, line, may_change):
                return

    async def _serve_one(
        self,
        client: socket.socket,
        line: bytes,
        may_change: bool,  # noqa: FBT001
    ) -> bool:
        """Answer one request; return False if the connection cannot go on."""
        answer = await self._ask(line, may_change)
        if isinstance(answer, deque):
            return await self._send(client, answer)
        try:
            return await _pass_on(client, answer)
        except Exception as error:  # noqa: BLE001 - as in _ask; its client is left
            _tell_fault(error)
            return False

    async def _ask(
        self,
        line: bytes,
        may_change: bool,  # noqa: FBT001
    ) -> deque[bytes] | AsyncGenerator[bytes, None]:
        try:
            request = parse_request(line)
        except ValueError as error:
            return await self._pieces(refusal(str(error)))
        if not may_change and request["command"] not in QUESTIONS:
            reason = "your user may `show` and `explain`; run this as root"
            return await self._pieces(refusal(reason))
        try:
            given = self._answer(request)
            answer = await given if inspect.isawaitable(given) else given
            return await self._pieces(answer) if isinstance(answer, dict) else answer
        except Exception as error:  # noqa: BLE001
            # A fault of ours in a table must not end the daemon that forwards.
            _tell_fault(error)
            fault = f"{type(error).__name__} in the daemon; see its log"
            return await self._pieces(refusal(fault))

    async def _pieces(self, answer: dict[str, object]) -> deque[bytes]:
        """Encode an answer; the octets count as held until they are sent.

        The values are gone before the client has to read.
        """
        pieces: deque[bytes] = deque()
        try:
            for piece in encoded(answer):
                self._hold(pieces, piece)
                if self._held > HELD:
                    self._release(pieces)
                    busy = "other clients do not read their answers; try again"
                    self._hold(pieces, *encoded(refusal(busy)))
                    break
                await asyncio.sleep(0)
        except BaseException:
            self._release(pieces)
            raise
        return pieces

    def _hold(self, pieces: deque[bytes], *more: bytes) -> None:
        pieces.extend(more)
        self._held += sum(map(len, more))

    def _release(self, pieces: deque[bytes]) -> None:
        self._held -= sum(map(len, pieces))
        pieces.clear()

    async def _send(self, client: socket.socket, pieces: deque[bytes]) -> bool:
        """Send what was encoded; return False where the client does not take it."""
        try:
            while pieces:
                for start in range(0, len(pieces[0]), PIECE):
                    if not await send(client, pieces[0][start : start + PIECE], TAKING):
                        return False
                self._held -= len(pieces.popleft())
        finally:
            self._release(pieces)
        return True


def _may_change(client: socket.socket) -> bool:
    """Return whether a client is root or our own user: members of the group may ask."""
    size = _CREDENTIALS.size
    octets = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    _, uid, _ = _CREDENTIALS.unpack(octets)
    return uid in (0, os.geteuid())


def _tell_fault(error: Exception) -> None:
    asyncio.get_running_loop().call_exception_handler(
        {"message": "answering a control request failed", "exception": error}
    )


async def _pass_on(client: socket.socket, answer: AsyncGenerator[bytes, None]) -> bool:
    """Send pieces as they come; return False where the client does not take them."""
    async with contextlib.aclosing(answer):
        async for piece in answer:
            if not await send(client, piece, TAKING):
                return False
    return True


async def _read_line(client: socket.socket, buffer: bytearray) -> bytes:
    """Read up to the next line feed; empty where the client ended without one.

    `buffer` keeps what came after it. Raises ValueError for a line that is too long.
    """
    while True:
        line, newline, rest = buffer.partition(b"\n")
        if newline:
            buffer[:] = rest
            return bytes(line) + b"\n"
        if len(buffer) > MAX_REQUEST:
            raise ValueError(f"the request is longer than {MAX_REQUEST} octets")
        some = await receive(client, MAX_REQUEST)
        if not some:
            return b""
        buffer += some
