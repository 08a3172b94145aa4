"""Answers `explain` from a copy of the engine and from the kernel's tables."""

import time

from evpnd.adapters.control.requests import ADDRESS
from evpnd.adapters.losses import Losses
from evpnd.adapters.planning import read_kernel
from evpnd.adapters.reports import Reports
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


def evis_with_losses(
    engine: Engine, reports: Reports, request: dict[str, object]
) -> dict[str, object]:
    """Return the EVIs as `show` has them, their notes with what the host loses.

    Where the host cannot be read, the notes are those of the core alone.
    """
    answer = reports.show("evis", request)
    try:
        losses = Losses(Query(engine)).of_all()
    except OSError:
        return answer
    rows = answer.get("result")
    for row in rows if isinstance(rows, list) else ():
        row["notes"] += losses.get(row["vni"], ())
    return answer


def explain(
    engine: Engine, what: str, value: str, vni: int | None
) -> dict[str, object]:
    """Return the way of a MAC, an IP or a VTEP; `result` has its steps.

    `what` is mac, ip, vtep or ADDRESS, and in the answer what `value` is.
    """
    query = Query(engine)
    story = Story(query, read_kernel, time.monotonic(), Losses(query).of)
    return tell(story, what, value, vni)


def tell(story: Story, what: str, value: str, vni: int | None) -> dict[str, object]:
    """Return the same as a story has it."""
    query = story.query
    if what == "mac":
        explain_mac(story, parse_mac(value), vni)
        return {"ok": True, "what": what, "result": story.steps}
    ip = parse_ip(value)
    kinds = kinds_of_ip(query, ip) if what == ADDRESS else (what,)
    for kind in kinds:
        (explain_ip if kind == "ip" else explain_vtep)(story, ip, vni)
    return {"ok": True, "what": " and ".join(kinds), "result": story.steps}
