"""No file of evpnd needs, by way of others, itself: each can be read after some other.

Imports for type checkers alone count: a reader follows them as well. The order of the
packages is held by import-linter, which knows no files.
"""

import ast
from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import evpnd

ROOT = Path(evpnd.__file__).parent


def modules(root: Path) -> dict[str, Path]:
    """Map the names of a package's modules to their files."""
    named = {}
    for file in root.rglob("*.py"):
        parts = file.relative_to(root.parent).with_suffix("").parts
        named[".".join(part for part in parts if part != "__init__")] = file
    return named


def imported(source: str, known: Iterable[str]) -> Iterator[str]:
    """Yield which of the known modules a source imports, anywhere in it."""
    names = set(known)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute"
            module = node.module or ""
            for alias in node.names:
                inner = f"{module}.{alias.name}"
                if inner in names:
                    yield inner
                elif module in names:
                    yield module


def circle(graph: Mapping[str, set[str]]) -> list[str]:
    """Return the modules of one circle; empty: there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_file_needs_itself_by_way_of_others() -> None:
    known = modules(ROOT)
    graph = {
        name: set(imported(file.read_text(encoding="utf-8"), known)) - {name}
        for name, file in known.items()
    }

    assert sum(map(len, graph.values())) > len(known)
    assert circle(graph) == []


def test_a_circle_that_a_type_checker_alone_sees_is_found() -> None:
    sources = {
        "a": "from b import thing",
        "b": "def late():\n    import c",
        "c": "if TYPE_CHECKING:\n    from a import name",
        "d": "import a",
    }
    graph = {name: set(imported(text, sources)) for name, text in sources.items()}

    assert set(circle(graph)) == {"a", "b", "c"}
    assert circle(graph | {"c": set()}) == []
