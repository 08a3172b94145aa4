"""The devices of a host: for each VNI a bridge, a VXLAN device and two ports.

EVIs with a VLAN share one bridge with its two ports, and have a VLAN device each. Those
that name a VXLAN device share this as well, for many VNIs.
Tables are those of the model kernel that the other tests use, one for each EVI.
Here are the links around them, and what operators and tenants do to both.
"""

from typing import Any

from evpnd.model.actions import (
    ConfigureVxlanPort,
    DumpFdb,
    DumpLinks,
    DumpPorts,
    KernelAction,
)
from evpnd.model.config import Config, EviConfig
from evpnd.model.domain import Domain
from evpnd.model.events import (
    AddressObserved,
    Event,
    FdbDumped,
    FdbObserved,
    FdbTooLarge,
    LinkObserved,
    LinksDumped,
    LinkVanished,
    MacsListed,
    MacsLookedUp,
    NeighborsDumped,
    NeighborsObserved,
    PortsDumped,
    RowFailed,
    RowsAudited,
    VlansObserved,
)
from evpnd.model.ids import FLOOD_MAC, format_ip, format_mac
from evpnd.model.rows import (
    NTF_EXT_LEARNED,
    NTF_ROUTER,
    NTF_SELF,
    NTF_STICKY,
    NUD_NOARP,
    NUD_PERMANENT,
    NUD_REACHABLE,
    FdbRow,
    Link,
    NeighborRow,
    PortVlans,
    VniFilter,
)
from tests.conformance.words import CaseError
from tests.fakes.kernel import BRIDGE, DOMAIN, PORTS, VXLAN, FakeKernel
from tests.fakes.made_bridges import MadeKernel

SVI = 20
"""Index of an EVI's VLAN device."""
APART = 100
"""Between the interface indexes of one EVI's devices and those of the next."""
LOOPBACK = 1


class EviDevices:
    """One EVI's devices; its tables count their indexes from zero.

    `shared` is the EVI whose bridge and ports this one has as well.
    """

    def __init__(
        self, evi: EviConfig, vtep: bytes, place: int, shared: "EviDevices | None"
    ) -> None:
        self.vni = vni = evi.vni
        self.vlan = vlan = evi.vlan or 0
        self.single = evi.vxlan if evi.vlan else None
        """The VXLAN device for many VNIs."""
        self.base = APART * place
        self.shared_base = self.base if shared is None else shared.base
        self.tables = FakeKernel(vtep, vni, vlans=(vlan,))
        self.links: dict[str, Link] = {}
        self.gone: dict[str, Link] = {}
        names = {BRIDGE: f"br{vni}", VXLAN: self.single or f"vx{vni}"}
        names |= {port: f"t{2 * place + at}" for at, port in enumerate(PORTS, 1)}
        for link in self.tables.links():
            index = self.outside(link.ifindex)
            mac = bytes((2, 0, 0, 0xFF, index // APART, link.ifindex))
            own = FdbRow(True, link.ifindex, mac, vlan, NUD_PERMANENT, 0, b"")
            self.tables.bridge[mac] = own
            if shared is not None and (link.ifindex != VXLAN or self.single):
                continue
            master = link.master and self.outside(link.master)
            name = names[link.ifindex]
            made = link._replace(ifindex=index, name=name, master=master, mac=mac)
            if link.ifindex == BRIDGE:
                made = made._replace(vlan_filtering=bool(vlan))
            elif self.single and made.vxlan and made.port:
                many = made.vxlan._replace(vni=0, external=True, vnifilter=True)
                port = made.port._replace(vlan_tunnel=True)
                made = made._replace(vxlan=many, port=port)
            self.links[name] = made
        self._ports = {} if shared is None else shared.links
        if vlan:
            bridge = names[BRIDGE] if shared is None else next(iter(shared.links))
            svi = self.base + SVI, f"{bridge}.{vlan}", "vlan", True, True, 0
            self.links[svi[1]] = Link(
                *(*svi, bytes((2, 0, 0, 0xFF, place, SVI)), 1500, ""),
                lower=self.shared_base + BRIDGE,
                vlan_id=vlan,
            )

    def name(self, ifindex: int) -> str:
        known = (*self.links.values(), *self.gone.values(), *self._ports.values())
        for link in known:
            if link.ifindex == self.outside(ifindex):
                return link.name
        raise AssertionError(f"no device {ifindex}")

    def port(self, name: str) -> int:
        return (self.links | self._ports)[name].ifindex % APART

    def outside(self, ifindex: int) -> int:
        """Return the index that the host knows; 0 stays none."""
        if ifindex in (BRIDGE, *PORTS) or (ifindex == VXLAN and self.single):
            return ifindex + self.shared_base
        return ifindex and ifindex + self.base

    @property
    def domain(self) -> Domain:
        """Where the EVI is, as the host knows it."""
        bridge = self.outside(BRIDGE)
        svi = self.outside(SVI) if self.vlan else bridge
        return Domain(bridge, self.vlan, self.outside(VXLAN), self._src_vni, svi)

    @property
    def _src_vni(self) -> int:
        return self.vni if self.single else 0

    def apply(self, action: KernelAction) -> list[Event]:
        """Carry out an action on the tables."""
        shifted: Any = action
        if hasattr(action, "domain"):
            shifted = shifted._replace(domain=DOMAIN)
        for field in ("bridge", "ifindex"):
            if hasattr(action, field):
                index = getattr(action, field) % APART
                # The tables have their neighbours on the bridge.
                inside = BRIDGE if index == SVI else index
                shifted = shifted._replace(**{field: inside})
        if isinstance(action, DumpPorts):
            ports = frozenset(port % APART for port in action.ports)
            shifted = shifted._replace(ports=ports)
        return self.tell(self.tables.apply(shifted))

    def tell(self, events: list[Event]) -> list[Event]:
        """Give notifications the indexes that the host knows."""
        return [self._shift(event) for event in events]

    def _shift(self, event: Event) -> Event:
        outside, domain = self.outside, self.domain
        match event:
            case FdbObserved(rows):
                return FdbObserved(self._fdb(rows))
            case NeighborsObserved(rows):
                return NeighborsObserved(self._neighbors(rows))
            case FdbDumped(bridge, rows):
                return FdbDumped(outside(bridge), self._fdb(rows))
            case FdbTooLarge(bridge, ours):
                return FdbTooLarge(outside(bridge), frozenset(map(outside, ours)))
            case PortsDumped(bridge, ports, rows):
                moved = frozenset(map(outside, ports))
                return PortsDumped(outside(bridge), moved, self._fdb(rows))
            case MacsLookedUp(_, macs, rows):
                return MacsLookedUp(domain, macs, self._fdb(rows))
            case MacsListed():
                return event._replace(domain=domain)
            case RowsAudited(_, whole, fdb, neighbors):
                assert neighbors is not None
                shifted = self._fdb(fdb), self._neighbors(neighbors)
                return RowsAudited(domain, whole, *shifted)
            case NeighborsDumped(_, rows):
                return NeighborsDumped(domain.svi, self._neighbors(rows))
            case RowFailed(table="neighbor"):
                return event._replace(ifindex=domain.svi)
            case RowFailed():
                index = outside(event.ifindex)
                return event._replace(ifindex=index, vni=self._src_vni)
            case _:
                return event

    def _fdb(self, rows: list[FdbRow]) -> list[FdbRow]:
        return [
            row._replace(
                ifindex=self.outside(row.ifindex),
                vni=self._src_vni if row.flags & NTF_SELF else 0,
            )
            for row in rows
        ]

    def _neighbors(self, rows: list[NeighborRow]) -> list[NeighborRow]:
        return [row._replace(ifindex=self.domain.svi) for row in rows]

    # In words

    def fdb(self) -> dict[str, str]:
        """Say where each MAC leads, but for the devices' own."""
        found = {}
        for mac in sorted({*self.tables.bridge, *self.tables.vxlan}):
            said = self._lead(mac)
            if said:
                found[format_mac(mac)] = said
        return found

    def _lead(self, mac: bytes) -> str:
        bridge, vxlan = self.tables.bridge.get(mac), self.tables.vxlan.get(mac)
        if bridge is not None and bridge.state & NUD_PERMANENT:
            return "own" if vxlan is not None else ""
        parts = []
        if bridge is not None and bridge.ifindex != VXLAN:
            kind = " sticky" if bridge.flags & NTF_STICKY else ""
            kind = kind or (" static" if bridge.state & NUD_NOARP else "")
            parts.append(f"local {self.name(bridge.ifindex)}{kind}")
        elif bridge is not None and vxlan is None:
            parts.append("bridge row alone")
        if vxlan is not None:
            where = format_ip(vxlan.dst)
            if not vxlan.flags & NTF_EXT_LEARNED:
                parts.append(f"{where} by the operator")
            elif bridge is None or bridge.ifindex != VXLAN:
                parts.append(f"VXLAN row {where}")
            else:
                parts.append(where)
        return " and ".join(parts)

    def flood(self) -> list[str]:
        return sorted(
            format_ip(vtep)
            + ("" if row.flags & NTF_EXT_LEARNED else " by the operator")
            for vtep, row in self.tables.flood.items()
        )

    def neighbors(self) -> dict[str, str]:
        found = {}
        for ip, row in sorted(self.tables.neighbors.items()):
            said = format_mac(row.mac)
            if row.state & NUD_PERMANENT and not row.is_ours:
                said += " by the operator"
            elif not row.is_ours:
                said += " by the kernel"
            elif row.is_note:
                said += " local"
            if row.flags & NTF_ROUTER:
                said += " router"
            found[format_ip(ip)] = said
        return found


def _device(action: KernelAction) -> int:
    """Return a device that an action is about; 0: it is about none."""
    for field in ("vxlan", "bridge", "ifindex"):
        index: int = getattr(getattr(action, "domain", action), field, 0)
        if index:
            return index
    return 0


class Kernel:
    """All devices of the host."""

    def __init__(self, config: Config, vtep: bytes) -> None:
        self.evis: dict[int, EviDevices] = {}
        self.addresses: set[tuple[int, bytes]] = {(LOOPBACK, vtep)}
        self.loopback = Link(LOOPBACK, "lo", "", True, True, 0, bytes(6), 65536, "")
        self.vtep = vtep
        self.made = MadeKernel(vtep) if config.bridges else None
        """The devices, where evpnd makes the bridges."""
        self._tunnels: dict[int, int] = {}
        """Of the VXLAN device for many VNIs, VLANs to VNIs; empty: all EVIs."""
        self._taken_in: list[int] = []
        """VNIs in its VNI filter; empty: those of all EVIs."""
        for evi in config.evis:
            self.add_evi(evi)

    def add_evi(self, evi: EviConfig) -> EviDevices:
        shared = next((e for e in self.evis.values() if e.vlan), None)
        place = len(self.evis), shared if evi.vlan else None
        devices = EviDevices(evi, self.vtep, *place)
        self.evis[evi.vni] = devices
        return devices

    def port_vlans(self) -> dict[int, PortVlans]:
        """Return the VLANs of the shared bridge and its ports.

        The first port is untagged in the first VLAN, all else is tagged.
        """
        evis = [evi for evi in self.evis.values() if evi.vlan]
        if not evis:
            return {}
        first, all_ = evis[0], frozenset(evi.vlan for evi in evis)
        one, two = map(first.outside, PORTS)
        found = {
            first.outside(BRIDGE): PortVlans(0, all_, all_),
            one: PortVlans(first.vlan, all_, all_ - {first.vlan}),
            two: PortVlans(0, all_, all_),
        }
        for evi in evis:
            only = PortVlans(evi.vlan, frozenset({evi.vlan}))
            if evi.single:
                tunnels = self._tunnels or {e.vlan: e.vni for e in evis}
                only = PortVlans(0, all_, all_, tunnels)
            found[evi.outside(VXLAN)] = only
        return found

    def vni_filters(self) -> dict[int, VniFilter]:
        """Return the VNI filter of the VXLAN device for many VNIs."""
        evis = [evi for evi in self.evis.values() if evi.single]
        taken_in = self._taken_in or [evi.vni for evi in evis]
        vnis = tuple(range(vni, vni + 1) for vni in sorted(taken_in))
        return {evis[0].outside(VXLAN): vnis} if evis else {}

    @property
    def vlans(self) -> list[int]:
        """The VLANs of EVIs."""
        return [evi.vlan for evi in self.evis.values() if evi.vlan]

    def map(self, tunnels: dict[int, int]) -> Event:
        """Change the tunnel map of the VXLAN device for many VNIs."""
        self._tunnels = tunnels
        return VlansObserved(self.port_vlans(), self.vni_filters())

    def take_in(self, vnis: list[int]) -> Event:
        """Change the VNI filter of the VXLAN device for many VNIs."""
        self._taken_in = vnis
        return VlansObserved(self.port_vlans(), self.vni_filters())

    def tag(self, port: str) -> int:
        """Return the tag of frames on a port, as a step names it; 0: none."""
        evi, link = self.find(port)
        known = self.port_vlans().get(link.ifindex)
        assert evi is not None
        return evi.vlan if known is not None and evi.vlan in known.tagged else 0

    def find(self, device: str) -> tuple[EviDevices | None, Link]:
        if device == "lo":
            return None, self.loopback
        device, _, vlan = device.partition(" vlan ")
        if vlan:
            evi = next((e for e in self.evis.values() if str(e.vlan) == vlan), None)
            if evi is None:
                raise CaseError(f"there is no VLAN {vlan!r}")
            _, link = self.find(device)
            return evi, link
        for evi in self.evis.values():
            link = evi.links.get(device) or evi.gone.get(device)
            if link is not None:
                return evi, link
        raise CaseError(f"there is no device {device!r}")

    def name(self, ifindex: int) -> str:
        return next(link.name for link in self.links() if link.ifindex == ifindex)

    def links(self) -> tuple[Link, ...]:
        if self.made is not None:
            return tuple(self.made.links.values())
        found = [self.loopback]
        for evi in self.evis.values():
            found += evi.links.values()
        return tuple(found)

    def apply(self, action: KernelAction) -> list[Event]:
        """Do what the agent asks; gives notifications and refusals."""
        if self.made is not None:
            return self.made.apply(action)
        match action:
            case DumpLinks():
                addresses = frozenset(self.addresses)
                vlans, filters = self.port_vlans(), self.vni_filters()
                links = self.links()
                return [LinksDumped(links, addresses, vlans, vni_filters=filters)]
            case DumpFdb() | DumpPorts() if action.bridge in self.port_vlans():
                return [self._dump_shared(action)]
            case ConfigureVxlanPort(ifindex, suppress):
                return self._configure(ifindex, suppress=suppress)
            case _:
                pass
        domain: Domain | None = getattr(action, "domain", None)
        if domain is not None and domain.vni:
            return self.evis[domain.vni].apply(action)
        index = _device(action)
        for evi in self.evis.values():
            if evi.base < index < evi.base + APART:
                return evi.apply(action)
        return []

    def _with_rows_of_ours(self) -> frozenset[int]:
        return frozenset(
            evi.outside(VXLAN)
            for evi in self.evis.values()
            if any(row.is_ours for row in evi.tables.vxlan.values())
        )

    def _dump_shared(self, action: DumpFdb | DumpPorts) -> Event:
        """Dump the rows of all EVIs that share the bridge."""
        answers = [e.apply(action)[0] for e in self.evis.values() if e.vlan]
        first: Any = answers[0]
        if isinstance(first, FdbTooLarge):
            return FdbTooLarge(first.bridge, self._with_rows_of_ours())
        rows = [row for each in answers for row in each.rows]  # type: ignore[union-attr]
        answer: Event = first._replace(rows=rows)
        return answer

    def _configure(self, ifindex: int, *, suppress: bool) -> list[Event]:
        for evi in self.evis.values():
            for name, link in evi.links.items():
                if link.ifindex == ifindex and link.port is not None:
                    port = link.port._replace(learning=False, neigh_suppress=suppress)
                    evi.links[name] = link._replace(port=port)
                    return [LinkObserved(evi.links[name])]
        return []

    # Devices

    def bridges(self) -> MadeKernel:
        """Return the devices of a host whose bridges evpnd makes."""
        if self.made is None:
            raise CaseError("evpnd makes no bridge in this case")
        return self.made

    def set_link(self, device: str, *, up: bool) -> list[Event]:
        """Take a device down or up, with what the kernel forgets by that."""
        evi, link = self.find(device)
        if evi is None:
            raise CaseError("lo stays up")
        evi.links[device] = link._replace(up=up, carrier=up)
        lost: list[Event] = []
        if not up and link.vxlan is not None:
            lost = evi.tables.flush_vxlan()
        elif not up and link.kind == "bridge":
            lost = evi.tables.flush_neighbors()
            for port in evi.links.values():
                if port.kind == "veth":
                    lost += self._flush_port(evi, port)
        elif not up:
            lost = self._flush_port(evi, link)
        return [*evi.tell(lost), LinkObserved(evi.links[device])]

    @staticmethod
    def _flush_port(evi: EviDevices, link: Link) -> list[Event]:
        table = evi.tables.bridge
        lost = [
            row
            for row in table.values()
            if row.ifindex == link.ifindex % APART and row.state == NUD_REACHABLE
        ]
        for row in lost:
            del table[row.mac]
        return [FdbObserved([row._replace(present=False) for row in lost])]

    def remove(self, device: str) -> list[Event]:
        """Delete a VXLAN device: its rows go with it."""
        evi, link = self.find(device)
        if evi is None or link.vxlan is None:
            raise CaseError(f"only a VXLAN device is removed, not {device}")
        tables = evi.tables
        lost = [*tables.vxlan.values(), *tables.flood.values()]
        lost += [row for row in tables.bridge.values() if row.ifindex == VXLAN]
        tables.vxlan.clear()
        tables.flood.clear()
        for row in lost:
            if not row.flags & NTF_SELF:
                del tables.bridge[row.mac]
        evi.gone[device] = evi.links.pop(device)
        rows = [row._replace(present=False) for row in lost]
        return [*evi.tell([FdbObserved(rows)]), LinkVanished(link.ifindex)]

    def add(self, device: str) -> list[Event]:
        """Make a removed VXLAN device anew, empty."""
        evi, link = self.find(device)
        if evi is None or device not in evi.gone:
            raise CaseError(f"{device} is there already")
        evi.links[device] = evi.gone.pop(device)
        return [LinkObserved(link)]

    def set_address(self, device: str, ip: bytes, *, present: bool) -> list[Event]:
        _, link = self.find(device)
        entry = (link.ifindex, ip)
        (self.addresses.add if present else self.addresses.discard)(entry)
        return [AddressObserved(link.ifindex, ip, present)]

    def set_local(self, device: str, ip: bytes) -> list[Event]:
        """Give a VXLAN device another local address."""
        evi, link = self.find(device)
        if evi is None or link.vxlan is None:
            raise CaseError(f"{device} is no VXLAN device")
        evi.links[device] = link._replace(vxlan=link.vxlan._replace(local=ip))
        return [LinkObserved(evi.links[device])]

    # Tenants and operators

    def frame(self, device: str, mac: bytes) -> list[Event]:
        evi, link = self._port(device)
        known = evi.tables.bridge.get(mac)
        if known is not None and known.flags & NTF_STICKY:
            return []
        return evi.tell(evi.tables.frame(evi.port(link.name), mac))

    def age(self, device: str, mac: bytes) -> list[Event]:
        evi, _ = self._port(device)
        events = evi.tables.age(mac)
        if not events:
            raise CaseError(f"{device} has no dynamic row of {format_mac(mac)}")
        return evi.tell(events)

    def fix(self, device: str, mac: bytes, *, sticky: bool) -> list[Event]:
        """Let the operator put a MAC on a port (`bridge fdb add ... static`)."""
        evi, link = self._port(device)
        flags = NTF_STICKY if sticky else 0
        row = FdbRow(True, evi.port(link.name), mac, evi.vlan, NUD_NOARP, flags, b"")
        evi.tables.bridge[mac] = row
        return evi.tell([FdbObserved([row])])

    def unfix(self, device: str, mac: bytes) -> list[Event]:
        """Let the operator delete the row of a MAC on a port."""
        evi, link = self._port(device)
        row = evi.tables.bridge.get(mac)
        if row is None or row.ifindex != evi.port(link.name):
            raise CaseError(f"{device} has no row of {format_mac(mac)}")
        del evi.tables.bridge[mac]
        return evi.tell([FdbObserved([row._replace(present=False)])])

    def _port(self, device: str) -> tuple[EviDevices, Link]:
        evi, link = self.find(device)
        if evi is None or link.kind != "veth":
            raise CaseError(f"{device} is no tenant port")
        return evi, link

    def operator_row(self, device: str, mac: bytes, vtep: bytes) -> list[Event]:
        """Let somebody else put a row on a VXLAN device."""
        evi, _ = self.find(device)
        assert evi is not None
        state = NUD_NOARP | NUD_PERMANENT
        row = FdbRow(True, VXLAN, mac, 0, state, NTF_SELF, vtep)
        if mac == FLOOD_MAC:
            evi.tables.flood[vtep] = row
        else:
            evi.tables.vxlan[mac] = row
        return evi.tell([FdbObserved([row])])

    def operator_removes(self, device: str, mac: bytes) -> list[Event]:
        """Let somebody else delete both rows of a MAC."""
        evi, _ = self.find(device)
        assert evi is not None
        tables = evi.tables
        gone = [t.pop(mac) for t in (tables.bridge, tables.vxlan) if mac in t]
        rows = [row._replace(present=False) for row in gone]
        return evi.tell([FdbObserved(rows)])

    def kernel_neighbor(self, device: str, ip: bytes, mac: bytes) -> list[Event]:
        """Let the kernel's own ARP or ND find a neighbour on the bridge."""
        evi, _ = self.find(device)
        assert evi is not None
        row = NeighborRow(True, BRIDGE, ip, mac, NUD_REACHABLE, 0, 0)
        evi.tables.neighbors[ip] = row
        return evi.tell([NeighborsObserved([row])])

    def pin(self, device: str, ip: bytes, mac: bytes) -> list[Event]:
        """Let the operator write a permanent neighbour on the bridge."""
        evi, _ = self.find(device)
        assert evi is not None
        return evi.tell(evi.tables.pin(ip, mac))

    def unpin(self, device: str, ip: bytes) -> list[Event]:
        evi, _ = self.find(device)
        assert evi is not None
        return evi.tell(evi.tables.unpin(ip))

    def flush_neighbors(self, device: str) -> list[Event]:
        evi, _ = self.find(device)
        assert evi is not None
        return evi.tell(evi.tables.flush_neighbors())
