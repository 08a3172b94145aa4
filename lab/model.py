"""What a topology file says, after defaults, kinds and groups were applied."""

import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from lab.document import (
    Document,
    FileError,
    KeyPath,
    format_key,
)
from lab.netns import LabError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
"""Of labs and of nodes."""
DEFAULT_MTU = 9500
"""Of containerlab's links."""
FRR_KINDS = ("frr", "frrouting")
CONTAINERS = ("linux", *FRR_KINDS)
"""Kinds with a file system and a program of their own."""
RESERVED = "clab~"
"""Begins the names of interfaces that the runner makes for itself."""


def beside(file: Path, name: str) -> Path:
    """Find what a topology file names: beside it, or from ``~``.

    As in a shell, ``~nobody`` stays as it is where there is no such user.
    """
    path = Path(name)
    with contextlib.suppress(RuntimeError):
        path = path.expanduser()
    return file.resolve().parent / path


class Stage(Enum):
    """Where a node is on its way up."""

    CREATE = "create"
    CREATE_LINKS = "create-links"
    CONFIGURE = "configure"
    HEALTHY = "healthy"
    EXIT = "exit"


@dataclass(frozen=True, slots=True)
class WaitFor:
    """A node enters a stage only after another one finished one."""

    before: Stage
    node: str
    stage: Stage
    key: KeyPath


@dataclass(frozen=True, slots=True)
class StageExec:
    """A command at the beginning or the end of a stage."""

    stage: Stage
    command: str
    on_exit: bool
    on_host: bool


@dataclass(frozen=True, slots=True)
class Bind:
    """A file or directory of the machine, seen in a node."""

    source: Path | None
    """None: an empty directory of the node's own."""
    target: str
    read_only: bool
    key: KeyPath


@dataclass(frozen=True, slots=True)
class Healthcheck:
    """How a node is found healthy; times in seconds."""

    argv: tuple[str, ...]
    start_period: float = 0
    interval: float = 30
    timeout: float = 30
    retries: int = 3


@dataclass(slots=True)
class Node:
    """One node; every value is the most specific one that was given."""

    name: str
    kind: str
    key: KeyPath
    """Where it stands."""
    settings: Mapping[str, object]
    origins: Mapping[str, KeyPath]
    """Where each of the settings stands: in the node, its group, kind, defaults."""
    exec: list[str] = field(default_factory=list)
    binds: list[Bind] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)
    file_env: dict[str, str] = field(default_factory=dict)
    """What ``env-files`` say; all of ``env`` is stronger."""
    sysctls: dict[str, str] = field(default_factory=dict)
    sysctl_keys: dict[str, KeyPath] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    wait_for: list[WaitFor] = field(default_factory=list)
    stage_exec: list[StageExec] = field(default_factory=list)
    healthcheck: Healthcheck | None = None

    def text(self, name: str, default: str = "") -> str:
        """Read a setting as text."""
        value = self.settings.get(name)
        return default if value is None else _text(value)

    @property
    def is_managed(self) -> bool:
        """Tell whether it is in the management network."""
        bridged = self.text("network-mode", "bridge") == "bridge"
        return self.kind in CONTAINERS and bridged

    def origin(self, name: str) -> KeyPath:
        """Find where a setting stands, or the node where it stands nowhere."""
        return self.origins.get(name, self.key)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One end of a link."""

    node: str
    interface: str
    mac: str = ""
    ipv4: str = ""
    ipv6: str = ""
    key: KeyPath = ()


@dataclass(frozen=True, slots=True)
class Link:
    """A link; ``kind`` is veth, host, mgmt-net, macvlan, vxlan ... or dummy."""

    kind: str
    endpoints: tuple[Endpoint, ...]
    """Two for veth, else one."""
    host_interface: str
    mtu: int
    key: KeyPath
    host_addresses: tuple[str, ...] = ()
    """Of the end on the machine, with their prefix lengths."""


@dataclass(slots=True)
class Topology:
    """A lab."""

    document: Document
    name: str
    prefix: str
    """Of the names of nodes, with the lab's name in it; may be empty."""
    mgmt: Mapping[str, object]
    nodes: dict[str, Node]
    links: list[Link]

    @property
    def path(self) -> Path:
        """The file."""
        return self.document.path

    @property
    def lab_directory(self) -> Path:
        """Where containerlab keeps its own files of a lab, whatever the prefix."""
        return self.path.resolve().parent / f"clab-{self.name}"

    def owner(self, name: str) -> str | None:
        """Find the node whose interfaces a node has; None where that goes round."""
        seen = set()
        while name in self.nodes:
            mode = self.nodes[name].text("network-mode")
            if not mode.startswith("container:"):
                return name
            if name in seen:
                return None
            seen.add(name)
            name = mode.removeprefix("container:")
        return None

    def home(self, name: str) -> str | None:
        """Find the node whose namespace a node is in; None: it is the lab's machine."""
        owner = self.nodes[self.owner(name) or name]
        if owner.kind not in CONTAINERS or owner.text("network-mode") == "host":
            return None
        return owner.name

    def namespace(self, node: str) -> str:
        """Name the container, here the namespace, of a node."""
        return f"{self.prefix}-{node}" if self.prefix else node

    def error(self, key: KeyPath, reason: str) -> FileError:
        """Say what is wrong at a key."""
        return self.document.error(key, reason)

    def failure(self, key: KeyPath, text: str) -> LabError:
        """Say what did not work out on the way up, and which line asked for it."""
        place = f"{self.path}:{self.document.line(key)}"
        return LabError(f"{place}: {format_key(key)}: {text}")


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
