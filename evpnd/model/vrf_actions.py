"""What the core wants done to the tables of VRFs, and to the devices that they have.

Each says what is to be, and is safe to repeat. Prefixes are an address and the length
in bits (1 octet) in one piece; nexthop objects have the octets of their id.
"""

from typing import NamedTuple

from evpnd.model.domain import Domain


class DumpVrf(NamedTuple):
    """Read all that a VRF has: routers, nexthop objects, and the routes of its table.

    Answered by VrfDumped.
    """

    domain: Domain
    """Of its L3 VNI."""
    table: int


class UpsertNexthops(NamedTuple):
    """Make nexthop objects that lead to one router each."""

    domain: Domain
    nexthops: list[tuple[bytes, bytes]]
    """Id and address of the router on the SVI of the domain."""


class UpsertNexthopGroups(NamedTuple):
    """Make nexthop objects that share traffic among others."""

    domain: Domain
    groups: list[tuple[bytes, tuple[bytes, ...]]]
    """Id, and the ids of the others."""


class DeleteNexthops(NamedTuple):
    """Remove nexthop objects; routes that lead to them go with them."""

    domain: Domain
    nexthops: list[bytes]


class UpsertRoutes(NamedTuple):
    """Route prefixes to one nexthop object."""

    table: int
    nexthop: bytes
    prefixes: list[bytes]


class DeleteRoutes(NamedTuple):
    """Remove routes of ours."""

    table: int
    prefixes: list[bytes]


class UpsertUnreachable(NamedTuple):
    """End a table: what no route leads to is refused, and not looked up elsewhere."""

    table: int
    prefixes: list[bytes]
    """The default prefixes of the families."""


class DeleteUnreachable(NamedTuple):
    """Remove such ends of a table."""

    table: int
    prefixes: list[bytes]


class CreateVrf(NamedTuple):
    """Create or complete a VRF device, and the VXLAN device of its L3 VNI in it."""

    name: str
    table: int
    vxlan: str
    vni: int
    vtep: bytes
    udp_port: int
    mac: bytes
    """Of the VXLAN device: the router's MAC."""
    mtu: int
    """Of the VXLAN device, in octets."""


class EnableForwarding(NamedTuple):
    """Let the kernel forward what comes in by some devices, in both families."""

    devices: tuple[str, ...]


VrfRowAction = (
    UpsertNexthops
    | UpsertNexthopGroups
    | DeleteNexthops
    | UpsertRoutes
    | DeleteRoutes
    | UpsertUnreachable
    | DeleteUnreachable
)
VrfAction = VrfRowAction | DumpVrf | CreateVrf | EnableForwarding
