"""How values are written for people."""

import time
from datetime import UTC, datetime

import pytest

from evpnd.written import write_age, write_duration, write_time


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (59.9, "59s"),
        (60, "1m0s"),
        (200, "3m20s"),
        (3600, "1h0m"),
        (86399, "23h59m"),
        (86400, "1d0h"),
        (187200, "2d4h"),
        (7 * 86400, "1w0d"),
        (400 * 86400, "57w1d"),
        (-5, "0s"),
        (None, "-"),
        ("soon", "soon"),
    ],
)
def test_durations_have_the_two_largest_units(seconds: object, text: str) -> None:
    assert write_duration(seconds) == text


def test_an_age_is_counted_from_iso_text_or_seconds() -> None:
    now = time.time()

    assert write_age(now - 61) == "1m1s"
    assert write_age(datetime.fromtimestamp(now - 61, UTC).isoformat()) == "1m1s"
    assert write_age(None) == "-"
    assert write_age("yesterday") == "yesterday"


def test_a_time_is_readable_whatever_came() -> None:
    assert len(write_time("2026-01-02T03:04:05.678+00:00")) == 19
    assert len(write_time(1.5e9)) == 19
    assert write_time(1e300) == "1e+300"
    assert write_time("then") == "then"
