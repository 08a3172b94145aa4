"""One peer does its worst, and the rows of another come as if it did not.

`python -m integration.fairness_bench` measures the same at full size. The bounds here
are generous, for machines that are busy with other things; what they hold off is a
wait that grows with all that the hostile peer has sent.
"""

from collections.abc import Iterator

import pytest

from integration.fairness import measure, prepare
from integration.fairness_load import LOADS
from integration.lab import Lab
from integration.lab_netns import OWN

pytestmark = [pytest.mark.root, pytest.mark.xdist_group("fairness")]

MOST = 1000.0
"""Milliseconds that 99 of 100 routes of the good peer wait at most; on a machine at
rest they wait less than a tenth of that."""
TYPICAL = 500.0
"""Milliseconds that half of them wait at most."""
KEPT = 2 * 5_000 * 3_700 / (1 << 20)
"""MiB: twice the octets of the attributes of the scenario with communities."""
FRESH = 120.0
"""MiB that an agent has without them, and what its allocator keeps in reserve."""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab(OWN, 3) as made:
        prepare(made)
        yield made


@pytest.mark.parametrize("name", [name for name in LOADS if name != "rest"])
def test_a_good_peer_does_not_wait_for_a_hostile_one(lab: Lab, name: str) -> None:
    load = LOADS[name]
    found = measure(lab, load, load.small, 120)

    print(f"{name}: {found}")
    assert found.routes > 50
    assert found.p50 < TYPICAL
    assert found.p99 < MOST
    if name == "communities":
        assert found.agent < FRESH + KEPT
