"""The hold timer: what counts as a sign of life, and when there was none."""
# ruff: noqa: TID251 # the extension's classes stand on exabgp's

import pytest
from exabgp.bgp.message import KeepAlive, Notify

from evpnd.speaker.hold_timer import HoldTimer


class Clock:
    now = 100.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("time.monotonic", lambda: clock.now)
    return clock


@pytest.mark.parametrize("code", [(4, 0), (1, 1)])
def test_silence_ends_it_by_one_name_in_every_state(
    clock: Clock, code: tuple[int, int]
) -> None:
    timer = HoldTimer(None, 3, *code)
    clock.now += 2.9
    timer.check_ka()
    timer.check_ka(KeepAlive())
    clock.now += 2.9
    timer.check_ka_timer()
    clock.now += 0.1

    with pytest.raises(Notify) as raised:
        timer.check_ka()
    assert (raised.value.code, raised.value.subcode) == (4, 0)


def test_without_a_hold_time_nothing_ends_and_keepalives_are_forgiven(
    clock: Clock,
) -> None:
    timer = HoldTimer(None, 0, 4, 0)
    for _ in range(3):
        clock.now += 1e6
        timer.check_ka()
        timer.check_ka(KeepAlive())
