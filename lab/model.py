"""What a topology file says, after defaults, kinds and groups were applied."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lab.document import Document, FileError, KeyPath, format_key
from lab.netns import LabError

DEFAULT_MTU = 9500
"""Of containerlab's links."""


@dataclass(frozen=True, slots=True)
class Bind:
    """A file or directory of the machine, seen in a node."""

    source: Path | None
    """None: an empty directory of the node's own."""
    target: str
    mode: str
    """``ro`` or ``rw``."""
    key: KeyPath


@dataclass(slots=True)
class Node:
    """One node; every value is the most specific one that was given."""

    name: str
    kind: str
    key: KeyPath
    """Where it stands."""
    settings: dict[str, object] = field(default_factory=dict)
    origins: dict[str, KeyPath] = field(default_factory=dict)
    """Where each of the settings stands: in the node, its group, kind, defaults."""
    exec: list[str] = field(default_factory=list)
    binds: dict[str, Bind] = field(default_factory=dict)
    """By target."""
    env: dict[str, str] = field(default_factory=dict)
    sysctls: dict[str, tuple[str, KeyPath]] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    check: tuple[str, ...] = ()
    """Its health check: a command that succeeds where the node is healthy."""

    def text(self, name: str, default: str = "") -> str:
        """Return a setting as text."""
        value = self.settings.get(name)
        return default if value is None else str(value)

    @property
    def hostname(self) -> str:
        """The name that it knows itself by."""
        return self.text("hostname", self.name)

    @property
    def is_managed(self) -> bool:
        """Whether it is in the management network."""
        return self.text("network-mode") != "none"

    def origin(self, name: str) -> KeyPath:
        """Return where a setting stands, or the node where it stands nowhere."""
        return self.origins.get(name, self.key)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One end of a link."""

    node: str
    interface: str
    mac: str
    key: KeyPath


@dataclass(frozen=True, slots=True)
class Link:
    """A pair of virtual Ethernet devices."""

    ends: tuple[Endpoint, ...]
    mtu: int
    key: KeyPath


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

    def namespace(self, node: str) -> str:
        """Name the container, here the namespace, of a node."""
        return f"{self.prefix}-{node}" if self.prefix else node

    def error(self, key: KeyPath, reason: str) -> FileError:
        """Return what is wrong at a key."""
        return self.document.error(key, reason)

    def failure(self, key: KeyPath, text: str) -> LabError:
        """Return what did not work out on the way up, and which line asked for it."""
        place = f"{self.path}:{self.document.line(key)}"
        return LabError(f"{place}: {format_key(key)}: {text}")
