"""What is checked in a lab that is up."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lab.netns import LabError
from lab.ping import Ping as Echo
from lab.place import Place

Entry = Mapping[str, object]
_UNANSWERED = 0.4
"""Seconds without an answer until nobody is taken to answer."""


@dataclass(frozen=True, slots=True)
class Show:
    """Rows of ``evpnd show TABLE``."""

    node: str
    table: str
    where: Entry = field(default_factory=dict)
    has: Sequence[Entry] = ()
    count: int | None = None

    def amiss(self, place: Place) -> str:
        """Return what is not as expected; empty where all is."""
        try:
            found = rows_of(place, self.node, self.table)
        except LabError as error:
            return str(error)
        rows = [row for row in found if _fits(row, self.where)]
        seen = f"{self.node}: evpnd show {self.table}: {json.dumps(rows)}"
        for wanted in self.has:
            if not any(_fits(row, wanted) for row in rows):
                return f"no row with {json.dumps(wanted)} in\n{seen}"
        if self.count is not None and len(rows) != self.count:
            return f"{len(rows)} rows instead of {self.count}:\n{seen}"
        if not self.has and self.count is None and not rows:
            return f"no row with {json.dumps(self.where)}"
        return ""


@dataclass(frozen=True, slots=True)
class Run:
    """What a command prints."""

    node: str
    command: str
    says: Sequence[str] = ()
    lacks: Sequence[str] = ()
    status: int = 0

    def amiss(self, place: Place) -> str:
        """Return what is not as expected; empty where all is."""
        done = place.execute(self.node, shlex.split(self.command))
        said = done.stdout + done.stderr
        seen = f"{self.node}: {self.command}: status {done.returncode}:\n{said}"
        if done.returncode != self.status:
            return seen
        for text in self.says:
            if text not in said:
                return f"no {text!r} in\n{seen}"
        for text in self.lacks:
            if text in said:
                return f"{text!r} in\n{seen}"
        return ""


@dataclass(frozen=True, slots=True)
class Ping:
    """Echo requests from a node's namespace; all answered, or none."""

    node: str
    to: str
    answered: bool = True

    def amiss(self, place: Place) -> str:
        """Return what is not as expected; empty where all is."""
        namespace = place.namespace(self.node)
        if self.answered:
            result = Echo(namespace, self.to, 0.05, 0.2).count(1)
            if result.received:
                result = Echo(namespace, self.to, 0.05).count(3)
            wrong = result.loss or result.duplicates
        else:
            result = Echo(namespace, self.to, 0.05, _UNANSWERED).count(3)
            wrong = result.received
        return f"{self.node} to {self.to}: {result}" if wrong else ""


Check = Show | Run | Ping


def rows_of(place: Place, node: str, table: str) -> list[dict[str, object]]:
    """Read ``evpnd show TABLE --json`` of a node."""
    done = place.execute(node, ["evpnd", "show", table, "--json"])
    if done.returncode != 0:
        raise LabError(
            f"{node}: evpnd show {table}: status {done.returncode}:"
            f" {done.stdout}{done.stderr}\n{place.log(node)}"
        )
    found: list[dict[str, object]] = json.loads(done.stdout)
    return found


def _fits(row: Entry, wanted: Entry) -> bool:
    """Return whether a row has all these values; in a list, the value is one of it."""

    def has(name: str, value: object) -> bool:
        found = row.get(name)
        if isinstance(found, list) and not isinstance(value, list):
            return str(value) in map(str, found)
        return name in row and found == value

    return all(has(name, value) for name, value in wanted.items())
