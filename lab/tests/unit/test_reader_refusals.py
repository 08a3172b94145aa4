"""What is wrong in a topology file is refused with its line."""

from pathlib import Path

import pytest

from lab.images import TABLE, read_images
from lab.support import unsupported
from lab.tests.unit.parsing import parse, refusals


@pytest.mark.parametrize(
    ("body", "line", "key", "reason"),
    [
        ("  nodes: {a: {kind: linux, imgae: x}}", 3, "imgae", "no key of a node"),
        ("  nodes:\n    a: {image: x}", 4, "a", "has no kind"),
        ("  nodes:\n    a: {kind: linxu}", 4, "kind", "no kind that containerlab"),
        ("  nodes: {a: {kind: linux, exec: ls}}", 3, "exec", "must be a list"),
        ("  nodes: {a: {kind: linux, image: 'x:${'}}", 3, "image", "name of an image"),
        (
            "  nodes: {a: {kind: linux, env-files: ['~no/x']}}",
            3,
            "env-files[0]",
            "No such",
        ),
        ("  nodes: {a: {kind: linux, exec: [x 'y]}}", 3, "exec[0]", "is no command"),
        ("  nodes: {a: {kind: linux, exec: ['']}}", 3, "exec[0]", "is empty"),
        ("  nodes: {a: {kind: linux, cmd: ' '}}", 3, "cmd", "is empty"),
        ("  nodes: {br|a: {kind: bridge}}", 3, "'br|a'", "bridges within a node"),
        ("  nodes: {a: {kind: linux, cmd: 'sh \"x'}}", 3, "cmd", "is no command"),
        (
            (
                "  nodes: {a: {kind: linux}}\n  links:\n"
                "    - endpoints: [a:eth1, host:x]\n      ipv4: [10.0.0.300/24]"
            ),
            6,
            "ipv4[0]",
            "an IPv4 address",
        ),
        ("  nodes: {a: {kind: linux, binds: [x]}}", 3, "binds[0]", "begin with /"),
        (
            "  nodes: {a: {kind: linux}}\n  links:\n    - endpoints: [a:eth1, b:eth1]",
            5,
            "links[0].endpoints[1]",
            "there is no node b",
        ),
        (
            "  nodes: {a: {kind: linux}}\n  links:\n    - endpoints: [a:eth1]",
            5,
            "endpoints",
            "a list of two endpoints",
        ),
        (
            (
                "  nodes: {a: {kind: linux}}\n  links:\n"
                "    - endpoints: [a:eth1, host:x]\n    - endpoints: [a:eth1, host:y]"
            ),
            6,
            "links[1]",
            "taken on line 5 already",
        ),
        (
            "  nodes: {a: {kind: linux}}\n  links:\n    - type: vth\n",
            5,
            "type",
            "must be one of veth",
        ),
        (
            (
                "  nodes: {a: {kind: linux}}\n  links:\n"
                "    - type: host\n      endpoint: {node: a, interface: eth1}"
            ),
            5,
            "links[0]",
            "host-interface is missing",
        ),
        (
            (
                "  defaults: {kind: linux}\n  nodes:\n"
                "    a: {stages: {create: {wait-for: [{node: b, stage: create}]}}}\n"
                "    b: {stages: {create: {wait-for: [{node: a, stage: create}]}}}"
            ),
            5,
            "wait-for[0]",
            "a waits for itself, through b",
        ),
        ("  nodes: {a: {kind: linux}}\n  nodse: {}", 4, "nodse", "no key of topology"),
        (
            (
                "  nodes:\n    a:\n      kind: linux\n      stages:\n"
                "        create:\n          exec:\n"
                "            - {command: hostname, phase: on-enter}"
            ),
            9,
            "create.exec[0]",
            "no container yet",
        ),
    ],
)
def test_what_containerlab_refuses_is_refused_with_its_line(
    tmp_path: Path, body: str, line: int, key: str, reason: str
) -> None:
    found = refusals(tmp_path, body)

    assert any(
        (at, where.endswith(key), reason in why) == (line, True, True)
        for at, where, why in found
    ), found


@pytest.mark.parametrize(
    ("node", "links", "line", "reason"),
    [
        ("{kind: nokia_srlinux}", "", 4, "needs its own image"),
        ("{kind: linux, image: 'nobody/knows:1'}", "", 4, "no local program stands"),
        ("{kind: linux}", "", 4, "has no image"),
        (
            "{kind: linux, image: alpine}",
            "  links:\n    - endpoints: [a:eth0, host:x]",
            6,
            "a:eth0 is in the management network already",
        ),
        ("{kind: linux, image: alpine, ports: ['80:80']}", "", 4, "publishes ports"),
        ("{kind: linux, image: alpine, memory: 1Gb}", "", 4, "no limits here"),
        ("{kind: linux, image: alpine, binds: ['no:/x']}", "", 4, "there is no"),
        ("{kind: linux, image: alpine, binds: ['~no/x:/x']}", "", 4, "there is no"),
        (
            "{kind: linux, image: alpine, sysctls: {kernel.pid_max: 9}}",
            "",
            4,
            "would change the whole machine",
        ),
        (
            "{kind: linux, image: alpine}",
            (
                "  links:\n    - {type: vxlan, endpoint: {node: a, interface: eth1},"
                " remote: 10.0.0.1, vni: 7, dst-port: 4789}"
            ),
            6,
            "vxlan links are not made here",
        ),
        (
            (
                "{kind: linux, image: alpine, stages: {create: {wait-for:"
                " [{node: a2, stage: healthy}]}}}\n    a2: {kind: linux, image: alpine}"
            ),
            "",
            4,
            "a2 has no healthcheck",
        ),
    ],
)
def test_what_the_namespaces_cannot_do_is_refused_with_its_line(
    tmp_path: Path, node: str, links: str, line: int, reason: str
) -> None:
    topology = parse(tmp_path, f"  nodes:\n    a: {node}\n{links}")

    found = unsupported(topology, read_images(TABLE))

    assert [(each.line, reason in each.reason) for each in found] == [(line, True)]
