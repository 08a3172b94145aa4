"""A dictionary in pieces is a dictionary."""

import copy
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evpnd.core.bgp import pieces
from evpnd.core.bgp.pieces import PIECE, Pieces

KEYS = st.integers(0, 60)
CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sets(KEYS, min_size=1, max_size=9)),
        st.tuples(st.just("replace"), KEYS),
        st.tuples(st.just("pop"), KEYS),
        st.tuples(st.just("popitem"), KEYS),
    ),
    max_size=60,
)


@pytest.fixture(autouse=True, scope="module")
def small() -> object:
    """Begin a piece after a few entries."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "PIECE", 10)
        yield


def check(ours: Pieces[int, int], model: dict[int, int]) -> None:
    assert len(ours) == len(model)
    assert bool(ours) == bool(model)
    assert sorted(ours) == sorted(model)
    assert sorted(ours.items()) == sorted(model.items())
    assert sorted(ours.values()) == sorted(model.values())
    for key in range(61):
        assert ours.get(key) == model.get(key)
        assert (key in ours) == (key in model)
        assert ours.isdisjoint([key]) == (key not in model)


@settings(max_examples=300)
@given(CHANGES)
def test_it_does_what_a_dictionary_does(
    changes: list[tuple[str, int | set[int]]],
) -> None:
    ours: Pieces[int, int] = Pieces()
    model: dict[int, int] = {}
    for number, (change, what) in enumerate(changes, 1):
        if isinstance(what, set):
            ours.put(what, number)
            model.update(dict.fromkeys(what, number))
        elif change == "replace":
            assert ours.replace(what, number) == model.get(what)
            model[what] = number
        elif change == "pop":
            assert ours.pop(what, None) == model.pop(what, None)
        elif model:
            key, value = ours.popitem()
            assert model.pop(key) == value
        check(ours, model)


def test_no_piece_is_longer_than_the_step_before_which_it_ends() -> None:
    ours: Pieces[int, int] = Pieces()
    for start in range(0, 33, 3):
        ours.add(range(start, start + 3), 1)
    assert max(map(len, (ours._newest, *ours._older))) <= 10


def test_there_are_as_many_pieces_as_the_size_has_doublings() -> None:
    ours: Pieces[int, int] = Pieces()
    for start in range(0, 10_000, 4):
        ours.add(range(start, start + 4), 1)

    assert len(ours) == 10_000
    assert len(ours._older) < 15


def test_room_is_used_again() -> None:
    ours: Pieces[int, int] = Pieces()
    for key in range(10_000):
        ours.replace(key, 1)
        ours.pop(key - 15, None)
    assert len(ours._older) < 7


def test_some_entries_are_kept() -> None:
    ours: Pieces[int, int] = Pieces()
    ours.put(range(30), 7)
    assert sorted(ours.only([3, 29, 70]).items()) == [(3, 7), (29, 7)]


@pytest.mark.parametrize("entries", [1, 30])
def test_a_copy_is_a_dictionary_of_its_own(entries: int) -> None:
    ours: Pieces[int, int] = Pieces()
    for key in range(entries):
        ours.replace(key, key + 1)

    twin = copy.deepcopy(ours)
    twin.replace(100, 7)
    assert twin.pop(0, None) == 1

    assert (twin.get(0), twin.get(100)) == (None, 7)
    assert (ours.get(0), ours.get(100)) == (1, None)


def test_a_key_that_is_not_there() -> None:
    ours: Pieces[int, int] = Pieces()
    with pytest.raises(KeyError):
        ours[1]
    with pytest.raises(KeyError):
        ours.popitem()


def test_a_dictionary_of_that_size_does_not_grow() -> None:
    full = dict.fromkeys(range(PIECE))
    size = sys.getsizeof(full)
    full[PIECE] = None
    assert sys.getsizeof(full) > size
