import json
from collections.abc import Iterator

import pytest

from evpnd.speaker import logs


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    logs.configure("json")


def test_an_entry_is_a_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    logs.warning("stranger_refused", peer="192.0.2.9")

    entry = json.loads(capsys.readouterr().err)
    assert (entry["event"], entry["level"], entry["peer"]) == (
        *("stranger_refused", "warning", "192.0.2.9"),
    )


def test_an_entry_is_for_people_where_the_log_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure("console")
    logs.error("agent_died", signal="SIGKILL", reason="it is gone\n")

    line = capsys.readouterr().err
    assert line.endswith("signal=SIGKILL reason='it is gone\\n'\n")
    assert "[error    ] agent_died " in line
