"""What a node is made of: its files, its environment, its program."""

import shlex
import sys
from pathlib import Path

from integration.clab import init
from integration.clab.images import Image, programs
from integration.clab.model import Bind, Node, Topology
from integration.clab.place import PATH
from integration.clab.support import FRR_KINDS, startup_file

CHECKOUT = Path(__file__).parents[2]
_KERNEL = ("/proc", "/sys", "/dev", "/run", "/tmp", "/boot")
_FRR_DAEMONS = (
    *("bgpd", "ospfd", "ospf6d", "ripd", "ripngd", "isisd", "pimd", "pim6d", "ldpd"),
    *("nhrpd", "eigrpd", "babeld", "pbrd", "bfdd", "fabricd", "vrrpd", "pathd"),
)


def environment_of(topology: Topology, node: Node) -> dict[str, str]:
    """Compose the environment of a node's program, and of commands in the node."""
    labels = {
        "CLAB_LABEL_" + name.upper().replace("-", "_"): value
        for name, value in node.labels.items()
    }
    interfaces = sum(
        end.node == node.name for link in topology.links for end in link.endpoints
    )
    own = {
        "PATH": PATH,
        "HOME": "/root",
        "HOSTNAME": node.name,
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
    default = "always" if node.kind == "linux" else "no"
    return {
        "hostname": node.name,
        "hosts": hosts,
        "mounts": [
            *_file_systems(),
            _mount(str(CHECKOUT)),
            *(_mount(prefix) for prefix in _interpreters()),
            *_frr_files(topology, node, directory),
        ],
        "binds": [_mount_of(bind) for bind in ordered_binds(node)],
        "programs": programs(),
        "argv": argv_of(node, image),
        "restart": node.text("restart-policy", default),
    }


def argv_of(node: Node, image: Image) -> list[str]:
    """Find what a node runs; nothing: it only waits for commands.

    As with an engine, a new entrypoint does away with the image's arguments.
    """
    entrypoint, cmd = node.text("entrypoint"), node.text("cmd")
    argv = shlex.split(entrypoint) or list(image.entrypoint)
    return argv + (shlex.split(cmd) or ([] if entrypoint else list(image.cmd)))


def program_setting(node: Node) -> str:
    """Name the setting that a node's program comes from."""
    words = ("entrypoint", "cmd", "image")
    return next((word for word in words if node.text(word)), "kind")


def _frr_files(topology: Topology, node: Node, directory: Path) -> list[init.Mount]:
    """Write what containerlab's own kind of FRR puts into /etc/frr."""
    if node.kind not in FRR_KINDS:
        return []
    config = node.text("startup-config")
    if config and "\n" not in config:
        config = startup_file(topology, node).read_text()
    extras = node.settings.get("extras")
    own = extras.get("frr") if isinstance(extras, dict) else None
    wanted = own.get("daemons") if isinstance(own, dict) else None
    listed = wanted if isinstance(wanted, list) else _FRR_DAEMONS
    daemons = "".join(f"{name}=yes\n" for name in listed)
    options = '_options=" -A 127.0.0.1"\n'
    daemons += "".join(f"{name}{options}" for name in ("zebra", *listed))
    files = {
        "frr.conf": config or "frr defaults traditional\nlog stdout\n",
        "daemons": "vtysh_enable=yes\n" + daemons,
        "vtysh.conf": "service integrated-vtysh-config\n",
    }
    for name, text in files.items():
        (directory / name).write_text(text)
    return [_mount(str(directory / name), f"/etc/frr/{name}") for name in files]


def _mount(source: str, target: str = "", *, read_only: bool = False) -> init.Mount:
    return {"source": source, "target": target or source, "read_only": read_only}


def _mount_of(bind: Bind) -> init.Mount:
    source = str(bind.source) if bind.source is not None else None
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
