"""Answers `explain` from a copy of the engine and from the kernel's tables."""

import time

from evpnd.adapters.planning import read_kernel
from evpnd.core.engine import Engine
from evpnd.core.explain import Story, explain_ip, explain_mac, explain_vtep
from evpnd.model.ids import parse_ip, parse_mac


def explain(
    engine: Engine, what: str, value: str, vni: int | None
) -> dict[str, object]:
    """Tell the story of a MAC, an IP or a VTEP; `result` has its steps."""
    story = Story(engine, read_kernel, time.monotonic())
    match what:
        case "mac":
            explain_mac(story, parse_mac(value), vni)
        case "ip":
            explain_ip(story, parse_ip(value), vni)
        case _:
            explain_vtep(story, parse_ip(value), vni)
    return {"ok": True, "result": story.steps}
