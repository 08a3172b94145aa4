"""What VXLAN devices have beside what evpnd follows (linux/if_link.h)."""

import struct

from evpnd.adapters.netlink.dump import dump
from evpnd.adapters.netlink.links import (
    IFLA_INFO_DATA,
    IFLA_INFO_KIND,
    IFLA_LINKINFO,
)
from evpnd.adapters.netlink.rtnl import (
    IFINFOMSG,
    RTM_GETLINK,
    RTM_NEWLINK,
    Ending,
    attributes,
    messages,
    read_ending,
)
from evpnd.doctor.facts import Tunnel

_IFLA_VXLAN_GROUP = 2
_IFLA_VXLAN_LINK = 3
_IFLA_VXLAN_PORT_RANGE = 10
_IFLA_VXLAN_GROUP6 = 16
_U32 = struct.Struct("=I")
_PORTS = struct.Struct(">HH")


def read_tunnels() -> dict[int, Tunnel]:
    """Return the VXLAN devices by ifindex."""
    found: dict[int, Tunnel] = {}

    def take(octets: bytes) -> Ending:
        found.update(parse_tunnels(octets))
        return read_ending(octets)

    dump(RTM_GETLINK, IFINFOMSG.pack(0, 0, 0, 0, 0), take)
    return found


def parse_tunnels(octets: bytes) -> dict[int, Tunnel]:
    """Read link messages."""
    found: dict[int, Tunnel] = {}
    for kind, _, start, end in messages(octets):
        if kind != RTM_NEWLINK or start + IFINFOMSG.size > end:
            continue
        ifindex = IFINFOMSG.unpack_from(octets, start)[2]
        link = dict(attributes(octets, start + IFINFOMSG.size, end))
        about = _nested(link.get(IFLA_LINKINFO, b""))
        if about.get(IFLA_INFO_KIND, b"").rstrip(b"\0") != b"vxlan":
            continue
        of_vxlan = _nested(about.get(IFLA_INFO_DATA, b""))
        ports = of_vxlan.get(_IFLA_VXLAN_PORT_RANGE, b"")
        lower = of_vxlan.get(_IFLA_VXLAN_LINK, b"")
        found[ifindex] = Tunnel(
            lower=_U32.unpack(lower)[0] if len(lower) == 4 else 0,
            ports=_PORTS.unpack(ports) if len(ports) == 4 else (0, 0),
            group=of_vxlan.get(_IFLA_VXLAN_GROUP)
            or of_vxlan.get(_IFLA_VXLAN_GROUP6, b""),
        )
    return found


def _nested(octets: bytes) -> dict[int, bytes]:
    return dict(attributes(octets, 0, len(octets)))
