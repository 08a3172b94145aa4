"""One request of a browser: whom it asks, and what it could not be told."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple
from urllib.parse import urlencode

from starlette.requests import Request

from evpnd.web.daemons import Answer, Daemon, Question, Row
from evpnd.web.fabric import View

A_PAGE: Final = 100
"""Rows of a long table on one page."""

_OF_FABRIC: Final = ("peers", "evis", "vteps")

_ASKING: Final = ThreadPoolExecutor(8, "asking")
"""Several hosts are asked at the same time."""


class Trouble(NamedTuple):
    """A daemon that does not answer."""

    host: str
    sentence: str
    at: float | None
    """When it answered last, in seconds since 1970."""


class Part(NamedTuple):
    """Some rows of a table, and the way to the others."""

    rows: Sequence[Row]
    first: int
    """Of the rows shown, from 1; 0: there is none."""
    total: int
    before: str | None
    """Query of the page before; None: this is the first."""
    after: str | None


class Looking:
    """Asks for one request."""

    def __init__(self, request: Request, daemons: Sequence[Daemon]) -> None:
        """Choose the daemon that `host` in the query names; or the first."""
        self.query = request.query_params
        self.path = request.url.path
        self.daemons = daemons
        wanted = self.query.get("host", "")
        named = [each for each in daemons if each.name == wanted]
        self.daemon = (named or list(daemons))[0]
        self.unknown = wanted if wanted and not named else ""
        self._troubles: dict[str, Trouble] = {}
        self.at: float | None = None
        """The oldest moment of which the page tells."""

    @property
    def host(self) -> str:
        """Return the query that keeps the host in a link; empty where one is asked."""
        if len(self.daemons) == 1:
            return ""
        return "?" + urlencode({"host": self.daemon.name})

    @property
    def troubles(self) -> list[Trouble]:
        """Return who does not answer."""
        return list(self._troubles.values())

    def table(self, what: str, **filters: object) -> Answer:
        """Return a table of the chosen daemon."""
        return self.ask({"command": "show", "what": what, **filters})

    def ask(self, question: Question, age: float = 0.0) -> Answer:
        """Ask the chosen daemon, unless an answer `age` seconds old is there."""
        return self._note(self.daemon, self.daemon.ask(question, age))

    def views(self, age: float = 0.0) -> list[View]:
        """Return what all hosts know of the fabric, at most `age` seconds old."""
        return list(_ASKING.map(lambda each: self._view(each, age), self.daemons))

    def _view(self, daemon: Daemon, age: float) -> View:
        questions: list[Question] = [
            {"command": "show", "what": what} for what in _OF_FABRIC
        ]
        answers = [daemon.ask(question, age) for question in questions]
        if not age:
            for answer in answers:
                self._note(daemon, answer)
        peers, evis, vteps = (answer.rows for answer in answers)
        away = any(answer.trouble for answer in answers)
        return View(daemon.name, peers, evis, vteps, away)

    def events(self, limit: int) -> list[Row]:
        """Return the latest events of all hosts, newest first."""
        of_hosts = _ASKING.map(lambda each: self._events(each, limit), self.daemons)
        found = [row for rows in of_hosts for row in rows]
        return sorted(found, key=lambda row: str(row["time"]), reverse=True)[:limit]

    def _events(self, daemon: Daemon, limit: int) -> list[Row]:
        answer = self._note(daemon, daemon.table("events", limit=limit))
        return [{**row, "host": daemon.name} for row in answer.rows]

    def _note(self, daemon: Daemon, answer: Answer) -> Answer:
        if answer.trouble is not None:
            self._troubles[daemon.name] = Trouble(
                daemon.name, answer.trouble, answer.at
            )
        if answer.at is not None:
            self.at = answer.at if self.at is None else min(self.at, answer.at)
        return answer

    def offset(self) -> int:
        """Return where the part begins that is asked for; what is no number is 0."""
        text = self.query.get("offset", "")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0

    def part(self, what: str, **filters: object) -> tuple[Part, Answer]:
        """Return a page of a long table, with the answer that it is from."""
        offset = self.offset()
        answer = self.table(what, limit=A_PAGE, offset=offset, **filters)
        return self._part(answer.rows, offset, answer.total), answer

    def cut(self, rows: Sequence[Row]) -> Part:
        """Return a page of a table that is there as a whole."""
        offset = self.offset()
        return self._part(rows[offset : offset + A_PAGE], offset, len(rows))

    def _part(self, rows: Sequence[Row], offset: int, total: int) -> Part:
        before = max(0, offset - A_PAGE) if offset else None
        after = offset + A_PAGE if offset + A_PAGE < total else None
        first = offset + 1 if rows else 0
        return Part(rows, first, total, self._at(before), self._at(after))

    def _at(self, offset: int | None) -> str | None:
        return None if offset is None else self.with_query({"offset": offset or None})

    def with_query(self, changes: Mapping[str, object]) -> str:
        """Return the query of this page with other values; None takes one out."""
        kept = {**self.query, **changes}
        return "?" + urlencode({k: str(v) for k, v in kept.items() if v is not None})
