"""A topology file as nodes and links, with containerlab's precedence.

Node, then group, then kind, then defaults. ``env``, ``labels`` and ``sysctls`` are
merged by name, ``binds`` by target, ``stages`` by stage; ``exec`` is all four, the
defaults' first.
"""

import os
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

from lab.cables import check_interfaces, read_links
from lab.document import (
    Document,
    FileError,
    FileErrors,
    KeyPath,
    in_order,
    parse,
    read_text,
)
from lab.envfile import parse_env
from lab.expand import expand, magic
from lab.model import (
    Bind,
    Healthcheck,
    Node,
    Stage,
    StageExec,
    Topology,
    WaitFor,
    beside,
)
from lab.schema import Validator, absent, listed, unset
from lab.waits import check_waits

Layer = tuple[KeyPath, Mapping[str, object]]
"""A place where settings of a node stand: itself, its group, its kind, defaults."""


def read(
    path: Path,
    name: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> Topology:
    """Read a file; raises FileErrors with all that containerlab would refuse.

    ``name`` stands in place of the file's own name of the lab.
    """
    text = read_text(path)
    _refuse_templates(text, path)
    environment = os.environ if environment is None else environment
    document = parse(expand(text, environment), path)
    validator = Validator(document)
    validator.validate()
    if validator.errors:
        raise FileErrors(in_order(validator.errors))
    reader = _Reader(document, name, environment)
    topology = reader.read()
    if reader.validator.errors:
        raise FileErrors(in_order(reader.validator.errors))
    return topology


def _refuse_templates(text: str, path: Path) -> None:
    """Refuse what containerlab renders before it reads YAML (Go's text/template)."""
    reason = "a Go template is not rendered here; write what it stands for"
    for number, line in enumerate(text.splitlines(), 1):
        if "{{" in line and not line.lstrip().startswith("#"):
            # Nothing after the first can be told from what it would have made.
            raise FileErrors([FileError(path, number, "", f"{{{{: {reason}")])


def _section(value: object, name: str) -> dict[str, object]:
    found = value.get(name) if isinstance(value, dict) else None
    return {} if absent(found) or not isinstance(found, dict) else dict(found)


class _Reader:
    def __init__(
        self, document: Document, name: str | None, environment: Mapping[str, str]
    ) -> None:
        self.document = document
        self.validator = Validator(document)
        self.environment = environment
        top = document.value if isinstance(document.value, dict) else {}
        self.top = top
        self.name = name or str(top["name"])
        self.body = _section(top, "topology")
        # containerlab keeps its own files of a lab there, whatever the prefix.
        self.lab_directory = f"{document.path.resolve().parent}/clab-{self.name}"

    def read(self) -> Topology:
        nodes = {name: self._node(name) for name in _section(self.body, "nodes")}
        wrong = self.validator.wrong
        items = listed(self.body.get("links"))
        links = list(read_links(items, _section(self.body, "nodes"), wrong))
        mgmt = _section(self.top, "mgmt")
        topology = Topology(
            self.document,
            self.name,
            self._prefix(),
            {name: value for name, value in mgmt.items() if not unset(value)},
            nodes,
            links,
        )
        check_waits(nodes, wrong)
        check_interfaces(links, self.document, wrong)
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
        nodes, groups, kinds = (
            _section(self.body, word) for word in ("nodes", "groups", "kinds")
        )
        key: KeyPath = ("topology", "nodes", name)
        own = _section(nodes, name)
        defaults = _section(self.body, "defaults")
        group = _given(own, "group")
        kind = next(
            filter(
                None,
                (
                    _given(own, "kind"),
                    _given(_section(groups, group), "kind"),
                    _given(_section(groups, _given(defaults, "group")), "kind"),
                    _given(defaults, "kind"),
                ),
            ),
            "",
        ).lower()
        of_kind = _section(kinds, kind)
        group = group or _given(of_kind, "group") or _given(defaults, "group")
        if not kind:
            also = f"; there is no group {group}" if group not in {"", *groups} else ""
            reason = "has no kind: neither the node, nor its group, nor defaults"
            self.validator.wrong(key, reason + also)
        return kind, [
            (key, own),
            (("topology", "groups", group), _section(groups, group)),
            (("topology", "kinds", kind), of_kind),
            (("topology", "defaults"), defaults),
        ]

    def _node(self, name: str) -> Node:
        kind, layers = self._layers(name)
        settings: dict[str, object] = {}
        origins: dict[str, KeyPath] = {}
        for key, layer in layers:
            for setting, value in layer.items():
                if setting not in settings and not unset(value):
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

    def _written(self, key: KeyPath, value: object) -> str:
        """Read a value as the text that it is in the file: 1.10 is no 1.1."""
        return "" if absent(value) else self.document.texts.get(key, str(value))

    def _magic(self, key: KeyPath, text: object, node: Node) -> str:
        return magic(
            self._written(key, text),
            lab=self.name,
            lab_directory=self.lab_directory,
            node=node.name,
        )

    def _merge(self, node: Node, key: KeyPath, layer: Mapping[str, object]) -> None:
        """Add a layer to what less specific ones said."""
        for word in ("cmd", "entrypoint"):
            if not unset(layer.get(word)):
                self._check_command(layer[word], (*key, word))
        for index, item in enumerate(listed(layer.get("exec"))):
            place = (*key, "exec", index)
            node.exec.append(self._magic(place, item, node))
            self._check_command(node.exec[-1], place)
        for index, item in enumerate(listed(layer.get("binds"))):
            place = (*key, "binds", index)
            self._bind(node, place, self._magic(place, item, node))
        for index, item in enumerate(listed(layer.get("env-files"))):
            self._env_file(node, (*key, "env-files", index), str(item))
        for word, into in (
            ("env", node.env),
            ("labels", node.labels),
            ("sysctls", node.sysctls),
        ):
            for name, value in _section(layer, word).items():
                into[name] = self._written((*key, word, name), value)
        for name in _section(layer, "env"):
            if "=" in name or not name:
                self.validator.wrong((*key, "env", name), "is no name of a variable")
        for name in _section(layer, "sysctls"):
            node.sysctl_keys[name] = (*key, "sysctls", name)
        for name, stage in _section(layer, "stages").items():
            self._stage(node, (*key, "stages", name), Stage(name), stage)

    def _check_command(self, text: object, key: KeyPath) -> None:
        try:
            words = None if absent(text) else split_command(str(text))
        except ValueError as error:
            self.validator.wrong(key, f"is no command: {error}")
            return
        if words == []:
            self.validator.wrong(key, "is empty")

    def _path(self, text: str) -> Path:
        return beside(self.document.path, text)

    def _bind(self, node: Node, key: KeyPath, text: str) -> None:
        match text.split(":"):
            case [target]:
                source = options = ""
            case [source, target]:
                options = ""
            case [source, target, options]:
                pass
            case _:
                self.validator.wrong(key, "must be SOURCE:TARGET or SOURCE:TARGET:ro")
                return
        trouble = _bind_trouble(text, source, target, options)
        if trouble:
            self.validator.wrong(key, trouble)
            return
        path = self._path(source) if source else None
        bind = Bind(path, target, read_only="ro" in options.split(","), key=key)
        node.binds = [each for each in node.binds if each.target != bind.target]
        node.binds.append(bind)

    def _env_file(self, node: Node, key: KeyPath, name: str) -> None:
        try:
            node.file_env |= parse_env(self._path(name).read_text())
        except OSError as error:
            self.validator.wrong(key, f"cannot be read: {error.strerror}")
        except ValueError as error:
            self.validator.wrong(key, f"{name}: {error}")

    def _stage(self, node: Node, key: KeyPath, stage: Stage, value: object) -> None:
        found = value if isinstance(value, dict) else {}
        for index, item in enumerate(listed(found.get("wait-for"))):
            assert isinstance(item, dict)
            other, until = str(item["node"]), Stage(item["stage"])
            node.wait_for.append(
                WaitFor(stage, other, until, (*key, "wait-for", index))
            )
        for place, item in _stage_commands(found.get("exec"), (*key, "exec")):
            command = StageExec(
                stage,
                self._magic((), item["command"], node),
                item.get("phase") == "on-exit",
                item.get("target") == "host",
            )
            self._check_command(command.command, place)
            if stage is Stage.CREATE and not command.on_exit and not command.on_host:
                self.validator.wrong(
                    place,
                    "there is no container yet at the beginning of create;"
                    " phase: on-exit is its end, target: host is beside the node",
                )
            node.stage_exec.append(command)


def _given(layer: Mapping[str, object], name: str) -> str:
    value = layer.get(name)
    return "" if absent(value) else str(value)


_BIND_OPTIONS = frozenset(
    (
        *("ro", "rw", "z", "Z", "shared", "rshared", "slave", "rslave", "private"),
        *("rprivate", "delegated", "cached", "consistent", "nocopy", ""),
    )
)


def _bind_trouble(text: str, source: str, target: str, options: str) -> str:
    """Say what is wrong with a bind; empty where nothing is."""
    if not source and ":" in text:
        return f"{text} has no source before the colon"
    if not target.startswith("/") or target == "/":
        return f"the target {target!r} must begin with /, and be more than that"
    unknown = [word for word in options.split(",") if word not in _BIND_OPTIONS]
    return f"{unknown[0]!r} is no option of a bind; ro is" if unknown else ""


def _stage_commands(
    value: object, key: KeyPath
) -> Iterator[tuple[KeyPath, dict[str, object]]]:
    """List the commands of a stage, from either of the forms."""
    if isinstance(value, dict):
        for phase, commands in value.items():
            for index, command in enumerate(listed(commands)):
                yield (*key, phase, index), {"command": command, "phase": phase}
    for index, item in enumerate(listed(value)):
        assert isinstance(item, dict)
        yield (*key, index), item


def _healthcheck(value: object) -> Healthcheck | None:
    if not isinstance(value, dict) or not isinstance(value.get("test"), list):
        return None
    form, *words = map(str, value["test"])
    if form == "CMD-SHELL":
        words = ["/bin/sh", "-c", " ".join(words)]
    numbers = {
        name.replace("-", "_"): value[name]
        for name in ("start-period", "interval", "timeout", "retries")
        if isinstance(value.get(name), int)
    }
    return Healthcheck(tuple(words), **numbers)


def split_command(text: str) -> list[str]:
    """Cut a command into words as containerlab does: by quotes, without a shell."""
    return shlex.split(text)
