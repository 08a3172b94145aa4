"""What cannot be run here, each with the line that asks for it."""

import re
from collections.abc import Collection, Iterator
from pathlib import Path

from lab.document import FileError, in_order, similar
from lab.images import Image, find
from lab.keys import AS_IT_IS, NOT_DONE
from lab.management import plan
from lab.model import Node, Topology

_KIND = "linux"
_INTERFACE = re.compile(r"[^\s/:%\"'\\#-][^\s/:%\"'\\#]{0,14}")
"""What the kernel takes, without what `ip` would take for something else."""
_KERNELS = ("lo", "all", "default", ".", "..")
"""Names that are there already, or stand for all interfaces."""


def unsupported(
    topology: Topology, images: list[Image], ignored: Collection[str] = ()
) -> list[FileError]:
    """List all that cannot be run here, in the order of lines.

    ``ignored`` are keys of nodes that may be passed over.
    """
    found = [
        error
        for node in topology.nodes.values()
        for error in _of_node(topology, node, images, ignored)
    ]
    # The rest speaks of nodes, and is of use only where these are sound.
    return in_order(found or [*_of_interfaces(topology), *plan(topology).errors])


def _of_node(
    topology: Topology, node: Node, images: list[Image], ignored: Collection[str]
) -> Iterator[FileError]:
    def wrong(setting: str, reason: str) -> FileError:
        return topology.error(node.origin(setting), reason)

    if node.kind != _KIND:
        also = similar(node.kind, [_KIND])
        reason = "needs its own image or program, which is not here"
        runs = f"the namespaces run {_KIND}"
        yield wrong("kind", f"{node.kind} {reason}; {runs}{also}")
        return
    for name, reason in NOT_DONE.items():
        value = node.settings.get(name)
        asked = (value or value is False) and value not in AS_IT_IS.get(name, ())
        if asked and name not in ignored:
            yield wrong(name, f"{reason}; --ignore {name} passes it over")
    if node.text("network-mode", "none") != "none":
        mode = node.text("network-mode")
        yield wrong("network-mode", f"{mode} is not done here, but none")
    image = node.text("image")
    found = find(images, image)
    if not image:
        yield topology.error(node.key, "has no image")
    elif found is None:
        reason = f"no local program stands for {image}; see containerlab/images.yaml"
        yield wrong("image", reason)
    elif trouble := found.missing():
        yield wrong("image", trouble)
    for name in ("mgmt-ipv4", "mgmt-ipv6"):
        if name in node.settings and not node.is_managed:
            reason = "with network-mode none a node is in no management network"
            yield wrong(name, reason)
    for name, (_, key) in node.sysctls.items():
        if not name.startswith("net."):
            yield topology.error(key, f"{name} would change the whole machine")
        elif not Path("/proc/sys", name.replace(".", "/")).exists():
            yield topology.error(key, f"there is no {name} on this machine")
    for bind in node.binds.values():
        if bind.source and not bind.source.exists():
            yield topology.error(bind.key, f"there is no {bind.source}")


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
