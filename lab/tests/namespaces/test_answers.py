"""What `up` says of the nodes' commands and programs, and that these answer then."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from lab.netns import wait_until
from lab.tests.namespaces.labs import ALPINE, NAME, Up, lab, said

pytestmark = pytest.mark.root
EVPND = """
topology:
  defaults: {network-mode: none}
  nodes:
    h1:
      kind: linux
      image: evpnd
      binds: ["evpnd.yaml:/etc/evpnd/evpnd.yaml"]
"""
RIGHT = """
router-id: 10.0.0.1
asn: 65001
vtep: {address: 10.0.0.1}
peers: [{address: 10.0.0.254, asn: 65001}]
evis: [{vni: 10100}]
"""
FRR = """
topology:
  nodes:
    r1:
      kind: linux
      image: quay.io/frrouting/frr:10.1
      network-mode: none
      binds: ['daemons:/etc/frr/daemons', 'vtysh.conf:/etc/frr/vtysh.conf']
"""


def test_what_commands_print_is_shown_cut_and_harmless(
    up: Up, capsys: pytest.CaptureFixture[str]
) -> None:
    up(
        ALPINE
        + """
  nodes:
    a:
      exec:
        - sh -c 'echo one; echo two'
        - sh -c 'echo oh >&2'
        - "true"
        - seq 1000
        - sh -c 'head -c 100000 /dev/zero | tr "\\0" x'
        - printf 'a\\033[31m\\000\\016b'
"""
    )

    shown = capsys.readouterr().out
    assert "a: sh -c 'echo one; echo two':\n    one\n    two\n" in shown
    assert "a: sh -c 'echo oh >&2':\n    oh\n" in shown
    assert "true" not in shown
    assert "    1000\n" in shown
    assert "    500\n" not in shown
    assert max(map(len, shown.splitlines())) < 1000
    assert all(char.isprintable() or char == "\n" for char in shown)


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
    what = "h1: evpnd of this checkout does not answer: its program ended with status 2"
    assert what in shown
    assert "/etc/evpnd/evpnd.yaml:1: nonsense: unknown key" in shown
    wait_until(lambda: place.standing("h1").startswith("restarting ("), 10, "the word")
    assert "nonsense: unknown key" in lab("logs", NAME, "h1").stdout


def test_a_nodes_own_check_counts_and_is_waited_for_a_while(
    up: Up, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "evpnd.yaml").write_text(RIGHT)
    fails = '      healthcheck: {test: [CMD, sh, -c, "echo not yet; exit 3"]}\n'
    hangs = "{kind: linux, image: alpine, healthcheck: {test: [CMD, sleep, '99']}}\n"
    start = time.monotonic()

    up(f"{EVPND}{fails}    a: {hangs}")

    shown = capsys.readouterr().out
    assert "h1: sh -c echo not yet; exit 3 does not succeed: status 3" in shown
    assert "    not yet\n" in shown
    assert "a: sleep 99 does not succeed" in shown
    assert time.monotonic() - start < 60


@pytest.mark.frr
def test_exec_finds_frr_ready(up: Up, tmp_path: Path) -> None:
    (tmp_path / "daemons").write_text("zebra=yes\nbgpd=yes\n")
    (tmp_path / "vtysh.conf").touch()
    command = "vtysh -c 'conf t' -c 'router bgp 65001' -c 'bgp router-id 10.0.0.1'"

    place = up(f'{FRR}      exec: ["{command}"]\n')

    assert "65001" in said(place, "r1", "vtysh", "-c", "show running-config")


@pytest.mark.frr
def test_an_frr_whose_daemon_does_not_start_is_told_with_the_log(
    up: Up, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "daemons").write_text("bgpd=yes\nbgpd_options='--nosuchoption'\n")
    (tmp_path / "vtysh.conf").touch()

    up(f"{FRR}      exec: [date]\n")

    shown = capsys.readouterr().out
    assert shown.count("r1: FRR (Debian) does not answer") == 1
    assert "bgpd" in shown
    assert "case" not in shown


@pytest.mark.frr
def test_exec_does_not_wait_for_what_another_entrypoint_leaves_out(up: Up) -> None:
    start = time.monotonic()
    node = "{kind: linux, image: frr, entrypoint: sleep 99, exec: ['true']}"

    up(f"topology: {{nodes: {{r1: {node}}}}}")

    assert time.monotonic() - start < 30


def test_a_log_that_is_followed_ends_with_its_node(up: Up) -> None:
    place = up(ALPINE + "  nodes: {a: {cmd: sh -c 'echo hello; sleep 99'}}")
    words = [sys.executable, "-m", "lab", "logs", "-f", NAME, "a"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as follower:
        assert follower.stdout is not None
        assert follower.stdout.readline() == "hello\n"

        place.remove()

        assert follower.wait(60) == 0
