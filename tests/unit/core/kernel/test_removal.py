"""Which rows are taken from the devices that an EVI leaves."""

from evpnd.core.evi.mac_vrf import LocalMac, MacVrf, Neighbor, Origin
from evpnd.core.kernel.removal import remove_rows
from evpnd.model.actions import (
    DeleteFlood,
    DeleteNeighbors,
    DeleteRemoteMacs,
    DeleteVxlanRows,
)
from tests.fakes.host import config

VTEP, OTHER = b"\n\0\0\2", b"\n\0\0\3"
VXLAN, BRIDGE = 7, 8


def mac(last: int) -> bytes:
    return bytes((2, 0, 0, 0, 0, last))


def vrf() -> MacVrf:
    """Rows of every kind; what is somebody else's is never named."""
    made = MacVrf(config().evis[0], bytes(8), discovered=False)
    made.vxlan, made.bridge, made.svi = VXLAN, BRIDGE, BRIDGE
    made.remote_rows = {mac(1): VTEP, mac(2): VTEP}
    made.partial = {mac(3): (VTEP, False), mac(4): (b"", True), mac(5): (VTEP, False)}
    made.partial[mac(6)] = (b"", True)
    made.local = {
        each: LocalMac(9, 0, Origin.DYNAMIC, 0.0) for each in (mac(5), mac(6))
    }
    made.foreign_rows = {mac(2)}
    made.flood_rows = {VTEP: True, OTHER: False}
    made.neighbor_rows = {VTEP: Neighbor(mac(1), router=False, local=False)}
    return made


def test_all_of_ours_goes_and_nothing_else() -> None:
    assert remove_rows(vrf()) == [
        DeleteRemoteMacs(VXLAN, [mac(1), mac(3), mac(4)]),
        DeleteVxlanRows(VXLAN, [mac(5)]),
        DeleteFlood(VXLAN, [VTEP]),
        DeleteNeighbors(BRIDGE, [VTEP]),
    ]


def test_a_device_that_is_gone_is_left_out() -> None:
    assert remove_rows(vrf(), vxlan=False) == [DeleteNeighbors(BRIDGE, [VTEP])]
    assert len(remove_rows(vrf(), bridge=False)) == 3
    assert remove_rows(vrf(), vxlan=False, bridge=False) == []


def test_a_vxlan_device_without_its_bridge_has_no_bridge_rows() -> None:
    assert remove_rows(vrf(), bridged=False)[0] == DeleteVxlanRows(
        VXLAN, [mac(1), mac(3), mac(5)]
    )


def test_an_evi_without_rows_needs_nothing() -> None:
    empty = MacVrf(config().evis[0], bytes(8), discovered=False)

    assert remove_rows(empty) == []
