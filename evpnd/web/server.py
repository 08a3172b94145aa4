"""All of it together, served at an address."""

import signal
import socket
from collections.abc import Sequence

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from evpnd.web.api import BASE, Api
from evpnd.web.daemons import Daemon
from evpnd.web.guard import Guard
from evpnd.web.pages import Pages
from evpnd.web.rendering import Templates

CLIENTS = 200
"""Connections at a time; more are refused."""


def application(daemons: Sequence[Daemon], names: Sequence[str] = ()) -> ASGIApp:
    """Return the looking glass; `names` are names of this host besides its own."""
    pages = Pages(daemons, Templates())

    def absent(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if request.url.path.startswith(BASE):
            return JSONResponse({"error": error.detail}, error.status_code)
        return pages.missing(request, f"there is no page {request.url.path}")

    static = StaticFiles(packages=[("evpnd.web", "static")])
    routes = [*Api(daemons).routes(), *pages.routes(), Mount("/static", static)]
    return Guard(Starlette(routes=routes, exception_handlers={404: absent}), names)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # `::` is every address, as with metrics.
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind((host, port))
        listener.listen(100)
    except OSError:
        listener.close()
        raise
    return listener


def serve(app: ASGIApp, listener: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM, then return."""
    # uvicorn raises the signal again when it has ended.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        lifespan="off",
        limit_concurrency=CLIENTS,
        timeout_graceful_shutdown=1,
        ws="none",
    )
    uvicorn.Server(config).run([listener])
