"""Which VTEPs get copies of broadcast, unknown unicast and multicast frames."""

from collections.abc import Iterator
from typing import Final

from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.core.reasons import Reason

FLOOD_MOST: Final = 2048
"""VTEPs in one flood list. The kernel sends each BUM frame that often: at 1 Mb/s of
ARP and ND the uplink carries more than 2 Gb/s. Larger fabrics replicate in switches."""


def decide(vrf: MacVrf, vtep: bytes) -> bytes | Reason:
    """Return the VTEP if the flood list is to hold it, or why it is not."""
    if vtep not in vrf.routes.imets:
        return Reason.NO_IMET
    if not vrf.config.flood:
        return Reason.NO_FLOOD
    if vtep == vrf.vtep:
        return Reason.OWN_VTEP
    if vtep in vrf.no_hosts:
        return Reason.NO_VTEP
    if len(vtep) != len(vrf.vtep):
        return Reason.OTHER_FAMILY
    return Reason.NO_ROOM if vtep in vrf.floods.left_out else vtep


def flood_note(vrf: MacVrf) -> Iterator[str]:
    """Return the note for an operator if VTEPs are left out."""
    if vrf.floods.left_out:
        yield (
            f"the flood list has {FLOOD_MOST} VTEPs, which is the maximum; "
            f"{len(vrf.floods.left_out)} more are left out"
        )
