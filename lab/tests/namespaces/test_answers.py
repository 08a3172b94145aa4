"""What `up` says of the nodes' commands and programs, and that these answer then."""

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lab.netns import run, wait_until
from lab.tests.namespaces.labs import NAME, Up, said

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
    return run([sys.executable, "-m", "lab", *words])


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
    what = (
        "h1: evpnd of this checkout does not answer: its program ended with status 2:"
    )
    assert what in shown.splitlines()
    assert "/etc/evpnd/evpnd.yaml:1: nonsense: unknown key" in shown
    wait_until(lambda: place.standing("h1").startswith("restarting ("), 10, "the word")
    assert "nonsense: unknown key" in lab("logs", NAME, "h1")


def test_a_nodes_own_check_counts_in_place_of_the_images(
    up: Up, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "evpnd.yaml").write_text(RIGHT)
    check = '      healthcheck: {test: [CMD, sh, -c, "echo not yet; exit 3"]}\n'
    start = time.monotonic()

    up(EVPND + check)

    shown = capsys.readouterr().out
    assert "h1: sh -c echo not yet; exit 3 does not succeed: status 3" in shown
    assert "    not yet\n" in shown
    assert time.monotonic() - start < 60


def test_a_check_that_hangs_is_not_waited_for_longer(
    up: Up, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "evpnd.yaml").write_text(RIGHT)
    check = "      healthcheck: {test: [CMD, sleep, '99']}\n"
    start = time.monotonic()

    up(EVPND + check)

    assert "h1: sleep 99 does not succeed" in capsys.readouterr().out
    assert time.monotonic() - start < 60


@pytest.mark.frr
def test_an_frr_whose_daemon_does_not_start_is_told_with_the_log(
    up: Up, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "daemons").write_text(
        "zebra=yes\nbgpd=yes\nbgpd_options='--nosuchoption'\n"
    )
    (tmp_path / "vtysh.conf").touch()

    up(
        """
topology:
  nodes:
    r1:
      kind: linux
      image: frr
      network-mode: none
      binds: ['daemons:/etc/frr/daemons', 'vtysh.conf:/etc/frr/vtysh.conf']
      exec: [date]
"""
    )

    shown = capsys.readouterr().out
    assert shown.count("r1: FRR (Debian) does not answer") == 1
    assert "bgpd" in shown
    assert "case" not in shown


def test_what_is_printed_is_cut_and_harmless(
    up: Up, capsys: pytest.CaptureFixture[str]
) -> None:
    up(
        """
topology:
  nodes:
    a:
      kind: linux
      image: alpine
      exec:
        - seq 1000
        - sh -c 'head -c 100000 /dev/zero | tr "\\0" x'
        - printf 'a\\033[31m\\000\\016b'
"""
    )

    shown = capsys.readouterr().out
    assert "    1000\n" in shown
    assert "    500\n" not in shown
    assert "... " in shown
    assert max(map(len, shown.splitlines())) < 1000
    assert all(char.isprintable() or char == "\n" for char in shown)


def test_a_log_that_is_followed_ends_with_its_node(up: Up) -> None:
    place = up(
        """
topology:
  nodes:
    a: {kind: linux, image: alpine, cmd: sh -c 'echo hello; sleep 99'}
"""
    )
    words = [sys.executable, "-m", "lab", "logs", "-f", NAME, "a"]
    follower = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert follower.stdout is not None
    assert follower.stdout.readline() == "hello\n"

    place.remove()

    assert follower.wait(60) == 0
    follower.stdout.close()


def test_exec_ends_as_its_command_does(up: Up) -> None:
    up("topology: {nodes: {a: {kind: linux, image: alpine}}}")
    words = [sys.executable, "-m", "lab", "exec", NAME, "a", "sh", "-c", "kill -9 $$"]

    assert subprocess.run(words, check=False).returncode == -signal.SIGKILL


def test_list_says_what_runs_without_numbers_of_processes(up: Up) -> None:
    up(
        """
topology:
  defaults: {kind: linux, image: alpine}
  nodes: {a: , b: {cmd: sleep 99}}
"""
    )

    for node in "ab":
        assert re.search(rf"^{NAME} +{node} +running$", lab("list"), re.MULTILINE)
