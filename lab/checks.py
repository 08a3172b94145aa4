"""Running expected results against a lab that is up."""

import contextlib
import json
import shlex
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lab.expected import During, Ping, Run, Show, Step
from lab.netns import LabError, wait_until
from lab.ping import Ping as Echo
from lab.place import Place

_UNANSWERED = 0.4
"""Seconds without an answer until nobody is taken to answer."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one step."""

    name: str
    seconds: float
    trouble: str
    """Empty: it held."""
    note: str = ""


class Runner:
    """Runs steps in a lab."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def run(self, step: Step) -> Outcome:
        """Do what the step does, and check what it expects."""
        start = time.monotonic()
        trouble = note = ""
        try:
            with self._pinging(step.during) as notes:
                for node, command in step.do:
                    self._do(node, command)
                for check in step.checks:
                    self._wait(check, step.within)
            note = "".join(f", {each}" for each in notes)
        except LabError as error:
            trouble = str(error)
        return Outcome(step.name, time.monotonic() - start, trouble, note)

    def _do(self, node: str, command: str) -> None:
        done = self._place.execute(node, shlex.split(command))
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip()
            raise LabError(f"{node}: {command}: status {done.returncode}: {said}")

    @contextlib.contextmanager
    def _pinging(self, during: During | None) -> Iterator[list[str]]:
        notes: list[str] = []
        if during is None:
            yield notes
            return
        with Echo(self._place.namespace(during.node), during.to) as ping:
            wait_until(lambda: ping.answered >= 20, 10, "answers before the step")
            yield notes
            enough = ping.answered + 50
            with contextlib.suppress(LabError):
                wait_until(lambda: ping.answered >= enough, 10, "answers after")
            answered = ping.answered >= enough
        result = ping.result()
        gap = result.gap if result.loss else 0.0
        notes.append(f"{result.loss} of {result.sent} pings lost")
        if not answered or gap > during.silence or result.duplicates:
            raise LabError(
                f"{during.node} to {during.to}: {result}; allowed are"
                f" {during.silence * 1000:.0f} ms without an answer"
            )

    def _wait(self, check: Show | Run | Ping, within: float) -> None:
        """Look until nothing is amiss; LabError with what was amiss last."""
        deadline = time.monotonic() + within
        while amiss := self._amiss(check):
            if time.monotonic() > deadline:
                raise LabError(f"{amiss}\n(for {within:g} s)")
            time.sleep(0.1)

    def _amiss(self, check: Show | Run | Ping) -> str:
        match check:
            case Show():
                return self._show(check)
            case Run():
                return self._run(check)
            case Ping():
                return self._ping(check)

    def rows(self, node: str, table: str) -> list[dict[str, object]]:
        """Read ``evpnd show TABLE --json`` of a node."""
        done = self._place.execute(node, ["evpnd", "show", table, "--json"])
        if done.returncode != 0:
            raise LabError(
                f"{node}: evpnd show {table}: status {done.returncode}:"
                f" {done.stdout}{done.stderr}\n{self._place.log(node)}"
            )
        found: list[dict[str, object]] = json.loads(done.stdout)
        return found

    def _show(self, check: Show) -> str:
        try:
            found = self.rows(check.node, check.table)
        except LabError as error:
            return str(error)
        rows = [row for row in found if fits(row, check.where)]
        seen = f"{check.node}: evpnd show {check.table}: {json.dumps(rows)}"
        for wanted in check.has:
            if not any(fits(row, wanted) for row in rows):
                return f"no row with {json.dumps(wanted)} in\n{seen}"
        if check.count is not None and len(rows) != check.count:
            return f"{len(rows)} rows instead of {check.count}:\n{seen}"
        if not check.has and check.count is None and not rows:
            return f"no row with {json.dumps(check.where)}"
        return ""

    def _run(self, check: Run) -> str:
        done = self._place.execute(check.node, shlex.split(check.command))
        said = done.stdout + done.stderr
        seen = f"{check.node}: {check.command}: status {done.returncode}:\n{said}"
        if done.returncode != check.status:
            return seen
        missing = [text for text in check.says if text not in said]
        surplus = [text for text in check.lacks if text in said]
        if missing:
            return f"no {missing[0]!r} in\n{seen}"
        return f"{surplus[0]!r} in\n{seen}" if surplus else ""

    def _ping(self, check: Ping) -> str:
        namespace = self._place.namespace(check.node)
        if check.answered:
            result = Echo(namespace, check.to, 0.05, 0.2).count(1)
            if result.received:
                result = Echo(namespace, check.to, 0.05).count(3)
            wrong = result.loss or result.duplicates
        else:
            result = Echo(namespace, check.to, 0.05, _UNANSWERED).count(3)
            wrong = result.received
        return f"{check.node} to {check.to}: {result}" if wrong else ""


def fits(row: Mapping[str, object], wanted: Mapping[str, object]) -> bool:
    """Return whether a row has all these values; in a list, the value is one of it."""

    def has(name: str, value: object) -> bool:
        found = row.get(name)
        if isinstance(found, list) and not isinstance(value, list):
            return str(value) in map(str, found)
        return name in row and found == value

    return all(has(name, value) for name, value in wanted.items())
