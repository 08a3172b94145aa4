"""VLANs of bridge ports, their tunnel maps, and the VNI filters of VXLAN devices.

From dumps to values (linux/if_bridge.h, linux/if_link.h). VLANs are dumped by
RTM_GETVLAN: in a dump of links all of a port has to fit into one attribute, and a
tunnel map of 2,400 VLANs does not (br_fill_vlan_tunnel_info).
"""

import struct

from evpnd.adapters.netlink.rtnl import (
    RTM_NEWTUNNEL,
    RTM_NEWVLAN,
    attributes,
    messages,
)
from evpnd.model.rows import PortVlans, VniFilter

TABLE_MSG = struct.Struct("=BxxxI")
"""br_vlan_msg and tunnel_msg: family, ifindex."""
_VLAN_ENTRY = 1
_VLAN_INFO, _VLAN_RANGE, _VLAN_TUNNEL, _VLAN_SUPPRESS = 1, 2, 4, 9
_FILTER_ENTRY = 1
_FILTER_START, _FILTER_END = 1, 2
_TUNNEL_ID = 1
_INFO = struct.Struct("=HH")
"""bridge_vlan_info: flags, VLAN."""
_PVID, _UNTAGGED = 0x02, 0x04
_LAST = 4095
"""No VLAN is greater (IEEE 802.1Q)."""
_U16 = struct.Struct("=H")
_U32 = struct.Struct("=I")


class VlanDump:
    """VLANs of bridges and their ports, from a dump of RTM_GETVLAN."""

    def __init__(self) -> None:
        """Start with nothing read."""
        self._ports: dict[int, _Port] = {}

    def take(self, octets: bytes) -> None:
        """Read the messages of a buffer; those of a port with many VLANs are several.

        A port without any VLAN has one message.
        """
        for kind, _, start, end in messages(octets):
            if kind != RTM_NEWVLAN or start + TABLE_MSG.size > end:
                continue
            _, ifindex = TABLE_MSG.unpack_from(octets, start)
            port = self._ports.setdefault(ifindex, _Port())
            for each, value in attributes(octets, start + TABLE_MSG.size, end):
                if each == _VLAN_ENTRY:
                    port.add(dict(attributes(value, 0, len(value))))

    def read(self) -> dict[int, PortVlans]:
        """Return what was read, by ifindex."""
        return {ifindex: port.vlans() for ifindex, port in self._ports.items()}


class _Port:
    """The VLANs of one port, as far as they are read."""

    def __init__(self) -> None:
        self._pvid = 0
        self._all: set[int] = set()
        self._tagged: set[int] = set()
        self._tunnels: dict[int, int] = {}
        self._suppressed: set[int] = set()

    def add(self, entry: dict[int, bytes]) -> None:
        """Add a VLAN, or VLANs that follow each other and have all else in common.

        Where they are mapped to VNIs, these follow each other as well
        (br_vlan_opts_eq_range).
        """
        info = entry.get(_VLAN_INFO, b"")
        if len(info) != _INFO.size:
            return
        flags, first = _INFO.unpack(info)
        last = min(_number(_U16, entry.get(_VLAN_RANGE)) or first, _LAST)
        vlans = range(first, last + 1)
        self._all.update(vlans)
        if flags & _PVID:
            self._pvid = first
        if not flags & _UNTAGGED:
            self._tagged.update(vlans)
        if entry.get(_VLAN_SUPPRESS) == b"\1":
            self._suppressed.update(vlans)
        if tunnel := entry.get(_VLAN_TUNNEL):
            about = dict(attributes(tunnel, 0, len(tunnel)))
            vni = _number(_U32, about.get(_TUNNEL_ID))
            if vni:
                self._tunnels.update((vlan, vni + vlan - first) for vlan in vlans)

    def vlans(self) -> PortVlans:
        """Return them all."""
        found = PortVlans(self._pvid, frozenset(self._all), frozenset(self._tagged))
        if self._suppressed:
            found = found._replace(suppressed=frozenset(self._suppressed))
        return found._replace(tunnels=self._tunnels) if self._tunnels else found


class FilterDump:
    """VNI filters of VXLAN devices, from a dump of RTM_GETTUNNEL."""

    def __init__(self) -> None:
        """Start with nothing read."""
        self._devices: dict[int, list[range]] = {}

    def take(self, octets: bytes) -> None:
        """Read the messages of a buffer; those of a long filter are several.

        A device whose filter is empty has none (vxlan_vnifilter_dump_dev).
        """
        for kind, _, start, end in messages(octets):
            if kind != RTM_NEWTUNNEL or start + TABLE_MSG.size > end:
                continue
            _, ifindex = TABLE_MSG.unpack_from(octets, start)
            vnis = self._devices.setdefault(ifindex, [])
            for each, value in attributes(octets, start + TABLE_MSG.size, end):
                if each != _FILTER_ENTRY:
                    continue
                entry = dict(attributes(value, 0, len(value)))
                first = _number(_U32, entry.get(_FILTER_START))
                # The end is there in a range alone.
                last = _number(_U32, entry.get(_FILTER_END)) or first
                if 0 < first <= last:
                    vnis.append(range(first, last + 1))

    def read(self) -> dict[int, VniFilter]:
        """Return what was read, by ifindex."""
        return {
            ifindex: tuple(sorted(vnis, key=lambda each: each.start))
            for ifindex, vnis in self._devices.items()
        }


def _number(form: struct.Struct, octets: bytes | None) -> int:
    """Return a number in native order; 0 where there is none."""
    if octets is None or len(octets) != form.size:
        return 0
    (number,) = form.unpack(octets)
    return int(number)
