"""Answers of `show`, `explain` and `plan` on the end of a replay, as of a daemon."""

import json
from pathlib import Path

from evpnd.adapters.config import ConfigErrors, load_config
from evpnd.adapters.control.requests import parse_request
from evpnd.adapters.explaining import tell
from evpnd.adapters.planning import plan_reload
from evpnd.adapters.recording.replay import Replay
from evpnd.views.explain import Story
from evpnd.views.query import Query
from evpnd.views.remembered import memory_of


def answer(replay: Replay, question: dict[str, object]) -> dict[str, object]:
    """Answer a question; what only a daemon can do is refused."""
    try:
        request = parse_request(json.dumps(question).encode())
    except ValueError as error:
        return {"ok": False, "error": str(error)}
    match request:
        case {"command": "show", "what": str(what)}:
            return replay.reports.show(what, request)
        case {"command": "status"}:
            return {"ok": True, "result": replay.reports.status()}
        case {"command": "explain", "what": str(what), "value": str(value)}:
            given = request.get("vni")
            within = given if isinstance(given, int) else None
            query = Query(replay.engine)
            story = Story(query, memory_of(replay.engine), replay.now)
            return tell(story, what, value, within)
        case {"command": "plan", "path": str(path)}:
            try:
                config = load_config(Path(path))
            except ConfigErrors as errors:
                return {"ok": False, "error": f"{path}: {errors}", "errors": []}
            memory = memory_of(replay.engine)
            return plan_reload(replay.engine, config, replay.now, memory)
        case _:
            wanted = request["command"]
            return {"ok": False, "error": f"{wanted} needs a daemon, not a recording"}
