"""Tests that run with the FRR and GoBGP of more than one Debian release."""

import pytest

from integration.bed import bed
from integration.roots import MACHINE

each_root = pytest.mark.parametrize(
    "root",
    [
        pytest.param(MACHINE, id=MACHINE.name),
        pytest.param(bed(), id=bed().name, marks=pytest.mark.bed),
    ],
    indirect=True,
)
"""For tests that use `make_lab`: with this machine's daemons, and with the bed's."""
