"""Which of those that ask for a list share a dump of the device."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from evpnd.adapters.netlink import listing
from evpnd.adapters.netlink.listing import Lister
from evpnd.adapters.netlink.rtnl import Ending
from evpnd.model.actions import ListMacs
from evpnd.model.domain import Domain
from evpnd.model.events import MacsListed
from tests.unit.adapters.netlink.octets import (
    BRIDGE_ROW,
    MAC,
    REMOTE_OF_A_VNI,
    VNI_ROW,
    VTEP,
    VXLAN_ROW,
    notification,
)

PLAIN = Domain(bridge=2, vxlan=3, svi=2)
A, B = (Domain(2, vlan, 3, 10_000 + vlan, 0) for vlan in (10, 20))
IN_VLAN_20 = BRIDGE_ROW.replace(MAC.hex(), "020000000020") + "0600050014000000"
ROWS = (VNI_ROW, VXLAN_ROW, IN_VLAN_20, REMOTE_OF_A_VNI)
PATIENCE = 5


class Kernel:
    """Dumps, of which the first waits until it may go on."""

    def __init__(self) -> None:
        self.dumps = 0
        self.began, self.may_go_on = threading.Event(), threading.Event()
        self.told: list[MacsListed] = []
        self.failed: list[Exception] = []
        self.lister = Lister(self.told.append, self.failed.append)

    def dump(self, _kind: int, _body: bytes, take: Callable[[bytes], Ending]) -> bool:
        self.dumps += 1
        self.began.set()
        assert self.may_go_on.wait(PATIENCE)
        for row in ROWS:
            take(notification(28, row))
        take(notification(3, "00000000"))
        return False

    def finish(self, answers: int) -> None:
        """Let the dumps go on, and wait for the answers."""
        self.may_go_on.set()
        done = threading.Event()
        for _ in range(PATIENCE * 100):
            if len(self.told) >= answers or self.failed:
                break
            done.wait(0.01)
        self.lister.stop()
        assert self.failed == []


@contextmanager
def nothing_goes() -> Iterator[Callable[[], bool]]:
    yield lambda: False


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    made = Kernel()
    monkeypatch.setattr(listing, "dump", made.dump)
    monkeypatch.setattr(listing, "deletions", nothing_goes)
    return made


def test_all_rows_of_a_device_are_its_evis(kernel: Kernel) -> None:
    kernel.lister.ask(ListMacs(PLAIN, 1))
    kernel.finish(1)

    far = bytes.fromhex("020000000020")
    assert kernel.told == [MacsListed(PLAIN, 1, [MAC, far], {VTEP: False}, last=True)]


def test_evis_of_a_device_that_ask_meanwhile_share_the_next_dump(
    kernel: Kernel,
) -> None:
    kernel.lister.ask(ListMacs(A, 1))
    assert kernel.began.wait(PATIENCE)
    for domain, reading in ((B, 2), (A._replace(vni=77), 3), (A, 4)):
        kernel.lister.ask(ListMacs(domain, reading))
    kernel.finish(3)

    # The first is not wanted any more.
    told = {(each.domain.vni, each.reading): each for each in kernel.told}
    assert told.keys() == {(B.vni, 2), (77, 3), (A.vni, 4)}
    assert kernel.dumps == 2
    in_a, in_b = told[A.vni, 4], told[B.vni, 2]
    assert (in_a.macs, in_a.flood) == ([MAC], {VTEP: False})
    # A bridge row is of the EVI of its VLAN.
    assert (in_b.macs, in_b.flood) == ([bytes.fromhex("020000000020")], {})
