"""What `up` says of the nodes' commands and programs, and that these answer then."""

import json
import re
import sys
from pathlib import Path

import pytest

from integration.lab_clab import NAME, Up, said
from integration.lab_netns import run, wait_until

pytestmark = pytest.mark.root
EVPND = """
topology:
  nodes:
    h1:
      kind: linux
      image: evpnd
      network-mode: none
      binds: ["evpnd.yaml:/etc/evpnd/evpnd.yaml"]
"""
RIGHT = """
router-id: 10.0.0.1
asn: 65001
vtep: {address: 10.0.0.1}
peers: [{address: 10.0.0.254, asn: 65001}]
evis: [{vni: 10100}]
"""


def lab(*words: str) -> str:
    """Call the runner as a user does; returns what it printed."""
    return run([sys.executable, "-m", "integration.lab", *words])


def test_what_a_command_prints_is_shown(
    up: Up, capsys: pytest.CaptureFixture[str]
) -> None:
    up(
        """
topology:
  nodes:
    a:
      kind: linux
      image: alpine
      exec: [sh -c 'echo one; echo two', sh -c 'echo oh >&2', "true"]
"""
    )

    shown = capsys.readouterr().out
    assert "a: sh -c 'echo one; echo two':\n    one\n    two\n" in shown
    assert "a: sh -c 'echo oh >&2':\n    oh\n" in shown
    assert "true" not in shown


def test_a_program_answers_when_its_lab_is_up(up: Up, tmp_path: Path) -> None:
    (tmp_path / "evpnd.yaml").write_text(RIGHT)

    place = up(EVPND)

    assert "10.0.0.254" in said(place, "h1", "evpnd", "show", "peers")


def test_a_program_that_cannot_run_is_told_with_its_words(
    up: Up, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "evpnd.yaml").write_text("nonsense: 1\n")

    place = up(EVPND)

    shown = capsys.readouterr().out
    assert re.search("^h1: evpnd show peers does not succeed", shown, re.MULTILINE)
    assert "its program ended with status" in shown
    assert "/etc/evpnd/evpnd.yaml:1: nonsense: unknown key" in shown
    wait_until(lambda: place.standing("h1").startswith("restarting "), 10, "the word")
    assert "nonsense: unknown key" in lab("logs", NAME, "h1")
    listed = json.loads(lab("list", "--json"))
    assert listed[NAME]["h1"].startswith(("restarting ", "running "))


def test_what_has_a_check_of_its_own_is_not_waited_for(
    up: Up, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "evpnd.yaml").write_text("nonsense: 1\n")
    check = '      healthcheck: {test: [CMD, "false"]}\n'

    up(EVPND + check)

    assert "does not succeed" not in capsys.readouterr().out
