"""Nodes that wait for each other's stages: that they do not do so in a circle."""

from collections.abc import Callable, Mapping

from lab.document import KeyPath, similar
from lab.model import Node, Stage, WaitFor

_ORDER = list(Stage)
Waits = Mapping[tuple[str, Stage], list[WaitFor]]


def check_waits(
    nodes: Mapping[str, Node], wrong: Callable[[KeyPath, str], None]
) -> None:
    """Find waits for nodes that are not there, and for oneself."""
    waits = _by_stage(nodes)
    for node in nodes.values():
        for wait in node.wait_for:
            if wait.node not in nodes:
                also = similar(wait.node, nodes)
                wrong(wait.key, f"there is no node {wait.node}{also}")
    for (name, stage), group in waits.items():
        for wait in group:
            if (name, stage) in _reached(waits, (wait.node, wait.stage)):
                wrong(wait.key, f"{name} waits for itself, through {wait.node}")


def linked_before_commands(nodes: Mapping[str, Node]) -> list[str]:
    """List the nodes that get their links without waiting for anybody's commands."""
    waits = _by_stage(nodes)
    late = _ORDER[_ORDER.index(Stage.CONFIGURE) :]
    return [
        name
        for name in nodes
        if not any(
            stage in late for _, stage in _reached(waits, (name, Stage.CREATE_LINKS))
        )
    ]


def _by_stage(nodes: Mapping[str, Node]) -> Waits:
    waits: dict[tuple[str, Stage], list[WaitFor]] = {}
    for node in nodes.values():
        for wait in node.wait_for:
            waits.setdefault((node.name, wait.before), []).append(wait)
    return waits


def _reached(waits: Waits, start: tuple[str, Stage]) -> set[tuple[str, Stage]]:
    """Collect what must have begun before a node's stage ends."""
    found: set[tuple[str, Stage]] = set()
    todo = [start]
    while todo:
        name, until = todo.pop()
        for stage in _ORDER[: _ORDER.index(until) + 1]:
            if (name, stage) not in found:
                found.add((name, stage))
                todo += [(w.node, w.stage) for w in waits.get((name, stage), [])]
    return found
