"""What waits for what: stages, exec, health, and programs that are ready."""

import time
from pathlib import Path

import pytest

from lab.netns import wait_until
from lab.tests.namespaces.labs import Up, running, said

pytestmark = pytest.mark.root


def test_stages_wait_for_each_other(up: Up) -> None:
    place = up(
        """
topology:
  defaults: {kind: linux, image: alpine, network-mode: none, binds: ["/tmp:/shared"]}
  nodes:
    late:
      stages:
        create: {wait-for: [{node: early, stage: healthy}]}
        configure:
          wait-for: [{node: short, stage: exit}]
          exec: [{command: touch /mine, phase: on-enter}]
      exec: [sh -c 'test -e /mine && date +%s > /when']
    early:
      startup-delay: 1
      cmd: sh -c 'sleep 0.5; touch /ready; sleep 60'
      healthcheck: {test: [CMD-SHELL, test -e /ready], interval: 1}
    short: {cmd: sleep 0.2, restart-policy: "no"}
    shared: {network-mode: "container:early"}
  links:
    - endpoints: ["early:eth1", "late:eth1"]
"""
    )

    first = int(said(place, "early", "stat", "-c", "%Y", "/ready"))
    assert int(said(place, "late", "cat", "/when")) >= first
    assert place.state("short") == "exited 0"
    assert "eth1" in said(place, "late", "ip", "link")
    assert "eth1" in said(place, "shared", "ip", "link")


def test_a_program_that_ends_is_started_again_unless_told_otherwise(up: Up) -> None:
    place = up(
        """
topology:
  defaults: {kind: linux, image: alpine, network-mode: none}
  nodes:
    again: {cmd: "sh -c 'echo x >> /count; exit 1'"}
    once: {cmd: "sh -c 'echo x >> /count; exit 7'", restart-policy: "no"}
"""
    )
    wait_until(
        lambda: said(place, "again", "cat", "/count").count("x") >= 3, 5, "restarts"
    )

    wait_until(lambda: place.state("once") == "exited 7", 5, "the end")
    assert said(place, "once", "cat", "/count").count("x") == 1


@pytest.mark.frr
def test_containerlabs_own_kind_of_frr_is_configured_by_it(
    up: Up, tmp_path: Path
) -> None:
    (tmp_path / "r1.conf").write_text("router bgp 65001\n bgp router-id 10.0.0.1\n")
    place = up(
        """
topology:
  defaults: {kind: frr, network-mode: none, extras: {frr: {daemons: [bgpd]}}}
  nodes:
    r1: {startup-config: __clabNodeName__.conf}
"""
    )

    wait_until(
        lambda: (
            "router bgp 65001"
            in place.execute("r1", ["vtysh", "-c", "show running-config"]).stdout
        ),
        15,
        "the configuration",
    )
    assert "bgpd" in said(place, "r1", "vtysh", "-c", "show daemons")
    assert said(place, "r1", "cat", "/proc/sys/net/ipv4/ip_forward") == "1\n"


@pytest.mark.frr
@pytest.mark.parametrize("kind", ["frr", "linux"])
def test_exec_finds_frr_ready(up: Up, tmp_path: Path, kind: str) -> None:
    (tmp_path / "daemons").write_text("zebra=yes\nbgpd=yes\n")
    (tmp_path / "vtysh.conf").touch()
    binds = "binds: ['daemons:/etc/frr/daemons', 'vtysh.conf:/etc/frr/vtysh.conf']"
    place = up(
        f"""
topology:
  nodes:
    r1:
      kind: {kind}
      image: quay.io/frrouting/frr:10.1
      network-mode: none
      {binds if kind == "linux" else "extras: {frr: {daemons: [bgpd]}}"}
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
      kind: frr
      network-mode: none
      entrypoint: sleep 99
      exec: [/usr/lib/frr/zebra --version]
"""
    )

    assert time.monotonic() - start < 10


def test_exec_finds_all_nodes_and_links(up: Up) -> None:
    place = up(
        """
topology:
  defaults: {image: alpine, network-mode: none}
  nodes:
    machine: {kind: host, exec: [ip addr add 10.3.0.2/24 dev n1eth1]}
    first: {kind: linux, exec: [ping -c1 -W2 10.3.1.2]}
    late: {kind: linux, startup-delay: 1}
  links:
    - endpoints: ["late:eth1", "machine:n1eth1"]
    - endpoints: ["first:eth2", "late:eth2"]
      ipv4: [10.3.1.1/24, 10.3.1.2/24]
"""
    )

    assert "10.3.0.2/24" in said(place, "machine", "ip", "addr", "show", "n1eth1")


def test_commands_that_others_wait_for_come_before_these(up: Up) -> None:
    place = up(
        """
topology:
  defaults: {kind: linux, image: alpine, network-mode: none}
  nodes:
    one: {exec: [sh -c 'sleep 0.5; date +%s%N > /when'], startup-delay: 1}
    two: {exec: [sh -c 'date +%s%N > /when'], startup-delay: 1}
    after-one: {stages: {create: {wait-for: [{node: one, stage: configure}]}}}
    after-two: {stages: {create: {wait-for: [{node: two, stage: configure}]}}}
    near: {exec: [sh -c 'test -e /sys/class/net/eth1']}
  links:
    - endpoints: ["near:eth1", "after-one:eth1"]
"""
    )

    for name in ("one", "two"):
        created = place.directory / f"after-{name}" / "spec.json"
        assert int(said(place, name, "cat", "/when")) < created.stat().st_mtime_ns


def test_a_command_may_take_long_and_leave_something_behind(up: Up) -> None:
    start = time.monotonic()
    place = up(
        """
topology:
  nodes:
    a:
      kind: linux
      image: alpine
      exec: [sh -c 'sleep 1234 & echo started', sh -c 'test -e /proc/self']
    machine: {kind: host, exec: [sh -c 'unshare --net sleep 1235 &']}
"""
    )

    assert time.monotonic() - start < 10
    wait_until(lambda: running("1234") and running("1235"), 5, "what is left behind")
    assert "sleep" in said(place, "a", "sh", "-c", "cat /proc/[0-9]*/comm")
    place.remove()
    assert not running("1234")
    assert not running("1235")


def test_a_check_that_hangs_is_a_check_that_fails(up: Up) -> None:
    place = up(
        """
topology:
  defaults: {kind: linux, image: alpine, network-mode: none}
  nodes:
    a:
      healthcheck:
        test: [CMD-SHELL, "test -e /second || { touch /second; sleep 100; }"]
        timeout: 1
        interval: 1
    b: {stages: {create: {wait-for: [{node: a, stage: healthy}]}}}
"""
    )

    assert said(place, "b", "hostname") == "b\n"
