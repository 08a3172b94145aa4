"""What cannot be run here, each with the line that asks for it."""

import re
from collections.abc import Collection, Iterator
from pathlib import Path

from lab.document import FileError, FileErrors, similar
from lab.images import Image, find
from lab.keys import AS_IT_IS, NOT_DONE
from lab.management import assign
from lab.model import Node, Topology

_KIND = "linux"
_INTERFACE = re.compile(r"[^\s/:%\"'\\#-][^\s/:%\"'\\#]{0,14}")
"""What the kernel takes, without what `ip` would take for something else."""
_KERNELS = ("lo", "all", "default", ".", "..")
"""Names that are there already, or stand for all interfaces."""


def fit(topology: Topology, images: list[Image], ignored: Collection[str] = ()) -> None:
    """Find what is here for a topology: every node's program and address.

    Raises FileErrors with everything that cannot be run here. ``ignored`` are keys of
    nodes that may be passed over.
    """
    for node in topology.nodes.values():
        node.image = find(images, node.text("image"))
    errors = [
        error
        for node in topology.nodes.values()
        for error in _of_node(topology, node, ignored)
    ]
    # The rest speaks of nodes, and is of use only where these are sound.
    errors = errors or [*_of_interfaces(topology), *assign(topology)]
    if errors:
        raise FileErrors(errors)


def _of_node(
    topology: Topology, node: Node, ignored: Collection[str]
) -> Iterator[FileError]:
    def wrong(reason: str, *setting: str) -> FileError:
        return topology.error(node.origin(*setting), reason)

    if node.kind != _KIND:
        also = similar(node.kind, [_KIND])
        reason = f"{node.kind} needs its own image or program, which is not here"
        yield wrong(f"{reason}; the namespaces run {_KIND}{also}", "kind")
        return
    for name, reason in NOT_DONE.items():
        value = node.settings.get(name)
        asked = (value or value is False) and value not in AS_IT_IS.get(name, ())
        if asked and name not in ignored:
            yield wrong(f"{reason}; --ignore {name} passes it over", name)
    mode = node.text("network-mode", "none")
    if mode != "none":
        yield wrong(f"{mode} is not done here, but none", "network-mode")
    image = node.text("image")
    if not image:
        yield wrong("has no image")
    elif node.image is None:
        no_program = f"no local program stands for {image}"
        yield wrong(f"{no_program}; see containerlab/images.yaml", "image")
    elif missing := node.image.missing():
        yield wrong(missing, "image")
    for name in ("mgmt-ipv4", "mgmt-ipv6"):
        if name in node.settings and not node.is_managed:
            reason = "with network-mode none a node is in no management network"
            yield wrong(reason, name)
    for name in node.sysctls:
        if not name.startswith("net."):
            yield wrong(f"{name} would change the whole machine", "sysctls", name)
        elif not Path("/proc/sys", name.replace(".", "/")).exists():
            yield wrong(f"there is no {name} on this machine", "sysctls", name)
    for bind in node.binds.values():
        if bind.source and not bind.source.exists():
            yield wrong(f"there is no {bind.source}", "binds", bind.target)


def _of_interfaces(topology: Topology) -> Iterator[FileError]:
    for end in (end for link in topology.links for end in link.ends):
        name, reason = end.interface, ""
        if topology.nodes[end.node].is_managed and name == "eth0":
            also = "network-mode: none leaves it out"
            reason = f"{end.node}:eth0 is in the management network already; {also}"
        elif not _INTERFACE.fullmatch(name):
            what = "is no name of a Linux interface: 15 characters at most, no /"
            reason = f"{name!r} {what}"
        elif name in _KERNELS:
            reason = f"{name} is a name of the kernel's own"
        if reason:
            yield topology.error(end.key, reason)
