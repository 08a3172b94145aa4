"""Which EVI the kernel's rows, frames and answers belong to.

A bridge and a VXLAN device have one EVI each today, so that a device is enough to tell:
the VLAN and the VNI of a row choose nothing yet.
"""

from collections.abc import Iterable, Iterator

from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.model.actions import DumpFdb, DumpNeighbors
from evpnd.model.domain import Domain


class Domains:
    """EVIs by the devices that they stand on."""

    def __init__(self) -> None:
        """Start with no EVI on any device."""
        self.by_device: dict[int, MacVrf] = {}
        """By VXLAN device, bridge and tenant port."""
        self.by_bridge: dict[int, MacVrf] = {}
        self.by_svi: dict[int, MacVrf] = {}

    def place(self, vrf: MacVrf, ports: Iterable[int]) -> None:
        """Store where an EVI stands, and its tenant ports."""
        domain = vrf.domain
        self.by_bridge[domain.bridge] = vrf
        if domain.svi:
            self.by_svi[domain.svi] = vrf
        for device in (*ports, domain.vxlan, domain.bridge):
            self.by_device[device] = vrf

    def at(self, domain: Domain) -> MacVrf | None:
        """Return the EVI that stands there; None where it has left since."""
        vrf = self.by_bridge.get(domain.bridge)
        return vrf if vrf is not None and vrf.domain == domain else None


def dumps(domain: Domain) -> Iterator[DumpFdb | DumpNeighbors]:
    """Yield the dumps that read all tables of an EVI."""
    yield DumpFdb(domain.bridge)
    if domain.svi:
        yield DumpNeighbors(domain.svi)
