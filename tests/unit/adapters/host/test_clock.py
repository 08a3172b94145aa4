"""The clock is asked, whatever it says."""

from evpnd.adapters.host.clock import is_synchronised


def test_the_kernel_answers() -> None:
    assert is_synchronised() in (True, False)
