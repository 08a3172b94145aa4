"""What evpnd sets on the bridge ports of VXLAN devices.

A device for many VNIs has one port for all its EVIs. It is set once, and where these do
not agree on `suppress`, it answers ARP and ND: an EVI without suppression loses nothing
but the requests, one with it would flood them. On a device that evpnd made, or that is
set so, it is a matter of each VLAN (`neigh_vlan_suppress`).
"""

from collections.abc import Container, Iterator

from evpnd.core.evi.device_retries import Attempts
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.core.evi.made_tunnels import suppression_refused
from evpnd.core.evi.shared_device import is_shared
from evpnd.core.turn import Turn
from evpnd.model.actions import ConfigureVxlanPort, Notice
from evpnd.model.rows import Link


class VxlanPorts:
    """The VXLAN devices of one look at the devices, each with its EVIs."""

    def __init__(self) -> None:
        """Start with none."""
        self._evis: dict[int, tuple[Link, list[MacVrf]]] = {}
        self._suppressing: dict[int, MacVrf] = {}
        """By ifindex, the first EVI that wants suppression."""

    def place(self, vrf: MacVrf, vxlan: Link) -> None:
        """Store that an EVI stands on a device."""
        self._evis.setdefault(vxlan.ifindex, (vxlan, []))[1].append(vrf)
        if vrf.config.suppress:
            self._suppressing.setdefault(vxlan.ifindex, vrf)

    def configure(self, attempts: Attempts, turn: Turn) -> Iterator[ConfigureVxlanPort]:
        """Yield the changes of ports, if the pause between attempts is over."""
        for vxlan, vrfs in self._evis.values():
            port, suppress = vxlan.port, vxlan.ifindex in self._suppressing
            if port is None or vxlan.vxlan is None:
                continue
            wrong = (
                port.learning
                or port.neigh_suppress != suppress
                or (vxlan.vxlan.learning and not vrfs[0].discovered)
            )
            if not wrong and not vrfs[0].config.owns_devices:
                attempts.succeeded((vxlan.name,))
            if wrong and attempts.may(f"port {vxlan.name}", turn.now):
                yield ConfigureVxlanPort(vxlan.ifindex, suppress)
                turn.tell(_configured(vrfs[0], vxlan, suppress=suppress))

    def notes(self, vrf: MacVrf, refused: Container[str]) -> Iterator[str]:
        """Yield a note where the port has not what an EVI wants.

        `refused` are devices that could not be changed.
        """
        other = self._suppressing.get(vrf.domain.vxlan)
        if other is not None and not vrf.config.suppress:
            vxlan, _ = self._evis[vrf.domain.vxlan]
            apart = vxlan.port is not None and vxlan.port.neigh_vlan_suppress
            if apart or (
                vrf.config.made and suppression_refused(vxlan.name) not in refused
            ):
                return  # it is so in a moment
            yield (
                f"`suppress: false` has no effect: {vxlan.name} answers ARP and ND for "
                f"all its EVIs, as EVI {other.config.name} has it"
            )


def _configured(vrf: MacVrf, vxlan: Link, *, suppress: bool) -> Notice:
    """Report that a device's port gets the settings that EVPN needs."""
    fields = {"device": vxlan.name, "learning": False, "neigh_suppress": suppress}
    if is_shared(vxlan):
        return Notice("info", "device_configured", fields)
    return vrf.notice("info", "device_configured", **fields)
