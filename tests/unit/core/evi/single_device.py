"""A host whose EVIs share a VXLAN device, vx0, on a bridge that filters VLANs."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.model.actions import Action, DumpLinks
from evpnd.model.config import Config
from evpnd.model.events import Event, LinksDumped, VlansObserved
from evpnd.model.rows import BridgePort, Link, PortVlans, VxlanLink
from tests.fakes.host import VTEP, Host
from tests.fakes.kernel import BRIDGE, LOOPBACK, OWN_MAC
from tests.fakes.shared_bridge import SharedBridge, shared_config, vni_of, vxlan_of

DEVICE = 90
TUNNEL = VxlanLink(0, VTEP, 4789, learning=False, external=True, vnifilter=True)
PORT = BridgePort(
    learning=False, neigh_suppress=True, forwarding=True, vlan_tunnel=True
)
VX0 = Link(
    *(DEVICE, "vx0", "vxlan", True, True, BRIDGE, OWN_MAC, 1500, "", TUNNEL, PORT)
)


class SingleDevice(SharedBridge):
    """VLAN V has VNI 10000 + V: in the tunnel map of vx0, and in its VNI filter."""

    def __init__(self, *vlans: int, device: Link = VX0) -> None:
        super().__init__(*vlans)
        self.device = device
        for vlan in vlans:
            del self.port_vlans[vxlan_of(vlan)]
        self.map({vlan: vni_of(vlan) for vlan in vlans})
        self.filter = {vni_of(vlan) for vlan in vlans}

    def map(self, tunnels: Mapping[int, int], *, pvid: int = 0) -> None:
        inside = frozenset(tunnels)
        own = PortVlans(pvid, inside, inside - {pvid}, dict(tunnels))
        self.port_vlans[DEVICE] = own

    def links(self) -> list[Link]:
        others = [link for link in super().links() if link.kind != "vxlan"]
        return [*others, self.device]

    def vlans_now(self) -> VlansObserved:
        filters = tuple(range(vni, vni + 1) for vni in sorted(self.filter))
        found = {DEVICE: filters} if filters else {}
        return VlansObserved(dict(self.port_vlans), found)

    def apply(self, action: Action) -> list[Event]:
        if not isinstance(action, DumpLinks):
            return super().apply(action)
        addresses = frozenset({(LOOPBACK, VTEP)})
        vlans, filters = self.vlans_now()
        links = tuple(self.links())
        return [LinksDumped(links, addresses, vlans, vni_filters=filters)]


def single_host(
    kernel: Any,  # noqa: ANN401 - SingleDevice, which is no FakeKernel
    *vlans: int,
    discover: bool = False,
    **evi: object,
) -> Host:
    """Have an EVI for each VLAN that is named, all with these settings."""
    host = Host(kernel, single_config(*vlans, discover=discover, **evi))
    host.up()
    return host


def single_config(*vlans: int, discover: bool = False, **evi: object) -> Config:
    settings, more = shared_config(*vlans), dict[str, Any](evi)
    evis = tuple(replace(each, **more) for each in settings.evis)
    return replace(settings, evis=evis, discover=discover)


def vrf_of(host: Host, vlan: int) -> MacVrf:
    return host.engine.inventory.vrfs[vni_of(vlan)]
