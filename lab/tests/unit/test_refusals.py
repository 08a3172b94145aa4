"""What can be known from a file is judged before anything is made, with its line."""

import pytest

from lab.document import FileErrors
from lab.images import TABLE, read_images
from lab.keys import NOT_DONE
from lab.support import load
from lab.tests.unit.conftest import Parse, Refusals

NODES = """name: t
topology:
  defaults: {kind: linux, image: alpine}
  nodes: {a: , b: }
  links:
"""
PAIR = '    - endpoints: ["a:eth1", "b:eth1"]\n'
LONG = """    - type: veth
      endpoints:
        - {{node: a, interface: x, mac: '{}'}}
        - {{node: b, interface: x}}
"""


@pytest.mark.parametrize(
    ("links", "line", "key", "reason"),
    [
        (f"{PAIR}      mtu: 10", 7, "mtu", "from 68 to 65535, not 10"),
        (f"{PAIR}      ipv4: [10.0.0.1/24]", 7, "ipv4", "ip addr add"),
        (f"{PAIR}      labels: {{a: b}}", 7, "labels", "is no key of a link"),
        (PAIR + PAIR, 7, "links[1]", "a:eth1 is taken on line 6 already"),
        ('    - endpoints: ["a:lo", "b:eth1"]', 6, "endpoints[0]", "is no name for a"),
        (
            '    - endpoints: ["a:e\'1", "b:eth1"]',
            6,
            "endpoints[0]",
            "is no name for a",
        ),
        ('    - endpoints: ["a:eth0", "b:x"]', 6, "endpoints[0]", "a:eth0 is in the"),
        ('    - endpoints: ["a:x", "host:y"]', 6, "endpoints[1]", "host links are not"),
        ('    - endpoints: ["a:x", "c:x"]', 6, "endpoints[1]", "there is no node c"),
        ('    - endpoints: ["a:1", "b:1", "b:2"]', 6, "endpoints", "2 entries, not 3"),
        ("    - endpoints: [a:1, 5]", 6, "endpoints[1]", "NODE:INTERFACE, not 5"),
        ("    - {mtu: 1500}", 6, "links[0]", "endpoints is missing"),
        ("    - 5", 6, "links[0]", "must be a mapping, not 5"),
        ("    - {type: vxlan, vni: 7}", 6, "links[0]", "vxlan links are not made"),
        (
            LONG.format("ff:ff:ff:ff:ff:ff"),
            8,
            "mac",
            "the MAC address of one interface",
        ),
        (LONG.format("0200.0000.0001"), 8, "mac", "as 02:00:00:00:00:01"),
    ],
)
def test_links_that_cannot_be(
    refusals: Refusals, links: str, line: int, key: str, reason: str
) -> None:
    found = refusals(NODES + links)[0]

    assert found[0] == line
    assert found[1].endswith(key)
    assert reason in found[2]


@pytest.mark.parametrize(
    ("node", "key", "reason"),
    [
        ("kind: nokia_srlinux", "kind", "needs its own image"),
        ("kind: linxu", "kind", "the namespaces run linux; is it linux?"),
        ("image: nobody/knows:1", "image", "no local program stands"),
        ("image: 'x:${'", "image", "name of an image"),
        ("imge: x", "imge", "is no key of a node in containerlab; is it image?"),
        ("mgmt_ipv4: 172.20.20.5", "mgmt_ipv4", "is it mgmt-ipv4?"),
        ("exec: ls", "exec", "must be a list, not 'ls'"),
        ("exec: [x 'y]", "exec[0]", "must be a command, in quotes as"),
        ("cmd: ' '", "cmd", "must be a command"),
        ('cmd: "x\\0y"', "cmd", "must be a command"),
        ("binds: [':/x']", "binds[0]", "must be SOURCE:/TARGET"),
        ("binds: ['/tmp:/x:rx']", "binds[0]", "must be SOURCE:/TARGET, also with :ro"),
        ("binds: ['a:']", "binds[0]", "must be SOURCE:/TARGET"),
        ("binds: ['no:/x']", "binds[0]", "there is no"),
        ("binds: ['~no/x:/x']", "binds[0]", "there is no"),
        ("sysctls: {net.ipv4.nonsense: 1}", "nonsense'", "there is no"),
        ("sysctls: {kernel.pid_max: 9}", "'kernel.pid_max'", "the whole machine"),
        ("env: {A: 1, B: [x]}", "env.B", "must be text or a number, not a list"),
        ("env: {A=B: x}", "env.'A=B'", "must be the name of a variable"),
        ("healthcheck: {test: [ls]}", "test", "begins with CMD or CMD-SHELL"),
        ("network-mode: host", "network-mode", "host is not done here, but none"),
        ("network-mode: bridge", "network-mode", "none, host or container:NODE"),
        ("mgmt-ipv4: 10.5.5.5", "mgmt-ipv4", "not in the management network"),
        ("mgmt-ipv4: 172.20.20.999", "mgmt-ipv4", "must be an IPv4 address"),
        ("mgmt-ipv4: 172.20.20.1", "mgmt-ipv4", "is that of the gateway"),
        ("mgmt-ipv4: 172.20.20.255", "mgmt-ipv4", "is that of broadcasts"),
        ("mgmt-ipv4: 172.20.20.5", "mgmt-ipv4", "172.20.20.5 is that of b"),
        ("privileged: false", "privileged", "is always true here"),
        ("memory: 1Gb", "memory", "no limits; --ignore memory passes it over"),
    ],
)
def test_nodes_that_cannot_be(
    refusals: Refusals, node: str, key: str, reason: str
) -> None:
    (found,) = refusals(
        "name: t\ntopology:\n  defaults: {kind: linux, image: alpine}\n  nodes:\n"
        f"    b: {{mgmt-ipv4: 172.20.20.5}}\n    a:\n      {node}\n"
    )

    assert found[0] == 7
    assert found[1].endswith(key)
    assert reason in found[2]


@pytest.mark.parametrize(
    ("mgmt", "key", "reason"),
    [
        ("{ipv4-subnet: 10.0.0.0/30}", "ipv4-subnet", "has no address left for b"),
        ("{ipv4-subnet: 10.0.0.1/32}", "ipv4-subnet", "of 4 addresses or more"),
        ("{ipv4-subnet: '2001:db8::/64'}", "ipv4-subnet", "an IPv4 subnet"),
        ("{ipv4-subnet: 172.20.20.0}", "ipv4-subnet", "with its prefix length"),
        ("{ipv4-gw: 10.0.0.1}", "ipv4-gw", "the first address of the subnet"),
        ("{mtu: 1000}", "mtu", "from 1280 to 65535"),
        ("{ip4-subnet: auto}", "ip4-subnet", "is it ipv4-subnet?"),
    ],
)
def test_a_management_network_that_cannot_be(
    refusals: Refusals, mgmt: str, key: str, reason: str
) -> None:
    (found,) = refusals(
        f"name: t\nmgmt: {mgmt}\ntopology:\n"
        "  defaults: {kind: linux, image: alpine}\n  nodes: {a: , b: }\n"
    )

    assert found[:2] == (2, f"mgmt.{key}")
    assert reason in found[2]


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("name: t\ntopology:\n  nodes: {}", 2, "nodes is missing"),
        ("name: t\ntopology: {nodes: {a: {image: x}}}", 2, "has no kind"),
        ("name: t\ntopology: {nodes: {a: {kind: linux}}}", 2, "has no image"),
        ("name: t\ntopology: {nodes: {'br|a': }}", 2, "must be a name of"),
        ("name: t\nprefix: a/b\ntopology: {nodes: {a: {kind: l}}}", 2, "a name of"),
        ("name: ''\ntopology: {nodes: {a: {kind: linux}}}", 1, "name is missing"),
        ("# {{ a comment }}\nname: t\n{{ range .nodes }}", 3, "a Go template"),
    ],
)
def test_a_file_that_cannot_be(
    refusals: Refusals, text: str, line: int, reason: str
) -> None:
    (found,) = refusals(text)

    assert found[0] == line
    assert reason in found[2]


def test_without_management_network_there_is_no_address_in_it(
    refusals: Refusals,
) -> None:
    node = "{kind: linux, image: alpine, network-mode: none, mgmt-ipv4: 172.20.20.7}"
    (found,) = refusals(f"name: t\ntopology: {{nodes: {{a: {node}}}}}")

    assert "with network-mode none a node is in no management network" in found[2]


@pytest.mark.parametrize(
    "keys",
    [
        "auto-remove: true, cap-add: [NET_ADMIN], config: {x: y}",
        'user: "0:0", privileged: true, restart-policy: always',
    ],
)
def test_what_changes_nothing_or_is_done_anyway_may_be_asked_for(
    refusals: Refusals, keys: str
) -> None:
    node = f"{{kind: linux, image: alpine, {keys}}}"

    assert not refusals(f"name: t\ntopology: {{nodes: {{a: {node}}}}}")


def test_what_is_not_done_can_be_passed_over(parse: Parse) -> None:
    keys = ", ".join(f"{name}: [x]" for name in NOT_DONE)
    node = f"{{kind: linux, image: alpine, {keys}}}"
    file = parse(f"name: t\ntopology: {{nodes: {{a: {node}}}}}").path
    images = read_images(TABLE)

    with pytest.raises(FileErrors) as refused:
        load(file, None, images)
    assert len(refused.value.errors) == len(NOT_DONE)
    load(file, None, images, NOT_DONE)


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
