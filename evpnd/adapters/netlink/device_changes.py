"""Changes of devices of one EVI or VRF, whichever they are."""

from evpnd.adapters.netlink.devices import create_devices, release_ports, remove_devices
from evpnd.adapters.netlink.port import configure_vxlan_port
from evpnd.adapters.netlink.vrf_devices import create_vrf
from evpnd.model.actions import (
    ConfigureVxlanPort,
    CreateDevices,
    ReleasePorts,
    RemoveDevices,
)
from evpnd.model.vrf_actions import CreateVrf

DeviceChange = (
    ConfigureVxlanPort | CreateDevices | RemoveDevices | ReleasePorts | CreateVrf
)


def change_devices(action: DeviceChange) -> None:
    """Carry an action out; raises DeviceRefusedError."""
    match action:
        case ConfigureVxlanPort(ifindex, suppress):
            configure_vxlan_port(ifindex, suppress=suppress)
        case CreateDevices():
            create_devices(action)
        case CreateVrf():
            create_vrf(action)
        case ReleasePorts(bridge, ports):
            release_ports(bridge, ports)
        case RemoveDevices(names):
            remove_devices(names)
