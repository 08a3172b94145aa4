"""YAML is read as YAML 1.2 has it, and what is wrong is named with its line."""

from pathlib import Path

import pytest

from lab.document import FileErrors, parse, read_text

FILE = Path("t.yaml")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("02:00:00:00:00:11", "02:00:00:00:00:11"),
        ("no", "no"),
        ("True", True),
        ("0x1F", 31),
        ("010", 10),
        ("1.10", 1.1),
        ("1e3", 1000.0),
        ("'1'", "1"),
        ("", None),
    ],
)
def test_a_scalar(text: str, value: object) -> None:
    found = parse(f"a: {text}", FILE).value

    assert found == {"a": value}
    assert isinstance(found, dict)
    assert type(found["a"]) is type(value)


def test_lines_and_texts_are_of_the_strongest_of_what_is_merged() -> None:
    document = parse("x: &x {a: 1.10, b: 0x1}\ny:\n  b: 2\n  <<: *x\n", FILE)

    assert document.value == {"x": {"a": 1.1, "b": 1}, "y": {"a": 1.1, "b": 2}}
    assert document.line(("y", "b")) == 3
    assert document.texts["y", "b"] == "2"
    assert document.texts["y", "a"] == "1.10"


def test_the_line_of_what_is_not_there_is_that_around_it() -> None:
    document = parse("a:\n  b:\n    - c\n", FILE)

    assert document.line(("a", "b", 9)) == 2
    assert str(document.error(("a", "b", 0), "no")) == "t.yaml:3: a.b[0]: no"


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("a: [1\nb: 2", 2, "cannot be read as YAML"),
        ("a: 1\n? [x]\n: 2", 2, "a key must be text"),
        ("a: 1\nb: 2\na: 3\n", 3, "a stands twice, first on line 1"),
        ("a: 1\n---\nb: 2", 2, "expected a single document"),
        ("a: \x07", None, "cannot be read as YAML"),
        ("&a [*a]", None, "cannot be read as YAML"),
    ],
)
def test_what_is_no_document_is_refused(
    text: str, line: int | None, reason: str
) -> None:
    with pytest.raises(FileErrors) as refused:
        parse(text, FILE)

    (found,) = refused.value.errors
    assert found.line == line
    assert reason in found.reason


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "t.yaml"
    with pytest.raises(FileErrors, match="cannot be read: No such file"):
        read_text(file)
    file.write_bytes(b"name: \xff")
    with pytest.raises(FileErrors, match="is not UTF-8"):
        read_text(file)
