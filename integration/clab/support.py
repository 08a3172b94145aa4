"""What the runner does not do, each with the line that asks for it."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from evpnd.adapters.config_yaml.errors import ConfigError
from integration.clab.expand import magic
from integration.clab.images import Image, find
from integration.clab.model import Node, Stage, Topology

FRR_KINDS = ("frr", "frrouting")
CONTAINERS = ("linux", *FRR_KINDS)
KINDS = (*CONTAINERS, "bridge", "host")
UNSUPPORTED: Mapping[str, str] = {
    "license": "is for vendors' images",
    "ports": "publishes ports of a container; here, run what uses them in the node",
    "publish": "is not done",
    "volumes": "is not done; use binds",
    "devices": "is not done",
    "user": "is not done; programs run as root",
    "runtime": "chooses a container engine; there is none here",
    "cpu": "is not done: a node has no limits here",
    "cpu-set": "is not done: a node has no limits here",
    "memory": "is not done: a node has no limits here",
    "shm-size": "is not done",
    "config": "is the configuration engine, which is not here",
    "dns": "is not done",
    "certificate": "is not done",
    "credentials": "is not done",
    "components": "is for vendors' images",
    "aliases": "is not done",
}
"""Keys of a node. Labels, pull policies and the like change nothing here, and pass."""
LINKS = ("veth", "host", "mgmt-net", "dummy")
_LONGEST_INTERFACE = 15


def unsupported(topology: Topology, images: list[Image]) -> list[ConfigError]:
    """Find all that cannot be run here."""
    return [*_of_nodes(topology, images), *_of_links(topology)]


def _of_nodes(topology: Topology, images: list[Image]) -> Iterator[ConfigError]:
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
        yield from _of_node(topology, node, images)


def _of_node(
    topology: Topology, node: Node, images: list[Image]
) -> Iterator[ConfigError]:
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
    config = node.text("startup-config")
    if config and node.kind not in FRR_KINDS:
        yield topology.error(
            node.origin("startup-config"), f"kind {node.kind} takes none; use binds"
        )
    elif config and "\n" not in config and not startup_file(topology, node).is_file():
        yield topology.error(node.origin("startup-config"), "there is no such file")
    mode = node.text("network-mode")
    shared = mode.removeprefix("container:")
    if shared != mode and shared not in topology.nodes:
        yield topology.error(
            node.origin("network-mode"), f"there is no node {shared} in this file"
        )
    for bind in node.binds:
        if bind.source is not None and not bind.source.exists():
            yield topology.error(bind.key, f"there is no {bind.source}")
    for name in node.sysctls:
        if not name.startswith("net."):
            yield topology.error(
                node.origin("sysctls"), f"{name} would change the whole machine"
            )
    for wait in node.wait_for:
        other = topology.nodes[wait.node]
        if wait.stage is Stage.HEALTHY and not (
            other.healthcheck or _own_check(other, images)
        ):
            yield topology.error(
                wait.key, f"{wait.node} has no healthcheck: it never gets healthy"
            )


def _own_check(node: Node, images: list[Image]) -> bool:
    image = find(images, image_of(node))
    return bool(image and image.healthcheck)


def image_of(node: Node) -> str:
    """Name a node's image."""
    return node.text("image", "frr" if node.kind in FRR_KINDS else "")


def startup_file(topology: Topology, node: Node) -> Path:
    """Find the file of a node's ``startup-config``."""
    lab_directory = str(topology.path.resolve().parent / f"clab-{topology.name}")
    name = magic(
        node.text("startup-config"), lab_directory=lab_directory, node=node.name
    )
    return topology.path.resolve().parent / Path(name).expanduser()


def _of_links(topology: Topology) -> Iterator[ConfigError]:
    for link in topology.links:
        if link.kind not in LINKS:
            yield topology.error(
                link.key,
                f"{link.kind} links are not made here, but " + ", ".join(LINKS),
            )
        names = [end.interface for end in link.endpoints] + [link.host_interface]
        for name in names:
            if len(name) > _LONGEST_INTERFACE or "/" in name:
                yield topology.error(
                    link.key, f"{name} is no name of a Linux interface"
                )
        for end in link.endpoints:
            node = topology.nodes[end.node]
            mode = node.text("network-mode", "bridge")
            managed = node.kind in CONTAINERS and mode == "bridge"
            if managed and end.interface == "eth0":
                yield topology.error(
                    link.key,
                    f"{end.node}:eth0 is in the management network already;"
                    " network-mode: none leaves it out",
                )
            if mode.startswith("container:"):
                yield topology.error(
                    link.key, f"{end.node} shares the interfaces of {mode[10:]}"
                )
