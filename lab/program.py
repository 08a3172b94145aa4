"""What a node is made of: its files, its environment, its program."""

import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

from lab import init
from lab.images import PATH, programs
from lab.model import Node, Topology

CHECKOUT = Path(__file__).parents[1]
_KERNEL = ("/proc", "/sys", "/dev", "/run", "/tmp", "/boot")


def environment_of(node: Node) -> dict[str, str]:
    """Return the environment of a node's program, and of commands in the node."""
    return {"PATH": PATH, "HOME": "/root", "HOSTNAME": node.hostname} | node.env


def specification(topology: Topology, node: Node) -> init.Spec:
    """Return what a node is to be."""
    assert node.image is not None

    def origin(*setting: str) -> str:
        return str(topology.error(node.origin(*setting), node.name))

    # As with an engine, a new entrypoint does away with the image's arguments.
    entrypoint, cmd = (shlex.split(node.text(word)) for word in ("entrypoint", "cmd"))
    argv = [*(entrypoint or node.image.entrypoint)]
    argv += cmd or ([] if entrypoint else node.image.cmd)
    given = (word for word in ("entrypoint", "cmd") if node.text(word))
    # A directory comes before what is bound below it.
    binds = sorted(node.binds.values(), key=lambda each: len(Path(each.target).parts))
    return {
        "root": str(node.image.root),
        "hostname": node.hostname,
        "hosts": _hosts(topology),
        "mounts": [*_file_systems(), str(CHECKOUT), *_interpreters()],
        "binds": [
            (
                str(bind.source.resolve()) if bind.source else None,
                bind.target,
                bind.mode,
                origin("binds", bind.target),
            )
            for bind in binds
        ],
        "programs": {**programs(), **node.image.programs},
        "argv": argv,
        "origin": origin(next(given, "image")),
    }


def _hosts(topology: Topology) -> str:
    """Return /etc/hosts: the nodes by their management addresses."""
    lines = ["127.0.0.1 localhost", "::1 localhost ip6-localhost"]
    for node in topology.nodes.values():
        for address in node.addresses:
            name = f"{node.name} {topology.namespace(node.name)}"
            lines.append(f"{address.partition('/')[0]} {name}")
    return "\n".join(lines) + "\n"


def _interpreters() -> list[str]:
    """List the trees of this Python that a node would not see by itself."""
    found = {str(Path(prefix).resolve()) for prefix in (sys.prefix, sys.base_prefix)}
    return sorted(path for path in found if path.startswith(("/tmp/", "/run/")))


def _file_systems() -> Iterator[str]:
    """List the machine's other file systems, /home and the like."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        words = line.split()
        point, source = words[4], words[words.index("-") + 2]
        below = any(point == top or point.startswith(top + "/") for top in _KERNEL)
        if point != "/" and not below and source.startswith("/") and "\\" not in point:
            yield point
