"""Two patterns meet where some device can have a name that both match."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evpnd.adapters.config.port_patterns import can_meet
from evpnd.model.bridges import BridgePort

NAMES = [
    "".join(letters) for length in range(8) for letters in product("ab", repeat=length)
]
patterns = st.text("ab*", max_size=4)


@given(one=patterns, other=patterns)
def test_patterns_meet_exactly_where_a_name_matches_both(one: str, other: str) -> None:
    both = any(
        BridgePort(one).matches(name) and BridgePort(other).matches(name)
        for name in NAMES
    )

    assert can_meet(one, other) == can_meet(other, one) == both


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        ("abcdefgh*", "*ijklmno", True),
        ("abcdefgh*", "*ijklmnop", False),
        ("abcdefghij*", "*hijklmnop", False),
        ("abcdefghij*", "*fghijklmno", True),
    ],
)
def test_a_name_has_at_most_15_characters(one: str, other: str, *, meet: bool) -> None:
    assert can_meet(one, other) is meet
