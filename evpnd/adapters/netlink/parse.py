"""FDB and neighbour messages to rows, of notifications and of dumps alike.

They come by the hundred thousand, so one function walks a whole buffer and makes
nothing but the rows (about a microsecond each). It never raises: what is cut off or
makes no sense is left out.
"""

import struct

from evpnd.adapters.netlink.rtnl import (
    AF_BRIDGE,
    ATTRIBUTE,
    NDA_CACHEINFO,
    NDA_DST,
    NDA_FLAGS_EXT,
    NDA_LLADDR,
    NDA_MASTER,
    NDA_NH_ID,
    NDA_PROTOCOL,
    NDA_SRC_VNI,
    NDA_VLAN,
    NDA_VNI,
    NLM_F_DUMP_INTR,
    NLMSG_DONE,
    NLMSG_ERROR,
    RTM_DELNEIGH,
    RTM_NEWNEIGH,
    Ending,
    read_ending,
)
from evpnd.model.rows import NTF_SELF, FdbRow, NeighborRow

_MESSAGE = struct.Struct("=IHHxxxxxxxxBxxxiHB")
"""nlmsghdr without sequence and port id, ndmsg without type."""
_SHORTEST = 28
_ROWS = frozenset({RTM_NEWNEIGH, RTM_DELNEIGH})
_ENDS = frozenset({NLMSG_DONE, NLMSG_ERROR})
_U16 = struct.Struct("=H")
_U32 = struct.Struct("=I")


def parse_neighbors(
    octets: bytes, fdb: list[FdbRow], neighbors: list[NeighborRow]
) -> Ending:
    """Append the rows of a buffer of messages, FDB rows and neighbours apart.

    FDB rows with NTF_SELF that lead nowhere are left out: they are the address
    filters of devices, and no row of a VXLAN device is without a destination.
    """
    unpack, unpack_attribute = _MESSAGE.unpack_from, ATTRIBUTE.unpack_from
    make = tuple.__new__  # saves a third of what calling the class takes
    seen = 0
    position, end = 0, len(octets)
    while position + _SHORTEST <= end:
        length, kind, netlink_flags, family, ifindex, state, flags = unpack(
            octets, position
        )
        stop = position + length
        if length < 16 or stop > end or kind in _ENDS:
            break
        seen |= netlink_flags
        if kind in _ROWS:
            mac = address = b""
            vlan = protocol = nexthop = vni = wire_vni = 0
            at = position + _SHORTEST
            while at + 4 <= stop:
                size, name = unpack_attribute(octets, at)
                after = at + size
                if size < 4 or after > stop:
                    break
                if name == NDA_LLADDR:
                    mac = octets[at + 4 : after]
                elif name == NDA_DST:
                    address = octets[at + 4 : after]
                elif name == NDA_CACHEINFO:  # noqa: SIM114 - found sooner so
                    pass
                elif name == NDA_MASTER:
                    pass
                elif name == NDA_VLAN and size == 6:
                    (vlan,) = _U16.unpack_from(octets, at + 4)
                elif name == NDA_FLAGS_EXT:
                    pass
                elif name == NDA_PROTOCOL and size == 5:
                    protocol = octets[at + 4]
                elif name == NDA_SRC_VNI and size == 8:
                    (vni,) = _U32.unpack_from(octets, at + 4)
                elif name == NDA_VNI and size == 8:
                    (wire_vni,) = _U32.unpack_from(octets, at + 4)
                elif name == NDA_NH_ID:
                    nexthop = 1
                at = (after + 3) & ~3
            present = kind == RTM_NEWNEIGH
            if family == AF_BRIDGE:
                if len(mac) == 6 and (address or nexthop or not flags & NTF_SELF):
                    # fmt: off
                    fdb.append(make(FdbRow, (
                        present, ifindex, mac, vlan, state, flags, address,
                        vni, wire_vni,
                    )))
                    # fmt: on
            elif address:
                neighbors.append(
                    make(
                        NeighborRow,
                        (present, ifindex, address, mac, state, flags, protocol),
                    )
                )
        position += (length + 3) & ~3
    ending = read_ending(octets[position:])
    interrupted = ending.interrupted or bool(seen & NLM_F_DUMP_INTR)
    return ending._replace(interrupted=interrupted)
