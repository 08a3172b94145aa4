"""Pauses after short sessions: how they grow, and what ends them."""

import pytest

from evpnd.speaker.session.damping import (
    FREE,
    FREE_CLOSED,
    LASTING,
    LONGEST_PAUSE,
    Damping,
)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    monkeypatch.setattr("random.uniform", lambda _low, high: high)
    return now


def test_pauses_double_from_the_second_short_session_to_the_longest() -> None:
    damping = Damping()
    pauses = [damping.session_ended(1.0) for _ in range(10)]

    assert pauses == [0, 4, 8, 16, 32, 64, 128, 256, 256, 256]
    assert pauses.index(4) == FREE
    assert pauses[-1] == LONGEST_PAUSE
    assert [damping.session_ended(0) for _ in range(2000)][-1] == LONGEST_PAUSE


def test_a_session_that_lasts_ends_it() -> None:
    damping = Damping()
    for _ in range(5):
        damping.session_ended(LASTING - 1)
    assert damping.left() > 0

    assert damping.session_ended(LASTING) == 0
    assert (damping.left(), damping.ended) == (0, 0)
    assert damping.session_ended(0) == 0


def test_the_pause_passes_and_the_count_stays(clock: list[float]) -> None:
    damping = Damping()
    damping.session_ended(0)
    damping.session_ended(0)
    clock[0] += 3
    assert damping.left() == 1
    clock[0] += 1
    assert damping.left() == 0

    assert damping.session_ended(0) == 8


def test_what_always_counts_pauses_at_once_however_long_it_lasted() -> None:
    damping = Damping()
    assert [damping.session_ended(9999, free=0) for _ in range(3)] == [4, 8, 16]


def test_closed_connections_are_forgiven_for_longer() -> None:
    damping = Damping()
    pauses = [damping.session_ended(0, FREE_CLOSED) for _ in range(FREE_CLOSED + 2)]

    assert pauses == [0] * FREE_CLOSED + [4, 8]


def test_clearing_forgets_everything() -> None:
    damping = Damping()
    for _ in range(5):
        damping.session_ended(0)
    damping.clear()

    assert (damping.left(), damping.ended) == (0, 0)
    assert damping.session_ended(0) == 0
