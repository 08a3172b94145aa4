"""The hold timer: what counts as a sign of life, and when there was none."""
# ruff: noqa: TID251 # the extension's classes stand on exabgp's

import pytest
from exabgp.bgp.message import KeepAlive, Notify

from evpnd.speaker.session.hold_timer import SEND_HOLD, HoldTimer, SendHoldTimer


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


class Connection:
    """What a peer's host has acknowledged, and what it has not."""

    acknowledged = outstanding = 0


def watch(clock: Clock, timer: SendHoldTimer, far: Connection, seconds: int) -> None:
    for _ in range(seconds):
        clock.now += 1
        timer.check(far)


def test_a_peer_that_takes_nothing_ends_the_session_by_rfc_9687(clock: Clock) -> None:
    timer, far = SendHoldTimer(9), Connection()
    watch(clock, timer, far, 100)
    far.acknowledged, far.outstanding = 1000, 19
    watch(clock, timer, far, SEND_HOLD * 9)

    with pytest.raises(Notify) as raised:
        watch(clock, timer, far, 1)
    assert (raised.value.code, raised.value.subcode) == (8, 0)


def test_a_peer_that_takes_a_little_now_and_then_is_waited_for(clock: Clock) -> None:
    timer, far = SendHoldTimer(9), Connection()
    far.outstanding = 1 << 20
    for _ in range(20):
        far.acknowledged += 1
        watch(clock, timer, far, SEND_HOLD * 9)


def test_who_has_taken_all_is_waited_for(clock: Clock) -> None:
    timer, far = SendHoldTimer(9), Connection()
    far.outstanding = 19
    watch(clock, timer, far, SEND_HOLD * 9)
    far.outstanding = 0
    watch(clock, timer, far, 100)


def test_without_a_hold_time_nobody_has_to_read(clock: Clock) -> None:
    timer, far = SendHoldTimer(0), Connection()
    far.outstanding = 19
    watch(clock, timer, far, 10_000)
