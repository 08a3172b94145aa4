"""What comes after what: exec, and programs that are ready."""

import os
import time
from pathlib import Path

import pytest

from lab.netns import wait_until
from lab.tests.namespaces.labs import Up, running, said

pytestmark = pytest.mark.root


def test_a_program_that_ends_is_started_again(up: Up) -> None:
    place = up(
        """
topology:
  defaults: {kind: linux, image: alpine, network-mode: none}
  nodes:
    again: {cmd: "sh -c 'echo x >> /count; exit 1'"}
"""
    )

    wait_until(
        lambda: said(place, "again", "cat", "/count").count("x") >= 3, 5, "restarts"
    )


@pytest.mark.frr
def test_exec_finds_frr_ready(up: Up, tmp_path: Path) -> None:
    (tmp_path / "daemons").write_text("zebra=yes\nbgpd=yes\n")
    (tmp_path / "vtysh.conf").touch()
    place = up(
        """
topology:
  nodes:
    r1:
      kind: linux
      image: quay.io/frrouting/frr:10.1
      network-mode: none
      binds: ['daemons:/etc/frr/daemons', 'vtysh.conf:/etc/frr/vtysh.conf']
      exec:
        - vtysh -c 'conf t' -c 'router bgp 65001' -c 'bgp router-id 10.0.0.1'
"""
    )

    assert "65001" in said(place, "r1", "vtysh", "-c", "show running-config")


@pytest.mark.frr
def test_exec_does_not_wait_for_what_another_entrypoint_leaves_out(up: Up) -> None:
    start = time.monotonic()
    up(
        """
topology:
  nodes:
    r1:
      kind: linux
      image: frr
      network-mode: none
      entrypoint: sleep 99
      exec: [/usr/lib/frr/zebra --version]
"""
    )

    assert time.monotonic() - start < 30


def test_exec_finds_all_nodes_and_links(up: Up) -> None:
    up(
        """
topology:
  defaults: {kind: linux, image: alpine, network-mode: none}
  nodes:
    first: {exec: [sh -c 'ip addr add 10.3.1.1/24 dev eth2; sleep 1']}
    late: {exec: [ip addr add 10.3.1.2/24 dev eth2, ping -c1 -w5 10.3.1.1]}
  links:
    - endpoints: ["first:eth2", "late:eth2"]
"""
    )


def test_a_command_may_take_long_and_leave_something_behind(up: Up) -> None:
    mark = f"1234.{os.getpid()}"
    start = time.monotonic()
    place = up(
        f"""
topology:
  nodes:
    a:
      kind: linux
      image: alpine
      exec: [sh -c 'sleep {mark} & echo started', sh -c 'test -e /proc/self']
"""
    )

    assert time.monotonic() - start < 30
    wait_until(lambda: running(mark), 5, "what is left behind")
    assert "sleep" in said(place, "a", "sh", "-c", "cat /proc/[0-9]*/comm")
    place.remove()
    assert not running(mark)
