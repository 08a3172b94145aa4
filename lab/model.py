"""What a topology file says, after defaults, kinds and groups were applied."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.document import Document, FileError, KeyPath
from lab.images import Image
from lab.netns import LabError


@dataclass(frozen=True, slots=True)
class Bind:
    """A file or directory of the machine, seen in a node."""

    source: Path | None
    """None: an empty directory of the node's own."""
    target: str
    mode: str
    """``ro`` or ``rw``."""


@dataclass(slots=True)
class Node:
    """One node; every value is the most specific one that was given."""

    name: str
    kind: str
    key: KeyPath
    """Where it stands."""
    settings: dict[str, Any] = field(default_factory=dict)
    origins: dict[tuple[str, ...], KeyPath] = field(default_factory=dict)
    """Where settings stand, and single entries of them, as ``("env", "HOME")``: in the
    node, its group, kind, defaults."""
    exec: list[str] = field(default_factory=list)
    binds: dict[str, Bind] = field(default_factory=dict)
    """By target."""
    env: dict[str, str] = field(default_factory=dict)
    sysctls: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    image: Image | None = None
    """The local program that stands for its image; None where there is none here."""
    addresses: list[str] = field(default_factory=list)
    """In the management network, in the order of the gateways, with prefix lengths."""

    def text(self, name: str, default: str = "") -> str:
        """Return a setting as text."""
        return str(self.settings.get(name, default))

    @property
    def hostname(self) -> str:
        """The name that it knows itself by."""
        return self.text("hostname", self.name)

    @property
    def is_managed(self) -> bool:
        """Whether it is in the management network."""
        return self.text("network-mode") != "none"

    @property
    def check(self) -> list[str]:
        """Its health check: a command that succeeds where the node is healthy."""
        form, *words = self.settings.get("healthcheck", {}).get("test", ["CMD"])
        return ["/bin/sh", "-c", " ".join(words)] if form == "CMD-SHELL" else words

    def origin(self, *names: str) -> KeyPath:
        """Return where a setting stands, or the node where it stands nowhere."""
        return self.origins.get(names, self.key)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One end of a link."""

    node: str
    interface: str
    mac: str
    """Empty: one that is made of the names."""
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
    mgmt: Mapping[str, Any]
    nodes: dict[str, Node]
    links: list[Link]
    gateways: list[str] = field(default_factory=list)
    """Of the management network: IPv4, then IPv6, with prefix lengths."""

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
        return LabError(str(self.error(key, text)))
