"""The JSON of `show --json`, `explain --json` and of the findings, for programs."""

import contextlib
import json
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from evpnd.adapters.control.client import NoDaemon, RequestFailed
from evpnd.adapters.control.requests import FILTERS_OF, TABLES, parse_request
from evpnd.web.daemons import Daemon, Question
from evpnd.web.findings import find

BASE: Final = "/api/v1"
_NUMBERS: Final = ("vni", "vlan", "limit", "offset")
_OF_PARTS: Final = ("limit", "offset", "kind", "vtep")
_BEGIN: Final = b'"result":'
_END: Final = b"}\n"


class _Wrong(Exception):  # noqa: N818 - it says what is wrong
    """A request that has no answer; the text is a sentence."""

    def __init__(self, sentence: str, status: int = 400) -> None:
        super().__init__(sentence)
        self.status = status


class Api:
    """Answers with JSON, without keeping or changing what a daemon says."""

    def __init__(self, daemons: Sequence[Daemon]) -> None:
        """Store whom to ask."""
        self._daemons = daemons

    def routes(self) -> list[Route]:
        """Return the answers by their paths."""
        return [
            Route(BASE, self.index),
            Route(BASE + "/", self.index),
            Route(BASE + "/status", self.status),
            Route(BASE + "/findings", self.findings),
            Route(BASE + "/explain/{what}/{value}", self.explain),
            Route(BASE + "/{table}", self.table),
        ]

    def index(self, request: Request) -> Response:  # noqa: ARG002
        """List the tables and the hosts."""
        names = [*TABLES, "status", "findings"]
        return JSONResponse(
            {
                "hosts": [each.name for each in self._daemons],
                "tables": [f"{BASE}/{name}" for name in names],
                "explain": f"{BASE}/explain/address/{{address}}",
            }
        )

    def table(self, request: Request) -> Response:
        """Give a table, as `show --json` does."""
        what = request.path_params["table"]
        if what not in TABLES:
            known = ", ".join((*TABLES, "status", "findings"))
            return _wrong(f"there is no table {what}; known: {known}", 404)
        known_keys = (*FILTERS_OF[what], *_OF_PARTS)
        return self._passed_on(request, {"command": "show", "what": what}, known_keys)

    def explain(self, request: Request) -> Response:
        """Give a story, as `explain --json` does."""
        what, value = (request.path_params[key] for key in ("what", "value"))
        question: Question = {"command": "explain", "what": what, "value": value}
        return self._passed_on(request, question, ("vni",))

    def status(self, request: Request) -> Response:
        """Give the daemon's own state."""
        return self._passed_on(request, {"command": "status"}, ())

    def findings(self, request: Request) -> Response:
        """Give what is wrong, as `doctor --json` does, without its host."""
        try:
            daemon = self._daemon(request, ())
        except _Wrong as wrong:
            return _wrong(str(wrong), wrong.status)
        tables = [daemon.table(what) for what in ("peers", "evis", "vteps")]
        if trouble := next((each.trouble for each in tables if each.trouble), None):
            return _wrong(trouble, 503)
        return JSONResponse(
            [
                {
                    "check": {"evi": "evi-note"}.get(found.kind, found.kind),
                    "level": found.level,
                    "subject": found.finding.subject,
                    "text": found.finding.text,
                    "fix": found.finding.fix and found.finding.fix.text,
                }
                for found in find(*(each.rows for each in tables))
            ]
        )

    def _daemon(self, request: Request, known: Sequence[str]) -> Daemon:
        for key in request.query_params:
            if key not in (*known, "host"):
                listed = ", ".join((*known, "host"))
                raise _Wrong(f"{key} is not known here; known: {listed}")
        wanted = request.query_params.get("host")
        for daemon in self._daemons:
            if wanted in (None, daemon.name):
                return daemon
        names = ", ".join(each.name for each in self._daemons)
        raise _Wrong(f"no host {wanted} is asked; known: {names}", 404)

    def _passed_on(
        self, request: Request, question: Question, known: Sequence[str]
    ) -> Response:
        """Pass an answer on as it comes: a table of any size takes no memory here."""
        try:
            daemon = self._daemon(request, known)
            question = _checked(question, request)
            pieces = daemon.stream(question)
            head, rest = _cut_head(pieces)
        except _Wrong as wrong:
            return _wrong(str(wrong), wrong.status)
        except (NoDaemon, RequestFailed) as error:
            return _wrong(str(error), 503)
        return StreamingResponse(
            _without_end(chain([rest], pieces)),
            media_type="application/json",
            headers=_headers(head),
        )


def _checked(question: Question, request: Request) -> Question:
    """Add the filters of the query, in normal form; raises _Wrong."""
    given: dict[str, Any] = dict(request.query_params)
    given.pop("host", None)
    for key in _NUMBERS:
        if key in given:
            if not (given[key].isascii() and given[key].isdigit()):
                raise _Wrong(f"{key} is not a whole number")
            given[key] = int(given[key][:12])
    try:
        return parse_request(json.dumps({**given, **question}).encode())
    except ValueError as error:
        raise _Wrong(str(error)) from None


def _cut_head(pieces: Iterator[bytes]) -> tuple[bytes, bytes]:
    """Return what stands before the result, and what came of that.

    Raises _Wrong where the daemon refuses.
    """
    come = b""
    for piece in pieces:
        come += piece
        head, found, rest = come.partition(_BEGIN)
        if found and head.startswith(b'{"ok":true'):
            return head, rest
    refused = json.loads(come)
    raise _Wrong(str(refused.get("error", "the daemon refused")), 404)


def _headers(head: bytes) -> dict[str, str]:
    said = json.loads(head.rstrip(b",") + b"}")
    return {"X-Total-Count": str(said["total"])} if "total" in said else {}


def _without_end(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield all but the end of the answer's object."""
    held = b""
    # Where the daemon breaks off, the JSON does as well.
    with contextlib.suppress(RequestFailed):
        for piece in pieces:
            held += piece
            if len(held) > len(_END):
                yield held[: -len(_END)]
                held = held[-len(_END) :]
        yield held.removesuffix(_END) + b"\n"


def _wrong(sentence: str, status: int) -> JSONResponse:
    return JSONResponse({"error": sentence}, status)
