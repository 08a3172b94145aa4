"""Topology files are read as containerlab documents them."""

from pathlib import Path

import pytest

from lab.images import TABLE, read_images
from lab.support import load
from lab.tests.unit.conftest import Parse

HEAD = "name: t\ntopology:\n"


def test_the_node_is_stronger_than_group_kind_and_defaults(parse: Parse) -> None:
    topology = parse(
        HEAD
        + """
  defaults: {kind: linux, image: d, cmd: d, type: d, entrypoint: d}
  kinds:
    linux: {image: k, cmd: k, type: k}
  groups:
    g: {image: g, cmd: g}
  nodes:
    a: {group: g, image: n}
    b: {group: g}
    c: {}
    d:
"""
    )
    found = {
        name: [node.text(key) for key in ("image", "cmd", "type", "entrypoint")]
        for name, node in topology.nodes.items()
    }

    assert found == {
        "a": ["n", "g", "k", "d"],
        "b": ["g", "g", "k", "d"],
        "c": ["k", "k", "k", "d"],
        "d": ["k", "k", "k", "d"],
    }
    assert topology.nodes["a"].origin("cmd") == ("topology", "groups", "g", "cmd")


def test_the_kind_may_come_from_the_group_and_the_group_from_the_kind(
    parse: Parse,
) -> None:
    topology = parse(
        HEAD
        + """
  defaults: {group: dg}
  groups: {dg: {kind: Linux}, empty: {cmd: e}, kg: {cmd: k}, srl: {kind: srl}}
  kinds: {linux: {group: kg, image: alpine}, srl: {image: srl}}
  nodes: {a: {}, b: {group: empty}, c: {group: srl}}
"""
    )
    found = [
        (node.kind, node.text("cmd"), node.text("image"))
        for node in topology.nodes.values()
    ]

    assert found == [
        ("linux", "k", "alpine"),
        ("linux", "e", "alpine"),
        ("srl", "", "srl"),
    ]


def test_exec_is_of_all_layers_and_maps_are_merged(
    parse: Parse, tmp_path: Path
) -> None:
    node = parse(
        HEAD
        + """
  defaults:
    kind: linux
    exec: [one]
    env: {A: 1, B: 1, C: 1, D: true}
    sysctls: {net.ipv4.ip_forward: 0}
    binds: ["x:/a", "x:/b:ro", "/c"]
  kinds: {linux: {exec: [two], env: {B: 2, C: 2}, labels: {l: k}}}
  groups: {g: {exec: [three], env: {C: 3}}}
  nodes:
    a:
      group: g
      exec: [four]
      sysctls: {net.ipv4.ip_forward: 1}
      binds: ["y:/a"]
      labels: {l: n}
"""
    ).nodes["a"]

    assert node.exec == ["one", "two", "three", "four"]
    assert node.env == {"A": "1", "B": "2", "C": "3", "D": "true"}
    assert node.sysctls == {"net.ipv4.ip_forward": "1"}
    assert node.labels == {"l": "n"}
    assert {bind.target: (bind.source, bind.mode) for bind in node.binds.values()} == {
        "/a": (tmp_path / "y", "rw"),
        "/b": (tmp_path / "x", "ro"),
        "/c": (None, "rw"),
    }


def test_values_are_the_text_that_is_written(parse: Parse) -> None:
    node = parse(
        HEAD
        + """
  nodes:
    a:
      kind: linux
      env: {VERSION: 1.10, ZIP: 01234, YES: True, EMPTY: , UNSET: "${SOME_ENV}"}
      sysctls: {net.ipv4.ip_forward: 0x1}
"""
    ).nodes["a"]

    assert node.env == {
        "VERSION": "1.10",
        "ZIP": "01234",
        "YES": "True",
        "EMPTY": "",
        "UNSET": "${SOME_ENV}",
    }
    assert node.sysctls == {"net.ipv4.ip_forward": "0x1"}


def test_keys_without_a_value_are_as_if_not_there(parse: Parse) -> None:
    file = parse(
        """
name: t
prefix:
mgmt: {bridge: , ipv4-subnet: , ipv6-subnet: auto, mtu: 0}
topology:
  defaults: {cmd: sleep 9}
  groups: {g: }
  nodes:
    a:
      kind: linux
      image: alpine
      group: g
      cmd: ''
      network-mode: ''
      mgmt-ipv4:
      user: ''
      healthcheck: {test: , retries: }
    b: {kind: linux, image: alpine, env: , exec: , binds: }
  links:
    - type: veth
      mtu: 0
      endpoints:
        - {node: a, interface: eth1, mac: }
        - {node: b, interface: eth1}
"""
    ).path
    topology = load(file, None, read_images(TABLE))
    node = topology.nodes["a"]

    assert (node.is_managed, node.text("cmd"), node.check) == (True, "sleep 9", [])
    assert topology.links[0].mtu == 9500
    assert topology.gateways[0] == "172.20.20.1/24"
    assert topology.namespace("a") == "clab-t-a"


def test_a_healthcheck_is_a_command_or_a_line_for_the_shell(parse: Parse) -> None:
    nodes = parse(
        HEAD
        + """
  defaults: {kind: linux}
  nodes:
    a: {healthcheck: {test: [CMD, evpnd, show]}}
    b: {healthcheck: {test: [CMD-SHELL, sleep, '1']}}
"""
    ).nodes

    assert nodes["a"].check == ["evpnd", "show"]
    assert nodes["b"].check == ["/bin/sh", "-c", "sleep 1"]


def test_links_have_a_short_and_a_long_form(parse: Parse) -> None:
    first, second = parse(
        HEAD
        + """
  defaults: {kind: linux}
  nodes: {a: , b: }
  links:
    - endpoints: ["a:eth1", "b:eth1"]
    - type: veth
      endpoints:
        - {node: a, interface: eth2, mac: "02:00:00:00:00:0A"}
        - {node: b, interface: eth2, mac: 02-00-00-00-00-0b}
      mtu: 1500
"""
    ).links

    assert [f"{end.node}:{end.interface}" for end in first.ends] == ["a:eth1", "b:eth1"]
    assert (first.mtu, second.mtu) == (9500, 1500)
    assert [end.mac[-2:] for end in second.ends] == ["0a", "0b"]


@pytest.mark.parametrize(
    ("prefix", "name"),
    [
        ("", "clab-t-a"),
        ("prefix: x\n", "x-t-a"),
        ('prefix: ""\n', "a"),
        ("prefix: __lab-name\n", "t-a"),
    ],
)
def test_the_prefix_names_the_containers(parse: Parse, prefix: str, name: str) -> None:
    topology = parse(prefix + HEAD + "  nodes: {a: {kind: linux}}\n")

    assert topology.namespace("a") == name


def test_management_addresses_are_from_the_subnet_beside_those_given(
    parse: Parse,
) -> None:
    file = parse(
        """name: t
mgmt: {ipv4-subnet: 172.30.0.0/24}
topology:
  defaults: {kind: linux, image: alpine}
  nodes: {a: , b: {mgmt-ipv4: 172.30.0.2}, c: {network-mode: none}, d: }
"""
    ).path
    topology = load(file, None, read_images(TABLE))

    assert topology.gateways[0] == "172.30.0.1/24"
    assert {node.name: node.addresses[:1] for node in topology.nodes.values()} == {
        "a": ["172.30.0.3/24"],
        "b": ["172.30.0.2/24"],
        "c": [],
        "d": ["172.30.0.4/24"],
    }
