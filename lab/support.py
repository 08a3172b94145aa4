"""Whether a topology can be run here: what cannot is named by its line."""

import re
from collections.abc import Collection, Iterator
from pathlib import Path

from lab.document import FileError, FileErrors, similar
from lab.images import Image, find
from lab.keys import AS_IT_IS, NOT_DONE
from lab.management import assign
from lab.model import Node, Topology
from lab.reader import read

_KIND = "linux"
_INTERFACE = re.compile(r"(?!(?:lo|all|default|\.\.?)$)(?!-)[^\s/:%\"'\\#]{1,15}")
"""What the kernel takes and has not, and `ip` does not take for another word."""


def load(
    file: Path,
    name: str | None,
    images: list[Image],
    passed_over: Collection[str] = (),
) -> Topology:
    """Read a topology that can be run here, and find programs and addresses for it.

    Raises FileErrors with everything that cannot be run. ``passed_over`` are keys of
    nodes that do not matter.
    """
    topology = read(file, name)
    for node in topology.nodes.values():
        node.image = find(images, node.text("image"))
    errors = [
        error
        for node in topology.nodes.values()
        for error in _of_node(topology, node, passed_over)
    ]
    # The rest speaks of nodes, and is of use only where these are sound.
    errors = errors or [*_of_interfaces(topology), *assign(topology)]
    if errors:
        raise FileErrors(errors)
    return topology


def _of_node(
    topology: Topology, node: Node, passed_over: Collection[str]
) -> Iterator[FileError]:
    def wrong(reason: str, *setting: str) -> FileError:
        return topology.error(node.origin(*setting), reason)

    if node.kind != _KIND:
        also = similar(node.kind, [_KIND])
        reason = f"{node.kind} needs its own image or program, which is not here"
        yield wrong(f"{reason}; the namespaces run {_KIND}{also}", "kind")
        return
    for name in node.settings.keys() & NOT_DONE.keys() - set(passed_over):
        if node.settings[name] not in AS_IT_IS.get(name, ()):
            yield wrong(f"{NOT_DONE[name]}; --ignore {name} passes it over", name)
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
        if topology.nodes[end.node].is_managed and end.interface == "eth0":
            reason = f"{end.node}:eth0 is in the management network already"
            also = "network-mode: none leaves it out"
            yield topology.error(end.key, f"{reason}; {also}")
        elif not _INTERFACE.fullmatch(end.interface):
            what = "no name for a Linux interface: 15 characters at most, no /, not lo"
            yield topology.error(end.key, f"{end.interface!r} is {what}")
