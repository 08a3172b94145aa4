"""A small working model of the kernel's tables for one EVI.

It stores rows, learns from frames, sends notifications and refuses rows on
request. integration/ shows on the real kernel what it claims here.
"""

import errno
from dataclasses import dataclass, field

from evpnd.model.actions import (
    Action,
    AuditRows,
    AuditTables,
    DeleteFlood,
    DeleteNeighbors,
    DeleteRemoteMacs,
    DeleteVxlanRows,
    DumpFdb,
    DumpLinks,
    DumpNeighbors,
    DumpPorts,
    ListMacs,
    LookUpMacs,
    MeasurePaths,
    OverrideLocalMacs,
    SendProbes,
    UpsertFlood,
    UpsertLocalNeighbors,
    UpsertNeighbors,
    UpsertRemoteMacs,
    UpsertVxlanRows,
)
from evpnd.model.domain import Domain
from evpnd.model.events import (
    BindingsSnooped,
    Event,
    FdbDumped,
    FdbObserved,
    FdbTooLarge,
    Heard,
    LinkObserved,
    LinksDumped,
    MacsListed,
    MacsLookedUp,
    NeighborsDumped,
    NeighborsObserved,
    PathsMeasured,
    PortsDumped,
    RowFailed,
    RowsAudited,
)
from evpnd.model.ids import FLOOD_MAC
from evpnd.model.rows import (
    EVPND_PROTOCOL,
    NTF_EXT_LEARNED,
    NTF_SELF,
    NTF_STICKY,
    NUD_FAILED,
    NUD_NOARP,
    NUD_PERMANENT,
    NUD_REACHABLE,
    NUD_STATIC,
    BridgePort,
    FdbRow,
    Link,
    NeighborRow,
    PortVlans,
    VxlanLink,
)

LOOPBACK = 1
"""Has the VTEP address."""
BRIDGE, VXLAN, PORTS = 10, 11, (12, 13)
DOMAIN = Domain(bridge=BRIDGE, vxlan=VXLAN, svi=BRIDGE)
OWN_MAC = b"\2vxvx0"
"""Of the VXLAN device."""


@dataclass
class FakeKernel:
    """Bridge br100 with VXLAN device vx100 (VNI 100) and two tenant ports."""

    vtep: bytes
    vni: int = 100
    bridge: dict[bytes, FdbRow] = field(default_factory=dict)
    """One row for a MAC, on a port or on the VXLAN device."""
    vxlan: dict[bytes, FdbRow] = field(default_factory=dict)
    flood: dict[bytes, FdbRow] = field(default_factory=dict)
    neighbors: dict[bytes, NeighborRow] = field(default_factory=dict)
    answering: set[tuple[bytes, bytes]] = field(default_factory=set)
    """(MAC, IP) of tenants that answer when they are asked."""
    asked: list[tuple[int, bytes, bytes]] = field(default_factory=list)
    """(port, MAC, IP) of all probes."""
    vlans: tuple[int, ...] = (0,)
    """VLANs in which a request without one makes rows; stations are in the last."""
    port_vlans: dict[int, PortVlans] = field(default_factory=dict)
    """Of bridge and ports; empty: the bridge does not filter VLANs."""
    others: tuple[Link, ...] = ()
    """Links that the EVI does not stand on."""
    spare: dict[bytes, FdbRow] = field(default_factory=dict)
    """With two VLANs: the rows of the first, where no station is."""
    routes: dict[bytes, int] = field(default_factory=dict)
    """The MTU of the route to a VTEP, where it is not 9000."""
    refused: set[bytes] = field(default_factory=set)
    """MACs, VTEPs and IPs that the kernel does not take."""
    theirs: set[tuple[str, bytes]] = field(default_factory=set)
    """Rows that an operator made or took: (bridge, vxlan or neighbor; key)."""
    trespasses: list[tuple[str, bytes]] = field(default_factory=list)
    """Rows of an operator that the agent changed or removed."""
    large: bool = False
    """The FDB is taken for one that is too large to be dumped at once."""

    def links(self) -> tuple[Link, ...]:
        vxlan = VxlanLink(self.vni, self.vtep, 4789, learning=False, external=False)
        port = BridgePort(learning=False, neigh_suppress=True, forwarding=True)
        bridge = Link(BRIDGE, "br100", "bridge", True, True, 0, b"\2brbr0", 1500, "")
        made = [bridge._replace(vlan_filtering=bool(self.port_vlans)), *self.others]
        made.append(
            Link(
                VXLAN,
                "vx100",
                "vxlan",
                True,
                True,
                BRIDGE,
                OWN_MAC,
                1500,
                "",
                vxlan,
                port,
            )
        )
        made.extend(
            Link(
                index,
                f"t{index}",
                "veth",
                True,
                True,
                BRIDGE,
                bytes((2, 0xFF, 0, 0, 0, index)),
                1500,
                "",
            )
            for index in PORTS
        )
        return tuple(made)

    def frame(self, port: int, mac: bytes) -> list[Event]:
        """A station sends: the bridge learns or moves its MAC."""
        old = self.bridge.get(mac)
        if old is None:
            row = FdbRow(True, port, mac, self.vlans[-1], NUD_REACHABLE, 0, b"")
        elif old.ifindex == port or old.state & NUD_PERMANENT or old.flags & NTF_STICKY:
            return []
        else:
            row = old._replace(ifindex=port, flags=old.flags & ~NTF_EXT_LEARNED)
        self.bridge[mac] = row
        return [FdbObserved([row])]

    def put(self, port: int, mac: bytes, *, sticky: bool = False) -> list[Event]:
        """An operator puts a static row on a port, over whatever was there."""
        flags = NTF_STICKY if sticky else 0
        return self._write(FdbRow(True, port, mac, 0, NUD_NOARP, flags, b""))

    def _write(self, row: FdbRow) -> list[Event]:
        rows = [row._replace(vlan=vlan) for vlan in self.vlans]
        if len(rows) > 1:
            self.spare[row.mac] = rows[0]
        self.bridge[row.mac] = rows[-1]
        return [FdbObserved(rows)]

    def _remove(self, mac: bytes, ports: tuple[int, ...]) -> list[Event]:
        """Remove the rows of a MAC in all VLANs from the ports named."""
        gone = []
        for table in (self.spare, self.bridge):
            row = table.get(mac)
            if row is not None and row.ifindex in ports:
                gone.append(table.pop(mac)._replace(present=False))
        return [FdbObserved(gone)] if gone else []

    def take(self, mac: bytes) -> list[Event]:
        """An operator takes the row of a MAC from a port."""
        return self._remove(mac, PORTS)

    def age(self, mac: bytes) -> list[Event]:
        """A dynamic local row times out."""
        row = self.bridge.get(mac)
        if row is None or row.ifindex not in PORTS or row.state != NUD_REACHABLE:
            return []
        del self.bridge[mac]
        return [FdbObserved([row._replace(present=False)])]

    def set_link(self, index: int, *, up: bool) -> list[Event]:
        """The bridge or a port goes down, with what the kernel flushes then, or up."""
        link = next(each for each in self.links() if each.ifindex == index)
        ports = PORTS if index == BRIDGE else (index,)
        lost = [
            row
            for row in self.bridge.values()
            if row.ifindex in ports and row.state == NUD_REACHABLE and not up
        ]
        for row in lost:
            del self.bridge[row.mac]
        events: list[Event] = [
            FdbObserved([row._replace(present=False) for row in lost])
        ]
        if index == BRIDGE and not up:
            events += self.flush_neighbors()
        return [*events, LinkObserved(link._replace(up=up, carrier=up))]

    def flush_vxlan(self) -> list[Event]:
        """The VXLAN device goes down and up: its rows are lost, but permanent ones."""
        gone = [row for row in self.vxlan.values() if not row.state & NUD_PERMANENT]
        for row in gone:
            del self.vxlan[row.mac]
        return [FdbObserved([row._replace(present=False) for row in gone])]

    def flush_neighbors(self) -> list[Event]:
        """Somebody flushes the neighbours."""
        gone = list(self.neighbors.values())
        self.neighbors.clear()
        return [NeighborsObserved([row._replace(present=False) for row in gone])]

    def pin(self, ip: bytes, mac: bytes) -> list[Event]:
        """Do as `ip neigh replace IP lladdr MAC dev BRIDGE nud permanent`.

        The kernel keeps the protocol number, and clears extern_learn.
        """
        old = self.neighbors.get(ip)
        protocol = old.protocol if old is not None else 0
        row = NeighborRow(True, BRIDGE, ip, mac, NUD_PERMANENT, 0, protocol)
        self.neighbors[ip] = row
        self.theirs.add(("neighbor", ip))
        return [NeighborsObserved([row])]

    def fix_row(self, mac: bytes, *, sticky: bool = False) -> list[Event]:
        """Do as `bridge fdb replace MAC dev VXLAN master static [sticky]`.

        The bridge keeps extern_learn where it was.
        """
        old = self.bridge.get(mac)
        flags = old.flags & NTF_EXT_LEARNED if old is not None else 0
        flags |= NTF_STICKY if sticky else 0
        self.theirs.add(("bridge", mac))
        return self._write(FdbRow(True, VXLAN, mac, 0, NUD_NOARP, flags, b""))

    def unfix_row(self, mac: bytes) -> list[Event]:
        """Do as `bridge fdb del MAC dev VXLAN master`."""
        self.theirs.discard(("bridge", mac))
        return self._remove(mac, (VXLAN,))

    def take_vxlan_row(self, mac: bytes, dst: bytes) -> list[Event]:
        """Do as `bridge fdb replace MAC dev VXLAN dst DST self static`.

        Without a destination: as `bridge fdb add MAC dev VXLAN nhid ID self`, which
        the kernel refuses over a row that has one.
        """
        if not dst and mac in self.vxlan:
            return []
        state = NUD_REACHABLE | NUD_NOARP
        row = FdbRow(True, VXLAN, mac, 0, state, NTF_SELF, dst)
        self.vxlan[mac] = row
        self.theirs.add(("vxlan", mac))
        return [FdbObserved([row])]

    def give_vxlan_row(self, mac: bytes) -> list[Event]:
        """Do as `bridge fdb del MAC dev VXLAN self`."""
        self.theirs.discard(("vxlan", mac))
        return self._delete_self(mac)

    def unpin(self, ip: bytes) -> list[Event]:
        """Do as `ip neigh del IP dev BRIDGE`: it fails, and then it goes."""
        self.theirs.discard(("neighbor", ip))
        row = self.neighbors.pop(ip, None)
        if row is None:
            return []
        failed = row._replace(state=NUD_FAILED, mac=b"")
        return [NeighborsObserved([failed, row._replace(present=False)])]

    def _touch(self, table: str, key: bytes) -> None:
        """Record that the agent changes a row."""
        if (table, key) in self.theirs:
            self.trespasses.append((table, key))

    def apply(self, action: Action) -> list[Event]:
        """Do what an action says; returns the notifications and refusals."""
        match action:
            case DumpLinks():
                addresses = frozenset({(LOOPBACK, self.vtep)})
                return [LinksDumped(self.links(), addresses, dict(self.port_vlans))]
            case DumpFdb() if self.large:
                ours = [row for row in self.vxlan.values() if row.is_ours]
                return [FdbTooLarge(BRIDGE, frozenset(row.ifindex for row in ours))]
            case DumpFdb():
                return [FdbDumped(BRIDGE, self._fdb())]
            case DumpPorts(_, ports):
                rows = [row for row in self._fdb() if row.ifindex in ports]
                bridged = [row for row in rows if not row.flags & NTF_SELF]
                return [PortsDumped(BRIDGE, ports, bridged)]
            case LookUpMacs(domain, macs):
                return [MacsLookedUp(domain, macs, self._look_up(macs, [])[0])]
            case ListMacs(domain, reading):
                rows = [row for row in self._fdb() if row.ifindex == domain.vxlan]
                macs = list({row.mac: None for row in rows if row.mac != FLOOD_MAC})
                flood = {vtep: row.is_ours for vtep, row in self.flood.items()}
                return [
                    MacsListed(domain, reading, macs[:1], {}, False),
                    MacsListed(domain, reading, macs[1:], flood, True),
                ]
            case DumpNeighbors(ifindex):
                rows = [r for r in self.neighbors.values() if r.ifindex == ifindex]
                return [NeighborsDumped(ifindex, rows)]
            case MeasurePaths(vteps):
                return [PathsMeasured({v: self.routes.get(v, 9000) for v in vteps})]
            case UpsertRemoteMacs(domain, vtep, macs) | OverrideLocalMacs(
                domain, vtep, macs
            ):
                assert domain.vxlan == VXLAN
                return [e for mac in macs for e in self._upsert_mac(vtep, mac)]
            case UpsertVxlanRows(domain, vtep, macs):
                assert domain.vxlan == VXLAN
                return [e for mac in macs for e in self._upsert_self(vtep, mac)]
            case DeleteRemoteMacs(domain, macs):
                assert domain.vxlan == VXLAN
                for mac in macs:
                    self._touch("bridge", mac)
                    self._touch("vxlan", mac)
                return [
                    e
                    for mac in macs
                    for e in (*self._remove(mac, (VXLAN,)), *self._delete_self(mac))
                ]
            case DeleteVxlanRows(domain, macs):
                assert domain.vxlan == VXLAN
                for mac in macs:
                    self._touch("vxlan", mac)
                return [e for mac in macs for e in self._delete_self(mac)]
            case UpsertFlood(_, vteps):
                return [e for vtep in vteps for e in self._append_flood(vtep)]
            case DeleteFlood(_, vteps):
                gone = [self.flood.pop(vtep) for vtep in vteps if vtep in self.flood]
                return [FdbObserved([row._replace(present=False) for row in gone])]
            case UpsertNeighbors(Domain(svi=svi), bindings):
                return [e for b in bindings for e in self._upsert_neighbor(svi, *b)]
            case UpsertLocalNeighbors(Domain(svi=svi), bindings):
                return [e for b in bindings for e in self._note(svi, *b)]
            case DeleteNeighbors(_, ips):
                for ip in ips:
                    self._touch("neighbor", ip)
                gone = [self.neighbors.pop(ip) for ip in ips if ip in self.neighbors]
                return [
                    NeighborsObserved([row._replace(present=False) for row in gone])
                ]
            case AuditTables(domain):
                neighbors = list(self.neighbors.values())
                return [RowsAudited(domain, True, self._fdb(), neighbors)]
            case AuditRows(domain, macs, ips):
                return [RowsAudited(domain, False, *self._look_up(macs, ips))]
            case SendProbes(port, _, probes, tag):
                return self._ask(port, probes, tag)
            case _:
                return []

    def _fdb(self) -> list[FdbRow]:
        """All rows of the bridge and of its ports."""
        rows = [*self.bridge.values(), *self.spare.values(), *self.vxlan.values()]
        rows.extend(
            FdbRow(True, VXLAN, OWN_MAC, vlan, NUD_PERMANENT, 0, b"")
            for vlan in self.vlans
        )
        return [*rows, *self.flood.values()]

    def _look_up(
        self, macs: list[bytes], ips: list[bytes]
    ) -> tuple[list[FdbRow], list[NeighborRow]]:
        fdb = []
        flood = next(iter(self.flood.values()), None)
        own = FdbRow(True, VXLAN, OWN_MAC, self.vlans[-1], NUD_PERMANENT, 0, b"")
        bridged = {OWN_MAC: own} | self.bridge
        for mac in macs:
            absent = FdbRow(False, VXLAN, mac, 0, 0, 0, b"")
            found = flood if mac == FLOOD_MAC else self.vxlan.get(mac)
            fdb.append(found or absent._replace(flags=NTF_SELF))
            fdb.append(bridged.get(mac) or absent)
        gone = NeighborRow(False, BRIDGE, b"", b"", 0, 0, 0)
        return fdb, [self.neighbors.get(ip) or gone._replace(ip=ip) for ip in ips]

    def _ask(
        self, port: int, probes: list[tuple[bytes, bytes, bytes]], tag: int
    ) -> list[Event]:
        self.asked.extend((port, mac, ip) for mac, ip, _ in probes)
        answers = [
            Heard(port, mac, ip, tag)
            for mac, ip, _ in probes
            if (mac, ip) in self.answering
        ]
        return [BindingsSnooped(answers)] if answers else []

    def _upsert_mac(self, vtep: bytes, mac: bytes) -> list[Event]:
        if mac in self.refused:
            return [RowFailed("fdb", VXLAN, mac, errno.EAFNOSUPPORT, deleting=False)]
        self._touch("bridge", mac)
        master = FdbRow(True, VXLAN, mac, 0, NUD_REACHABLE, NTF_EXT_LEARNED, b"")
        return [*self._write(master), *self._upsert_self(vtep, mac)]

    def _upsert_self(self, vtep: bytes, mac: bytes) -> list[Event]:
        if mac in self.refused:
            return [RowFailed("fdb", VXLAN, mac, errno.EAFNOSUPPORT, deleting=False)]
        self._touch("vxlan", mac)
        flags = NTF_EXT_LEARNED | NTF_SELF
        before = self.vxlan.get(mac)
        # The state of such a row does not change, whatever is asked for.
        state = before.state if before and before.flags == flags else NUD_STATIC
        own = FdbRow(True, VXLAN, mac, 0, state, flags, vtep)
        self.vxlan[mac] = own
        return [FdbObserved([own])]

    def _delete_self(self, mac: bytes) -> list[Event]:
        row = self.vxlan.pop(mac, None)
        return [] if row is None else [FdbObserved([row._replace(present=False)])]

    def _append_flood(self, vtep: bytes) -> list[Event]:
        if vtep in self.refused:
            return [RowFailed("flood", VXLAN, vtep, errno.ENETUNREACH, deleting=False)]
        if vtep in self.flood:
            return []
        flags = NTF_SELF | NTF_EXT_LEARNED
        state = NUD_NOARP | NUD_PERMANENT
        row = FdbRow(True, VXLAN, FLOOD_MAC, 0, state, flags, vtep)
        self.flood[vtep] = row
        return [FdbObserved([row])]

    def _upsert_neighbor(
        self, device: int, ip: bytes, mac: bytes, router: bool
    ) -> list[Event]:
        if ip in self.refused:
            return [RowFailed("neighbor", device, ip, errno.EINVAL, deleting=False)]
        self._touch("neighbor", ip)
        flags = NTF_EXT_LEARNED | (0x80 if router else 0)
        row = NeighborRow(True, device, ip, mac, NUD_NOARP, flags, EVPND_PROTOCOL)
        self.neighbors[ip] = row
        return [NeighborsObserved([row])]

    def _note(self, device: int, ip: bytes, mac: bytes, router: bool) -> list[Event]:
        if ip in self.refused:
            return [RowFailed("neighbor", device, ip, errno.EINVAL, deleting=False)]
        self._touch("neighbor", ip)
        flags = NTF_EXT_LEARNED | (0x80 if router else 0)
        row = NeighborRow(True, device, ip, mac, NUD_PERMANENT, flags, EVPND_PROTOCOL)
        self.neighbors[ip] = row
        return [NeighborsObserved([row])]
