"""What a topology file asks for is what its nodes get."""

import socket
import time
from pathlib import Path

import pytest

from lab.netns import LabError
from lab.place import Place
from lab.tests.namespaces.labs import ALPINE, NAME, Up, said

pytestmark = pytest.mark.root


def test_a_node_has_its_files_environment_and_settings(up: Up, tmp_path: Path) -> None:
    (tmp_path / "dir").mkdir()
    (tmp_path / "dir" / "file").write_text("of the machine")
    place = up(
        """
topology:
  nodes:
    a:
      kind: linux
      image: alpine
      network-mode: none
      env: {E: node}
      sysctls: {net.ipv4.ip_forward: 1, net.ipv6.conf.all.forwarding: 1}
      binds:
        - dir:/some/where:ro
        - dir/file:/etc/__clabNodeName__.conf
        - /var/run/empty
      exec:
        - sh -c 'echo $$E$$HOSTNAME > /root/out'
        - touch /run/mine
"""
    )

    assert said(place, "a", "cat", "/root/out") == "nodea\n"
    assert said(place, "a", "cat", "/etc/a.conf") == "of the machine"
    assert said(place, "a", "ls", "/some/where", "/run/empty") != ""
    assert place.execute("a", ["touch", "/some/where/x"]).returncode != 0
    assert said(place, "a", "hostname") == "a\n"
    assert said(place, "a", "cat", "/proc/sys/net/ipv4/ip_forward") == "1\n"
    assert said(place, "a", "cat", "/proc/1/comm") != "systemd\n"
    assert not Path("/run/mine").exists()
    assert not Path("/root/out").exists()


def test_a_shell_waits_for_its_terminal_as_in_a_container(up: Up) -> None:
    place = up(
        ALPINE
        + """
  nodes:
    a: {cmd: bash}
    b: {entrypoint: /bin/sh}
    c: {cmd: sh -c 'test -t 0 && echo terminal; exec sleep 99'}
"""
    )

    time.sleep(0.5)
    assert {place.standing(name) for name in "abc"} == {"running"}
    assert place.log("c") == "terminal"


def test_what_is_bound_is_the_users_and_is_not_written_to(
    up: Up, tmp_path: Path
) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "deep").write_text("deep")
    for name in ("hosts", "hostname", "deep"):
        (tmp_path / name).write_text(name)
    (tmp_path / "bin").mkdir()
    place = up(
        """
topology:
  defaults: {kind: linux, image: alpine, binds: ["deep:/evt-dir/y/deep"]}
  nodes:
    a:
      binds:
        - hosts:/etc/hosts
        - hostname:/etc/hostname
        - etc:/evt-dir/y
        - bin:/usr/local/bin
"""
    )

    for name in ("hosts", "hostname"):
        assert said(place, "a", "cat", f"/etc/{name}") == name
        assert (tmp_path / name).read_text() == name
    assert said(place, "a", "cat", "/evt-dir/y/deep") == "deep"
    assert list((tmp_path / "bin").iterdir()) == []


def test_links_and_the_management_network_are_the_labs_own(up: Up) -> None:
    place = up(
        """
mgmt: {ipv4-subnet: 172.30.0.0/24, ipv6-subnet: "2001:db8:30::/80", mtu: 2100}
topology:
  defaults: {kind: linux, image: alpine}
  nodes:
    a: {mgmt-ipv4: 172.30.0.7, exec: [ip addr add 10.9.0.1/24 dev eth1]}
    b: {exec: [ip addr add 10.9.0.2/24 dev eth1]}
    c: {network-mode: none}
  links:
    - endpoints: ["a:eth1", "b:eth1"]
    - type: veth
      endpoints:
        - {node: a, interface: type, mac: "02:00:00:00:00:0a"}
        - {node: c, interface: mgmt}
      mtu: 1400
    - endpoints: ["c:x", "c:y"]
"""
    )

    for target in ("10.9.0.2", "172.30.0.1", "172.30.0.2", "b"):
        assert "1 received" in said(place, "a", "ping", "-c1", "-W2", target)
    eth0 = said(place, "a", "ip", "addr", "show", "eth0")
    for part in ("172.30.0.7/24", "2001:db8:30::2/80", "mtu 2100"):
        assert part in eth0
    assert "default via 172.30.0.1" in said(place, "a", "ip", "route")
    link = said(place, "a", "ip", "link", "show", "dev", "type")
    assert "mtu 1400" in link
    assert "02:00:00:00:00:0a" in link
    assert "mtu 9500" in said(place, "b", "ip", "link", "show", "eth1")
    assert "eth0" not in said(place, "c", "ip", "link")
    assert not {"type", "mgmt", "x", "y"} & {name for _, name in socket.if_nameindex()}


def test_sysctls_are_a_nodes_own_but_for_what_containerlab_sets(up: Up) -> None:
    place = up(
        """
topology:
  defaults: {kind: linux, image: alpine}
  nodes:
    a: {sysctls: {net.ipv6.conf.all.disable_ipv6: 1, net.ipv4.ip_forward: 0}}
    b: {sysctls: {net.ipv6.conf.default.disable_ipv6: 1}}
"""
    )

    names = ("ipv6/conf/all/disable_ipv6", "ipv4/ip_forward")
    found = [said(place, "a", "cat", f"/proc/sys/net/{name}") for name in names]
    assert found == ["0\n", "0\n"]
    addresses = said(place, "b", "ip", "addr", "show", "eth0")
    assert "172.20.20.3/24" in addresses
    assert "inet6" not in addresses


def test_a_name_that_is_none_makes_nothing() -> None:
    with pytest.raises(LabError, match="is no name of a lab"):
        Place(f"{NAME} x/y")
