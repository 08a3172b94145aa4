"""Link and address messages to values (linux/if_link.h, linux/if_addr.h).

Read by hand: a library for them takes a millisecond a link, on hosts with thousands
of them, and 13 MiB.
"""

import struct
from typing import NamedTuple

from evpnd.adapters.netlink.rtnl import (
    AF_BRIDGE,
    IFINFOMSG,
    RTM_DELADDR,
    RTM_DELLINK,
    RTM_DELTUNNEL,
    RTM_DELVLAN,
    RTM_NEWADDR,
    RTM_NEWLINK,
    RTM_NEWTUNNEL,
    RTM_NEWVLAN,
    attributes,
    messages,
)
from evpnd.model.events import AddressObserved, LinkObserved, LinkVanished
from evpnd.model.rows import BridgePort, Link, VxlanLink

IFF_UP = 0x1
IFLA_ADDRESS = 1
IFLA_IFNAME = 3
IFLA_MTU = 4
IFLA_LINK = 5
IFLA_MASTER = 10
IFLA_PROTINFO = 12
IFLA_OPERSTATE = 16
IFLA_LINKINFO = 18
IFLA_IFALIAS = 20
IFLA_AF_SPEC = 26
IFLA_INFO_KIND = 1
IFLA_INFO_DATA = 2
IFLA_INFO_SLAVE_KIND = 4
IFLA_INFO_SLAVE_DATA = 5
IFLA_VXLAN_ID = 1
IFLA_VXLAN_LOCAL = 4
IFLA_VXLAN_LEARNING = 7
IFLA_VXLAN_PORT = 15
IFLA_VXLAN_LOCAL6 = 17
IFLA_VXLAN_COLLECT_METADATA = 25
IFLA_VXLAN_VNIFILTER = 30
IFLA_BR_AGEING_TIME = 4
IFLA_BR_VLAN_FILTERING = 7
IFLA_BR_VLAN_DEFAULT_PVID = 39
IFLA_VLAN_ID = 1
IFLA_VRF_TABLE = 1
IFLA_BRPORT_STATE = 1
IFLA_BRPORT_LEARNING = 8
IFLA_BRPORT_VLAN_TUNNEL = 29
IFLA_BRPORT_NEIGH_SUPPRESS = 32
IFLA_BRPORT_NEIGH_VLAN_SUPPRESS = 43

_BR_STATE_FORWARDING = 3
_OPERSTATE_UNKNOWN = 0
_USER_HZ = 100
"""clock_t in netlink: the same on all architectures that have VXLAN users."""
_OPERSTATE_UP = 6
_IFA_ADDRESS = 1
_IFA_LOCAL = 2
_IFADDRMSG = struct.Struct("=BBBBI")
_U32 = struct.Struct("=I")
_BE16 = struct.Struct(">H")
_U16 = struct.Struct("=H")


class LinkMessages(NamedTuple):
    """Content of a buffer of link and address messages."""

    events: list[LinkObserved | LinkVanished | AddressObserved]
    ports: set[int]
    """Links whose state as a bridge port changed: to be read again."""
    vlans: bool = False
    """VLANs of bridge ports, their tunnel maps, or VNI filters of VXLAN devices
    changed: to be read again."""


_VLANS = frozenset({RTM_NEWVLAN, RTM_DELVLAN, RTM_NEWTUNNEL, RTM_DELTUNNEL})


def parse_links(octets: bytes) -> LinkMessages:
    """Read messages of links and addresses; what is cut off is left out."""
    told = LinkMessages([], set())
    vlans = False
    for kind, _, start, end in messages(octets):
        if kind in (RTM_NEWLINK, RTM_DELLINK) and start + IFINFOMSG.size <= end:
            family, _, ifindex, flags, _ = IFINFOMSG.unpack_from(octets, start)
            if family == AF_BRIDGE:
                if kind == RTM_NEWLINK:
                    told.ports.add(ifindex)
                    # A port that stops to map VLANs loses its map, and RTM_NEWVLAN
                    # tells nothing of it (br_port_flags_change).
                    vlans = vlans or _maps_vlans(octets, start, end)
            elif kind == RTM_DELLINK:
                told.events.append(LinkVanished(ifindex))
            else:
                found = dict(attributes(octets, start + IFINFOMSG.size, end))
                told.events.append(LinkObserved(_link(ifindex, flags, found)))
        elif kind in _VLANS:
            vlans = True
        elif kind in (RTM_NEWADDR, RTM_DELADDR) and start + _IFADDRMSG.size <= end:
            _, length, *_, ifindex = _IFADDRMSG.unpack_from(octets, start)
            found = dict(attributes(octets, start + _IFADDRMSG.size, end))
            # On a point-to-point device IFA_ADDRESS is the other end.
            ip = found.get(_IFA_LOCAL) or found.get(_IFA_ADDRESS)
            if ip:
                present = kind == RTM_NEWADDR
                told.events.append(AddressObserved(ifindex, ip, present, length))
    return told._replace(vlans=vlans)


def _maps_vlans(octets: bytes, start: int, end: int) -> bool:
    """Return whether a message of a bridge port says that it maps VLANs to VNIs."""
    found = dict(attributes(octets, start + IFINFOMSG.size, end))
    port = _nested(found.get(IFLA_PROTINFO, b""))
    return bool(_u8(port.get(IFLA_BRPORT_VLAN_TUNNEL)))


def _link(ifindex: int, flags: int, found: dict[int, bytes]) -> Link:
    kind, vxlan, port, ageing, filtering = "", None, None, None, False
    lower = vlan_id = default_pvid = table = 0
    if linkinfo := found.get(IFLA_LINKINFO):
        about = _nested(linkinfo)
        kind = _text(about.get(IFLA_INFO_KIND))
        if kind == "vxlan":
            vxlan = _vxlan(_nested(about.get(IFLA_INFO_DATA, b"")))
        elif kind == "bridge":
            bridge = _nested(about.get(IFLA_INFO_DATA, b""))
            ageing = _u32(bridge.get(IFLA_BR_AGEING_TIME)) / _USER_HZ
            filtering = bool(_u8(bridge.get(IFLA_BR_VLAN_FILTERING)))
            default_pvid = _u16(bridge.get(IFLA_BR_VLAN_DEFAULT_PVID))
        elif kind == "vrf":
            table = _u32(_nested(about.get(IFLA_INFO_DATA, b"")).get(IFLA_VRF_TABLE))
        elif kind == "vlan":
            vlan_id = _u16(_nested(about.get(IFLA_INFO_DATA, b"")).get(IFLA_VLAN_ID))
            lower = _u32(found.get(IFLA_LINK))
        if _text(about.get(IFLA_INFO_SLAVE_KIND)) == "bridge":
            port = _port(_nested(about.get(IFLA_INFO_SLAVE_DATA, b"")))
    return Link(
        ifindex=ifindex,
        name=_text(found.get(IFLA_IFNAME)),
        kind=kind,
        up=bool(flags & IFF_UP),
        carrier=_u8(found.get(IFLA_OPERSTATE)) in (_OPERSTATE_UP, _OPERSTATE_UNKNOWN),
        master=_u32(found.get(IFLA_MASTER)),
        mac=found.get(IFLA_ADDRESS, b""),
        mtu=_u32(found.get(IFLA_MTU)),
        alias=_text(found.get(IFLA_IFALIAS)),
        vxlan=vxlan,
        port=port,
        ageing=ageing,
        vlan_filtering=filtering,
        default_pvid=default_pvid,
        lower=lower,
        vlan_id=vlan_id,
        table=table,
    )


def _vxlan(found: dict[int, bytes]) -> VxlanLink:
    port = found.get(IFLA_VXLAN_PORT, b"")
    return VxlanLink(
        vni=_u32(found.get(IFLA_VXLAN_ID)),
        local=found.get(IFLA_VXLAN_LOCAL) or found.get(IFLA_VXLAN_LOCAL6, b""),
        udp_port=_BE16.unpack(port)[0] if len(port) == 2 else 0,
        learning=bool(_u8(found.get(IFLA_VXLAN_LEARNING))),
        external=bool(_u8(found.get(IFLA_VXLAN_COLLECT_METADATA))),
        vnifilter=bool(_u8(found.get(IFLA_VXLAN_VNIFILTER))),
    )


def _port(found: dict[int, bytes]) -> BridgePort:
    return BridgePort(
        learning=bool(_u8(found.get(IFLA_BRPORT_LEARNING))),
        neigh_suppress=bool(_u8(found.get(IFLA_BRPORT_NEIGH_SUPPRESS))),
        forwarding=_u8(found.get(IFLA_BRPORT_STATE)) == _BR_STATE_FORWARDING,
        vlan_tunnel=bool(_u8(found.get(IFLA_BRPORT_VLAN_TUNNEL))),
        neigh_vlan_suppress=bool(_u8(found.get(IFLA_BRPORT_NEIGH_VLAN_SUPPRESS))),
    )


def _nested(octets: bytes) -> dict[int, bytes]:
    return dict(attributes(octets, 0, len(octets)))


def _text(octets: bytes | None) -> str:
    return (octets or b"").rstrip(b"\0").decode(errors="replace")


def _u8(octets: bytes | None) -> int:
    return octets[0] if octets else 0


def _u16(octets: bytes | None) -> int:
    return _U16.unpack(octets)[0] if octets and len(octets) == 2 else 0


def _u32(octets: bytes | None) -> int:
    return _U32.unpack(octets)[0] if octets and len(octets) == 4 else 0
