"""A YAML file as plain values, with the line of every key, and what is wrong in it.

Scalars are those of YAML 1.2, as containerlab has them: PyYAML's own are YAML 1.1's,
for which ``02:00:00:00:00:11`` is a number of base 60 and ``no`` a boolean.
"""

import difflib
import re
import reprlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import yaml

KeyPath = tuple[str | int, ...]
"""Keys and list positions from the top of a document."""
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]+")
_TAG = "tag:yaml.org,2002:"


class _Loader(yaml.SafeLoader):
    """Resolves plain scalars as the core schema of YAML 1.2 does."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 - PyYAML's own attribute


_PLAIN = {
    "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    "bool": (r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    "int": (r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    "float": (
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?",
        list("-+.0123456789"),
    ),
    "merge": ("<<", ["<"]),
}
for _kind, (_pattern, _first) in _PLAIN.items():
    _Loader.add_implicit_resolver(_TAG + _kind, re.compile(f"(?:{_pattern})$"), _first)


@dataclass(frozen=True, slots=True)
class FileError:
    """One thing that is wrong with a file."""

    path: Path
    line: int | None
    """First line is 1; None where the file as a whole is wrong."""
    key: str
    """As ``format_key`` writes it; empty for the whole document."""
    reason: str

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else str(self.path)
        return ": ".join(part for part in (place, self.key, self.reason) if part)


class FileErrors(Exception):  # noqa: N818 - it is many of them
    """All that is wrong with a file."""

    def __init__(self, errors: Iterable[FileError]) -> None:
        """Store them by line; what many nodes have of one line is named once."""
        unique = dict.fromkeys(errors)
        self.errors = sorted(unique, key=lambda each: each.line or 0)
        super().__init__(self.errors)

    def __str__(self) -> str:
        return "\n".join(str(error) for error in self.errors)


@dataclass(slots=True)
class Document:
    """What a file says; None stands for an empty value."""

    path: Path
    value: object = None
    lines: dict[KeyPath, int] = field(default_factory=dict)
    texts: dict[KeyPath, str] = field(default_factory=dict)
    """Scalars as they are written: ``1.10``, ``0x1F``, ``True``."""

    def line(self, key: KeyPath) -> int | None:
        """Return the line of a key, or of the nearest one around it."""
        while key and key not in self.lines:
            key = key[:-1]
        return self.lines.get(key)

    def error(self, key: KeyPath, reason: str) -> FileError:
        """Return an error at a key."""
        return FileError(self.path, self.line(key), format_key(key), reason)


def read_text(path: Path) -> str:
    """Read a file; raises FileErrors."""
    try:
        return path.read_text("utf-8-sig")
    except OSError as error:
        reason = f"cannot be read: {error.strerror}"
    except UnicodeDecodeError:
        reason = "is not UTF-8; save it as UTF-8"
    raise FileErrors([FileError(path, None, "", reason)])


def read_yaml(path: Path) -> Document:
    """Read one document from a file; raises FileErrors."""
    return parse(read_text(path), path)


def parse(text: str, path: Path) -> Document:
    """Read one document from text; ``path`` says in errors where it is from."""
    document = Document(path)
    try:
        node = yaml.compose(text, _Loader)
        document.value = None if node is None else _plain(node, (), document)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        words = [getattr(error, name, None) for name in ("context", "problem")]
        said = " ".join(filter(None, words)) or " ".join(str(error).split())
        reason = f"cannot be read as YAML: {said}"
        line = mark.line + 1 if mark else None
        raise FileErrors([FileError(path, line, "", reason)]) from None
    return document


def _plain(node: yaml.Node, key: KeyPath, into: Document) -> object:
    """Return the plain value of a node; lines and texts of what is in it are noted."""
    into.lines.setdefault(key, node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(each, (*key, at), into) for at, each in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, key, into)
    assert isinstance(node, yaml.ScalarNode)
    into.texts[key] = node.value
    match node.tag.removeprefix(_TAG):
        case "null":
            return None
        case "bool":
            return node.value.lower() == "true"
        case "int":
            base = {"0o": 8, "0x": 16}.get(node.value[:2], 10)
            return int(node.value, base)
        case "float":
            return float(node.value)
        case _:
            return str(node.value)


def _mapping(node: yaml.MappingNode, key: KeyPath, into: Document) -> dict[str, object]:
    found: dict[str, object] = {}
    # What stands in the mapping wins over what is merged into it.
    for name, value in node.value:
        if name.tag == _TAG + "merge":
            several = isinstance(value, yaml.SequenceNode)
            for each in value.value if several else [value]:
                if isinstance(each, yaml.MappingNode):
                    found |= _mapping(each, key, into)
    own: dict[str, int] = {}
    for name, value in node.value:
        if name.tag == _TAG + "merge":
            continue
        reason = ""
        if not isinstance(name, yaml.ScalarNode):
            reason = "a key must be text, not a list or a mapping"
        elif name.value in own:
            reason = f"{name.value} stands twice, first on line {own[name.value]}"
        if reason:
            raise yaml.MarkedYAMLError(problem=reason, problem_mark=name.start_mark)
        place = (*key, name.value)
        into.lines[place] = own[name.value] = name.start_mark.line + 1
        found[name.value] = _plain(value, place, into)
    return found


def format_key(key: KeyPath) -> str:
    """Write ``nodes.a.exec[0]``; a key that is no plain word is quoted."""
    text = ""
    for part in key:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            word = part if _PLAIN_KEY.fullmatch(part) else repr(part)
            text += f".{word}" if text else word
    return text


def describe(value: object) -> str:
    """Name a value in a sentence: ``'yes'``, ``3``, ``a list``, ``nothing``."""
    names = {dict: "a mapping", list: "a list", type(None): "nothing"}
    return names.get(type(value)) or reprlib.repr(value)


def similar(name: str, names: Iterable[str]) -> str:
    """Return what somebody may have meant; empty where nothing is like it."""
    by_lower = {each.lower(): each for each in names}
    word = name.lower().replace("_", "-")
    close = difflib.get_close_matches(word, by_lower, n=1, cutoff=0.7)
    return f"; is it {by_lower[close[0]]}?" if close else ""
