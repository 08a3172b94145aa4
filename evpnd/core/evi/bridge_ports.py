"""The tenant ports of a bridge, and which of them are in the VLAN of an EVI.

The EVIs of a bridge share what is equal: with a thousand of them on a hundred ports,
sets of their own would take megabytes.
"""

from collections.abc import Iterable
from typing import NamedTuple

from evpnd.core.evi.links import Links
from evpnd.core.evi.readiness import open_ports, tenant_ports
from evpnd.model.rows import Link

_NONE: frozenset[int] = frozenset()


class Members(NamedTuple):
    """The tenant ports that are in the VLAN of an EVI."""

    all: frozenset[int]
    tagged: frozenset[int]
    """Those where its frames have a tag."""
    open: frozenset[int]
    """Those that pass frames."""


class BridgePorts:
    """The tenant ports of one bridge, as they are during one look at the devices."""

    def __init__(self, links: Links, bridge: Link) -> None:
        """Find the ports of a bridge."""
        self.tenants = tenant_ports(links, bridge)
        self._filtering = bridge.vlan_filtering
        self._vlans = links.vlans
        self._open = open_ports(links, bridge, self.tenants)
        self._shared: dict[frozenset[int], frozenset[int]] = {}

    def members(self, vlan: int) -> Members:
        """Return the ports in a VLAN; all, where the bridge does not filter VLANs."""
        if not self._filtering:
            return Members(self.tenants, _NONE, self._open)
        vlans = self._vlans
        known = [(port, vlans[port]) for port in self.tenants if port in vlans]
        inside = self._share(
            port
            for port, own in known
            # Untagged frames of the tenant belong to one VLAN, those to it maybe not.
            if vlan in own.vlans and (vlan in own.tagged or vlan == own.pvid)
        )
        tagged = self._share(port for port, own in known if vlan in own.tagged)
        return Members(inside, tagged, self._share(inside & self._open))

    def _share(self, ports: Iterable[int]) -> frozenset[int]:
        found = frozenset(ports)
        return self._shared.setdefault(found, found)
