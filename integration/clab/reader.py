"""A topology file as nodes and links, with containerlab's precedence.

Node, then group, then kind, then defaults. ``env``, ``labels`` and ``sysctls`` are
merged by name, ``binds`` by target, ``stages`` by stage; ``exec`` is all four, the
defaults' first.
"""

import os
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

from evpnd.adapters.config_yaml.errors import ConfigErrors, KeyPath
from evpnd.adapters.config_yaml.reader import Document, parse_yaml
from integration.clab.expand import expand, magic
from integration.clab.model import (
    DEFAULT_MTU,
    Bind,
    Endpoint,
    Healthcheck,
    Link,
    Node,
    Stage,
    StageExec,
    Topology,
    WaitFor,
    text_of,
)
from integration.clab.schema import SPECIAL_ENDS, Validator, absent

Layer = tuple[KeyPath, Mapping[str, object]]
"""A place where settings of a node stand: itself, its group, its kind, defaults."""


def read(
    path: Path,
    name: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> Topology:
    """Read a file; raises ConfigErrors with all that containerlab would refuse.

    ``name`` stands in place of the file's own name of the lab.
    """
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigErrors([Document(path, {}, {}, ()).error((), str(error))]) from None
    environment = os.environ if environment is None else environment
    document = parse_yaml(expand(text, environment), path)
    validator = Validator(document)
    validator.validate()
    if validator.errors:
        raise ConfigErrors(validator.errors)
    reader = _Reader(document, name, environment)
    topology = reader.read()
    if reader.validator.errors:
        raise ConfigErrors(reader.validator.errors)
    return topology


def _section(value: object, name: str) -> dict[str, object]:
    found = value.get(name) if isinstance(value, dict) else None
    return {} if absent(found) or not isinstance(found, dict) else dict(found)


def _items(value: object) -> list[object]:
    return value if isinstance(value, list) else []


class _Reader:
    def __init__(
        self, document: Document, name: str | None, environment: Mapping[str, str]
    ) -> None:
        self.document = document
        self.validator = Validator(document)
        self.validator.errors.clear()
        self.environment = environment
        top = document.value if isinstance(document.value, dict) else {}
        self.top = top
        self.name = name or str(top["name"])
        self.body = _section(top, "topology")
        # containerlab keeps its own files of a lab there, whatever the prefix.
        self.lab_directory = f"{document.path.resolve().parent}/clab-{self.name}"

    def read(self) -> Topology:
        nodes = {name: self._node(name) for name in _section(self.body, "nodes")}
        links = list(self._links())
        topology = Topology(
            self.document,
            self.name,
            self._prefix(),
            _section(self.top, "mgmt"),
            nodes,
            links,
        )
        self._check_waits(nodes)
        self._check_interfaces(links)
        return topology

    def _prefix(self) -> str:
        prefix = self.top.get("prefix", "clab")
        match "clab" if absent(prefix) else prefix:
            case "":
                return ""
            case "__lab-name":
                return self.name
            case word:
                return f"{word}-{self.name}"

    def _layers(self, name: str) -> tuple[str, list[Layer]]:
        """Find a node's kind, and its layers from the most specific on."""
        nodes, groups = (_section(self.body, word) for word in ("nodes", "groups"))
        key: KeyPath = ("topology", "nodes", name)
        own: Layer = (key, _section(nodes, name))
        defaults: Layer = (("topology", "defaults"), _section(self.body, "defaults"))
        group = own[1].get("group") or defaults[1].get("group")
        grouped: Layer = (
            ("topology", "groups", str(group)),
            _section(groups, str(group)),
        )
        kind = next(
            (
                str(layer["kind"])
                for _, layer in (own, grouped, defaults)
                if not absent(layer.get("kind"))
            ),
            "",
        )
        if not kind:
            self.validator.wrong(
                key, "has no kind: neither the node, nor its group, nor defaults"
            )
        kinds = _section(self.body, "kinds")
        of_kind: Layer = (("topology", "kinds", kind), _section(kinds, kind))
        return kind, [own, grouped, of_kind, defaults]

    def _node(self, name: str) -> Node:
        kind, layers = self._layers(name)
        settings: dict[str, object] = {}
        origins: dict[str, KeyPath] = {}
        for key, layer in layers:
            for setting, value in layer.items():
                if setting not in settings and not absent(value):
                    settings[setting] = value
                    origins[setting] = (*key, setting)
        node = Node(name, kind, ("topology", "nodes", name), settings, origins)
        for key, layer in reversed(layers):
            self._merge(node, key, layer)
        imported = node.env.pop("__IMPORT_ENVS", "false") == "true"
        shell = dict(self.environment) if imported else {}
        node.env = shell | node.file_env | node.env
        node.healthcheck = _healthcheck(settings.get("healthcheck"))
        return node

    def _magic(self, text: object, node: Node) -> str:
        return magic(text_of(text), lab_directory=self.lab_directory, node=node.name)

    def _merge(self, node: Node, key: KeyPath, layer: Mapping[str, object]) -> None:
        """Add a layer to what less specific ones said."""
        for word in ("cmd", "entrypoint"):
            self._check_command(layer.get(word), (*key, word))
        for index, item in enumerate(_items(layer.get("exec"))):
            self._check_command(item, (*key, "exec", index))
            node.exec.append(self._magic(item, node))
        for index, item in enumerate(_items(layer.get("binds"))):
            self._bind(node, (*key, "binds", index), self._magic(item, node))
        for index, item in enumerate(_items(layer.get("env-files"))):
            self._env_file(node, (*key, "env-files", index), text_of(item))
        for word, into in (
            ("env", node.env),
            ("labels", node.labels),
            ("sysctls", node.sysctls),
        ):
            for name, value in _section(layer, word).items():
                into[name] = text_of(value)
        for name, stage in _section(layer, "stages").items():
            self._stage(node, (*key, "stages", name), Stage(name), stage)

    def _check_command(self, text: object, key: KeyPath) -> None:
        try:
            words = None if absent(text) else split_command(text_of(text))
        except ValueError as error:
            self.validator.wrong(key, f"is no command: {error}")
            return
        if words == []:
            self.validator.wrong(key, "is empty")

    def _path(self, text: str) -> Path:
        return self.document.path.resolve().parent / Path(text).expanduser()

    def _bind(self, node: Node, key: KeyPath, text: str) -> None:
        match text.split(":"):
            case [target]:
                bind = Bind(None, target, read_only=False, key=key)
            case [source, target]:
                bind = Bind(self._path(source), target, read_only=False, key=key)
            case [source, target, options]:
                read_only = "ro" in options.split(",")
                bind = Bind(self._path(source), target, read_only, key)
            case _:
                self.validator.wrong(key, "must be SOURCE:TARGET or SOURCE:TARGET:ro")
                return
        if not bind.target.startswith("/"):
            self.validator.wrong(key, f"{bind.target} must begin with /")
            return
        node.binds = [each for each in node.binds if each.target != bind.target]
        node.binds.append(bind)

    def _env_file(self, node: Node, key: KeyPath, name: str) -> None:
        try:
            lines = self._path(name).read_text().splitlines()
        except OSError as error:
            self.validator.wrong(key, f"cannot be read: {error.strerror}")
            return
        for line in lines:
            word, equals, value = line.strip().partition("=")
            if equals and not word.startswith("#"):
                node.file_env[word.strip()] = value.strip().strip("\"'")

    def _stage(self, node: Node, key: KeyPath, stage: Stage, value: object) -> None:
        found = value if isinstance(value, dict) else {}
        for index, item in enumerate(_items(found.get("wait-for"))):
            assert isinstance(item, dict)
            other, until = str(item["node"]), Stage(item["stage"])
            node.wait_for.append(
                WaitFor(stage, other, until, (*key, "wait-for", index))
            )
        for index, item in enumerate(_items(found.get("exec"))):
            assert isinstance(item, dict)
            place = (*key, "exec", index)
            self._check_command(item["command"], place)
            command = StageExec(
                stage,
                self._magic(item["command"], node),
                item.get("phase") == "on-exit",
                item.get("target") == "host",
            )
            if stage is Stage.CREATE and not command.on_exit and not command.on_host:
                self.validator.wrong(
                    place,
                    "there is no container yet at the beginning of create;"
                    " phase: on-exit is its end, target: host is beside the node",
                )
            node.stage_exec.append(command)

    def _links(self) -> Iterator[Link]:
        for index, link in enumerate(_items(self.body.get("links"))):
            assert isinstance(link, dict)
            key: KeyPath = ("topology", "links", index)
            mtu = link.get("mtu")
            size = mtu if isinstance(mtu, int) else DEFAULT_MTU
            kind = str(link.get("type", "veth"))
            if "type" not in link:
                yield self._brief(link, key, size)
                continue
            ends = link["endpoints"] if kind == "veth" else [link["endpoint"]]
            host = str(link.get("host-interface", ""))
            yield Link(kind, tuple(map(_extended, _items(ends))), host, size, key)

    def _brief(self, link: Mapping[str, object], key: KeyPath, mtu: int) -> Link:
        ends = []
        for position, text in enumerate(_items(link["endpoints"])):
            node, _, interface = str(text).partition(":")
            ipv4, ipv6 = (
                text_of(found[position]) if position < len(found) else ""
                for found in (_items(link.get(word)) for word in ("ipv4", "ipv6"))
            )
            ends.append(Endpoint(node, interface, ipv4=ipv4, ipv6=ipv6))
        special = [
            end
            for end in ends
            if end.node in SPECIAL_ENDS and end.node not in _section(self.body, "nodes")
        ]
        if not special:
            return Link("veth", tuple(ends), "", mtu, key)
        if len(special) == len(ends):
            self.validator.wrong(key, "one end must be a node of the topology")
        rest = tuple(end for end in ends if end not in special)
        return Link(special[0].node, rest, special[0].interface, mtu, key)

    def _check_waits(self, nodes: Mapping[str, Node]) -> None:
        waits: dict[tuple[str, Stage], list[WaitFor]] = {}
        for node in nodes.values():
            for wait in node.wait_for:
                if wait.node not in nodes:
                    self.validator.wrong(wait.key, f"there is no node {wait.node}")
                waits.setdefault((node.name, wait.before), []).append(wait)
        for (name, stage), group in waits.items():
            for wait in group:
                if (name, stage) in _reached(waits, (wait.node, wait.stage)):
                    self.validator.wrong(
                        wait.key, f"{name} waits for itself, through {wait.node}"
                    )

    def _check_interfaces(self, links: list[Link]) -> None:
        seen: dict[tuple[str, str], KeyPath] = {}
        for link in links:
            for end in link.endpoints:
                place = end.node, end.interface
                if place in seen:
                    first = self.document.line(seen[place])
                    self.validator.wrong(
                        link.key,
                        f"{end.node}:{end.interface} is taken on line {first} already",
                    )
                seen[place] = link.key


_ORDER = list(Stage)


def _reached(
    waits: Mapping[tuple[str, Stage], list[WaitFor]], start: tuple[str, Stage]
) -> set[tuple[str, Stage]]:
    """Collect what must have begun before a node's stage ends."""
    found: set[tuple[str, Stage]] = set()
    todo = [start]
    while todo:
        name, until = todo.pop()
        for stage in _ORDER[: _ORDER.index(until) + 1]:
            if (name, stage) not in found:
                found.add((name, stage))
                todo += [(w.node, w.stage) for w in waits.get((name, stage), [])]
    return found


def _extended(end: object) -> Endpoint:
    assert isinstance(end, dict)
    return Endpoint(
        str(end["node"]),
        str(end["interface"]),
        *(text_of(end.get(word) or "") for word in ("mac", "ipv4", "ipv6")),
    )


def _healthcheck(value: object) -> Healthcheck | None:
    if not isinstance(value, dict) or not isinstance(value.get("test"), list):
        return None
    form, *words = value["test"]
    if form == "CMD-SHELL":
        words = ["/bin/sh", "-c", " ".join(words)]
    numbers = {
        name.replace("-", "_"): value[name]
        for name in ("start-period", "interval", "timeout", "retries")
        if isinstance(value.get(name), int)
    }
    return Healthcheck(tuple(map(str, words)), **numbers)


def split_command(text: str) -> list[str]:
    """Cut a command into words as containerlab does: by quotes, without a shell."""
    return shlex.split(text)
