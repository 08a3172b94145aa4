"""The JSON for programs: what `show --json` prints."""

import json
import socket
import threading
from pathlib import Path

import pytest

from tests.unit.cli.commands import evpnd
from tests.unit.cli.daemon import Daemon, daemon
from tests.unit.web.glass import MAC, PEER, TABLES, Glass, glass


@pytest.mark.parametrize("table", sorted(TABLES))
def test_a_table_is_that_of_show(table: str, tmp_path: Path) -> None:
    with glass(tmp_path / "s") as at:
        answer = at.get(f"/api/v1/{table}")
        shown = evpnd("show", table, "--json", "--socket", str(tmp_path / "s"))

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json == json.loads(shown.stdout)


def test_filters_reach_the_daemon_in_normal_form(tmp_path: Path) -> None:
    with glass(tmp_path / "s") as at:
        at.get("/api/v1/macs?vni=10100&mac=0200.0000.0001")
        at.get("/api/v1/explain/mac/02-00-00-00-00-01?vni=10100")

    show, explain = at.daemons[0].asked
    assert show["mac"] == "02:00:00:00:00:01"
    assert show["vni"] == explain["vni"] == 10100
    assert explain["value"] == "02:00:00:00:00:01"


def test_a_part_says_how_long_the_table_is(tmp_path: Path) -> None:
    macs = [MAC | {"sequence": number} for number in range(5)]
    with glass(tmp_path / "s", macs=macs) as at:
        answer = at.get("/api/v1/macs?limit=2&offset=1")

    assert answer.headers["x-total-count"] == "5"
    assert [row["sequence"] for row in answer.json] == [1, 2]


def test_a_large_table_comes_whole(tmp_path: Path) -> None:
    macs = [MAC | {"sequence": number} for number in range(3000)]
    with glass(tmp_path / "s", macs=macs) as at:
        assert at.get("/api/v1/macs").json == macs


@pytest.mark.parametrize(
    ("target", "status", "sentence"),
    [
        ("nothing", 404, "there is no table nothing"),
        ("peers?vni=1", 400, "vni is not known here"),
        ("peers?command=reload", 400, "command is not known here"),
        ("macs?vni=x", 400, "vni is not a whole number"),
        ("macs?vni=0", 400, "VNI 0"),
        ("macs?mac=x", 400, "'x' is not a MAC address"),
        ("macs?limit=5000", 400, "limit must be 1 to 1000"),
        ("explain/reload/x", 400, "explain needs what"),
        ("explain/mac/x", 400, "'x' is not a MAC address"),
        ("peers?host=other", 404, "no host other is asked"),
        ("findings?vni=7", 400, "vni is not known here"),
        ("explain/mac", 404, "Not Found"),
        ("a/b/c/d", 404, "Not Found"),
    ],
)
def test_a_wrong_question_is_refused_in_words(
    target: str, status: int, sentence: str, tmp_path: Path
) -> None:
    with glass(tmp_path / "s") as at:
        answer = at.get(f"/api/v1/{target}")

    assert answer.status == status
    assert sentence in answer.json["error"]
    assert at.daemons[0].asked == []


def test_what_the_daemon_refuses_is_passed_on(tmp_path: Path) -> None:
    with daemon(tmp_path / "s", {"ok": False, "error": "there is no peer x"}) as asked:
        answer = Glass([asked]).get("/api/v1/routes?peer=x")

    assert (answer.status, answer.json) == (404, {"error": "there is no peer x"})


def test_without_a_daemon_the_service_is_unavailable(tmp_path: Path) -> None:
    with daemon(tmp_path / "s", {"ok": True}) as asked:
        at = Glass([asked])

    for target in ("peers", "status", "findings"):
        answer = at.get(f"/api/v1/{target}")
        assert answer.status == 503
        assert "no evpnd at" in answer.json["error"]


def test_findings_are_those_of_doctor(tmp_path: Path) -> None:
    down = PEER | {"state": "active", "last_error": "refused"}
    with glass(tmp_path / "s", peers=[down]) as at:
        (found,) = at.get("/api/v1/findings").json

    assert (found["check"], found["level"], found["subject"]) == (
        *("peer", "fault", "10.0.0.254"),
    )
    assert found["text"] == "peer: no session (active), refused"
    assert "ip route get" in found["fix"]


def test_an_answer_that_breaks_off_is_no_json(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b'{"ok":true,"result":[{"vni":1},')

        thread = threading.Thread(target=answer)
        thread.start()
        said = Glass([Daemon(path, {})]).get("/api/v1/evis")
        thread.join()

    assert said.text.startswith('[{"vni":1')
    with pytest.raises(json.JSONDecodeError):
        said.json  # noqa: B018
