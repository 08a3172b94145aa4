"""An HTTP server for Prometheus, in the agent's event loop."""

import asyncio
import errno
import socket
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from evpnd import log
from evpnd.adapters.clients import Clients, receive, send
from evpnd.adapters.copy import Copies, CopyFailed
from evpnd.adapters.metrics.snapshot import Snapshot

MAX_CLIENTS: Final = 16
"""Connections at a time: some Prometheus servers, and a person or two."""
MAX_REQUEST: Final = 16 << 10
"""Octets of a request's head."""
PATIENCE: Final = 10.0
"""Seconds that a client may take for its request, and for reading a piece of ours;
Prometheus itself waits for 10."""
FRESH: Final = 1.0
"""Seconds for which a snapshot is shown again, whoever asks."""
_PIECE: Final = 64 << 10
_BACKLOG: Final = 32


class MetricsServer:
    """Serves ``/metrics``, one request a connection.

    `snapshot` is called between two changes of the tables: in the event loop, or in a
    copy of the process where it would keep the loop for long.
    """

    def __init__(
        self,
        listen: tuple[str, int],
        snapshot: Callable[[], Snapshot],
        *,
        is_large: Callable[[], bool] = lambda: False,
        fresh: float = FRESH,
    ) -> None:
        """Store an address and a port; `fresh` is in seconds.

        `is_large` tells whether a copy is to count and write.
        """
        self._listen = listen
        self._snapshot = snapshot
        self._is_large = is_large
        self._fresh = fresh
        self._copies = Copies()
        self._rendering = asyncio.Lock()
        self._texts: dict[str, tuple[float, bytes]] = {}
        """By format: when the text was asked for, and the text."""
        self._clients: Clients | None = None
        self.port = 0
        """The port listened on, also where 0 asked for any."""

    def start(self) -> None:
        """Listen, in the running loop.

        Raises OSError with a sentence where the address cannot be had.
        """
        # Importing it takes longer than the rest of the agent; metrics may be off.
        from prometheus_client import CollectorRegistry  # noqa: PLC0415

        from evpnd.adapters.metrics.families import Collector  # noqa: PLC0415
        from evpnd.adapters.metrics.processes import (  # noqa: PLC0415
            agent_and_speaker,
        )

        self._registry: CollectorRegistry = CollectorRegistry()
        self._registry.register(agent_and_speaker())
        self._registry.register(Collector(self._snapshot))
        host, port = self._listen
        try:
            listener = _listen(host, port)
        except OSError as error:
            where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            reason = {
                errno.EADDRINUSE: "another program listens there",
                errno.EADDRNOTAVAIL: "no interface has this address",
            }.get(error.errno or 0, error.strerror)
            raise OSError(error.errno, f"metrics.listen {where}: {reason}") from None
        self.port = int(listener.getsockname()[1])
        busy = _head(HTTPStatus.SERVICE_UNAVAILABLE, "text/plain", 0)
        self._clients = Clients(listener, self._serve, most=MAX_CLIENTS, refusal=busy)
        self._clients.start()

    async def close(self) -> None:
        """Stop listening and leave the clients."""
        if self._clients is not None:
            await self._clients.close()
            self._clients = None

    async def _serve(self, client: socket.socket) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                request = await _read_head(client)
        except TimeoutError:
            return
        if not request:
            return
        method, _, fields = request.partition(b" ")
        if method not in (b"GET", b"HEAD"):
            await send(client, _head(HTTPStatus.METHOD_NOT_ALLOWED, "text/plain", 0), 1)
            return
        try:
            kind, text = await self._text(_accepts(fields))
        except CopyFailed as failed:
            log.warning("metrics_not_served", reason=str(failed))
            await send(
                client, _head(HTTPStatus.SERVICE_UNAVAILABLE, "text/plain", 0), 1
            )
            return
        answer = _head(HTTPStatus.OK, kind, len(text))
        if method == b"GET":
            answer += text
        for start in range(0, len(answer), _PIECE):
            if not await send(client, answer[start : start + _PIECE], PATIENCE):
                return

    async def _text(self, accepts: str) -> tuple[str, bytes]:
        """Return a format that the client takes, and the metrics in it.

        Who asks while they are written for somebody else gets the same. Raises
        CopyFailed.
        """
        from prometheus_client.exposition import choose_encoder  # noqa: PLC0415

        encoder, kind = choose_encoder(accepts)
        asked = asyncio.get_running_loop().time()
        async with self._rendering:
            began, text = self._texts.get(kind, (-self._fresh, b""))
            if not text or asked - began >= self._fresh:
                began = asyncio.get_running_loop().time()
                # A client may name as many formats as it likes.
                self._texts = {
                    each: known
                    for each, known in self._texts.items()
                    if began - known[0] < self._fresh
                }
                if self._is_large():
                    pieces = self._copies.octets(lambda: [encoder(self._registry)])
                    text = b"".join([piece async for piece in pieces])
                else:
                    text = encoder(self._registry)
                self._texts[kind] = began, text
        return kind, text


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


async def _read_head(client: socket.socket) -> bytes:
    """Read a request up to its empty line; empty where there is none."""
    head = b""
    while b"\r\n\r\n" not in head:
        some = await receive(client, MAX_REQUEST)
        head += some
        if not some or len(head) > MAX_REQUEST:
            return b""
    return head


def _accepts(fields: bytes) -> str:
    """Return the value of the Accept field; empty where there is none."""
    for line in fields.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"accept":
            return value.strip().decode("latin-1")
    return ""


def _head(status: HTTPStatus, kind: str, length: int) -> bytes:
    return (
        f"HTTP/1.1 {status.value} {status.phrase}\r\n"
        f"Content-Type: {kind}\r\nContent-Length: {length}\r\n"
        "Connection: close\r\n\r\n"
    ).encode("latin-1")
