"""When an FDB is too large for one dump: many rows of a device, or very many at all."""

import pytest

from evpnd.adapters.netlink import dump
from evpnd.adapters.netlink.dump import is_large
from evpnd.model.domain import NO_VTEP
from evpnd.model.rows import FdbRow


def rows(*devices: tuple[int, int]) -> list[FdbRow]:
    """Make rows as the kernel tells them: of one device after the other."""
    return [
        FdbRow(True, ifindex, b"\2aaaaa", 0, 0, 0, NO_VTEP)
        for ifindex, count in devices
        for _ in range(count)
    ]


@pytest.mark.parametrize(
    ("devices", "large"),
    [
        ([(3, 10)], False),
        ([(3, 11)], True),
        ([(3, 10), (4, 10), (5, 10)], False),
        ([(3, 1), (4, 10)], False),
        ([(3, 1), (4, 11)], True),
        ([(index, 10) for index in range(5)], False),
        ([(index, 10) for index in range(6)], True),
    ],
)
def test_a_device_of_many_rows_counts_or_a_bridge_of_very_many(
    devices: list[tuple[int, int]], large: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dump, "LARGE_BRIDGE", 50)

    assert is_large(rows(*devices), 10) is large
