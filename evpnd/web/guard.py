"""Who is served, and what a browser may do with what it gets."""

import ipaddress
import socket
from collections.abc import Collection
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

METHODS: Final = ("GET", "HEAD")
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; "
    "style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""Nothing is loaded from elsewhere, no other page may frame or read this one."""


class Guard:
    """Refuses what is not a question, and whoever came by a name that is not ours.

    A page elsewhere may give its own name our address (DNS rebinding), and would read
    this one as its own. It cannot do so with an address in place of a name.
    """

    def __init__(self, app: ASGIApp, names: Collection[str] = ()) -> None:
        """Serve an application; `names` are names of this host besides its own."""
        self._app = app
        own = ("localhost", socket.gethostname(), socket.getfqdn())
        self._names = {name.lower().rstrip(".") for name in (*own, *names)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                # Their names change with their content.
                keep = message["status"] == 200 and scope["path"].startswith("/static/")
                headers["Cache-Control"] = "max-age=31536000" if keep else "no-store"
            await send(message)

        app = self._refusal(scope) or self._app
        await app(scope, receive, send_guarded)

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        if scope["method"] not in METHODS:
            allow = {"Allow": ", ".join(METHODS)}
            text = "evpnd web changes nothing: it answers GET and HEAD alone\n"
            return PlainTextResponse(text, 405, allow)
        given = Headers(scope=scope).getlist("host")
        if len(given) != 1 or not self._is_ours(given[0]):
            text = (
                "evpnd web does not know itself by this name; use an address, or "
                "start it with --name NAME\n"
            )
            return PlainTextResponse(text, 421)
        return None

    def _is_ours(self, given: str) -> bool:
        name = _without_port(given)
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return name.lower().rstrip(".") in self._names
        return True


def _without_port(given: str) -> str:
    if given.startswith("["):
        return given[1:].partition("]")[0]
    return given.partition(":")[0]
