import math

import pytest

from evpnd.adapters.yaml.scalars import Dotted, Nothing, resolve_plain, resolve_tagged


@pytest.mark.parametrize(
    "text",
    [
        "52:54:00:12:34:56",
        "65000:7",
        "1:30",
        "no",
        "yes",
        "on",
        "off",
        "y",
        "2001-01-01",
        "2001-12-14t21:59:43.10-05:00",
        "10.0.0.1",
        "1_000",
        "0b1",
        "0x",
        "0o8",
        "1e",
        "-",
        "+",
        ".",
        "tRUE",
        "nULL",
        "<<",
        "=",
        "-0x1",
        "1 2",
        "٣",
    ],
)
def test_what_the_core_schema_does_not_name_is_text(text: str) -> None:
    assert resolve_plain(text) == text


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("-12", -12),
        ("+7", 7),
        ("010", 10),
        ("0o17", 15),
        ("0xfF", 255),
        ("10100", 10100),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1.", 1.0),
        ("1e3", 1000.0),
        ("-1.5E-3", -0.0015),
    ],
)
def test_numbers(text: str, number: float) -> None:
    resolved = resolve_plain(text)

    assert resolved == number
    assert isinstance(resolved, type(number))


def test_infinities_and_not_a_number() -> None:
    assert resolve_plain(".inf") == math.inf
    assert resolve_plain("-.INF") == -math.inf
    assert math.isnan(float(str(resolve_plain(".NaN"))))


@pytest.mark.parametrize("text", ["true", "True", "TRUE"])
def test_true(text: str) -> None:
    assert resolve_plain(text) is True


@pytest.mark.parametrize("text", ["false", "False", "FALSE"])
def test_false(text: str) -> None:
    assert resolve_plain(text) is False


@pytest.mark.parametrize("text", ["", "~", "null", "Null", "NULL"])
def test_null(text: str) -> None:
    assert isinstance(resolve_plain(text), Nothing)


def test_a_number_too_long_to_mean_anything_is_refused() -> None:
    with pytest.raises(ValueError, match="5000 digits"):
        resolve_plain("9" * 5000)


def test_tags_force_a_type_or_are_refused() -> None:
    core = "tag:yaml.org,2002:"

    assert resolve_tagged(core + "str", "5") == "5"
    assert resolve_tagged(core + "float", "5") == 5.0
    assert isinstance(resolve_tagged(core + "null", ""), Nothing)
    for tag, text in [("int", "x"), ("int", "true"), ("bool", "yes"), ("set", "x")]:
        with pytest.raises(ValueError, match=r"not a value|not known"):
            resolve_tagged(core + tag, text)


def test_a_number_with_a_point_keeps_its_text() -> None:
    one, other = resolve_plain("65000.1"), resolve_plain("65000.10")

    assert isinstance(one, Dotted)
    assert isinstance(other, Dotted)
    assert one == other == 65000.1
    assert (one.text, other.text) == ("65000.1", "65000.10")
