"""Files of `env-files` are read as containerlab's library for them reads them."""

import pytest

from lab.envfile import parse_env


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("A=x", "x"),
        ("export A=x", "x"),
        ("  A = x  ", "x"),
        ("A: x", "x"),
        ("A=", ""),
        ("A=x # a comment", "x"),
        ("A=x#y", "x#y"),
        ("A=# a comment", ""),
        ("A='x # y' # z", "x # y"),
        ('A="x # y"', "x # y"),
        ("B=b\nA=${B}/x", "b/x"),
        ('B=b\nA="$B"', "b"),
        ("B=b\nA='$B'", "$B"),
        ("A=${NONE}x", "x"),
        (r'A="a\nb"', "a\nb"),
        (r'A="\$B"', "$B"),
        (r'A="say \"x\""', 'say "x"'),
        ('A="one\ntwo"', "one\ntwo"),
        ("A=x y", "x y"),
        ("A=x\r\n", "x"),
        ("# c\n\n  # d\nA=x", "x"),
        ("A=x\nA=y", "y"),
    ],
)
def test_a_value(text: str, value: str) -> None:
    assert parse_env(text)["A"] == value


def test_what_is_no_line_of_it_is_named() -> None:
    with pytest.raises(ValueError, match="line 3 is not NAME=value"):
        parse_env("A=x\n\nnonsense\n")
