"""Rows of the kernel's tables and its links, as read (linux/neighbour.h)."""

from bisect import bisect_right
from collections.abc import Mapping
from typing import NamedTuple

from evpnd.model.domain import Vtep
from evpnd.model.ids import FLOOD_MAC

NUD_REACHABLE = 0x02
NUD_STALE = 0x04
NUD_FAILED = 0x20
NUD_NOARP = 0x40
NUD_PERMANENT = 0x80
NUD_INCOMPLETE = 0x01
NUD_STATIC = NUD_NOARP | NUD_REACHABLE
"""State of our VXLAN rows, `static` in iproute2's words: they stay when the device goes
down (vxlan_flush), and they may lead to a nexthop group, which rows that are REACHABLE
alone may not (vxlan_fdb_nh_update, Linux 6.12)."""

NTF_SELF = 0x02
NTF_MASTER = 0x04
NTF_EXT_LEARNED = 0x10
NTF_STICKY = 0x40
NTF_ROUTER = 0x80

EVPND_PROTOCOL = 0xE5
"""Protocol number of our neighbours (NDA_PROTOCOL), routes and nexthop objects;
unassigned in rtnetlink.h and FRR's rt_protos."""

RTN_UNICAST = 1
RTN_UNREACHABLE = 7
RTPROT_KERNEL = 2
RTPROT_BOOT = 3
"""Of `ip route add`, where nobody names another."""
RTPROT_STATIC = 4
ROUTE_METRIC = 20
"""Metric of our routes, as FRR has it. It is part of a route's key, so that a route of
somebody else with another is not replaced."""
UNREACHABLE_METRIC = 4278198272
"""Metric of the unreachable default of a VRF
(Documentation/networking/vrf.rst)."""


class FdbRow(NamedTuple):
    """One FDB row: of a VXLAN device (flags has NTF_SELF) or of a bridge port."""

    present: bool
    """False: a notification says that it went."""
    ifindex: int
    mac: bytes
    vlan: int
    state: int
    flags: int
    dst: Vtep
    """Remote VTEP; empty where the row has none."""
    vni: int = 0
    """Of a row of a VXLAN device for many VNIs: the one whose frames it is for
    (NDA_SRC_VNI); 0: none."""
    wire_vni: int = 0
    """VNI that these frames get instead (NDA_VNI); 0: the row names none."""

    @property
    def is_fixed(self) -> bool:
        """Whether somebody made the row static, permanent or sticky."""
        fixed = self.state & (NUD_NOARP | NUD_PERMANENT) or self.flags & NTF_STICKY
        return bool(fixed)

    @property
    def is_ours(self) -> bool:
        """Whether a row of the VXLAN device of an EVI is evpnd's.

        The bridge keeps NTF_EXT_LEARNED when somebody else makes the row static or
        sticky (net/bridge/br_fdb.c: fdb_add_entry), and evpnd makes no such bridge row.
        Those of the VXLAN device are NUD_STATIC, or REACHABLE where an earlier version
        made them, whose state never changes (drivers/net/vxlan/vxlan_core.c:
        vxlan_fdb_update_existing); those of the flood list alone are permanent. None
        leads to a nexthop group, which has no destination of its own, and none names
        the VNI on the wire, as those of `bridge vni add ... remote` do: these get
        NTF_EXT_LEARNED with the first row of ours beside them.
        """
        if not self.flags & NTF_EXT_LEARNED or self.wire_vni:
            return False
        if self.mac == FLOOD_MAC:
            return True
        if not self.flags & NTF_SELF or self.flags & NTF_STICKY:
            return not self.is_fixed
        return bool(self.dst) and self.state & (NUD_STATIC | NUD_PERMANENT) in (
            NUD_STATIC,
            NUD_REACHABLE,
        )


class NeighborRow(NamedTuple):
    """One neighbour: an IP and the MAC it is bound to on a device."""

    present: bool
    ifindex: int
    ip: bytes
    mac: bytes
    """Empty while the kernel has none."""
    state: int
    flags: int
    protocol: int

    @property
    def is_ours(self) -> bool:
        """Whether evpnd wrote the row last: both marks of it are still there.

        The kernel keeps the protocol number when somebody else replaces the row
        without one, and clears NTF_EXT_LEARNED where the request does not have it
        (net/core/neighbour.c: neigh_add, neigh_update_flags).
        """
        marked = self.flags & NTF_EXT_LEARNED
        return bool(marked) and self.protocol == EVPND_PROTOCOL

    @property
    def is_note(self) -> bool:
        """Whether a row of ours notes a local binding; remote ones are NOARP."""
        return bool(self.state & NUD_PERMANENT)


class RouteRow(NamedTuple):
    """One route of a table (linux/rtnetlink.h); its key is prefix and metric."""

    present: bool
    table: int
    prefix: bytes
    """An address and the length of the prefix in bits (1 octet) in one piece."""
    protocol: int
    metric: int
    kind: int
    """RTN_UNICAST, RTN_UNREACHABLE and so on."""
    nexthop: bytes
    """Id of a nexthop object, 4 octets; empty: it names none."""

    @property
    def is_ours(self) -> bool:
        """Whether evpnd wrote the row."""
        return self.protocol == EVPND_PROTOCOL


class NexthopRow(NamedTuple):
    """One nexthop object (linux/nexthop.h)."""

    present: bool
    nexthop: bytes
    """Its id, 4 octets."""
    ifindex: int
    """0: it is a group."""
    gateway: bytes
    members: tuple[bytes, ...]
    """Ids of those of a group, in ascending order."""
    protocol: int

    @property
    def is_ours(self) -> bool:
        """Whether evpnd made the object."""
        return self.protocol == EVPND_PROTOCOL


class VxlanLink(NamedTuple):
    """What a VXLAN device adds to a link (IFLA_INFO_DATA)."""

    vni: int
    local: bytes
    """Local VTEP address; empty where none is set."""
    udp_port: int
    learning: bool
    external: bool
    """Collect-metadata mode: one device for many VNIs."""
    vnifilter: bool = False
    """It takes in frames of the VNIs in its VNI filter alone (external devices)."""


class BridgePort(NamedTuple):
    """What being a bridge port adds to a link (IFLA_INFO_SLAVE_DATA)."""

    learning: bool
    neigh_suppress: bool
    forwarding: bool
    """The port's STP state lets data through."""
    vlan_tunnel: bool = False
    """Its VLANs may be mapped to VNIs (external VXLAN devices)."""
    neigh_vlan_suppress: bool = False
    """Whether ARP and ND are answered is a matter of each VLAN (Linux 6.3)."""


_NO_TUNNELS: Mapping[int, int] = {}


class PortVlans(NamedTuple):
    """VLANs of a bridge port, or of the bridge itself (RTM_GETVLAN)."""

    pvid: int
    """VLAN of frames that come without a tag; 0: they are dropped."""
    vlans: frozenset[int]
    tagged: frozenset[int] = frozenset()
    """Those of them whose frames leave with a tag."""
    tunnels: Mapping[int, int] = _NO_TUNNELS
    """Its tunnel map: VLANs to their VNIs. A VNI is there once
    (net/bridge/br_vlan_tunnel.c)."""
    suppressed: frozenset[int] = frozenset()
    """Those of them in which ARP and ND are answered, where the port tells VLANs
    apart."""


VniFilter = tuple[range, ...]
"""VNIs that a VXLAN device with a VNI filter takes in; disjoint, in ascending order."""


def has_vni(vni_filter: VniFilter, vni: int) -> bool:
    """Return whether a VNI is in the VNI filter of a device."""
    at = bisect_right(vni_filter, vni, key=lambda each: each.start)
    return at > 0 and vni in vni_filter[at - 1]


class Link(NamedTuple):
    """A network device."""

    ifindex: int
    name: str
    kind: str
    """IFLA_INFO_KIND: vxlan, bridge, veth, ...; empty for hardware and lo."""
    up: bool
    """Administratively up (IFF_UP)."""
    carrier: bool
    """Operationally up or unknown (IFLA_OPERSTATE)."""
    master: int
    """Index of the bridge it is a port of, else 0."""
    mac: bytes
    mtu: int
    alias: str
    vxlan: VxlanLink | None = None
    port: BridgePort | None = None
    ageing: float | None = None
    """Of a bridge: seconds after which it forgets a silent MAC."""
    vlan_filtering: bool = False
    """Of a bridge: its FDB and its ports are divided into VLANs."""
    default_pvid: int = 0
    """Of a bridge that filters VLANs: the VLAN that new ports get; 0: none."""
    lower: int = 0
    """Of a VLAN device: the index of the link that it stands on (IFLA_LINK)."""
    vlan_id: int = 0
    """Of a VLAN device (IFLA_VLAN_ID)."""
    table: int = 0
    """Of a VRF device: its routing table (IFLA_VRF_TABLE)."""
