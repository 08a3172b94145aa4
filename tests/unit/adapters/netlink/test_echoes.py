import pytest

from evpnd.adapters.netlink.echoes import is_explained


@pytest.mark.parametrize(
    ("echoes", "rows", "refused", "halves"),
    [
        (200, 100, 0, 0),
        (100, 100, 0, 0),
        (300, 100, 0, 0),
        (180, 100, 10, 0),
        (190, 100, 10, 10),
        (0, 100, 100, 0),
        (100, 100, 100, 100),
        (0, 0, 0, 0),
    ],
    ids=["new", "moved", "in-a-vlan-too", "refused", "half", "all", "all-half", "none"],
)
def test_our_own_rows_are_told_of_equally_often(
    echoes: int, rows: int, refused: int, halves: int
) -> None:
    assert is_explained(echoes, rows, refused, halves)


@pytest.mark.parametrize(
    ("echoes", "rows", "refused"),
    [(201, 100, 0), (199, 100, 0), (0, 100, 0), (181, 100, 10), (1, 100, 100)],
)
def test_what_somebody_else_changed_does_not_come_out_even(
    echoes: int, rows: int, refused: int
) -> None:
    assert not is_explained(echoes, rows, refused, 0)
