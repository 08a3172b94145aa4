"""What the runner does not do, each with the line that asks for it."""

import os
import subprocess
from collections.abc import Collection, Iterator, Mapping

from lab.document import FileError, in_order
from lab.frr import of_frr, startup_file
from lab.images import Image, find
from lab.lab_files import is_made
from lab.management import plan
from lab.model import CONTAINERS, FRR_KINDS, Node, Stage, Topology
from lab.place import MANIFEST
from lab.program import argv_of, restart_of
from lab.wiring import of_links

KINDS = (*CONTAINERS, "bridge", "host")
UNSUPPORTED: Mapping[str, str] = {
    "license": "is for vendors' images",
    "volumes": "is not done; use binds",
    "tmpfs": "is not done; /run and /tmp are such, and a bind without source is empty",
    "devices": "is not done",
    "pid-mode": "is not done: every node has processes of its own",
    "components": "is for vendors' images",
}
"""Keys of a node. Labels, pull policies and the like change nothing here, and pass."""
IGNORABLE: Mapping[str, str] = {
    "ports": "publishes ports of a container; here, run what uses them in the node",
    "user": "is not done: programs run as root",
    "privileged": "is always true here: programs may do all in their node",
    "runtime": "chooses a container engine; there is none here",
    "cpu": "is not done: a node has no limits here",
    "cpu-set": "is not done: a node has no limits here",
    "memory": "is not done: a node has no limits here",
    "shm-size": "is not done: a node has no limits here",
    "dns": "is not done: a node has the machine's resolv.conf",
    "certificate": "is not done: a node gets no certificate",
    "credentials": "is not done: there is nothing to log in to",
}
"""Keys of a node that a lab may well do without."""
_AS_IT_IS: Mapping[str, tuple[object, ...]] = {
    "user": ("root", "0", 0, "0:0", "root:root"),
    "privileged": (True,),
}
"""Of these keys, what they may say."""
_OF_GIT = ("__gitBranch__", "__gitHash__")
_LONGEST_HOSTNAME = 64
_LONGEST_LAB = 100
_LONGEST_NAMESPACE = 200
"""It is the name of a file, and something is put behind it."""


def unsupported(
    topology: Topology, images: list[Image], ignored: Collection[str] = ()
) -> list[FileError]:
    """Find all that cannot be run here, in the order of lines.

    ``ignored`` are keys that may be passed over.
    """
    found = [*_of_nodes(topology, images, ignored), *_of_sysctls(topology)]
    if len(topology.name) > _LONGEST_LAB:
        reason = f"a lab's name has {_LONGEST_LAB} characters at most"
        found.append(topology.error(("name",), reason))
    if git := [word for word in _OF_GIT if word in topology.name]:
        reason = f"{git[0]} is not replaced here; write a name"
        found.append(topology.error(("name",), reason))
    # The rest speaks of nodes, and is of use only where these are sound.
    found = found or [*of_links(topology), *plan(topology).errors]
    return in_order(found)


def _of_nodes(
    topology: Topology, images: list[Image], ignored: Collection[str]
) -> Iterator[FileError]:
    for node in topology.nodes.values():
        if node.kind not in KINDS:
            yield topology.error(
                node.origin("kind"),
                f"{node.kind} needs its own image or program, which is not here;"
                " the namespaces run " + ", ".join(KINDS),
            )
            continue
        for name, reason in UNSUPPORTED.items():
            if name in node.settings:
                yield topology.error(node.origin(name), reason)
        for name, reason in IGNORABLE.items():
            if (
                name in node.settings
                and name not in ignored
                and not _is_off(node, name)
            ):
                also = f"; --ignore {name} passes it over"
                yield topology.error(node.origin(name), reason + also)
        yield from _of_node(topology, node, images)


def _is_off(node: Node, name: str) -> bool:
    """Tell whether a setting asks for nothing, or for what is done anyway."""
    value = node.settings[name]
    if value == 0 and value is not False:
        return True
    if value in _AS_IT_IS.get(name, ()):
        return True
    unset = isinstance(value, dict) and value.get("issue") is False
    return value == [] or (name == "certificate" and unset)


def _of_node(
    topology: Topology, node: Node, images: list[Image]
) -> Iterator[FileError]:
    if node.kind in CONTAINERS:
        name = image_of(node)
        image = find(images, name)
        if not name:
            yield topology.error(node.key, "has no image")
        elif image is None:
            yield topology.error(
                node.origin("image"),
                f"no local program stands for {name}; see containerlab/images.yaml",
            )
        elif trouble := image.missing():
            yield topology.error(node.origin("image"), trouble)
        yield from _of_names(topology, node)
    yield from _of_startup_config(topology, node)
    yield from _of_network_mode(topology, node)
    for bind in node.binds:
        source = bind.source
        if source and not source.exists() and not is_made(topology, source):
            yield topology.error(bind.key, f"there is no {source}")
    for wait in node.wait_for:
        other = topology.nodes[wait.node]
        if wait.stage is Stage.HEALTHY and not (
            other.healthcheck or _own_check(other, images)
        ):
            yield topology.error(
                wait.key, f"{wait.node} has no healthcheck: it never gets healthy"
            )
        if wait.stage is Stage.EXIT and (trouble := _never_exits(other, images)):
            yield topology.error(wait.key, f"{wait.node} {trouble}")


def _of_names(topology: Topology, node: Node) -> Iterator[FileError]:
    hostname = node.text("hostname", node.name)
    if len(hostname) > _LONGEST_HOSTNAME:
        reason = f"a host's name has {_LONGEST_HOSTNAME} characters at most"
        yield topology.error(node.origin("hostname"), reason)
    if node.name == MANIFEST:
        reason = "is a name of the runner's own; take another for the node"
        yield topology.error(node.key, reason)
    if len(topology.namespace(node.name)) > _LONGEST_NAMESPACE:
        reason = "the names of prefix, lab and node are too long"
        yield topology.error(node.key, reason)


def _of_startup_config(topology: Topology, node: Node) -> Iterator[FileError]:
    config = node.text("startup-config")
    key = node.origin("startup-config")
    if node.kind in FRR_KINDS:
        yield from of_frr(topology, node)
    if config and node.kind not in FRR_KINDS:
        yield topology.error(key, f"kind {node.kind} takes none; use binds")
    elif not config or "\n" in config:
        return
    elif "://" in config:
        reason = "files are not fetched here; name one of this machine"
        yield topology.error(key, reason)
    elif not (file := startup_file(topology, node)).is_file():
        yield topology.error(key, f"there is no file {file}")
    elif b"{{" in file.read_bytes():
        yield topology.error(key, f"{file} is a Go template, not rendered here")


def _of_network_mode(topology: Topology, node: Node) -> Iterator[FileError]:
    mode = node.text("network-mode")
    key = node.origin("network-mode")
    for name in ("mgmt-ipv4", "mgmt-ipv6"):
        if mode and name in node.settings and not node.is_managed:
            reason = f"with network-mode {mode} a node is in no management network"
            yield topology.error(node.origin(name), reason)
    if not mode.startswith("container:"):
        return
    shared = mode.removeprefix("container:")
    if node.kind not in CONTAINERS:
        yield topology.error(key, f"kind {node.kind} is of the lab's machine alone")
    elif shared not in topology.nodes:
        yield topology.error(key, f"there is no node {shared} in this file")
    elif topology.nodes[shared].kind not in CONTAINERS:
        yield topology.error(key, f"{shared} is no container")
    elif topology.owner(node.name) is None:
        yield topology.error(key, f"goes round in a circle: {shared} leads back here")


def _of_sysctls(topology: Topology) -> Iterator[FileError]:
    nodes = [node for node in topology.nodes.values() if node.kind in CONTAINERS]
    there = _known_sysctls({name for node in nodes for name in node.sysctls})
    for node in nodes:
        for name in node.sysctls:
            key = node.sysctl_keys[name]
            if not name.startswith("net."):
                yield topology.error(key, f"{name} would change the whole machine")
            elif name not in there:
                yield topology.error(key, f"there is no {name} in a new namespace")


def _known_sysctls(names: set[str]) -> set[str]:
    """Find those that a new network namespace has; as root, else this one's."""
    paths = {"/proc/sys/" + name.replace(".", "/"): name for name in names}
    if not paths:
        return set()
    new = ["unshare", "--net"] if os.geteuid() == 0 else []
    done = subprocess.run(
        [*new, "ls", "-d", "--", *paths], capture_output=True, text=True, check=False
    )
    return {paths[path] for path in done.stdout.splitlines() if path in paths}


def _never_exits(node: Node, images: list[Image]) -> str:
    """Say why a node will not be found to have ended; empty where it may be."""
    if node.kind not in CONTAINERS:
        return f"is of kind {node.kind}: it never exits"
    image = find(images, image_of(node))
    if image and not argv_of(node, image):
        return "runs no program: it never exits"
    if restart_of(node) in ("no", "on-failure"):
        return ""
    return 'is started again whenever it ends: it never exits; restart-policy: "no"'


def _own_check(node: Node, images: list[Image]) -> bool:
    image = find(images, image_of(node))
    return bool(image and image.healthcheck)


def image_of(node: Node) -> str:
    """Name a node's image."""
    return node.text("image", "frr" if node.kind in FRR_KINDS else "")
