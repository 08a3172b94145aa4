"""What can be known from a file is judged before anything is made."""

from pathlib import Path

import pytest

from lab.management import plan
from lab.tests.unit.conftest import Parse, Refusals

NODES = """name: t
topology:
  defaults: {kind: linux, image: alpine}
  nodes: {a: , b: , br: {kind: bridge}, h: {kind: host}}
  links:
"""
PAIR = '    - endpoints: ["a:eth1", "b:eth1"]\n'


@pytest.mark.parametrize(
    ("links", "line", "key", "reason"),
    [
        (f"{PAIR}      mtu: 10", 7, "mtu", "from 68 to 65535, not 10"),
        (f"{PAIR}      mtu: 70000", 7, "mtu", "from 68 to 65535, not 70000"),
        (f"{PAIR}      ipv4: [10.0.0.1]", 7, "ipv4[0]", "with its prefix length"),
        (f"{PAIR}      ipv4: ['', 2]", 7, "ipv4[1]", "with its prefix length, not 2"),
        (f"{PAIR}      ipv4: ['::1/64']", 7, "ipv4[0]", "an IPv4 address"),
        (f"{PAIR}      ipv4: ['', '', '']", 7, "ipv4", "has 3 entries"),
        (
            f"{PAIR}      ipv4: [10.0.0.1/24, 10.0.0.1/25]",
            6,
            "links[0]",
            "both ends have the address 10.0.0.1",
        ),
        (
            (
                '    - endpoints: ["a:x", "host:y"]\n'
                "      ipv4: [10.0.0.1/24, 10.0.0.1/25]"
            ),
            6,
            "links[0]",
            "both ends have the address 10.0.0.1",
        ),
        (
            f"{PAIR}      ipv4: [224.0.0.5/24]",
            6,
            "endpoints[0]",
            "no address of a host",
        ),
        (
            f"{PAIR}      ipv6: ['', '2001:db8::1/64']\n      mtu: 1000",
            6,
            "endpoints[1]",
            "an MTU of 1280 at least, not 1000",
        ),
        ('    - endpoints: ["a:lo", "b:eth1"]', 6, "endpoints[0]", "kernel's own"),
        ('    - endpoints: ["a:e\'1", "b:eth1"]', 6, "endpoints[0]", "is no name of a"),
        ('    - endpoints: ["a:eth1", "host:clab~m0"]', 6, "", "the runner's own"),
        (
            '    - endpoints: ["a:x", "br:p"]\n    - endpoints: ["b:x", "host:p"]',
            7,
            "links[1].host-interface",
            "p is taken in the lab's machine, on line 6 already",
        ),
        (
            '    - endpoints: ["a:eth1", "h:br"]',
            6,
            "endpoints[1]",
            "br is taken in the lab's machine, on line 4 already",
        ),
        (
            (
                "    - type: veth\n      endpoints:\n"
                "        - {node: a, interface: x, mac: 'ff:ff:ff:ff:ff:ff'}\n"
                "        - {node: b, interface: x}"
            ),
            8,
            "endpoints[0].mac",
            "of one interface, of no group",
        ),
        (
            (
                "    - type: vxlan\n      endpoint: {node: a, interface: x}\n"
                "      remote: 10.0.0.1\n      vni: 16777216\n      dst-port: 4789"
            ),
            9,
            "links[0].vni",
            "from 1 to 16777215",
        ),
        (
            (
                "    - type: veth-stitch\n      endpoints:\n"
                "        - {node: a, interface: x}\n        - {node: b, interface: x}"
            ),
            6,
            "links[0]",
            "veth-stitch links are not made here",
        ),
        ('    - endpoints: ["a:1", "b:1", "b:2"]', 6, "endpoints", "of two endpoints"),
    ],
)
def test_links_that_cannot_be(
    refusals: Refusals, links: str, line: int, key: str, reason: str
) -> None:
    (found,) = refusals(NODES + links)

    assert found[0] == line
    assert found[1].endswith(key)
    assert reason in found[2]


@pytest.mark.parametrize(
    ("node", "key", "reason"),
    [
        ("binds: [':/x']", "binds[0]", "no source before the colon"),
        ("binds: ['/tmp:/x:rx']", "binds[0]", "'rx' is no option of a bind"),
        ("binds: ['a:']", "binds[0]", "the target '' must begin with /"),
        (
            "sysctls: {net.ipv4.nonsense: 1}",
            "sysctls.'net.ipv4.nonsense'",
            "there is no",
        ),
        ("network-mode: container:a", "network-mode", "goes round in a circle"),
        ("privileged: false", "privileged", "is always true here"),
        ("network-mode: container:br", "network-mode", "br is no container"),
        (f"hostname: {'x' * 65}", "hostname", "64 characters at most"),
        ("mgmt-ipv4: 10.5.5.5", "mgmt-ipv4", "not in the management network"),
        ("mgmt-ipv4: 172.20.20.999", "mgmt-ipv4", "must be an IPv4 address"),
        ("mgmt-ipv4: 172.20.20.1", "mgmt-ipv4", "is that of the gateway"),
        ("mgmt-ipv4: 172.20.20.255", "mgmt-ipv4", "no address of a host"),
        ("mgmt-ipv4: 172.20.20.5", "mgmt-ipv4", "172.20.20.5 is that of b"),
        ("env: {A: 1, B: [x]}", "env.B", "must be text or a number, not a list"),
        ("imge: x", "imge", "is no key of a node in containerlab; is it image?"),
        ("Cmd: x", "Cmd", "is it cmd?"),
        ("kind: Linxu", "kind", "is it linux?"),
        (
            "stages: {create: {wait-for: [{node: c, stage: exit}]}}",
            "wait-for[0]",
            "c is started again whenever it ends",
        ),
        ('env: {A: "x\\0y"}', "env.A", "must be text or a number"),
        ('cmd: "x\\0y"', "cmd", "must be text"),
        ("env: {A=B: x}", "env.'A=B'", "is no name of a variable"),
        ("dns: {server: [10.0.0.1]}", "dns.server", "is it servers?"),
        ("certificate: {isue: true}", "certificate.isue", "is it issue?"),
        ("config: {var: {}}", "config.var", "is it vars?"),
        ("ports: ['80:x']", "ports[0]", "must be a port, as in 8080:80/tcp"),
        ("shm-size: much", "shm-size", "must be a size"),
        ("cpu: 1", "cpu", "--ignore cpu passes it over"),
    ],
)
def test_nodes_that_cannot_be(
    refusals: Refusals, node: str, key: str, reason: str
) -> None:
    (found,) = refusals(
        "name: t\ntopology:\n  defaults: {kind: linux, image: alpine}\n  nodes:\n"
        f"    b: {{mgmt-ipv4: 172.20.20.5}}\n    br: {{kind: bridge}}\n"
        f"    c: {{cmd: sleep 9}}\n    a:\n      {node}\n"
    )

    assert found[0] == 9
    assert found[1].endswith(key)
    assert reason in found[2]


@pytest.mark.parametrize("mode", ["none", "host", "container:b"])
def test_without_management_network_there_is_no_address_in_it(
    refusals: Refusals, mode: str
) -> None:
    (found,) = refusals(
        "name: t\ntopology:\n  defaults: {kind: linux, image: alpine}\n  nodes:\n"
        f"    b:\n    a:\n      network-mode: {mode}\n      mgmt-ipv4: 172.20.20.7\n"
    )

    assert found[0] == 8
    assert f"with network-mode {mode} a node is in no management" in found[2]


@pytest.mark.parametrize("text", ["user: root", 'user: "0:0"', "privileged: true"])
def test_what_is_done_anyway_may_be_asked_for(refusals: Refusals, text: str) -> None:
    node = f"{{kind: linux, image: alpine, {text}}}"

    assert not refusals(f"name: t\ntopology: {{nodes: {{a: {node}}}}}")


@pytest.mark.parametrize(
    ("extras", "key", "reason"),
    [
        ("{frr: {daemons: [bgpd, ospf]}}", "frr.daemons[1]", "is it ospfd?"),
        ("{frr: {daemons: bgpd}}", "frr.daemons", "must be a list"),
        ("{frr: {daemon: [bgpd]}}", "frr.daemon", "is no key of frr"),
        ("{frrr: {daemons: [bgpd]}}", "frrr", "is none of the extras"),
    ],
)
@pytest.mark.frr
def test_the_settings_of_frr(
    refusals: Refusals, extras: str, key: str, reason: str
) -> None:
    (found,) = refusals(
        f"name: t\ntopology:\n  nodes:\n    r: {{kind: frr, extras: {extras}}}\n"
    )

    assert found[0] == 4
    assert found[1].endswith(key)
    assert reason in found[2]


@pytest.mark.parametrize(
    ("mgmt", "key", "reason"),
    [
        ("{ipv4-subnet: 10.0.0.0/30}", "ipv4-subnet", "has no address left for b"),
        (
            "{ipv4-subnet: 10.0.0.0/24, ipv4-range: 10.0.0.8/32}",
            "ipv4-range",
            "10.0.0.8/32 has no address left for b",
        ),
        ("{ipv4-subnet: 10.0.0.1/32}", "ipv4-subnet", "no room for a gateway"),
        ("{ipv4-subnet: '2001:db8::/64'}", "ipv4-subnet", "must be an IPv4 subnet"),
        ("{ipv4-gw: 10.0.0.1}", "ipv4-gw", "not in the management network"),
        ("{ipv4-range: 10.0.0.0/25}", "ipv4-range", "not within the management"),
        ("{mtu: 1000}", "mtu", "1280 at least"),
        ("{mtu: 70000}", "mtu", "from 68 to 65535"),
        ("{driver-opts: {a: b}}", "driver-opts", "is for a container engine"),
        ("{bridge: bridge-with-a-long-name}", "bridge", "is no name of a Linux"),
        ("{bridge: br}", "bridge", "br is taken in the lab's machine, on line 5"),
    ],
)
def test_a_management_network_that_cannot_be(
    refusals: Refusals, mgmt: str, key: str, reason: str
) -> None:
    (found,) = refusals(
        f"name: t\nmgmt: {mgmt}\ntopology:\n"
        "  defaults: {kind: linux, image: alpine}\n"
        "  nodes: {a: , b: , br: {kind: bridge}}\n"
    )

    assert found[0] == 2
    assert found[1] == f"mgmt.{key}"
    assert reason in found[2]


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("name: t\ntopology: {links: []}", 2, "nodes is missing"),
        ("name: t\ntopology:\n  nodes: {}", 3, "is empty"),
        ("name: t\nprefix: a/b\ntopology: {nodes: {a: {kind: host}}}", 2, "a name of"),
        (
            f"name: {'x' * 101}\ntopology: {{nodes: {{a: {{kind: host}}}}}}",
            1,
            "100 characters at most",
        ),
        (
            "name: t\ntopology: {nodes: {lab.json: {kind: linux, image: alpine}}}",
            2,
            "a name of the runner's own",
        ),
        ("name: a b\ntopology: {nodes: {a: {kind: host}}}", 1, "a name of"),
        ("name: ''\ntopology: {nodes: {a: {kind: host}}}", 1, "a name of"),
        (
            "name: x-__gitHash__\ntopology: {nodes: {a: {kind: host}}}",
            1,
            "__gitHash__ is not replaced here",
        ),
        (
            (
                "# {{ a comment }}\nname: t\ntopology:\n  nodes:\n"
                "{{ range .nodes }}\n    {{ . }}: {kind: host}\n{{ end }}"
            ),
            5,
            "a Go template",
        ),
        (
            "name: '{{ env.Getenv \"USER\" }}'\ntopology: {nodes: {a: {kind: host}}}",
            1,
            "a Go template",
        ),
    ],
)
def test_a_file_that_cannot_be(
    refusals: Refusals, text: str, line: int, reason: str
) -> None:
    (found,) = refusals(text)

    assert found[0] == line
    assert reason in found[2]


def test_a_startup_configuration_that_is_a_template_is_refused(
    refusals: Refusals, tmp_path: Path
) -> None:
    (tmp_path / "r.conf").write_text("hostname {{ .ShortName }}\n")
    text = "name: t\ntopology:\n  nodes:\n    r: {kind: frr, startup-config: r.conf}"

    ((line, key, reason),) = refusals(text)

    assert (line, key) == (4, "topology.nodes.r.startup-config")
    assert reason.endswith("r.conf is a Go template, not rendered here")


def test_all_is_named_in_the_order_of_lines_and_once(refusals: Refusals) -> None:
    found = refusals(
        "name: t\ntopology:\n  nodes:\n    a: {startup-config: x}\n    b: {user: y}\n"
        "  defaults: {kind: linux, image: alpine, memory: 1Gb}\n"
    )

    assert [(line, key) for line, key, _ in found] == [
        (4, "topology.nodes.a.startup-config"),
        (5, "topology.nodes.b.user"),
        (6, "topology.defaults.memory"),
    ]


def test_management_addresses_are_from_the_range_beside_those_given(
    parse: Parse,
) -> None:
    found = plan(
        parse(
            """name: t
mgmt:
  ipv4-subnet: 172.30.0.0/24
  ipv4-range: 172.30.0.128/25
  ipv4-gw: 172.30.0.128
  mtu: 2100
topology:
  defaults: {kind: linux, image: alpine}
  nodes: {a: , b: {mgmt-ipv4: 172.30.0.129}, c: {network-mode: none}, d: }
"""
        )
    )

    assert found.errors == []
    assert found.mtu == 2100
    assert found.gateways[0] == "172.30.0.128/24"
    assert {name: both[0] for name, both in found.addresses.items()} == {
        "a": "172.30.0.130/24",
        "b": "172.30.0.129/24",
        "d": "172.30.0.131/24",
    }
