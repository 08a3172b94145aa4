import json
from pathlib import Path

import pytest

from evpnd.cli.main import call

POLICY = """\
policy: guard
rules:
  - name: near
    match: {community: "65000:1"}
    set: {med: 5, community: {add: ["65000:2"], remove: ["65000:1"]}}
    next: true
  - name: gateway
    match: {mac: 02:00:00:00:00:01}
    reject: the gateway's
  - match: {vni: 10}
    accept: true
default: reject
"""
PASSING = """\
cases:
  - route: {type: mac-ip, mac: 02:00:00:00:00:01}
    expect: {verdict: reject, rule: gateway}
"""
FAILING = """\
  - route: {type: imet, vni: 10, community: "65000:1"}
    expect: {verdict: accept, rule: rule-3, set: {community: ["65000:1"]}}
"""
ROUTE = '{type: mac-ip, vni: 10, mac: 02:00:00:00:00:05, community: ["65000:1"]}'

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "guard.yaml").write_text(POLICY + PASSING)
    return tmp_path


def test_all_cases_of_a_directory_pass(folder: Path, capsys: Captured) -> None:
    (folder / "notes.txt").write_text("no policy")

    assert call(["policy", "test", "."]) == 0

    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "guard.yaml: guard"
    assert printed[1].split() == [
        *("ok", "1", "mac-ip", "mac", "02:00:00:00:00:01:", "reject", "by", "gateway")
    ]
    assert printed[-1] == "1 passed in 1 file"


def test_an_editors_own_files_are_passed_over(folder: Path, capsys: Captured) -> None:
    (folder / ".#guard.yaml").symlink_to("user@host.123:456")

    assert call(["policy", "test", str(folder)]) == 0
    assert capsys.readouterr().err == ""


def test_a_failed_case_shows_expected_got_and_the_deciding_rule(
    folder: Path, capsys: Captured
) -> None:
    (folder / "guard.yaml").write_text(POLICY + PASSING + FAILING)

    assert call(["policy", "test", "guard.yaml"]) == 1

    printed = capsys.readouterr().out
    assert "FAILED   2  imet vni 10 community 65000:1\n" in printed
    assert "case      guard.yaml:16\n" in printed
    assert (
        'expected  verdict accept, rule rule-3, set {"community": ["65000:1"]}\n'
        in printed
    )
    assert "got       verdict accept, rule rule-3, at guard.yaml:10, set" in printed
    assert printed.endswith("1 passed, 1 failed in 1 file\n")


def test_json_has_a_list_of_cases(folder: Path, capsys: Captured) -> None:
    (folder / "guard.yaml").write_text(POLICY + PASSING + FAILING)

    assert call(["policy", "test", "guard.yaml", "--json"]) == 1

    first, second = json.loads(capsys.readouterr().out)
    assert first == {
        "policy": "guard",
        "file": "guard.yaml",
        "line": 14,
        "case": 1,
        "route": "mac-ip mac 02:00:00:00:00:01",
        "passed": True,
        "expected": {"verdict": "reject", "rule": "gateway"},
        "got": {
            "verdict": "reject",
            "rule": "gateway",
            "at": "guard.yaml:7",
            "set": {},
            "reason": "the gateway's",
        },
    }
    assert not second["passed"]
    assert second["got"]["set"] == {
        "med": 5,
        "community": ["65000:2"],
    }


@pytest.mark.usefixtures("folder")
def test_one_route_is_tried(capsys: Captured) -> None:
    assert call(["policy", "test", "guard.yaml", "--route", ROUTE]) == 0

    assert capsys.readouterr().out.splitlines() == [
        "route    mac-ip vni 10 mac 02:00:00:00:00:05 community 65000:1",
        "rule     near of guard (guard.yaml:3): next",
        "rule     rule-3 of guard (guard.yaml:10): accept",
        'set      {"med": 5, "community": {"add": ["65000:2"], "remove": ["65000:1"]}}',
        "reason   accepted by rule-3 of guard",
        "verdict  accept",
    ]


def test_one_route_goes_through_all_policies_in_order(
    folder: Path, capsys: Captured
) -> None:
    (folder / "second.yaml").write_text(
        "policy: second\n"
        "rules:\n"
        '  - {name: marked, match: {community: "65000:2"}, reject: marked}\n'
    )
    files = ["guard.yaml", "second.yaml"]

    assert call(["policy", "test", *files, "--route", ROUTE, "--json"]) == 0

    (found,) = json.loads(capsys.readouterr().out)
    assert (found["verdict"], found["reason"]) == ("reject", "marked")
    assert (found["policy"], found["at"]) == ("second", "second.yaml:3")
    assert found["set"] == {}
    assert [step["verdict"] for step in found["path"]] == ["next", "accept", "reject"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["missing.yaml"], "missing.yaml: cannot be read: No such file or directory"),
        (["wrong.yaml"], "wrong.yaml:1: rule: unknown key; did you mean rules?"),
        (["empty"], "empty: it contains no *.yaml or *.yml file"),
        (
            ["guard.yaml", "--route", "{type: imet, mac: 02:00:00:00:00:01}"],
            "--route:1: mac: a route of type imet has none; remove it",
        ),
        (["guard.yaml", "--route", "{mac: "], "--route:2: is not valid YAML"),
        (["guard.yaml", "--route", "5"], "--route:1: is 5; expected a mapping"),
    ],
)
def test_what_is_invalid_is_complained_of(
    folder: Path, capsys: Captured, words: list[str], sentence: str
) -> None:
    (folder / "wrong.yaml").write_text("{policy: x, rule: []}\n")
    (folder / "empty").mkdir()

    assert call(["policy", "test", *words]) == 2

    printed = capsys.readouterr()
    assert printed.err.startswith(sentence)
    assert printed.out == ""


def test_a_policy_without_cases_passes(folder: Path, capsys: Captured) -> None:
    (folder / "guard.yaml").write_text(POLICY)

    assert call(["policy", "test", "guard.yaml"]) == 0
    assert "  no cases\n" in capsys.readouterr().out


def test_cases_are_held_to_what_they_name_of_set(
    folder: Path, capsys: Captured
) -> None:
    cases = "".join(
        f'  - route: {{type: imet, vni: 10, community: "65000:1"}}\n'
        f"    expect: {{verdict: accept, set: {changes}}}\n"
        for changes in (
            "{med: 5}",
            "{med: 6}",
            "{}",
            '{community: ["65000:2"]}',
            '{community: {add: ["65000:2"]}}',
            '{community: {add: ["65000:3"]}}',
            '{community: {remove: ["65000:2"]}}',
        )
    )
    (folder / "guard.yaml").write_text(f"{POLICY}cases:\n{cases}")

    assert call(["policy", "test", "guard.yaml", "--json"]) == 1

    passed = [case["passed"] for case in json.loads(capsys.readouterr().out)]
    assert passed == [True, False, False, True, True, False, False]
