"""An HTTP server for Prometheus, in threads of its own."""

import errno
from collections.abc import Callable
from typing import TYPE_CHECKING

from evpnd.adapters.metrics.snapshot import Snapshot

if TYPE_CHECKING:
    from threading import Thread
    from wsgiref.simple_server import WSGIServer


class MetricsServer:
    """Serves ``/metrics``; every scrape takes a new snapshot.

    `snapshot` is called in a thread of the server: it must be quick, and copy
    what the agent may change meanwhile.
    """

    def __init__(
        self, listen: tuple[str, int], snapshot: Callable[[], Snapshot]
    ) -> None:
        self._listen = listen
        self._snapshot = snapshot
        self._server: WSGIServer | None = None
        self._thread: Thread | None = None

    def start(self) -> None:
        """Listen; OSError with a sentence where the address cannot be had."""
        # Importing them takes longer than the rest of the agent; metrics may be off.
        from prometheus_client import (  # noqa: PLC0415
            CollectorRegistry,
            start_http_server,
        )

        from evpnd.adapters.metrics.families import Collector  # noqa: PLC0415

        registry = CollectorRegistry()
        registry.register(Collector(self._snapshot))
        host, port = self._listen
        try:
            self._server, self._thread = start_http_server(port, host, registry)
        except OSError as error:
            where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            reason = {
                errno.EADDRINUSE: "another program listens there",
                errno.EADDRNOTAVAIL: "no interface has this address",
            }.get(error.errno or 0, error.strerror)
            raise OSError(error.errno, f"metrics.listen {where}: {reason}") from None

    @property
    def port(self) -> int:
        """The port listened on, also where 0 asked for any."""
        assert self._server is not None
        return int(self._server.server_port)

    def close(self) -> None:
        """Stop listening."""
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
            self._server = None
