import time
from collections.abc import Callable
from pathlib import Path

import pytest

from evpnd.adapters.yaml.errors import ConfigErrors
from evpnd.adapters.yaml.reader import MAX_OCTETS, Document, read_yaml

Read = Callable[[str | bytes], Document]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def read(content: str | bytes) -> Document:
        path = tmp_path / "file.yaml"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_yaml(path)

    return read


def test_every_key_and_item_has_its_line(read: Read) -> None:
    document = read("a:\n  b: 1\n  c:\n    - x\n    - d: 2\ne: {f: 3,\n  g: 4}\n")

    assert document.lines == {
        (): 1,
        ("a",): 1,
        ("a", "b"): 2,
        ("a", "c"): 3,
        ("a", "c", 0): 4,
        ("a", "c", 1): 5,
        ("a", "c", 1, "d"): 5,
        ("e",): 6,
        ("e", "f"): 6,
        ("e", "g"): 7,
    }


def test_a_key_that_is_absent_has_the_line_of_what_is_around_it(read: Read) -> None:
    document = read("x: 1\na:\n  b: 1\n")

    assert document.line(("a", "z", 3, "y")) == 2


def test_a_byte_order_mark_is_no_part_of_the_text(read: Read) -> None:
    assert read("\ufeffa: 1\n").value == {"a": 1}


def test_keys_are_text_whatever_they_look_like(read: Read) -> None:
    assert read("1: a\ntrue: b\nno: c\n").value == {"1": "a", "true": "b", "no": "c"}


def test_an_alias_gives_the_value_again(read: Read) -> None:
    assert read("a: &x [1, {b: 2}]\nc: *x\n").value == {
        "a": [1, {"b": 2}],
        "c": [1, {"b": 2}],
    }


def test_a_merge_fills_in_what_is_not_given(read: Read) -> None:
    document = read(
        "a: &a {x: 1, y: 2}\nb: &b {y: 3, z: 4}\nc: {<<: [*a, *b], x: 0}\nd: {<<: *a}\n"
    )

    assert document.value["c"] == {"x": 0, "y": 2, "z": 4}
    assert document.value["d"] == {"x": 1, "y": 2}
    assert document.errors == ()


def test_a_key_that_stands_twice_keeps_the_first_value_and_names_both_lines(
    read: Read,
) -> None:
    document = read("a: 1\nb: 2\na: 3\n")

    assert document.value == {"a": 1, "b": 2}
    assert [str(error).rpartition("/")[2] for error in document.errors] == [
        "file.yaml:3: a: is a duplicate of the key on line 1; keep one of them"
    ]


@pytest.mark.parametrize(
    "content",
    [
        "[" * 1_000_000,
        "- " * 1_000_000,
        "{a: " * 100_000,
        "? " * 100_000,
        "a: &a [x, x, x, x, x, x, x, x]\n"
        + "".join(
            f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join([f'*{chr(97 + i)}'] * 9)}]\n"
            for i in range(20)
        ),
        "a: &a {x: 1}\n"
        + "".join(
            f"{chr(98 + i)}: &{chr(98 + i)} "
            f"{{<<: [{', '.join([f'*{chr(97 + i)}'] * 9)}]}}\n"
            for i in range(20)
        ),
        "a: &a {b: *a}",
        "&a [*a]",
        "a: " + "9" * 1_000_000,
        b"#" * (MAX_OCTETS + 1),
    ],
    ids=[
        "flow",
        "block",
        "maps",
        "keys",
        "aliases",
        "merges",
        "self",
        "root",
        "int",
        "size",
    ],
)
def test_what_would_cost_too_much_is_refused_at_once(
    read: Read, content: str | bytes
) -> None:
    start = time.thread_time()

    with pytest.raises(ConfigErrors):
        read(content)

    assert time.thread_time() - start < 2


def test_aliases_count_for_the_depth(read: Read) -> None:
    nested = "a0: &a0 [1]\n" + "".join(
        f"a{i}: &a{i} [[[[*a{i - 1}]]]]\n" for i in range(1, 30)
    )

    with pytest.raises(ConfigErrors, match="nested deeper"):
        read(nested)


@pytest.mark.parametrize("path", ["/", "/nonexistent/x", "/dev/zero", "/tmp/a\0b"])
def test_what_is_no_file_is_one_error(path: str) -> None:
    with pytest.raises(ConfigErrors) as caught:
        read_yaml(Path(path))

    assert len(caught.value.errors) == 1
