"""A topology file as nodes and links, with containerlab's precedence.

Node, then group, then kind, then defaults. ``env``, ``labels`` and ``sysctls`` are
merged by name, ``binds`` by target; ``exec`` is all four, the defaults' first.
"""

import contextlib
import os
import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from lab.cables import read_links
from lab.checker import Checker
from lab.document import (
    Document,
    FileError,
    FileErrors,
    KeyPath,
    in_order,
    parse,
    read_text,
)
from lab.expand import expand
from lab.keys import (
    ANY_NODE,
    HEALTHCHECK,
    MGMT,
    MGMT_NOT_DONE,
    NAME,
    TOP,
    TOPOLOGY,
)
from lab.model import Bind, Node, Topology

Layer = tuple[KeyPath, Mapping[str, object]]
"""A place where settings of a node stand: itself, its group, its kind, defaults."""


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
    document = parse(expand(text, environment), path)
    reader = _Reader(document, name)
    topology = reader.read()
    if topology is None or reader.checker.errors:
        raise FileErrors(in_order(reader.checker.errors))
    return topology


class _Reader:
    def __init__(self, document: Document, name: str | None) -> None:
        self.document = document
        self.checker = Checker(document)
        self.wrong = self.checker.wrong
        self.name = name or ""
        self.body: dict[str, object] = {}

    def read(self) -> Topology | None:
        """Read the whole document; None where it is too wrong to go on."""
        must = ("name", "topology")
        what = "a topology file in containerlab"
        top = self.checker.mapping(self.document.value, TOP, (), what, must=must)
        mgmt = self.checker.mapping(
            top.get("mgmt", {}),
            MGMT,
            ("mgmt",),
            "mgmt in containerlab",
            not_done=MGMT_NOT_DONE,
        )
        if "topology" not in top:
            return None
        key: KeyPath = ("topology",)
        self.body = self.checker.mapping(
            top["topology"], TOPOLOGY, key, "topology in containerlab", must=("nodes",)
        )
        self.name = self.name or str(top.get("name"))
        for section in ("kinds", "groups", "nodes"):
            entries = _section(self.body, section)
            for name, value in entries.items():
                entries[name] = self._checked_node((*key, section, name), value)
            self.body[section] = entries
        defaults = self.body.get("defaults", {})
        self.body["defaults"] = self._checked_node((*key, "defaults"), defaults)
        if self.checker.errors:
            # What follows speaks of nodes that are sound.
            return None
        nodes = {name: self._node(name) for name in _section(self.body, "nodes")}
        if not nodes:
            self.wrong((*key, "nodes"), "is empty")
        links = read_links(self.body.get("links", []), self.checker, nodes)
        word = self._prefix()
        full = {"": "", "__lab-name": self.name}.get(word, f"{word}-{self.name}")
        return Topology(self.document, self.name, full, mgmt, nodes, links)

    def _prefix(self) -> str:
        top = self.document.value
        found = top.get("prefix") if isinstance(top, dict) else None
        # Empty text is one, here.
        return "clab" if found is None else str(found)

    def _checked_node(self, key: KeyPath, value: object) -> dict[str, object]:
        """Check what stands at a node, a group, a kind or the defaults."""
        if key[1] == "nodes" and not re.fullmatch(NAME, str(key[2])):
            self.wrong(key, "is no name for a node")
        if value is None:
            return {}
        what = "a node in containerlab"
        found = self.checker.mapping(value, ANY_NODE, key, what)
        if "healthcheck" in found:
            inner = (*key, "healthcheck")
            check = self.checker.mapping(
                found["healthcheck"], HEALTHCHECK, inner, "healthcheck"
            )
            test = check.get("test")
            if isinstance(test, list) and test[:1] not in (["CMD"], ["CMD-SHELL"]):
                self.wrong((*inner, "test"), "must begin with CMD or CMD-SHELL")
        return found

    def _layers(self, name: str) -> tuple[str, list[Layer]]:
        """Return a node's kind, and its layers from the most specific on."""
        nodes, groups, kinds, defaults = (
            _section(self.body, word)
            for word in ("nodes", "groups", "kinds", "defaults")
        )
        own = _section(nodes, name)
        group = own.get("group")
        of_group = _section(groups, str(group))
        of_default_group = _section(groups, str(defaults.get("group")))
        layers = (own, of_group, of_default_group, defaults)
        kind = str(
            next((each["kind"] for each in layers if "kind" in each), "")
        ).lower()
        of_kind = _section(kinds, kind)
        group = str(group or of_kind.get("group") or defaults.get("group") or "")
        key: KeyPath = ("topology", "nodes", name)
        if not kind:
            also = f"; there is no group {group}" if group not in {"", *groups} else ""
            reason = "has no kind: neither the node, nor its group, nor defaults"
            self.wrong(key, reason + also)
        return kind, [
            (key, own),
            (("topology", "groups", group), _section(groups, group)),
            (("topology", "kinds", kind), of_kind),
            (("topology", "defaults"), defaults),
        ]

    def _node(self, name: str) -> Node:
        kind, layers = self._layers(name)
        node = Node(name, kind, ("topology", "nodes", name))
        # What is more specific comes later, and stays.
        for key, layer in reversed(layers):
            node.settings |= layer
            node.origins |= {setting: (*key, setting) for setting in layer}
            self._merge(node, key, layer)
        test = _section(node.settings, "healthcheck").get("test")
        if isinstance(test, list):
            form, *words = map(str, test)
            shell = form == "CMD-SHELL"
            node.check = ("/bin/sh", "-c", " ".join(words)) if shell else tuple(words)
        return node

    def _written(self, key: KeyPath, value: object) -> str:
        """Return a value as the text that it is in the file: 1.10 is no 1.1."""
        return "" if value is None else self.document.texts.get(key, str(value))

    def _merge(self, node: Node, key: KeyPath, layer: Mapping[str, object]) -> None:
        """Add a layer to what less specific ones said."""
        for word in ("cmd", "entrypoint"):
            if word in layer:
                self._check_command(str(layer[word]), (*key, word))
        for place, text in self._texts(node, layer, (*key, "exec")):
            node.exec.append(text)
            self._check_command(text, place)
        for place, text in self._texts(node, layer, (*key, "binds")):
            self._bind(node, place, text)
        for word, into in (("env", node.env), ("labels", node.labels)):
            for name, value in _section(layer, word).items():
                into[name] = self._written((*key, word, name), value)
        for name in _section(layer, "env"):
            if "=" in name or not name:
                self.wrong((*key, "env", name), "is no name of a variable")
        for name, value in _section(layer, "sysctls").items():
            place = (*key, "sysctls", name)
            node.sysctls[name] = self._written(place, value), place

    def _texts(
        self, node: Node, layer: Mapping[str, object], key: KeyPath
    ) -> list[tuple[KeyPath, str]]:
        """List the entries of a list, with containerlab's variables replaced."""
        found = layer.get(str(key[-1]), [])
        assert isinstance(found, list)
        return [
            (
                (*key, index),
                str(text)
                .replace("__clabNodeName__", node.name)
                .replace("__clabLabName__", self.name),
            )
            for index, text in enumerate(found)
        ]

    def _check_command(self, text: str, key: KeyPath) -> None:
        try:
            if not shlex.split(text):
                self.wrong(key, "is empty")
        except ValueError as error:
            self.wrong(key, f"is no command: {error}")

    def _bind(self, node: Node, key: KeyPath, text: str) -> None:
        *before, target = text.split(":")[:2]
        mode = ":".join(text.split(":")[2:]) or "rw"
        if before == [""]:
            self.wrong(key, f"{text} has no source before the colon")
        elif not target.startswith("/") or target == "/":
            reason = "must begin with /, and be more than that"
            self.wrong(key, f"the target {target!r} {reason}")
        elif mode not in ("ro", "rw"):
            self.wrong(key, f"{mode!r} is no option of a bind here; ro is")
        else:
            source = self._beside(before[0]) if before else None
            node.binds[target] = Bind(source, target, mode, key)

    def _beside(self, name: str) -> Path:
        """Return what the file names: beside it, or from ``~``."""
        path = Path(name)
        # As in a shell, `~nobody` stays as it is where there is no such user.
        with contextlib.suppress(RuntimeError):
            path = path.expanduser()
        return self.document.path.resolve().parent / path


def _section(value: Mapping[str, object], name: str) -> dict[str, object]:
    found = value.get(name)
    return found if isinstance(found, dict) else {}
