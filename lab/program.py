"""What a node is made of: its files, its environment, its program."""

import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

from lab import init
from lab.images import Image, programs
from lab.model import Bind, Node
from lab.place import PATH

CHECKOUT = Path(__file__).parents[1]
_KERNEL = ("/proc", "/sys", "/dev", "/run", "/tmp", "/boot")


def environment_of(node: Node) -> dict[str, str]:
    """Return the environment of a node's program, and of commands in the node."""
    return {"PATH": PATH, "HOME": "/root", "HOSTNAME": node.hostname} | node.env


def ordered_binds(node: Node) -> list[Bind]:
    """List the binds, a directory before what is bound below it."""
    return sorted(node.binds.values(), key=lambda each: len(Path(each.target).parts))


def specification(node: Node, image: Image, hosts: str) -> init.Spec:
    """Return what a node is to be; ``hosts`` is its /etc/hosts."""
    return {
        "root": str(image.root),
        "hostname": node.hostname,
        "hosts": hosts,
        "mounts": [*_file_systems(), str(CHECKOUT), *_interpreters()],
        "binds": [
            (str(bind.source) if bind.source else None, bind.target, bind.mode)
            for bind in ordered_binds(node)
        ],
        "programs": {**programs(), **image.programs},
        "argv": _argv_of(node, image),
    }


def _argv_of(node: Node, image: Image) -> list[str]:
    """Return what a node runs; nothing: it only waits for commands.

    As with an engine, a new entrypoint does away with the image's arguments.
    """
    entrypoint, cmd = (shlex.split(node.text(word)) for word in ("entrypoint", "cmd"))
    argv = entrypoint or list(image.entrypoint)
    return argv + (cmd or ([] if entrypoint else list(image.cmd)))


def program_setting(node: Node) -> str:
    """Name the setting that a node's program comes from."""
    words = ("entrypoint", "cmd")
    return next((word for word in words if node.text(word)), "image")


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
