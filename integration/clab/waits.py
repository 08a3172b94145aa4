"""Nodes that wait for each other's stages: that they do not do so in a circle."""

from collections.abc import Callable, Mapping

from evpnd.adapters.config_yaml.errors import KeyPath
from integration.clab.model import Node, Stage, WaitFor
from integration.clab.schema import similar

_ORDER = list(Stage)
Waits = Mapping[tuple[str, Stage], list[WaitFor]]


def check_waits(
    nodes: Mapping[str, Node], wrong: Callable[[KeyPath, str], None]
) -> None:
    """Find waits for nodes that are not there, and for oneself."""
    waits: dict[tuple[str, Stage], list[WaitFor]] = {}
    for node in nodes.values():
        for wait in node.wait_for:
            if wait.node not in nodes:
                also = similar(wait.node, nodes)
                wrong(wait.key, f"there is no node {wait.node}{also}")
            waits.setdefault((node.name, wait.before), []).append(wait)
    for (name, stage), group in waits.items():
        for wait in group:
            if (name, stage) in _reached(waits, (wait.node, wait.stage)):
                wrong(wait.key, f"{name} waits for itself, through {wait.node}")


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
