"""The daemons that are asked, and what they said last."""

import json
import math
import socket
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from evpnd.adapters.control.client import NoDaemon, RequestFailed, pieces, request
from evpnd.model.config import DEFAULT_SOCKET

Row = dict[str, Any]
Question = dict[str, object]

FRESH: Final = 1.0
"""Seconds for which an answer is given again without asking."""
SHARE: Final = 10
"""And at least so many times as long as the daemon took for it: pages that are left
open cost it a tenth of a processor, however many there are."""
LONGEST: Final = 15.0
"""Seconds after which an answer is asked for anew, whatever it takes."""
KEPT: Final = 128
"""Answers that are remembered of each daemon."""
PATIENCE: Final = 20.0
"""Seconds that a daemon may take for an answer; long ones wait for their turn there."""
AT_ONCE: Final = 2
"""Questions that wait for one daemon at a time."""


class Answer(NamedTuple):
    """What a daemon said, now or when it could be asked last."""

    rows: Sequence[Row] = ()
    said: Row = {}  # noqa: RUF012 - nobody changes it
    """All but the rows: `total` of a part of a table, `what` of a story, `note`."""
    at: float | None = None
    """When it said so, in seconds since 1970; None: never."""
    refused: str | None = None
    """Why it gives no such answer, as a sentence."""
    trouble: str | None = None
    """Why it could not be asked now, as a sentence; what is here is older."""

    @property
    def total(self) -> int:
        """Return how many rows there are, shown or not."""
        total = self.said.get("total")
        return total if isinstance(total, int) else len(self.rows)


class _Kept:
    """One question: its last answer, and who is asking it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.answer = Answer()
        self.asked = -math.inf
        """Monotonic seconds."""
        self.until = 0.0
        """Monotonic seconds at which the answer is asked for anew."""


class Daemon:
    """One control socket; threads may ask at the same time."""

    def __init__(self, name: str, path: Path) -> None:
        """Store how pages name it, and its socket; it is not asked yet."""
        self.name = name
        self.path = path
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._lock = threading.Lock()
        self._turns = threading.BoundedSemaphore(AT_ONCE)
        self._streams = threading.BoundedSemaphore(AT_ONCE)
        self._away = ""
        """Why it does not answer; empty: it did."""
        self._away_until = 0.0

    def table(self, what: str, **filters: object) -> Answer:
        """Return a table of `show`."""
        return self.ask({"command": "show", "what": what, **filters})

    def ask(self, question: Question, age: float = 0.0) -> Answer:
        """Return the answer to a request of the control socket.

        One that is `age` seconds old will do, and any that is fresh. This raises
        nothing: what is wrong is in the answer.
        """
        kept = self._entry(json.dumps(question, sort_keys=True))
        # Who comes while it is asked gets that answer, and asks nothing.
        with kept.lock:
            now = time.monotonic()
            if now >= max(kept.until, kept.asked + age):
                kept.asked = now
                kept.answer = self._ask(question, kept.answer)
                spent = time.monotonic() - now
                kept.until = now + spent + min(max(FRESH, SHARE * spent), LONGEST)
                if kept.answer.trouble is not None:
                    kept.until = self._away_until
            return kept.answer

    def stream(self, question: Question) -> Iterator[bytes]:
        """Yield the answer as it comes; raises NoDaemon or RequestFailed."""
        # Not in turn with the pages: whoever takes it may take it slowly.
        if not self._streams.acquire(blocking=False):
            raise RequestFailed(f"{AT_ONCE} whole tables are on their way; ask again")
        try:
            yield from pieces(self.path, question, restart=0.0)
        finally:
            self._streams.release()

    def expire(self) -> None:
        """Ask anew from now on, whatever is fresh."""
        with self._lock:
            for kept in self._kept.values():
                kept.until = kept.asked = -math.inf
            self._away_until = 0.0

    def _entry(self, key: str) -> _Kept:
        with self._lock:
            kept = self._kept.setdefault(key, _Kept())
            self._kept.move_to_end(key)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            return kept

    def _ask(self, question: Question, last: Answer) -> Answer:
        with self._turns:
            if time.monotonic() < self._away_until:
                return last._replace(trouble=self._away)
            try:
                began = time.monotonic()
                said = request(self.path, question, PATIENCE, restart=0.0)
            except (NoDaemon, RequestFailed) as error:
                now = time.monotonic()
                self._away = str(error)
                # One that hangs is not waited for by every page in turn.
                self._away_until = now + max(FRESH, now - began)
                return last._replace(trouble=self._away)
        now = time.time()
        if not said.get("ok"):
            refused = str(said.get("error", "the daemon refused"))
            return Answer(at=now, refused=refused)
        result = said.pop("result", None)
        if isinstance(result, dict):
            return Answer([result], said, now)
        rows = result if isinstance(result, list) else []
        rows = [row for row in rows if isinstance(row, dict)]
        return Answer(rows, said, now)


def named(paths: Sequence[Path]) -> list[Daemon]:
    """Return the daemons of some sockets, each with a name of its own.

    The default socket is this host's; another is named after its file, or as a whole
    where two files have one name.
    """
    names = [
        socket.gethostname() if path == DEFAULT_SOCKET else path.stem for path in paths
    ]
    if len(set(names)) < len(names):
        names = list(map(str, paths))
    return [Daemon(name, path) for name, path in zip(names, paths, strict=True)]
