"""What the core wants done to VLAN-aware bridges that evpnd makes.

Each says what is to be, and is safe to repeat; what is there already is left as it is.
Devices of one kind come together, so that a thousand of them are made at once.
"""

from typing import NamedTuple


class MakeBridge(NamedTuple):
    """Create a VLAN-aware bridge, or complete it; without a default VLAN, and up."""

    name: str


class VxlanDevice(NamedTuple):
    """The VXLAN device of one VNI."""

    name: str
    vni: int
    vlan: int
    """The only VLAN of its port, untagged."""
    mtu: int
    """In octets."""
    suppress: bool
    """The bridge answers ARP and ND there (`neigh_suppress`)."""


class MakeVxlanDevices(NamedTuple):
    """Create VXLAN devices of one VNI each in a bridge, or complete them."""

    bridge: str
    vtep: bytes
    udp_port: int
    devices: tuple[VxlanDevice, ...]


class MakeSharedVxlan(NamedTuple):
    """Create the VXLAN device of all VNIs of a bridge, or complete it.

    It is `external`, with a VNI filter, and maps VLANs to VNIs (`vlan_tunnel`).
    """

    bridge: str
    name: str
    vtep: bytes
    udp_port: int
    mtu: int
    """In octets."""
    suppress: bool
    """The bridge answers ARP and ND there (`neigh_suppress`)."""


class Tunnels(NamedTuple):
    """VLANs that follow each other, mapped to VNIs that do."""

    vlans: range
    vni: int
    """Of the first VLAN."""


class SetTunnels(NamedTuple):
    """Change the tunnel map and the VNI filter of such a device, in this order."""

    ifindex: int
    unmapped: tuple[range, ...] = ()
    """VLANs."""
    mapped: tuple[Tunnels, ...] = ()
    filtered: tuple[range, ...] = ()
    """VNIs that are taken out of the filter."""
    taken_in: tuple[range, ...] = ()
    """VNIs that are put into the filter."""


class SetVlanSuppression(NamedTuple):
    """Answer ARP and ND in some VLANs of a port and not in others (Linux 6.3)."""

    ifindex: int
    apart: bool
    """False: in all alike, as the port says (`neigh_suppress`)."""
    answered: tuple[range, ...] = ()
    flooded: tuple[range, ...] = ()


class VlanDevice(NamedTuple):
    """A device on top of a bridge that has the neighbours of one VLAN."""

    name: str
    vlan: int


class MakeVlanDevices(NamedTuple):
    """Create VLAN devices on top of a bridge, or complete them.

    They stay down: one that is up answers ARP for all addresses of the host. They are
    bound loosely (VLAN_FLAG_LOOSE_BINDING), else they would go up with the bridge, and
    lose their neighbours when it goes down.
    """

    bridge: str
    devices: tuple[VlanDevice, ...]


class AttachPorts(NamedTuple):
    """Put ports into a bridge, and bring them up."""

    bridge: str
    ports: tuple[str, ...]


class SetPortVlans(NamedTuple):
    """Change the VLANs of a bridge port, or of the bridge itself."""

    ifindex: int
    remove: tuple[range, ...] = ()
    tagged: tuple[range, ...] = ()
    """Added, or no longer untagged."""
    untagged: int | None = None
    """Added as the VLAN of frames without a tag, to the port and from it."""
    itself: bool = False
    """It is the bridge."""


BridgeAction = (
    MakeBridge
    | MakeVxlanDevices
    | MakeSharedVxlan
    | MakeVlanDevices
    | AttachPorts
    | SetPortVlans
    | SetTunnels
    | SetVlanSuppression
)
