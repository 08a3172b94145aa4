"""A soak of seconds; `python -m integration.soak` makes it hours."""

import pytest

from integration.lab import Lab
from integration.lab_netns import OWN
from integration.soak import Soak

pytestmark = [pytest.mark.root, pytest.mark.slow]

SECONDS = 30.0
BOUND = 16.0
"""MiB: what was seen of growth with a leak that is worth the name was hundreds."""


def test_memory_stays_where_it_was_under_all_sorts_of_changes() -> None:
    with Lab(OWN, 1) as lab, Soak(lab, seed=1) as soak:
        soak.run(SECONDS, SECONDS / 12, print)

        assert max(soak.growth()) < BOUND
        # Whatever was done, the daemon works.
        soak.daemon.wait_established(1)
