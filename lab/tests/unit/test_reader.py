"""Topology files are read as containerlab documents them."""

from pathlib import Path

import pytest

from lab.document import FileErrors
from lab.images import TABLE, read_images
from lab.management import plan
from lab.model import Stage
from lab.reader import read
from lab.support import unsupported
from lab.tests.unit.parsing import HEAD, parse


def test_the_node_is_stronger_than_group_kind_and_defaults(tmp_path: Path) -> None:
    topology = parse(
        tmp_path,
        """
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
""",
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


def test_the_kind_may_come_from_the_group(tmp_path: Path) -> None:
    topology = parse(
        tmp_path,
        """
  defaults: {kind: nokia_srlinux}
  groups: {clients: {kind: linux}}
  kinds: {linux: {image: alpine}, nokia_srlinux: {image: srl}}
  nodes: {a: {group: clients}, b: {}}
""",
    )

    assert [node.kind for node in topology.nodes.values()] == ["linux", "nokia_srlinux"]
    assert topology.nodes["a"].text("image") == "alpine"


def test_exec_is_of_all_layers_and_maps_are_merged(tmp_path: Path) -> None:
    node = parse(
        tmp_path,
        """
  defaults:
    kind: linux
    exec: [one]
    env: {A: 1, B: 1, C: 1, D: true}
    sysctls: {net.ipv4.ip_forward: 0}
    binds: ["x:/a", "x:/b:ro"]
  kinds: {linux: {exec: [two], env: {B: 2, C: 2}, labels: {l: k}}}
  groups: {g: {exec: [three], env: {C: 3}}}
  nodes:
    a:
      group: g
      exec: [four]
      sysctls: {net.ipv4.ip_forward: 1}
      binds: ["y:/a"]
      labels: {l: n}
""",
    ).nodes["a"]

    assert node.exec == ["one", "two", "three", "four"]
    assert node.env == {"A": "1", "B": "2", "C": "3", "D": "true"}
    assert node.sysctls == {"net.ipv4.ip_forward": "1"}
    assert node.labels == {"l": "n"}
    assert {bind.target: (bind.source, bind.read_only) for bind in node.binds} == {
        "/a": (tmp_path / "y", False),
        "/b": (tmp_path / "x", True),
    }


def test_a_nodes_env_file_is_stronger_than_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "far").write_text("A=far\nB=far\nC=far\nD=far\n")
    (tmp_path / "near").write_text("B=near\nC=near\n")
    (tmp_path / "last").write_text("C=last\n")
    node = parse(
        tmp_path,
        """
  defaults: {kind: linux, env-files: [far], env: {D: env}}
  nodes: {a: {env-files: [near, last]}}
""",
    ).nodes["a"]

    assert node.env == {"A": "far", "B": "near", "C": "last", "D": "env"}


def test_values_are_the_text_that_is_written(tmp_path: Path) -> None:
    node = parse(
        tmp_path,
        """
  defaults:
    env: &more {VERSION: 1.10, ZIP: 01234, HEX: 0x1F, BIG: 1e3}
  nodes:
    a:
      kind: linux
      env:
        <<: *more
        YES: True
        EMPTY:
        UNSET: ${SOME_ENV}
        PW: P4s$w0rd123!
      labels: {l: 007}
      sysctls: {net.ipv4.ip_forward: 0x1}
      exec: [echo 1.10]
""",
    ).nodes["a"]

    assert node.env == {
        "VERSION": "1.10",
        "ZIP": "01234",
        "HEX": "0x1F",
        "BIG": "1e3",
        "YES": "True",
        "EMPTY": "",
        "UNSET": "${SOME_ENV}",
        "PW": "P4s$w0rd123!",
    }
    assert node.labels == {"l": "007"}
    assert node.sysctls == {"net.ipv4.ip_forward": "0x1"}


def test_a_group_may_come_from_the_kind_and_a_kind_from_the_defaults_group(
    tmp_path: Path,
) -> None:
    topology = parse(
        tmp_path,
        """
  defaults: {group: dg}
  groups: {dg: {kind: linux}, empty: {cmd: e}, kg: {cmd: k}}
  kinds: {linux: {group: kg}}
  nodes: {a: {}, b: {group: empty}}
""",
    )

    assert [(node.kind, node.text("cmd")) for node in topology.nodes.values()] == [
        ("linux", "k"),
        ("linux", "e"),
    ]


def test_commands_of_a_stage_may_stand_by_phase(tmp_path: Path) -> None:
    node = parse(
        tmp_path,
        """
  nodes:
    a:
      kind: linux
      stages: {configure: {exec: {on-enter: [one], on-exit: [two, three]}}}
""",
    ).nodes["a"]

    assert [(e.command, e.on_exit) for e in node.stage_exec] == [
        ("one", False),
        ("two", True),
        ("three", True),
    ]


@pytest.mark.frr
def test_keys_without_a_value_are_as_if_not_there(tmp_path: Path) -> None:
    file = tmp_path / "t.clab.yml"
    file.write_text(
        """
name: t
prefix:
mgmt: {bridge: , ipv4-subnet: , ipv4-gw: , ipv4-range: , mtu: }
topology:
  defaults:
  kinds: {frr: {extras: {frr: }}}
  groups: {g: }
  nodes:
    a: {kind: frr, group: g, healthcheck: {test: , retries: }, stages: {create: }}
    b: {kind: frr, extras: {frr: {daemons: }}, env: , exec: , binds: }
  links:
    - type: veth
      mtu:
      endpoints:
        - {node: a, interface: eth1, mac: , ipv4: , ipv6: }
        - {node: b, interface: eth1}
"""
    )
    topology = read(file)

    assert unsupported(topology, read_images(TABLE)) == []
    assert plan(topology).gateways[0] == "172.20.20.1/24"
    assert [end.ipv4 + end.mac for end in topology.links[0].endpoints] == ["", ""]


def test_empty_text_and_zero_are_as_if_not_there(tmp_path: Path) -> None:
    file = tmp_path / "t.clab.yml"
    file.write_text(
        """
name: t
mgmt: {bridge: '', ipv4-subnet: '', ipv6-subnet: '', ipv4-gw: '', mtu: 0}
topology:
  defaults: {cmd: sleep 9, restart-policy: "no"}
  nodes:
    a:
      kind: Linux
      image: alpine
      cmd: ''
      entrypoint: ''
      restart-policy: ''
      network-mode: ''
      mgmt-ipv4: ''
      user: ''
      memory: ''
      cpu: 0
    b: {kind: linux, image: alpine}
  links:
    - {endpoints: ["a:eth1", "b:eth1"], mtu: 0}
"""
    )
    topology = read(file)

    assert unsupported(topology, read_images(TABLE)) == []
    node = topology.nodes["a"]
    assert (node.kind, node.is_managed) == ("linux", True)
    assert (node.text("cmd"), node.text("restart-policy")) == ("sleep 9", "no")
    assert topology.links[0].mtu == 9500
    assert plan(topology).mtu == 1500


def test_a_healthcheck_for_the_shell_is_one_line(tmp_path: Path) -> None:
    node = parse(
        tmp_path,
        "  nodes: {a: {kind: linux, healthcheck: {test: [CMD-SHELL, sleep, '1']}}}",
    ).nodes["a"]

    assert node.healthcheck is not None
    assert node.healthcheck.argv == ("/bin/sh", "-c", "sleep 1")


def test_what_the_schema_has_beside_is_taken(tmp_path: Path) -> None:
    file = tmp_path / "t.clab.yml"
    file.write_text(
        """
name: t
debug: true
mgmt: {skip-when-unused: true}
topology:
  defaults: {kind: linux, restart-policy: Always, link-apply-mode: live}
  nodes: {a: , b: , c: {kind: ciena_saos10}}
  links:
    - type: veth
      endpoints:
        - {node: a, interface: eth1, mac: 02-00-00-00-00-0A}
        - {node: b, interface: eth1, ipv4: 10.0.0.9/24, mac: "02:00:00:00:00:0b"}
      ipv4: [10.0.0.1/24, 10.0.0.2/24]
    - endpoints: ["a:eth2", "b:eth2"]
      ipv4: ["", 10.0.1.2/24]
"""
    )
    first, second = read(file).links

    macs = [end.mac for end in first.endpoints]
    assert macs == ["02:00:00:00:00:0a", "02:00:00:00:00:0b"]
    assert [end.ipv4 for end in first.endpoints] == ["10.0.0.1/24", "10.0.0.9/24"]
    assert [end.ipv4 for end in second.endpoints] == ["", "10.0.1.2/24"]


def test_keys_that_a_lab_can_do_without_are_passed_over_on_demand(
    tmp_path: Path,
) -> None:
    topology = parse(
        tmp_path,
        """
  defaults: {kind: linux, image: alpine, cpu: 1, certificate: {issue: false}}
  nodes: {a: {memory: 1Gb, config: {vars: {x: y}}, aliases: [z]}}
""",
    )
    images = read_images(TABLE)

    assert len(unsupported(topology, images)) == 2
    assert unsupported(topology, images, {"cpu", "memory"}) == []


@pytest.mark.parametrize(
    ("octets", "line", "reason"),
    [(b"name: t\ntopology: \xff", 2, "is not UTF-8"), (None, None, "cannot be read")],
)
def test_a_file_that_is_no_text_is_refused(
    tmp_path: Path, octets: bytes | None, line: int | None, reason: str
) -> None:
    file = tmp_path / "t.clab.yml"
    if octets is not None:
        file.write_bytes(octets)
    with pytest.raises(FileErrors) as refused:
        read(file)

    (found,) = refused.value.errors
    assert (found.line, reason in found.reason) == (line, True)


def test_links_have_a_short_and_a_long_form(tmp_path: Path) -> None:
    topology = parse(
        tmp_path,
        """
  defaults: {kind: linux}
  nodes: {a: , b: }
  links:
    - endpoints: ["a:eth1", "b:eth1"]
      ipv4: [10.0.0.1/30, 10.0.0.2/30]
      ipv6: ["2001:db8::1/64"]
    - type: veth
      endpoints:
        - {node: a, interface: eth2, mac: "02:00:00:00:00:01", ipv4: 10.0.1.1/30}
        - {node: b, interface: eth2}
      mtu: 1500
    - endpoints: ["a:eth3", "host:a-eth3"]
      ipv4: [10.0.2.1/30, 10.0.2.2/30]
    - type: mgmt-net
      endpoint: {node: b, interface: eth3}
      host-interface: b-eth3
    - type: dummy
      endpoint: {node: b, interface: dum0}
""",
    )
    first, second, third, fourth, fifth = topology.links

    assert [end.ipv4 for end in first.endpoints] == ["10.0.0.1/30", "10.0.0.2/30"]
    assert [end.ipv6 for end in first.endpoints] == ["2001:db8::1/64", ""]
    assert (first.kind, first.mtu) == ("veth", 9500)
    assert second.endpoints[0].mac == "02:00:00:00:00:01"
    assert second.mtu == 1500
    assert (third.kind, third.host_interface) == ("host", "a-eth3")
    assert third.host_addresses == ("10.0.2.2/30",)
    assert [end.interface for end in third.endpoints] == ["eth3"]
    assert (fourth.kind, fourth.host_interface) == ("mgmt-net", "b-eth3")
    assert fifth.kind == "dummy"


@pytest.mark.parametrize(
    ("prefix", "name"),
    [
        ("", "clab-t-a"),
        ("prefix: x\n", "x-t-a"),
        ('prefix: ""\n', "a"),
        ("prefix: __lab-name\n", "t-a"),
    ],
)
def test_the_prefix_names_the_containers(
    tmp_path: Path, prefix: str, name: str
) -> None:
    file = tmp_path / "t.clab.yml"
    file.write_text(prefix + HEAD + "  nodes: {a: {kind: linux}}\n")

    assert read(file).namespace("a") == name


def test_waits_are_of_stages(tmp_path: Path) -> None:
    node = parse(
        tmp_path,
        """
  defaults: {kind: linux}
  nodes:
    a:
      stages:
        create: {wait-for: [{node: b, stage: healthy}]}
        create-links:
          exec:
            - {command: ls __clabNodeName__, phase: on-exit, target: host}
    b: {healthcheck: {test: [CMD-SHELL, test -e /x], interval: 1}}
""",
    ).nodes["a"]

    assert [(w.before, w.node, w.stage) for w in node.wait_for] == [
        (Stage.CREATE, "b", Stage.HEALTHY)
    ]
    assert [(e.stage, e.command, e.on_exit, e.on_host) for e in node.stage_exec] == [
        (Stage.CREATE_LINKS, "ls a", True, True)
    ]
