"""Where an EVI stands in the kernel, and where the MACs behind other VTEPs lead.

Both are shared values: an EVI has one domain at a time, and all MACs behind a VTEP have
one hop, so that neither is made for a row.
"""

from typing import NamedTuple, NewType

from evpnd.model.ids import Ip


class Domain(NamedTuple):
    """The place of an EVI's rows in the kernel's tables.

    Devices are ifindexes; 0 stands for one that is not there.
    """

    bridge: int = 0
    vlan: int = 0
    """VLAN of its rows on the bridge; 0: the bridge filters none."""
    vxlan: int = 0
    vni: int = 0
    """VNI that its rows on the VXLAN device name; 0: none, it is the device's own."""
    svi: int = 0
    """The device with its addresses and neighbours: the bridge, or the VLAN device on
    top of it; 0: there is none."""


NOWHERE = Domain()
"""Of an EVI whose devices are not there."""

Vtep = NewType("Vtep", Ip)
"""The address of a VTEP."""

NO_VTEP = Vtep(Ip(b""))
"""Of a row that leads to none."""

Hop = Vtep
"""Where a remote MAC leads, the value of its FDB row. Always one VTEP today; a nexthop
group (NDA_NH_ID) would be another kind of hop."""
