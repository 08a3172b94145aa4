"""Which rows are taken from the devices that an EVI leaves."""

from evpnd.core.evi.local_macs import LocalMac, Origin
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.core.kernel.removal import remove_rows
from evpnd.core.tables.neighbors import Neighbor
from evpnd.model.actions import (
    DeleteFlood,
    DeleteNeighbors,
    DeleteRemoteMacs,
    DeleteVxlanRows,
)
from evpnd.model.domain import Domain
from tests.fakes.host import config

VTEP, OTHER = b"\n\0\0\2", b"\n\0\0\3"
DOMAIN = Domain(bridge=8, vxlan=7, svi=8)


def mac(last: int) -> bytes:
    return bytes((2, 0, 0, 0, 0, last))


def vrf() -> MacVrf:
    """Rows of every kind; what is somebody else's is never named."""
    made = MacVrf(config().evis[0], bytes(8), discovered=False)
    made.domain = DOMAIN
    made.fdb.actual.update({mac(1): VTEP, mac(2): VTEP})
    for last, half in {3: (VTEP, False), 4: (b"", True), 5: (VTEP, False)}.items():
        made.fdb.partial[mac(last)] = half
    made.fdb.partial[mac(6)] = (b"", True)
    made.macs.local = {
        each: LocalMac(9, 0, Origin.DYNAMIC, 0.0) for each in (mac(5), mac(6))
    }
    made.fdb.foreign.add(mac(2))
    made.floods.actual[VTEP] = VTEP
    made.floods.foreign.add(OTHER)
    made.neighbors.actual[VTEP] = Neighbor(mac(1), router=False, local=False)
    return made


def test_all_of_ours_goes_and_nothing_else() -> None:
    assert remove_rows(vrf()) == [
        DeleteRemoteMacs(DOMAIN, [mac(1), mac(3), mac(4)]),
        DeleteVxlanRows(DOMAIN, [mac(5)]),
        DeleteNeighbors(DOMAIN, [VTEP]),
        DeleteFlood(DOMAIN, [VTEP]),
    ]


def test_a_device_that_is_gone_is_left_out() -> None:
    assert remove_rows(vrf(), vxlan=False) == [DeleteNeighbors(DOMAIN, [VTEP])]
    assert len(remove_rows(vrf(), bridge=False)) == 3
    assert remove_rows(vrf(), vxlan=False, bridge=False) == []


def test_a_vxlan_device_without_its_bridge_has_no_bridge_rows() -> None:
    assert remove_rows(vrf(), bridged=False)[0] == DeleteVxlanRows(
        DOMAIN, [mac(1), mac(3), mac(5)]
    )


def test_an_evi_without_rows_needs_nothing() -> None:
    empty = MacVrf(config().evis[0], bytes(8), discovered=False)

    assert remove_rows(empty) == []
