"""What a topology is expected to do, as data: ``expected.yaml`` beside it."""

import ipaddress
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.checker import (
    Keys,
    ListOf,
    Schema,
    being,
    checked,
    command,
    flag,
    mapping,
    parsed,
    text,
    word,
)
from lab.checks import Check, Ping, Run, Show
from lab.document import FileErrors, read_yaml


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
    checks: Sequence[Check]
    """In the order written; all have to hold in the end."""
    during: During | None
    within: float
    """Seconds that a check is repeated until it holds."""


_seconds = being("a number of seconds", lambda v: type(v) in (int, float))
_whole = being("a whole number", lambda v: type(v) is int)
_CHECKS: Mapping[str, type[Check]] = {"show": Show, "run": Run, "ping": Ping}


def _file(nodes: Collection[str]) -> Keys:
    """Return what the file may say, in a topology of these nodes."""
    node = being("a node of the topology", lambda v: v in nodes)
    do: Mapping[str, Schema] = {"node": node, "command": command}
    way: Mapping[str, Schema] = {
        "from": node,
        "to": parsed(ipaddress.ip_address, "an IPv4 or IPv6 address"),
    }
    words = ListOf(word)
    where: Mapping[str, Schema] = {
        "where": mapping,
        "has": ListOf(mapping),
        "count": _whole,
    }

    def keys(keys: Mapping[str, Schema], **more: Schema) -> Keys:
        return Keys("expected results", {**keys, **more}, must=tuple(keys))

    step = keys(
        {"name": text},
        do=ListOf(keys(do)),
        show=ListOf(keys({"node": node, "table": text}, **where)),
        run=ListOf(keys(do, says=words, lacks=words, status=_whole)),
        ping=ListOf(keys(way, answered=flag)),
        within=_seconds,
        **{"while": keys(way, silence=_seconds)},
    )
    return keys({"steps": ListOf(step)})


def read_expected(path: Path, nodes: Collection[str]) -> list[Step]:
    """Read the file; raises FileErrors. ``nodes`` are those of the topology."""
    document = read_yaml(path)
    steps = checked(document, _file(nodes))["steps"]
    if errors := [
        document.error(("steps", at), "neither does nor checks anything")
        for at, step in enumerate(steps)
        if not step.keys() & {"do", *_CHECKS}
    ]:
        raise FileErrors(errors)
    return [_step(step) for step in steps]


def _step(step: Mapping[str, Any]) -> Step:
    during = step.get("while")
    return Step(
        step["name"],
        [(each["node"], each["command"]) for each in step.get("do", [])],
        # In the order that they are written in.
        [
            kind(**_named(each))
            for word, entries in step.items()
            if (kind := _CHECKS.get(word))
            for each in entries
        ],
        During(**_named(during)) if during else None,
        step.get("within", 60),
    )


def _named(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry with `from`, which is no name in Python, as `node`."""
    return {"node" if name == "from" else name: each for name, each in entry.items()}
