"""A YAML file as plain values, with the line of every key.

Works on the parser's events and without recursion, so that size, nesting and
expanded aliases are bounded before anything is built from them.
"""

import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, NoReturn

import yaml

from evpnd.adapters.yaml.errors import (
    ConfigError,
    ConfigErrors,
    KeyPath,
    format_key_path,
    shorten,
)
from evpnd.adapters.yaml.scalars import (
    NOTHING,
    Nothing,
    Scalar,
    resolve_plain,
    resolve_tagged,
)
from evpnd.adapters.yaml.syntax import syntax_reason

MAX_OCTETS: Final = 16 << 20
MAX_DEPTH: Final = 64
MAX_NODES: Final = 1_000_000
"""Aliases counted as often as they are used."""

_SUBSTITUTED: Final = Path("/dev/fd")

Value = Scalar | list["Value"] | dict[str, "Value"]

_UNPRINTABLE = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
)
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_COLLECTION_TAGS = {
    yaml.MappingStartEvent: "tag:yaml.org,2002:map",
    yaml.SequenceStartEvent: "tag:yaml.org,2002:seq",
}


@dataclass(frozen=True, slots=True)
class Document:
    """What a file says."""

    path: Path
    value: Value
    lines: dict[KeyPath, int]
    errors: tuple[ConfigError, ...]
    """Keys that stand twice: the rest can be judged all the same."""
    texts: dict[KeyPath, str] = field(default_factory=dict)
    """Numbers and booleans as they are written: ``1.10``, ``0x1F``, ``True``."""

    def section(self, name: str) -> Value | None:
        """Return the value below a key of the file; None: it has none."""
        return self.value.get(name) if isinstance(self.value, dict) else None

    def line(self, key_path: KeyPath) -> int | None:
        """Return the line of a key, or of the nearest one around it."""
        while key_path and key_path not in self.lines:
            key_path = key_path[:-1]
        return self.lines.get(key_path)

    def error(self, key_path: KeyPath, reason: str) -> ConfigError:
        """Return what is wrong at a key."""
        return ConfigError(
            self.path,
            self.line(key_path),
            format_key_path(key_path),
            shorten(reason),
        )


@dataclass(slots=True)
class _Node:
    line: int
    content: "Scalar | list[_Node] | dict[str, tuple[int, _Node]]"
    weight: int = 1
    height: int = 1
    text: str = ""
    """Of a scalar, as it is written."""


@dataclass(slots=True)
class _Frame:
    """A collection that is still open."""

    node: _Node
    path: KeyPath
    anchor: str | None
    key: tuple[str, int] | None = None
    """The key, and its line, that waits for its value."""
    merged: list[_Node] = field(default_factory=list)


def read_yaml(path: Path) -> Document:
    """Read one file; raises ConfigErrors for what is not one sound document."""
    return parse_yaml(_read_text(path), path)


def parse_yaml(text: str, path: Path) -> Document:
    """Read one document from text; the path says in errors where it is from."""
    composer = _Composer(path)
    try:
        root = composer.compose(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise ConfigErrors(
            [*composer.errors, ConfigError(path, line, "", syntax_reason(error, text))]
        ) from None
    except yaml.YAMLError as error:
        reason = shorten(f"is not valid YAML: {' '.join(str(error).split())}")
        raise ConfigErrors([ConfigError(path, None, "", reason)]) from None
    document = Document(path, NOTHING, {}, tuple(composer.errors))
    value = _plain(root, (), root.line, document)
    return replace(document, value=value)


def _read_text(path: Path) -> str:
    def refuse(reason: str, line: int | None = None) -> ConfigErrors:
        return ConfigErrors([ConfigError(path, line, "", reason)])

    try:
        # A pipe would keep the daemon waiting for ever.
        # What a shell substitutes, `<(...)`, ends.
        if stat.S_ISFIFO(path.stat().st_mode) and path.parent != _SUBSTITUTED:
            raise refuse("is a pipe; name a file")
        with path.open("rb") as file:
            octets = file.read(MAX_OCTETS + 1)
    except OSError as error:
        raise refuse(f"cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise refuse(f"cannot be read: {error}") from None
    if len(octets) > MAX_OCTETS:
        raise refuse(f"is larger than {MAX_OCTETS >> 20} MiB; is it the right file?")
    try:
        text = octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = octets.count(b"\n", 0, error.start) + 1
        raise refuse(
            f"is not UTF-8: octet {octets[error.start]:#04x}; save it as UTF-8", line
        ) from None
    if odd := _UNPRINTABLE.search(text):
        line = text.count("\n", 0, odd.start()) + 1
        raise refuse(
            f"is not text: character U+{ord(odd[0]):04X} is not allowed; remove it",
            line,
        )
    return text


class _Composer:
    """Builds the nodes of one document from parser events."""

    def __init__(self, path: Path) -> None:
        self.errors: list[ConfigError] = []
        self._path = path
        self._stack: list[_Frame] = []
        self._anchors: dict[str, _Node | None] = {}
        self._root: _Node | None = None
        self._nodes = 0

    def compose(self, text: str) -> _Node:
        """Build the document; raises ConfigErrors or yaml.YAMLError."""
        documents = 0
        for event in self._events(text):
            line = event.start_mark.line + 1 if event.start_mark else 1
            match event:
                case yaml.DocumentStartEvent():
                    documents += 1
                    if documents > 1:
                        self._refuse(
                            line, "a second document starts here; a file has one"
                        )
                case yaml.ScalarEvent():
                    self._scalar(event, line)
                case yaml.AliasEvent():
                    self._alias(str(event.anchor), line)
                case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                    self._open(event, line)
                case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                    self._close()
                case _:
                    pass
        return self._root or _Node(1, NOTHING)

    @staticmethod
    def _events(text: str) -> Iterator[yaml.Event]:
        yield from yaml.parse(text, Loader=_LOADER)

    def _refuse(self, line: int, reason: str) -> NoReturn:
        key = format_key_path(self._here())
        raise ConfigErrors(
            [*self.errors, ConfigError(self._path, line, key, shorten(reason))]
        )

    def _here(self) -> KeyPath:
        if not self._stack:
            return ()
        frame = self._stack[-1]
        if isinstance(frame.node.content, list):
            return (*frame.path, len(frame.node.content))
        return (*frame.path, frame.key[0]) if frame.key else frame.path

    def _awaits_key(self) -> bool:
        return (
            bool(self._stack)
            and isinstance(self._stack[-1].node.content, dict)
            and self._stack[-1].key is None
        )

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> None:
        if self._awaits_key():
            if event.anchor is not None:
                self._anchors[event.anchor] = _Node(line, event.value)
            self._stack[-1].key = event.value, line
            return
        value: Scalar = NOTHING
        try:
            if event.implicit[0]:
                value = resolve_plain(event.value)
            elif event.tag is not None:
                value = resolve_tagged(event.tag, event.value)
            else:
                value = event.value
        except ValueError as error:
            self._refuse(line, str(error))
        node = _Node(line, value, text=event.value)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        self._add(node)

    def _alias(self, anchor: str, line: int) -> None:
        if anchor not in self._anchors:
            self._refuse(line, f"*{anchor} refers to no anchor; add &{anchor} above it")
        node = self._anchors[anchor]
        if node is None:
            self._refuse(line, f"*{anchor} contains itself; write the value itself")
        elif self._awaits_key():
            if not isinstance(node.content, str):
                self._refuse(line, "a key must be text")
            self._stack[-1].key = str(node.content), line
        else:
            if len(self._stack) + node.height > MAX_DEPTH:
                self._refuse(line, f"is nested deeper than {MAX_DEPTH} levels")
            self._add(node)

    def _open(
        self, event: yaml.MappingStartEvent | yaml.SequenceStartEvent, line: int
    ) -> None:
        if self._awaits_key():
            self._refuse(line, "a key must be text, not a list or a mapping")
        if len(self._stack) >= MAX_DEPTH:
            self._refuse(line, f"is nested deeper than {MAX_DEPTH} levels")
        if event.tag not in (None, "!", _COLLECTION_TAGS[type(event)]):
            self._refuse(
                line, f"the tag {shorten(event.tag, 60)!r} is not known; remove it"
            )
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        mapping = isinstance(event, yaml.MappingStartEvent)
        node = _Node(line, {} if mapping else [])
        self._stack.append(_Frame(node, self._here(), event.anchor))

    def _close(self) -> None:
        frame = self._stack.pop()
        content = frame.node.content
        if isinstance(content, dict):
            # What stands in the mapping wins over what is merged into it.
            for other in frame.merged:
                if isinstance(other.content, dict):
                    for key, entry in other.content.items():
                        content.setdefault(key, entry)
        if frame.anchor is not None:
            self._anchors[frame.anchor] = frame.node
        self._add(frame.node, counted=True)

    def _add(self, node: _Node, *, counted: bool = False) -> None:
        """Add a finished node to the collection around it."""
        self._nodes += 1 if counted else node.weight
        if self._nodes > MAX_NODES:
            self._refuse(
                node.line,
                f"aliases and values make more than {MAX_NODES:,} values; write fewer",
            )
        if not self._stack:
            self._root = node
            return
        frame = self._stack[-1]
        frame.node.weight += node.weight
        frame.node.height = max(frame.node.height, node.height + 1)
        content = frame.node.content
        if isinstance(content, list):
            content.append(node)
        elif isinstance(content, dict) and frame.key is not None:
            key, line = frame.key
            if key == "<<":
                self._merge(frame, node)
            elif key in content:
                first = content[key][0]
                self.errors.append(
                    ConfigError(
                        self._path,
                        line,
                        format_key_path(self._here()),
                        f"is a duplicate of the key on line {first}; keep one of them",
                    )
                )
            else:
                content[key] = line, node
            frame.key = None

    def _merge(self, frame: _Frame, node: _Node) -> None:
        others = node.content if isinstance(node.content, list) else [node]
        if not all(isinstance(other.content, dict) for other in others):
            self._refuse(node.line, "<< merges mappings; write an alias of a mapping")
        frame.merged += others


def _plain(node: _Node, path: KeyPath, line: int, document: Document) -> Value:
    """Return the plain value; line and text of what is in it are noted."""
    document.lines[path] = line
    match node.content:
        case list() as items:
            return [
                _plain(item, (*path, index), item.line, document)
                for index, item in enumerate(items)
            ]
        case dict() as entries:
            return {
                key: _plain(value, (*path, key), line, document)
                for key, (line, value) in entries.items()
            }
        case scalar:
            if isinstance(scalar, bool | int | float):
                document.texts[path] = node.text
            return scalar


def describe(value: object) -> str:
    """Return a value as words: ``'yes'``, ``true``, ``a list``, ``nothing``."""
    match value:
        case Nothing():
            return "nothing"
        case bool():
            return "true" if value else "false"
        case list():
            return "a list"
        case dict():
            return "a mapping"
        case str():
            return shorten(repr(value), 60)
        case _:
            return shorten(str(value), 60)
