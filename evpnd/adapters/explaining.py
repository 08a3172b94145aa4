"""Answers `explain` from a copy of the engine and from the kernel's tables."""

import time

from evpnd.adapters.control.requests import ADDRESS
from evpnd.adapters.planning import read_kernel
from evpnd.core.engine import Engine
from evpnd.model.ids import parse_ip, parse_mac
from evpnd.views.explain import (
    Story,
    explain_ip,
    explain_mac,
    explain_vtep,
    kinds_of_ip,
)
from evpnd.views.query import Query


def explain(
    engine: Engine, what: str, value: str, vni: int | None
) -> dict[str, object]:
    """Return the way of a MAC, an IP or a VTEP; `result` has its steps.

    `what` is mac, ip, vtep or ADDRESS, and in the answer what `value` is.
    """
    query = Query(engine)
    story = Story(query, read_kernel, time.monotonic())
    if what == "mac":
        explain_mac(story, parse_mac(value), vni)
        return {"ok": True, "what": what, "result": story.steps}
    ip = parse_ip(value)
    kinds = kinds_of_ip(query, ip) if what == ADDRESS else (what,)
    for kind in kinds:
        (explain_ip if kind == "ip" else explain_vtep)(story, ip, vni)
    return {"ok": True, "what": " and ".join(kinds), "result": story.steps}
