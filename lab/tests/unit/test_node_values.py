"""What each key of a node takes, by type, pattern and words: as containerlab has it."""

import pytest

from lab.tests.unit.conftest import Parse, Refusals

TAKEN = [
    "network-mode: none",
    "network-mode: host",
    "runtime: podman",
    "user: 1000",
    "user: root",
    "cpu: 0.5",
    "shm-size: 64mb",
    "ports: ['80', '8080:80', '8080:80/tcp', '192.0.2.1:80:80/udp']",
    "env: {A: 1, B: true, C: text, D: 1.10}",
    "labels: {a: x, b: 0}",
    "sysctls: {net.ipv4.ip_forward: 1}",
    "aliases: [a, b]",
    "tmpfs: {/run: size=1m}",
    "stages: {create: {exec: [{command: 'true', phase: on-exit}]}}",
    "healthcheck: {test: [CMD, 'true'], interval: 1}",
]
REFUSED = [
    ("network-mode: bridge", "network-mode", "none, host or container:NODE"),
    ("network-mode: 'container:'", "network-mode", "none, host or container:NODE"),
    ("network-mode: hostile", "network-mode", "none, host or container:NODE"),
    ("runtime: ignite", "runtime", "docker, podman"),
    ("user: -1", "user", "a name, or a number from 0 on"),
    ("cpu: -1", "cpu", "a number from 0 on"),
    ("shm-size: 64", "shm-size", "a size"),
    ("ports: [80]", "ports[0]", "a port"),
    ("ports: ['80/tcp']", "ports[0]", "a port"),
    ("labels: {a: ''}", "labels.a", "text that is not empty"),
    ("labels: {a: true}", "labels.a", "text that is not empty"),
    ("sysctls: {net.ipv4.ip_forward: true}", "", "text or a number"),
    ("exec: []", "exec", "is empty; leave the key out"),
    ("exec: [1]", "exec[0]", "must be text"),
    ("binds: []", "binds", "is empty; leave the key out"),
    ("binds: ['/a:/b', '/a:/b']", "binds[1]", "stands twice"),
    ("aliases: [a, a]", "aliases[1]", "stands twice"),
    ("cap-add: [1]", "cap-add[0]", "must be text"),
    ("env-files: []", "env-files", "is empty; leave the key out"),
    ("certificate: {sans: [a, a]}", "sans[1]", "stands twice"),
    ("dns: {servers: [a, a]}", "servers[1]", "stands twice"),
    ("tmpfs: {run: ''}", "tmpfs.run", "a path that begins with /"),
    ("healthcheck: {test: [CMD, 1]}", "test[1]", "must be text"),
    ("mgmt_ipv4: 172.20.20.5", "mgmt_ipv4", "is it mgmt-ipv4?"),
    ("publish: [tcp/22]", "publish", "is no key of a node"),
    (
        "stages: {create: {exec: [{command: 'true', target: host}]}}",
        "exec[0]",
        "phase is missing",
    ),
    (
        "stages: {create: {exec: {on-exit: []}}}",
        "on-exit",
        "is empty; leave the key out",
    ),
]
MGMT = [
    ("ipv4-subnet: 172.20.20.0", "ipv4-subnet", "with its prefix length or auto"),
    ("ipv6-subnet: 'fd00::'", "ipv6-subnet", "with its prefix length or auto"),
    ("ipv4-range: auto", "ipv4-range", "with its prefix length, not"),
    ("driver-opts: {a: []}", "driver-opts.a", "text, a number, true or false"),
]
LINKS = [
    ("{endpoints: ['a:x', 'b:x'], labels: {a: b}}", "labels", "is no key of a link"),
    ("{endpoints: ['a:x', 'b:x'], ipv4: []}", "ipv4", "is empty"),
    (
        "{endpoints: ['a:x', 'b:x'], ipv4: [10.0.0.1/24, 10.0.0.1/24]}",
        "ipv4[1]",
        "stands twice",
    ),
    ("{type: dummy, endpoint: {node: a, interface: x, ipv4: ''}}", "ipv4", "prefix"),
    (
        "{type: dummy, endpoint: {node: a, interface: x, mac: 0200.0000.0001}}",
        "mac",
        "a MAC address of pairs",
    ),
    (
        "{type: vxlan, endpoint: {node: a, interface: x}, remote: 10.0.0.1, vni: 1}",
        "",
        "dst-port is missing",
    ),
]


def body(node: str = "", mgmt: str = "", link: str = "") -> str:
    lines = ["name: t"]
    lines += [f"mgmt: {{{mgmt}}}"] if mgmt else []
    lines += ["topology:", "  defaults: {kind: linux, image: alpine}", "  nodes:"]
    lines += [f"    a: {{{node}}}", "    b:"]
    lines += ["  links:", f"    - {link}"] if link else []
    return "\n".join(lines)


@pytest.mark.parametrize("text", TAKEN)
def test_what_containerlab_takes_is_taken(parse: Parse, text: str) -> None:
    assert parse(body(text)).nodes["a"].settings


@pytest.mark.parametrize(
    ("text", "key", "reason"),
    [
        *((body(node), key, reason) for node, key, reason in REFUSED),
        *((body(mgmt=mgmt), key, reason) for mgmt, key, reason in MGMT),
        *((body(link=link), key, reason) for link, key, reason in LINKS),
    ],
)
def test_what_containerlab_refuses_is_refused(
    refusals: Refusals, text: str, key: str, reason: str
) -> None:
    found = refusals(text)

    assert len(found) == 1
    assert found[0][1].endswith(key)
    assert reason in found[0][2]
