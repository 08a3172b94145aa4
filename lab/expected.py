"""What a topology is expected to do, as data: ``expected.yaml`` beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.document import Document, FileErrors, KeyPath, describe, read_yaml
from lab.keys import Checks
from lab.schema import Validator
from lab.values import TEXTS, any_address, flag, mapping, text

WITHIN = 30.0
"""Seconds that a check is repeated until it holds."""


@dataclass(frozen=True, slots=True)
class Show:
    """Rows of ``evpnd show TABLE``."""

    node: str
    table: str
    where: Mapping[str, object]
    has: Sequence[Mapping[str, object]]
    count: int | None


@dataclass(frozen=True, slots=True)
class Run:
    """What a command prints."""

    node: str
    command: str
    says: Sequence[str]
    lacks: Sequence[str]
    status: int | None


@dataclass(frozen=True, slots=True)
class Ping:
    """Echo requests from a node's namespace; all answered, or none."""

    node: str
    to: str
    answered: bool


@dataclass(frozen=True, slots=True)
class During:
    """Echo requests while a step does something, and how long they may be silent."""

    node: str
    to: str
    silence: float
    """Seconds; 0: not one may be lost."""


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the report."""

    name: str
    do: Sequence[tuple[str, str]]
    """Node and command, one after the other."""
    checks: Sequence[Show | Run | Ping]
    """In the order written; all have to hold in the end."""
    during: During | None
    within: float


def _maps(value: object) -> str | None:
    right = isinstance(value, list) and all(isinstance(each, dict) for each in value)
    return None if right else "a list of mappings"


def _whole(value: object) -> str | None:
    return None if type(value) is int else "a whole number"


def _seconds(value: object) -> str | None:
    # A number with a dot is a class of its own, which keeps how it is written.
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return None if number else "a number of seconds"


_STEP: Checks = {
    "name": text,
    "do": _maps,
    "show": _maps,
    "run": _maps,
    "ping": _maps,
    "while": mapping,
    "within": _seconds,
}
_DO: Checks = {"node": text, "command": text}
_SHOW: Checks = {
    "node": text,
    "table": text,
    "where": mapping,
    "has": _maps,
    "count": _whole,
}
_RUN: Checks = {
    "node": text,
    "command": text,
    "says": TEXTS,
    "lacks": TEXTS,
    "status": _whole,
}
_PING: Checks = {"from": text, "to": any_address, "answered": flag}
_WHILE: Checks = {"from": text, "to": any_address, "silence": _seconds}


def read_expected(path: Path, nodes: Sequence[str]) -> list[Step]:
    """Read the file; raises FileErrors. ``nodes`` are those of the topology."""
    return _Reader(read_yaml(path), nodes).read()


class _Reader:
    def __init__(self, document: Document, nodes: Sequence[str]) -> None:
        self.validator = Validator(document)
        self.document = document
        self.nodes = nodes

    def read(self) -> list[Step]:
        value = self.document.value
        top = self.validator.known(value, {"steps": _maps}, (), "the file")
        steps = top.get("steps", [])
        assert isinstance(steps, list)
        if not steps and not self.validator.errors:
            self.validator.wrong((), "has no steps")
        found = [self._step(step, ("steps", i)) for i, step in enumerate(steps)]
        if self.validator.errors:
            raise FileErrors(self.validator.errors)
        return found

    def _entry(
        self,
        value: object,
        checks: Checks,
        must: Sequence[str],
        key: KeyPath,
    ) -> dict[str, object]:
        found = self.validator.known(value, checks, key, "expected results")
        for name in must:
            if name not in found:
                self.validator.wrong(key, f"{name} is missing")
        for name in ("node", "from"):
            if name in found and found[name] not in self.nodes:
                self.validator.wrong(
                    (*key, name), f"there is no node {describe(found[name])}"
                )
        return found

    def _list(
        self,
        step: Mapping[str, object],
        name: str,
        checks: Checks,
        must: Sequence[str],
        key: KeyPath,
    ) -> list[dict[str, object]]:
        items = step.get(name, [])
        assert isinstance(items, list)
        return [
            self._entry(item, checks, must, (*key, name, index))
            for index, item in enumerate(items)
        ]

    def _step(self, value: object, key: KeyPath) -> Step:
        step = self._entry(value, _STEP, ["name"], key)
        do = self._list(step, "do", _DO, ["node", "command"], key)
        checks: list[Show | Run | Ping] = []
        # In the order that they are written in.
        for name in step:
            match name:
                case "show":
                    found = self._list(step, name, _SHOW, ["node", "table"], key)
                    checks += map(_show, found)
                case "run":
                    found = self._list(step, name, _RUN, ["node", "command"], key)
                    checks += map(_run, found)
                case "ping":
                    found = self._list(step, name, _PING, ["from", "to"], key)
                    checks += [
                        Ping(
                            str(p.get("from")),
                            str(p.get("to")),
                            p.get("answered", True) is True,
                        )
                        for p in found
                    ]
                case _:
                    continue
        during = None
        if "while" in step:
            inner = (*key, "while")
            found_while = self._entry(step["while"], _WHILE, ["from", "to"], inner)
            during = During(
                str(found_while.get("from", "")),
                str(found_while.get("to", "")),
                _float(found_while.get("silence", 0)),
            )
        if not do and not checks:
            self.validator.wrong(key, "neither does nor checks anything")
        return Step(
            str(step.get("name", "")),
            [(str(each.get("node")), str(each.get("command"))) for each in do],
            checks,
            during,
            _float(step.get("within", WITHIN)),
        )


def _float(value: object) -> float:
    assert isinstance(value, int | float)
    return float(value)


def _show(entry: Mapping[str, object]) -> Show:
    where, has, count = (entry.get(name) for name in ("where", "has", "count"))
    return Show(
        str(entry.get("node")),
        str(entry.get("table")),
        where if isinstance(where, dict) else {},
        has if isinstance(has, list) else [],
        count if isinstance(count, int) else None,
    )


def _run(entry: Mapping[str, object]) -> Run:
    says, lacks, status = (entry.get(name) for name in ("says", "lacks", "status"))
    return Run(
        str(entry.get("node")),
        str(entry.get("command")),
        says if isinstance(says, list) else [],
        lacks if isinstance(lacks, list) else [],
        status if isinstance(status, int) else None,
    )
