"""Every message that `evpnd check` can print is in one of the golden files here.

The messages are read off the source, with anything for what is filled in: one that is
added without a file that provokes it fails this test.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import evpnd

HERE = Path(__file__).parent
PACKAGE = Path(evpnd.__file__).parent
SOURCES = (
    *sorted((PACKAGE / "adapters/yaml").glob("*.py")),
    *sorted((PACKAGE / "adapters/config").glob("*.py")),
    *sorted((PACKAGE / "adapters/policy_files").glob("*.py")),
    PACKAGE / "policy/lint_rules.py",
    PACKAGE / "model/ids.py",
    PACKAGE / "model/community_text.py",
    PACKAGE / "model/targets.py",
    PACKAGE / "model/sizes.py",
)
TELLING = {"ValueError", "ConfigError", "PydanticCustomError", "add", "warn", "_empty"}
SHORTEST = 6
"""Characters; what is shorter is no message."""
NOT_IN_A_FILE = {
    "bridge_checks.py": ["VXLAN devices and"],  # takes a file of 1,023 EVIs
    "members.py": ["EVIs; at most"],  # takes a file of 65,536 EVIs
    "ids.py": ["VNI ", "carries a zone"],  # the shape is judged before
}
PRINTED = "\n".join(path.read_text() for path in HERE.glob("*.stderr"))


def _patterns(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.Constant(str(text)):
            yield re.escape(text)
        case ast.JoinedStr(parts):
            yield "".join(
                re.escape(str(part.value)) if isinstance(part, ast.Constant) else ".+?"
                for part in parts
            )
        case ast.IfExp(body=first, orelse=second):
            yield from _patterns(first)
            yield from _patterns(second)


def _messages() -> Iterator[tuple[str, int, str]]:
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text())):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name not in TELLING:
                continue
            for argument in node.args:
                for pattern in _patterns(argument):
                    if len(pattern) >= SHORTEST:
                        yield source.name, argument.lineno, pattern


MESSAGES = sorted(_messages())


def test_the_messages_are_found() -> None:
    assert len(MESSAGES) >= 110


@pytest.mark.parametrize(
    ("source", "line", "pattern"),
    MESSAGES,
    ids=[f"{source}-{line}" for source, line, _ in MESSAGES],
)
def test_a_message_is_provoked_by_a_file(source: str, line: int, pattern: str) -> None:
    plain = pattern.replace("\\", "")
    if any(part in plain for part in NOT_IN_A_FILE.get(source, [])):
        return

    assert re.search(pattern, PRINTED), f"{source}:{line} says {plain}"
