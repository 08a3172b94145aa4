"""Packed lists are what tuples of the same values are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evpnd.model.packed import Numbers, Octets4, Octets8, Octets12

SIZES = {4: Octets4, 8: Octets8, 12: Octets12}


@given(st.sampled_from([4, 8, 12]), st.data())
def test_octets_are_what_a_tuple_of_them_is(size: int, data: st.DataObject) -> None:
    few = st.sampled_from([0, 1, 255])
    one = st.lists(few, min_size=size, max_size=size).map(bytes)
    values = data.draw(st.lists(one, max_size=8))
    packed, plain = SIZES[size](b"".join(values)), tuple(values)

    assert packed == plain
    assert plain == packed
    assert hash(packed) == hash(plain)
    assert packed == SIZES[size](b"".join(plain))
    assert (list(packed), len(packed), bool(packed)) == (
        values,
        len(plain),
        bool(plain),
    )
    assert packed[1:] == plain[1:]
    assert [packed[at] for at in range(-len(plain), len(plain))] == [*plain, *plain]
    asked = data.draw(one)
    assert (asked in packed) == (asked in plain)
    assert packed.count(asked) == plain.count(asked)
    assert repr(packed) == repr(plain)


@given(st.lists(st.integers(0, (1 << 32) - 1)))
def test_numbers_are_what_a_tuple_of_them_is(numbers: list[int]) -> None:
    packed = Numbers.of(numbers)

    assert packed == tuple(numbers)
    assert list(packed) == numbers
    assert numbers[-1:] == list(packed[-1:])
    assert all(number in packed for number in numbers)


def test_what_is_no_value_is_not_in_it_and_has_no_place() -> None:
    packed = Octets4(b"abcdefgh")

    assert None not in packed
    assert b"cdef" not in packed
    assert b"ab" not in packed
    assert packed != ["abcd", "efgh"]
    assert packed != Octets8(b"abcdefgh")
    with pytest.raises(IndexError):
        packed[2]
