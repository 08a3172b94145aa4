"""VLANs of bridge ports, their tunnel maps, and the VNI filters of VXLAN devices.

From dumps to values (linux/if_bridge.h, linux/if_link.h).
"""

import struct
from collections.abc import Iterator

from evpnd.adapters.netlink.links import IFLA_AF_SPEC
from evpnd.adapters.netlink.rtnl import (
    AF_BRIDGE,
    IFINFOMSG,
    RTM_NEWLINK,
    RTM_NEWTUNNEL,
    attributes,
    messages,
)
from evpnd.model.rows import PortVlans, VniFilter

TUNNEL_MSG = struct.Struct("=BxxxI")
"""tunnel_msg: family, flags, ifindex."""
_BRIDGE_VLAN_INFO = 2
_BRIDGE_VLAN_TUNNEL_INFO = 3
_TUNNEL_ID, _TUNNEL_VID, _TUNNEL_FLAGS = 1, 2, 3
_FILTER_ENTRY = 1
_FILTER_START, _FILTER_END = 1, 2
_VLAN_INFO = struct.Struct("=HH")
"""bridge_vlan_info: flags, VLAN."""
_PVID, _UNTAGGED = 0x02, 0x04
_RANGE_BEGIN, _RANGE_END = 0x08, 0x10
_U16 = struct.Struct("=H")
_U32 = struct.Struct("=I")


def parse_vlans(octets: bytes) -> dict[int, PortVlans]:
    """Read the VLANs of bridges and ports from a dump of AF_BRIDGE links, by ifindex.

    VLANs that follow each other may come as one range (RTEXT_FILTER_BRVLAN_COMPRESSED).
    """
    told: dict[int, PortVlans] = {}
    for kind, _, start, end in messages(octets):
        if kind != RTM_NEWLINK or start + IFINFOMSG.size > end:
            continue
        family, _, ifindex, *_ = IFINFOMSG.unpack_from(octets, start)
        about = dict(attributes(octets, start + IFINFOMSG.size, end))
        if family == AF_BRIDGE:
            # A port without any VLAN has no such attribute.
            told[ifindex] = _port_vlans(about.get(IFLA_AF_SPEC, b""))
    return told


def _port_vlans(octets: bytes) -> PortVlans:
    pvid, first = 0, 0
    vlans: set[int] = set()
    tagged: set[int] = set()
    tunnels: list[bytes] = []
    for kind, value in attributes(octets, 0, len(octets)):
        if kind == _BRIDGE_VLAN_TUNNEL_INFO:
            tunnels.append(value)
        if kind != _BRIDGE_VLAN_INFO or len(value) != _VLAN_INFO.size:
            continue
        flags, vlan = _VLAN_INFO.unpack(value)
        if flags & _PVID:
            pvid = vlan
        if flags & _RANGE_BEGIN:
            first = vlan
            continue
        start = first if flags & _RANGE_END and first else vlan
        vlans.update(range(start, vlan + 1))
        if not flags & _UNTAGGED:
            tagged.update(range(start, vlan + 1))
        first = 0
    found = PortVlans(pvid, frozenset(vlans), frozenset(tagged))
    return found._replace(tunnels=dict(_tunnels(tunnels))) if tunnels else found


def _tunnels(entries: list[bytes]) -> Iterator[tuple[int, int]]:
    """Yield the VLANs of a tunnel map, each with its VNI.

    In a range both follow each other (br_fill_vlan_tinfo_range).
    """
    first: tuple[int, int] | None = None
    for entry in entries:
        found = dict(attributes(entry, 0, len(entry)))
        vni = _number(_U32, found.get(_TUNNEL_ID))
        vlan = _number(_U16, found.get(_TUNNEL_VID))
        flags = _number(_U16, found.get(_TUNNEL_FLAGS))
        if flags & _RANGE_BEGIN:
            first = vlan, vni
        elif flags & _RANGE_END and first is not None:
            yield from zip(range(first[0], vlan + 1), range(first[1], vni + 1))  # noqa: B905 - whatever the octets say
            first = None
        else:
            yield vlan, vni


def parse_vni_filters(octets: bytes, into: dict[int, list[range]]) -> None:
    """Append the VNIs of VXLAN devices from a dump of RTM_GETTUNNEL, by ifindex.

    A long filter comes in several messages (vxlan_vnifilter_dump_dev).
    """
    for kind, _, start, end in messages(octets):
        if kind != RTM_NEWTUNNEL or start + TUNNEL_MSG.size > end:
            continue
        _, ifindex = TUNNEL_MSG.unpack_from(octets, start)
        vnis = into.setdefault(ifindex, [])
        for each, value in attributes(octets, start + TUNNEL_MSG.size, end):
            if each != _FILTER_ENTRY:
                continue
            entry = dict(attributes(value, 0, len(value)))
            first = _number(_U32, entry.get(_FILTER_START))
            # The end is there in a range alone.
            last = _number(_U32, entry.get(_FILTER_END)) or first
            if 0 < first <= last:
                vnis.append(range(first, last + 1))


def vni_filters(found: dict[int, list[range]]) -> dict[int, VniFilter]:
    """Return the VNI filters of devices, in order."""
    return {
        ifindex: tuple(sorted(vnis, key=lambda each: each.start))
        for ifindex, vnis in found.items()
    }


def _number(form: struct.Struct, octets: bytes | None) -> int:
    """Return a number in native order; 0 where there is none."""
    if octets is None or len(octets) != form.size:
        return 0
    (number,) = form.unpack(octets)
    return int(number)
