"""The runner itself: what is wrong in a case, or not true of evpnd, is never missed."""

import re
from pathlib import Path

import pytest

from evpnd.adapters.config import ConfigErrors
from tests.conformance.case import (
    DEFAULT_CONFIG,
    CaseFailed,
    find_cases,
    read_case,
    run_case,
)
from tests.conformance.words import CaseError

PRELUDE = """
- peers: up
- peer 10.0.0.254: {announce: {type: imet, next-hop: 10.0.0.9}}
- peer 10.0.0.254:
    announce: {type: mac-ip, mac: 02:00:00:00:00:09, ip: 192.0.2.9, next-hop: 10.0.0.9}
- port t1: {arp: {mac: 02:00:00:00:00:01, ip: 192.0.2.1}}
"""
TRUE = {
    "fdb": "{02:00:00:00:00:01: local t1, 02:00:00:00:00:09: 10.0.0.9}",
    "neighbors": "{192.0.2.1: 02:00:00:00:00:01 local, 192.0.2.9: 02:00:00:00:00:09}",
    "flood": "[10.0.0.9]",
    "announced": (
        "[{type: imet}, {type: mac-ip, mac: 02:00:00:00:00:01, vni: 100}, "
        "{type: mac-ip, mac: 02:00:00:00:00:01, ip: 192.0.2.1}]"
    ),
    "withdrawn": "[]",
    "sessions": "[]",
    "events": "[]",
    "malformed": "{}",
    "refused": "[]",
    "ready": "fresh",
    "show macs": "[{mac: 02:00:00:00:00:01}, {mac: 02:00:00:00:00:09, sequence: 0}]",
    "probes": "[]",
    "changes": (
        '["flood 10.0.0.9", "fdb 02:00:00:00:00:09 10.0.0.9", '
        '"neighbor 192.0.2.9 02:00:00:00:00:09", '
        '"neighbor 192.0.2.1 02:00:00:00:00:01 local"]'
    ),
}
FALSE = [
    ("fdb", "{}"),
    ("fdb", "{02:00:00:00:00:01: local t1, 02:00:00:00:00:09: 10.0.0.2}"),
    ("fdb", "{02:00:00:00:00:01: local t2, 02:00:00:00:00:09: 10.0.0.9}"),
    ("neighbors", "{192.0.2.1: 02:00:00:00:00:01 local}"),
    ("neighbors", "{192.0.2.1: 02:00:00:00:00:01, 192.0.2.9: 02:00:00:00:00:09}"),
    ("flood", "[]"),
    ("flood", "[10.0.0.2, 10.0.0.9]"),
    ("announced", "[{type: imet}]"),
    ("announced", TRUE["announced"].replace("vni: 100", "vni: 101")),
    ("announced", TRUE["announced"].replace("vni: 100", "sequence: 1")),
    ("announced", TRUE["announced"].replace("vni: 100", "sequence: 0")),
    ("announced", TRUE["announced"].replace("vni: 100", "sticky: true")),
    ("announced", TRUE["announced"].replace("ip: 192.0.2.1", "ip: 192.0.2.2")),
    ("announced", TRUE["announced"].replace(", ip: 192.0.2.1", "")),
    ("withdrawn", "[{type: imet}]"),
    ("sessions", "[route-refresh to 10.0.0.254]"),
    ("events", "[mac_moved]"),
    ("malformed", "{skipped: 1}"),
    ("refused", "[anything]"),
    ("ready", "preserved"),
    ("show macs", "[{mac: 02:00:00:00:00:01}]"),
    ("show macs", TRUE["show macs"].replace("sequence: 0", "sequence: 1")),
    ("probes", "[t1 192.0.2.1 02:00:00:00:00:01]"),
    ("changes", "[]"),
]


def play(folder: Path, steps: str) -> None:
    (folder / "case.md").write_text("# A case of the runner's tests\n")
    (folder / "steps.yaml").write_text(steps)
    run_case(read_case(folder))


@pytest.mark.parametrize("name", TRUE)
def test_a_true_expectation_passes(name: str, tmp_path: Path) -> None:
    play(tmp_path, f"{PRELUDE}- expect: {{{name}: {TRUE[name]}}}\n")


def test_every_kind_of_expectation_is_falsified_below() -> None:
    assert {name for name, _ in FALSE} == set(TRUE)


@pytest.mark.parametrize(("name", "said"), FALSE)
def test_a_false_expectation_fails(name: str, said: str, tmp_path: Path) -> None:
    expectations = ", ".join(
        f"{key}: {said if key == name else value}" for key, value in TRUE.items()
    )

    with pytest.raises(CaseFailed, match=f"  {name}.* is not what the case expects"):
        play(tmp_path, f"{PRELUDE}- expect: {{{expectations}}}\n")


def test_a_failure_names_case_line_and_steps_and_shows_both_sides(
    tmp_path: Path,
) -> None:
    with pytest.raises(CaseFailed) as failed:
        play(tmp_path, f"{PRELUDE}- expect: {{flood: [10.0.0.2]}}\n")

    said = str(failed.value)
    assert re.search(r"step 5 \(.*steps\.yaml:7\)", said)
    assert "    - 10.0.0.2\n    + 10.0.0.9\n" in said
    assert "1 peers: up\n" in said


@pytest.mark.parametrize(
    "step",
    [
        "- nonsense: 1",
        "- peers: down-and-up",
        "- peer 10.0.0.254: {anounce: {type: imet, next-hop: 10.0.0.9}}",
        "- peer 10.0.0.254: {announce: {type: imet, next-hop: 10.0.0.9, seqence: 1}}",
        "- peer 10.0.0.254: {announce: {type: imet, next-hop: 10.0.0.9, esi: 00}}",
        "- peer 10.0.0.254: {announce: {type: mac-ip, next-hop: 10.0.0.9}}",
        "- peer 10.0.0.254: {announce: {type: imet, next-hop: 10.0.0}}",
        "- peer 10.0.0.254: {announce: {type: imet, next-hop: 10.0.0.9, pmsi: {x: 6}}}",
        "- peer 10.0.0.254: {update: {announce: [], leave-out: [origin]}}",
        "- peer 10.0.0.254: {update: {anounce: []}}",
        "- peer 10.0.0.254: {update: 00xx}",
        "- peer 10.0.0.254: {update: 0000}",
        "- peer 10.0.0.254: {up: {restart: 120}}",
        "- peer 10.0.0.254: {down: {graceful: true}}",
        "- peer 10.0.0.7: up",
        "- port t1: {arp: {mac: 02:00:00:00:00:01, ip: '2001:db8::1'}}",
        "- port t1: {arp: {mac: 02:00:00:00:00:01, ip: 192.0.2.1, port: t2}}",
        "- port t9: {frame-from: 02:00:00:00:00:01}",
        "- port br100: {frame-from: 02:00:00:00:00:01}",
        "- port t1: {ages: 02:00:00:00:00:07}",
        "- device vx100: sideways",
        "- wait: 5",
        "- evpnd: halted",
        "- evpnd: agent-started",
        "- clear duplicate: {max: 02:00:00:00:00:01}",
        "- {wait: 1s, evpnd: restarted}",
        "- expect: {}",
        "- expect: {fbd: {}}",
        "- expect: {announced: [{type: imet, seqence: 1}]}",
        "- expect: {announced: [{mac: 02:00:00:00:00:01}]}",
        "- expect: {malformed: {skiped: 1}}",
        "- expect: {show macs: [{mak: 02:00:00:00:00:01}]}",
        "- expect: {announced to 10.0.0.7: []}",
        "- peer 10.0.0.254: up",
    ],
)
def test_what_the_format_does_not_have_is_an_error(step: str, tmp_path: Path) -> None:
    end = "" if step.startswith("- expect") else "- expect: {ready: fresh}\n"

    with pytest.raises(CaseError):
        play(tmp_path, f"{PRELUDE}{step}\n{end}")


def test_a_key_that_stands_twice_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors, match="is a duplicate"):
        play(tmp_path, "- peers: up\n- expect: {fdb: {}, fdb: {}}\n")


def test_a_case_that_ends_without_an_expectation_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CaseError, match="has to be an `expect`"):
        play(tmp_path, PRELUDE)


def test_an_invalid_configuration_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "evpnd.yaml").write_text(DEFAULT_CONFIG.read_text() + "evi: []\n")

    with pytest.raises(ConfigErrors):
        play(tmp_path, "- peers: up\n- expect: {fdb: {}}\n")


def test_no_folder_is_left_out() -> None:
    here = DEFAULT_CONFIG.parent
    folders = [path for path in here.iterdir() if path.is_dir() and path.name[0] != "_"]

    assert sorted(folders) == find_cases()
    for folder in folders:
        texts = {path.suffix for path in folder.iterdir()}
        assert texts <= {".md", ".yaml"}
        assert (folder / "case.md").exists()
