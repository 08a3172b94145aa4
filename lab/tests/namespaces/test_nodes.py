"""What a topology file asks for is what its nodes get."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from lab.netns import NETNS_DIRECTORY, run
from lab.tests.namespaces.labs import NAME, Up, said

pytestmark = pytest.mark.root


def test_a_node_has_its_files_environment_and_settings(up: Up, tmp_path: Path) -> None:
    (tmp_path / "dir").mkdir()
    (tmp_path / "dir" / "file").write_text("of the machine")
    (tmp_path / "env").write_text("# a comment\nE=file\nF=file\n")
    place = up(
        """
topology:
  nodes:
    a:
      kind: linux
      image: alpine
      network-mode: none
      env: {E: node}
      env-files: [env]
      labels: {my-label: x}
      sysctls: {net.ipv4.ip_forward: 1, net.ipv6.conf.all.forwarding: 1}
      binds:
        - dir:/some/where:ro
        - dir/file:/etc/__clabNodeName__.conf
        - /var/run/empty
      exec:
        - sh -c 'echo $$E$$F$$CLAB_LABEL_MY_LABEL > /root/out'
        - touch /run/mine
"""
    )

    assert said(place, "a", "cat", "/root/out") == "nodefilex\n"
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
        """
topology:
  defaults: {kind: linux, image: alpine, network-mode: none}
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


def test_bridges_hosts_and_the_management_network_are_the_labs_own(up: Up) -> None:
    before = run(["ip", "-br", "link"])
    place = up(
        """
mgmt: {ipv4-subnet: 172.30.0.0/24}
topology:
  defaults: {kind: linux, image: alpine}
  nodes:
    a: {mgmt-ipv4: 172.30.0.7, exec: [ip addr add 10.9.0.1/24 dev eth1]}
    b: {exec: [ip addr add 10.9.0.2/24 dev eth1]}
    br-x: {kind: bridge}
    machine: {kind: host, exec: [ip addr add 10.8.0.2/24 dev h-eth2]}
  links:
    - endpoints: ["a:eth1", "br-x:p1"]
    - endpoints: ["b:eth1", "br-x:p2"]
    - type: veth
      endpoints:
        - {node: a, interface: eth2, mac: "02:00:00:00:00:0a", ipv4: 10.8.0.1/24}
        - {node: machine, interface: h-eth2}
      mtu: 1400
    - type: dummy
      endpoint: {node: b, interface: dum0}
    - endpoints: ["b:eth3", "host:b-eth3"]
    - endpoints: ["a:eth4", "host:a-eth4"]
      ipv4: [10.7.0.1/24, 10.7.0.2/24]
"""
    )

    for target in ("10.9.0.2", "10.8.0.2", "10.7.0.2", "172.30.0.2", "b"):
        assert "1 received" in said(place, "a", "ping", "-c1", "-W2", target)
    assert "172.30.0.7/24" in said(place, "a", "ip", "addr", "show", "eth0")
    assert "default via 172.30.0.1" in said(place, "a", "ip", "route")
    link = said(place, "a", "ip", "link", "show", "eth2")
    assert "mtu 1400" in link
    assert "02:00:00:00:00:0a" in link
    assert "mtu 9500" in said(place, "b", "ip", "link", "show", "eth1")
    assert "dum0" in said(place, "b", "ip", "link")
    assert "b-eth3" in said(place, "machine", "ip", "link")
    assert run(["ip", "-br", "link"]) == before


def test_devices_of_the_runner_are_in_nobodys_way(up: Up) -> None:
    place = up(
        """
topology:
  defaults: {kind: linux, image: alpine}
  nodes: {a: , br: {kind: bridge}, mgmt: {kind: bridge}, type: {kind: bridge}}
  links:
    - endpoints: ["a:eth1", "host:m0"]
    - endpoints: ["a:eth2", "host:lnk0-0"]
    - endpoints: ["a:dev", "br:up"]
    - {type: dummy, endpoint: {node: a, interface: name}}
"""
    )

    there = said(place, "br", "ls", "/proc/sys/net/ipv4/conf").split()
    assert {"br", "mgmt", "type", "up", "m0", "lnk0-0"} <= set(there)
    assert {"name", "dev"} <= set(said(place, "a", "ls", "/sys/class/net").split())


def test_the_management_network_is_as_the_file_says(up: Up) -> None:
    place = up(
        """
mgmt:
  bridge: br-mg
  ipv4-subnet: 172.30.0.0/24
  ipv4-range: 172.30.0.128/25
  ipv4-gw: 172.30.0.254
  ipv6-subnet: 2001:db8:30::/80
  mtu: 2100
topology:
  nodes: {a: {kind: linux, image: alpine, aliases: [web]}, machine: {kind: host}}
"""
    )

    eth0 = said(place, "a", "ip", "addr", "show", "eth0")
    assert "mtu 2100" in eth0
    assert "172.30.0.128/24" in eth0
    assert "2001:db8:30::2/80" in eth0
    assert "default via 172.30.0.254" in said(place, "a", "ip", "route")
    assert "mtu 2100" in said(place, "machine", "ip", "link", "show", "br-mg")
    assert "1 received" in said(place, "a", "ping", "-c1", "-W2", "172.30.0.254")
    assert "1 received" in said(place, "a", "ping", "-4", "-c1", "-W2", "web")


def test_a_link_to_the_management_network_is_enough_to_have_one(up: Up) -> None:
    place = up(
        """
mgmt: {ipv4-gw: 172.20.20.1}
topology:
  defaults: {kind: linux, image: alpine, network-mode: none}
  nodes:
    a: {exec: [ip addr add 172.20.20.9/24 dev eth5]}
  links:
    - {type: mgmt-net, endpoint: {node: a, interface: eth5}, host-interface: a-eth5}
"""
    )

    assert "1 received" in said(place, "a", "ping", "-c1", "-W2", "172.20.20.1")


def test_a_node_that_speaks_no_ipv6_has_no_such_address(up: Up) -> None:
    place = up(
        """
topology:
  nodes:
    a:
      kind: linux
      image: alpine
      sysctls: {net.ipv6.conf.default.disable_ipv6: 1}
"""
    )

    addresses = said(place, "a", "ip", "addr", "show", "eth0")
    assert "172.20.20.2/24" in addresses
    assert "inet6" not in addresses


@pytest.mark.frr
def test_what_containerlab_sets_of_a_kind_stays_set(up: Up) -> None:
    place = up(
        """
topology:
  nodes:
    a:
      kind: linux
      image: alpine
      sysctls: {net.ipv6.conf.all.disable_ipv6: 1, net.ipv4.ip_forward: 0}
    r:
      kind: frr
      sysctls: {net.ipv4.ip_forward: 0}
      entrypoint: sleep 99
"""
    )

    names = ("ipv6/conf/all/disable_ipv6", "ipv4/ip_forward")
    found = {
        node: [said(place, node, "cat", f"/proc/sys/net/{name}") for name in names]
        for node in "ar"
    }
    assert found == {"a": ["0\n", "0\n"], "r": ["0\n", "1\n"]}


def test_nodes_share_interfaces_also_through_others(up: Up) -> None:
    place = up(
        """
topology:
  defaults: {kind: linux, image: alpine}
  nodes:
    a: {network-mode: none}
    b: {network-mode: "container:a"}
    c: {network-mode: "container:b"}
  links: [{type: dummy, endpoint: {node: a, interface: eth7}}]
"""
    )

    assert "eth7" in said(place, "c", "ip", "link")
    assert len({place.namespace(name) for name in "abc"}) == 1


def test_containerlabs_own_files_and_labels_are_there(up: Up, tmp_path: Path) -> None:
    place = up(
        """
topology:
  links: [{type: dummy, endpoint: {node: a, interface: eth9}}]
  nodes:
    b: {kind: linux, image: alpine, labels: {ansible-group: tenants}}
    a:
      kind: linux
      image: docker.io/library/alpine:3
      hostname: other
      labels: {my.label/x: 1.10}
      binds:
        - __clabNodeDir__:/state
        - __clabDir__/topology-data.json:/data.json:ro
        - __clabDir__/ansible-inventory.yml:/hosts.yml
      exec: [ash -c 'touch /state/mine']
"""
    )

    environment = said(place, "a", "env")
    assert "CLAB_LABEL_MY_LABEL_X=1.10\n" in environment
    assert "CLAB_LABEL_CLAB_NODE_NAME=a\n" in environment
    assert said(place, "a", "hostname") == "other\n"
    data = json.loads(said(place, "a", "cat", "/data.json"))
    assert data["nodes"]["a"]["kind"] == "linux"
    assert data["links"][0]["a"]["mac"] in said(
        place, "a", "ip", "link", "show", "eth9"
    )
    children = yaml.safe_load(said(place, "a", "cat", "/hosts.yml"))["all"]["children"]
    other = {f"clab-{NAME}-b": {"ansible_host": "172.20.20.2"}}
    assert children["tenants"]["hosts"] == other
    assert children["linux"]["hosts"] == other | {
        f"clab-{NAME}-a": {"ansible_host": "172.20.20.3"}
    }
    assert said(place, "a", "ls", "/state") == "mine\n"
    assert not (tmp_path / f"clab-{NAME}").exists()


def test_a_name_that_is_none_makes_nothing(up: Up, tmp_path: Path) -> None:
    file = tmp_path / "t.clab.yml"
    file.write_text("name: t\ntopology: {nodes: {a: {kind: linux, image: alpine}}}")
    before = set(NETNS_DIRECTORY.iterdir())
    words = [sys.executable, "-m", "lab", "up", str(file), "--name"]
    done = subprocess.run(
        [*words, f"{NAME} x/y"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert "is no name of a lab" in done.stderr
    assert {each for each in NETNS_DIRECTORY.iterdir() if NAME in each.name} <= before
    del up
