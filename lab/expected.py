"""What a topology is expected to do, as data: ``expected.yaml`` beside it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.checker import (
    Checker,
    Checks,
    Each,
    address,
    being,
    flag,
    items,
    mapping,
    text,
    word,
)
from lab.document import FileErrors, KeyPath, read_yaml

Entry = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Show:
    """Rows of ``evpnd show TABLE``."""

    node: str
    table: str
    where: Entry = field(default_factory=dict)
    has: Sequence[Entry] = ()
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """What a command prints."""

    node: str
    command: str
    says: Sequence[object] = ()
    lacks: Sequence[object] = ()
    status: int = 0


@dataclass(frozen=True, slots=True)
class Ping:
    """Echo requests from a node's namespace; all answered, or none."""

    node: str
    to: str
    answered: bool = True


@dataclass(frozen=True, slots=True)
class During:
    """Echo requests while a step does something, and how long they may be silent."""

    node: str
    to: str
    silence: float = 0
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
    within: float = 60
    """Seconds that a check is repeated until it holds."""


_whole = being("a whole number", lambda v: type(v) is int)
_seconds = being("a number of seconds", lambda v: type(v) in (int, float))
_MAPS, _WORDS = Each(list, mapping), Each(list, word)
_DO: Checks = {"node": text, "command": text}
_WHERE: Checks = {"where": mapping, "has": _MAPS, "count": _whole}
_WAY: Checks = {"from": text, "to": address}
_STEP: Checks = {
    **dict.fromkeys(("do", "show", "run", "ping"), _MAPS),
    "name": text,
    "while": mapping,
    "within": _seconds,
}
_KINDS: Mapping[str, tuple[type[Show | Run | Ping], Checks]] = {
    "show": (Show, {"node": text, "table": text, **_WHERE}),
    "run": (Run, {**_DO, "says": _WORDS, "lacks": _WORDS, "status": _whole}),
    "ping": (Ping, {**_WAY, "answered": flag}),
}


def read_expected(path: Path, nodes: Collection[str]) -> list[Step]:
    """Read the file; raises FileErrors. ``nodes`` are those of the topology."""
    document = read_yaml(path)
    checker = Checker(document)
    top = checker.mapping(document.value, {"steps": items}, (), "the file")
    steps = top.get("steps", [])
    assert isinstance(steps, list)
    if not steps and not checker.errors:
        checker.wrong((), "has no steps")
    found = [_step(checker, nodes, each, ("steps", i)) for i, each in enumerate(steps)]
    if checker.errors:
        raise FileErrors(checker.errors)
    return [step for step in found if step is not None]


def _step(
    checker: Checker, nodes: Collection[str], value: object, key: KeyPath
) -> Step | None:
    """Read a step; None where something is wrong with it."""
    before = len(checker.errors)

    def read(value: object, checks: Checks, place: KeyPath) -> dict[str, Any]:
        must = tuple(
            word
            for word in ("node", "command", "table", "from", "to")
            if word in checks
        )
        found = checker.mapping(value, checks, place, "expected results", must=must)
        for name in {"node", "from"} & found.keys():
            if found[name] not in nodes:
                checker.wrong((*place, name), f"there is no node {found[name]!r}")
        node = {"node": found.pop("from")} if "from" in found else {}
        return found | node

    def each(name: str, checks: Checks) -> list[dict[str, Any]]:
        entries = step.get(name, [])
        assert isinstance(entries, list)
        pairs = enumerate(entries)
        return [read(entry, checks, (*key, name, at)) for at, entry in pairs]

    step = checker.mapping(value, _STEP, key, "expected results", must=("name",))
    do = each("do", _DO)
    # In the order that they are written in.
    checks = [
        (_KINDS[name][0], entry)
        for name in step
        if name in _KINDS
        for entry in each(name, _KINDS[name][1])
    ]
    during = None
    if "while" in step:
        place = (*key, "while")
        during = read(step["while"], {**_WAY, "silence": _seconds}, place)
    if not do and not checks:
        checker.wrong(key, "neither does nor checks anything")
    if len(checker.errors) > before:
        return None
    within = {"within": float(str(step["within"]))} if "within" in step else {}
    return Step(
        str(step["name"]),
        [(entry["node"], entry["command"]) for entry in do],
        [kind(**entry) for kind, entry in checks],
        During(**during) if during is not None else None,
        **within,
    )
