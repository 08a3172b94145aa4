"""Recordings of the daemons under test: a replay has to end where the daemon did.

`RECORDED` names the test files whose daemons record; with EVPND_RECORD=1 all do.
"""

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evpnd.adapters.recording.answers import answer
from evpnd.adapters.recording.replay import Replay
from integration.lab_netns import LabError

if TYPE_CHECKING:
    from integration.lab_evpnd import Evpnd

RECORDED = frozenset(
    {
        "test_fabric_local",
        "test_fabric_restart",
        "test_interop_moves",
        "test_made_bridges",
        "test_policies",
        "test_restart_agent",
        "test_rows_of_others",
        "test_single_device_places",
    }
)
TABLES = ("peers", "evis", "macs", "neighbors", "vteps", "routes", "policies", "events")
_QUIET = 10.0
"""Seconds for which a daemon may go on to change before it is looked at anyway."""
_NOW = frozenset({"uptime", "damped_for"})
"""Fields that grow while one looks."""
_TIMES = frozenset({"since", "last_error_at", "time"})
"""The clock may be slewed after the recording noted it."""

Tables = dict[str, list[str]]

wanted = False
"""The test that runs records; `conftest` says so."""


def is_recorded(path: Path) -> bool:
    """Return whether the daemons of a test file record."""
    return path.stem in RECORDED or os.environ.get("EVPND_RECORD") == "1"


def check(daemon: "Evpnd", recording: Path) -> None:
    """Replay what a running daemon recorded; LabError where it ends elsewhere."""
    before = _quiet(daemon)
    stopped = daemon.ask("record", "stop")
    if stopped.returncode != 0:
        raise LabError(f"evpnd record stop: {stopped.stderr}{daemon.process.tail()}")
    after = _seen(daemon)
    replay = Replay()
    replay.run(recording)
    for table in TABLES:
        told = answer(replay, {"command": "show", "what": table})
        played = _normal(told["result"])
        if played not in (before[table], after[table]):
            live = after[table]
            missing = [each for each in live if each not in played]
            more = [each for each in played if each not in live]
            raise LabError(
                f"the replay of {recording} ends elsewhere: show {table}\n"
                f"the daemon alone has: {missing}\nthe replay alone has: {more}\n"
                f"{replay.notes}"
            )


def _quiet(daemon: "Evpnd") -> Tables:
    until = time.monotonic() + _QUIET
    seen = _seen(daemon)
    while True:
        again = _seen(daemon)
        if again == seen or time.monotonic() > until:
            return again
        seen = again
        time.sleep(0.2)


def _seen(daemon: "Evpnd") -> Tables:
    return {table: _normal(daemon.show(table)) for table in TABLES}


def _normal(rows: Any) -> list[str]:  # noqa: ANN401 - of JSON
    kept = (
        {key: value for key, value in row.items() if key not in _NOW | _TIMES}
        for row in rows
    )
    return sorted(json.dumps(row, default=str) for row in kept)
