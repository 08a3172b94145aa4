"""A topology file as nodes and links, with containerlab's precedence.

Node, then group, then kind, then defaults. ``env``, ``labels`` and ``sysctls`` are
merged by name, ``binds`` by target; ``exec`` is all four, the defaults' first.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lab.checker import checked
from lab.document import (
    Document,
    FileError,
    FileErrors,
    KeyPath,
    parse,
    read_text,
    similar,
)
from lab.expand import expand
from lab.keys import FILE
from lab.model import Bind, Endpoint, Link, Node, Topology
from lab.netns import LabError

_DEFAULT_MTU = 9500
"""Of containerlab's links."""
_SPECIAL_ENDS = ("host", "mgmt-net", "macvlan")
"""In the brief form of a link, in place of a node's name."""
Settings = Mapping[str, Any]
Layer = tuple[KeyPath, Settings]
"""A place where settings of a node stand: itself, its group, its kind, defaults."""


def topology_file(path: Path) -> Path:
    """Return the topology file in a directory, or the path where it is none."""
    if not path.is_dir():
        return path
    found = sorted([*path.glob("*.clab.yml"), *path.glob("*.clab.yaml")])
    if len(found) != 1:
        raise LabError(f"{path} has {len(found)} files *.clab.yml; name one")
    return found[0]


def read(
    path: Path, name: str | None = None, environment: Mapping[str, str] | None = None
) -> Topology:
    """Read a file; raises FileErrors with all that is wrong with it.

    ``name`` stands in place of the file's own name of the lab.
    """
    text = read_text(path)
    for number, line in enumerate(text.splitlines(), 1):
        if "{{" in line and not line.lstrip().startswith("#"):
            # containerlab renders Go's text/template before it reads YAML.
            reason = "a Go template is not rendered here; write what it stands for"
            raise FileErrors([FileError(path, number, "", f"{{{{: {reason}")])
    environment = os.environ if environment is None else environment
    return _Reader(parse(expand(text, environment), path), name).read()


class _Reader:
    def __init__(self, document: Document, name: str | None) -> None:
        self.document = document
        self.top = checked(document, FILE)
        self.body = self.top["topology"]
        self.name = name or self.top["name"]
        self.errors: list[FileError] = []

    def read(self) -> Topology:
        """Read what the table of keys found right."""
        nodes = {name: self._node(name) for name in self.body["nodes"]}
        links = self._links(nodes)
        if self.errors:
            raise FileErrors(self.errors)
        # Of the file itself: empty text is a prefix, too.
        assert isinstance(self.document.value, dict)
        prefix = self.document.value.get("prefix")
        word = "clab" if prefix is None else prefix
        full = {"": "", "__lab-name": self.name}.get(word, f"{word}-{self.name}")
        mgmt = self.top.get("mgmt", {})
        return Topology(self.document, self.name, full, mgmt, nodes, links)

    def _wrong(self, key: KeyPath, reason: str) -> None:
        self.errors.append(self.document.error(key, reason))

    def _layers(self, name: str) -> tuple[str, list[Layer]]:
        """Return a node's kind, and its layers from the most specific on."""
        groups, kinds = self.body.get("groups", {}), self.body.get("kinds", {})
        own, defaults = self.body["nodes"][name], self.body.get("defaults", {})
        # The kind may stand in a group, and the group in a kind.
        of_groups = (groups.get(each.get("group"), {}) for each in (own, defaults))
        layers = (own, *of_groups, defaults)
        kind = next((each["kind"] for each in layers if "kind" in each), "").lower()
        of_kind = kinds.get(kind, {})
        layers = (own, of_kind, defaults)
        group = next((each["group"] for each in layers if "group" in each), "")
        key: KeyPath = ("topology", "nodes", name)
        if not kind:
            also = f"; there is no group {group}" if group not in {"", *groups} else ""
            reason = "has no kind: neither the node, nor its group, nor defaults"
            self._wrong(key, reason + also)
        return kind, [
            (key, own),
            (("topology", "groups", group), groups.get(group, {})),
            (("topology", "kinds", kind), of_kind),
            (("topology", "defaults"), defaults),
        ]

    def _node(self, name: str) -> Node:
        kind, layers = self._layers(name)
        node = Node(name, kind, ("topology", "nodes", name))
        # What is more specific comes later, and stays.
        for key, layer in reversed(layers):
            node.settings |= layer
            node.origins |= {(word,): (*key, word) for word in layer}
            maps = {"env": node.env, "labels": node.labels, "sysctls": node.sysctls}
            for word, into in maps.items():
                entries = layer.get(word, {})
                into.update(entries)
                node.origins |= {(word, each): (*key, word, each) for each in entries}
            node.exec += [self._expanded(node, each) for each in layer.get("exec", [])]
            for at, text in enumerate(layer.get("binds", [])):
                bind = self._bind(self._expanded(node, text))
                node.binds[bind.target] = bind
                node.origins["binds", bind.target] = (*key, "binds", at)
        return node

    def _expanded(self, node: Node, text: str) -> str:
        """Replace containerlab's own variables."""
        return text.replace("__clabNodeName__", node.name).replace(
            "__clabLabName__", self.name
        )

    def _bind(self, text: str) -> Bind:
        if text.startswith("/") and ":" not in text:
            return Bind(None, text, "rw")
        source, target, *mode = text.split(":")
        # Path.expanduser raises an error at `~nobody`, which a shell leaves as it is.
        found = os.path.expanduser(source)  # noqa: PTH111
        return Bind(
            self.document.path.resolve().parent / found, target, *mode or ["rw"]
        )

    def _links(self, nodes: Mapping[str, Node]) -> list[Link]:
        found = []
        seen: dict[tuple[str, str], KeyPath] = {}
        for index, link in enumerate(self.body.get("links", [])):
            key: KeyPath = ("topology", "links", index)
            ends = [
                _end(each, (*key, "endpoints", at))
                for at, each in enumerate(link["endpoints"])
            ]
            for end in ends:
                place = end.node, end.interface
                if end.node not in nodes and end.node in _SPECIAL_ENDS:
                    reason = f"{end.node} links are not made here, but veth"
                    self._wrong(end.key, reason)
                elif end.node not in nodes:
                    also = similar(end.node, nodes)
                    self._wrong(end.key, f"there is no node {end.node}{also}")
                elif place in seen:
                    line = self.document.line(seen[place])
                    taken = f"{end.node}:{end.interface} is taken"
                    self._wrong(key, f"{taken} on line {line} already")
                seen.setdefault(place, key)
            found.append(Link(tuple(ends), link.get("mtu") or _DEFAULT_MTU, key))
        return found


def _end(end: str | Mapping[str, str], key: KeyPath) -> Endpoint:
    """Read an endpoint in either of its forms."""
    if isinstance(end, str):
        node, _, interface = end.partition(":")
        return Endpoint(node, interface, "", key)
    mac = end.get("mac", "").lower().replace("-", ":")
    return Endpoint(end["node"], end["interface"], mac, key)
