"""What a node is made of: its files, its environment, its program."""

import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

from lab import init
from lab.frr import frr_files
from lab.images import Image, programs
from lab.lab_files import lab_file
from lab.model import Bind, Node, Topology
from lab.place import PATH

CHECKOUT = Path(__file__).parents[1]
_KERNEL = ("/proc", "/sys", "/dev", "/run", "/tmp", "/boot")


def environment_of(topology: Topology, node: Node) -> dict[str, str]:
    """Compose the environment of a node's program, and of commands in the node."""
    own_labels = {
        "containerlab": topology.name,
        "clab-node-name": node.name,
        "clab-node-longname": topology.namespace(node.name),
        "clab-node-kind": node.kind,
        "clab-node-type": node.text("type"),
        "clab-node-group": node.text("group"),
        "clab-node-lab-dir": str(topology.lab_directory / node.name),
        "clab-topo-file": str(topology.path.resolve()),
    }
    labels = {
        "CLAB_LABEL_" + re.sub(r"[^A-Za-z0-9_]", "_", name).upper(): value
        for name, value in (own_labels | node.labels).items()
    }
    interfaces = sum(
        end.node == node.name for link in topology.links for end in link.endpoints
    )
    own = {
        "PATH": PATH,
        "HOME": "/root",
        "HOSTNAME": node.text("hostname", node.name),
        "CLAB_INTFS": str(interfaces),
    }
    return own | labels | node.env


def ordered_binds(node: Node) -> list[Bind]:
    """Put a directory before what is bound below it, as an engine does."""
    return sorted(node.binds, key=lambda each: len(Path(each.target).parts))


def specification(
    topology: Topology, node: Node, image: Image, directory: Path, hosts: str
) -> init.Spec:
    """Say what a node is to be; its files are written into the directory.

    ``hosts`` is its /etc/hosts.
    """
    return {
        "root": str(image.root),
        "hostname": node.text("hostname", node.name),
        "hosts": hosts,
        "mounts": [
            *_file_systems(),
            _mount(str(CHECKOUT)),
            *(_mount(prefix) for prefix in _interpreters()),
            *_frr_mounts(topology, node, directory),
        ],
        "binds": [
            _mount_of(bind, topology, directory.parent) for bind in ordered_binds(node)
        ],
        "programs": {**programs(), **image.programs},
        "argv": argv_of(node, image),
        "restart": restart_of(node),
    }


def argv_of(node: Node, image: Image) -> list[str]:
    """Find what a node runs; nothing: it only waits for commands.

    As with an engine, a new entrypoint does away with the image's arguments.
    """
    entrypoint, cmd = node.text("entrypoint"), node.text("cmd")
    argv = shlex.split(entrypoint) or list(image.entrypoint)
    return argv + (shlex.split(cmd) or ([] if entrypoint else list(image.cmd)))


def restart_of(node: Node) -> str:
    """Read whether a node's program is started again when it ends."""
    default = "always" if node.kind == "linux" else "no"
    return node.text("restart-policy", default).lower()


def program_setting(node: Node) -> str:
    """Name the setting that a node's program comes from."""
    words = ("entrypoint", "cmd", "image")
    return next((word for word in words if node.text(word)), "kind")


def _frr_mounts(
    topology: Topology, node: Node, directory: Path
) -> Iterator[init.Mount]:
    for name, text in frr_files(topology, node).items():
        (directory / name).write_text(text)
        yield _mount(str(directory / name), f"/etc/frr/{name}")


def _mount(source: str, target: str = "", *, read_only: bool = False) -> init.Mount:
    return {"source": source, "target": target or source, "read_only": read_only}


def _mount_of(bind: Bind, topology: Topology, place: Path) -> init.Mount:
    source = str(lab_file(bind.source, topology, place)) if bind.source else None
    return {"source": source, "target": bind.target, "read_only": bind.read_only}


def _interpreters() -> list[str]:
    """Find the trees of this Python that a node would not see by itself."""
    found = {str(Path(prefix).resolve()) for prefix in (sys.prefix, sys.base_prefix)}
    return sorted(path for path in found if path.startswith(("/tmp/", "/run/")))


def _file_systems() -> list[init.Mount]:
    """List the machine's other file systems, /home and the like."""
    found = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        words = line.split()
        point, source = words[4], words[words.index("-") + 2]
        below = any(point == top or point.startswith(top + "/") for top in _KERNEL)
        if point != "/" and not below and source.startswith("/") and "\\" not in point:
            found.append(_mount(point))
    return found
