"""What a line of the log looks like, and which are written."""

import json
import sys
from collections.abc import Iterator

import pytest

from evpnd import log


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    log.configure("json")


def test_an_entry_is_a_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    log.warning("stranger_refused", peer="192.0.2.9", level_of={"a": 1})

    text = capsys.readouterr().err
    assert text.count("\n") == 1
    entry = json.loads(text)
    assert entry.pop("timestamp").endswith("Z")
    assert list(entry.items()) == [
        *(("peer", "192.0.2.9"), ("level_of", {"a": 1})),
        *(("event", "stranger_refused"), ("level", "warning")),
    ]


def test_an_entry_is_for_people_where_the_log_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log.configure("console")
    log.error("agent_died", signal="SIGKILL", reason="it is gone\n")

    line = capsys.readouterr().err
    assert line.endswith("signal=SIGKILL reason='it is gone\\n'\n")
    assert "[error    ] agent_died " in line
    assert "\033" not in line


def test_a_terminal_has_colours(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    log.configure("console")
    log.error("agent_died", signal="SIGKILL")

    assert "\033[31m\033[1merror    \033[0m] " in capsys.readouterr().err


def test_nothing_below_the_level_is_written(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log.configure("json", "warning")
    log.info("agent_started")
    assert capsys.readouterr().err == ""
    log.warning("agent_died")
    log.error("agent_died")

    assert capsys.readouterr().err.count("\n") == 2


def test_fields_may_have_any_name(capsys: pytest.CaptureFixture[str]) -> None:
    log.write("info", "row_refused", level="x", event="y", keys=1)

    entry = json.loads(capsys.readouterr().err)
    assert (entry["level"], entry["event"], entry["keys"]) == ("info", "row_refused", 1)
