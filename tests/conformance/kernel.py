"""The devices of a host: for each VNI a bridge, a VXLAN device and two ports.

Tables are those of the model kernel that the other tests use, one for each EVI.
Here are the links around them, and what operators and tenants do to both.
"""

from typing import Any

from evpnd.model.actions import (
    ConfigureVxlanPort,
    DumpLinks,
    DumpPorts,
    KernelAction,
)
from evpnd.model.config import Config
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
)
from tests.conformance.words import CaseError
from tests.fakes.kernel import BRIDGE, PORTS, VXLAN, FakeKernel

APART = 100
"""Between the interface indexes of one EVI's devices and those of the next."""
LOOPBACK = 1


class EviDevices:
    """One EVI's devices; its tables count their indexes from zero."""

    def __init__(self, vni: int, vtep: bytes, place: int) -> None:
        self.vni = vni
        self.base = APART * place
        self.tables = FakeKernel(vtep, vni)
        self.links: dict[str, Link] = {}
        self.gone: dict[str, Link] = {}
        names = {BRIDGE: f"br{vni}", VXLAN: f"vx{vni}"}
        names |= {port: f"t{2 * place + at}" for at, port in enumerate(PORTS, 1)}
        for link in self.tables.links():
            mac = bytes((2, 0, 0, 0xFF, place, link.ifindex))
            master = link.master and link.master + self.base
            index = link.ifindex + self.base
            name = names[link.ifindex]
            made = link._replace(ifindex=index, name=name, master=master, mac=mac)
            self.links[name] = made
            own = FdbRow(True, link.ifindex, mac, 0, NUD_PERMANENT, 0, b"")
            self.tables.bridge[mac] = own

    def name(self, ifindex: int) -> str:
        for link in (*self.links.values(), *self.gone.values()):
            if link.ifindex == ifindex + self.base:
                return link.name
        raise AssertionError(f"no device {ifindex}")

    def port(self, name: str) -> int:
        return self.links[name].ifindex - self.base

    def apply(self, action: KernelAction) -> list[Event]:
        """Carry out an action on the tables."""
        shifted: Any = action
        if hasattr(action, "domain"):
            shifted = shifted._replace(domain=_shift_domain(action.domain, -self.base))
        for field in ("bridge", "ifindex"):
            if hasattr(action, field):
                index = getattr(action, field) - self.base
                shifted = shifted._replace(**{field: index})
        if isinstance(action, DumpPorts):
            ports = frozenset(port - self.base for port in action.ports)
            shifted = shifted._replace(ports=ports)
        return self.tell(self.tables.apply(shifted))

    def tell(self, events: list[Event]) -> list[Event]:
        """Give notifications the indexes that the host knows."""
        return [self._shift(event) for event in events]

    def _shift(self, event: Event) -> Event:
        base = self.base
        match event:
            case FdbObserved(rows):
                return FdbObserved(_shift_rows(rows, base))
            case NeighborsObserved(rows):
                return NeighborsObserved(_shift_rows(rows, base))
            case FdbDumped(bridge, rows):
                return FdbDumped(bridge + base, _shift_rows(rows, base))
            case FdbTooLarge(bridge, ours):
                return FdbTooLarge(bridge + base, frozenset(i + base for i in ours))
            case PortsDumped(bridge, ports, rows):
                moved = frozenset(port + base for port in ports)
                return PortsDumped(bridge + base, moved, _shift_rows(rows, base))
            case MacsLookedUp(domain, macs, rows):
                moved = _shift_domain(domain, base)
                return MacsLookedUp(moved, macs, _shift_rows(rows, base))
            case MacsListed():
                return event._replace(domain=_shift_domain(event.domain, base))
            case RowsAudited(domain, whole, fdb, neighbors):
                assert neighbors is not None
                shifted = _shift_rows(fdb, base), _shift_rows(neighbors, base)
                return RowsAudited(_shift_domain(domain, base), whole, *shifted)
            case NeighborsDumped(ifindex, rows):
                return NeighborsDumped(ifindex + base, _shift_rows(rows, base))
            case RowFailed():
                return event._replace(ifindex=event.ifindex + base)
            case _:
                return event

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
    for field in ("bridge", "ifindex"):
        index: int = getattr(getattr(action, "domain", action), field, 0)
        if index:
            return index
    return 0


def _shift_domain(domain: Domain, by: int) -> Domain:
    """Return the devices of a domain other indexes; 0 stays none."""
    bridge, vlan, vxlan, vni, svi = domain
    shifted = (index and index + by for index in (bridge, vxlan, svi))
    bridge, vxlan, svi = shifted
    return Domain(bridge, vlan, vxlan, vni, svi)


def _shift_rows(rows: list[Any], base: int) -> list[Any]:
    return [row._replace(ifindex=row.ifindex + base) for row in rows]


class Kernel:
    """All devices of the host."""

    def __init__(self, config: Config, vtep: bytes) -> None:
        self.evis: dict[int, EviDevices] = {}
        self.addresses: set[tuple[int, bytes]] = {(LOOPBACK, vtep)}
        self.loopback = Link(LOOPBACK, "lo", "", True, True, 0, bytes(6), 65536, "")
        self.vtep = vtep
        for evi in config.evis:
            self.add_evi(evi.vni)

    def add_evi(self, vni: int) -> EviDevices:
        devices = EviDevices(vni, self.vtep, len(self.evis))
        self.evis[vni] = devices
        return devices

    def find(self, device: str) -> tuple[EviDevices | None, Link]:
        if device == "lo":
            return None, self.loopback
        for evi in self.evis.values():
            link = evi.links.get(device) or evi.gone.get(device)
            if link is not None:
                return evi, link
        raise CaseError(f"there is no device {device!r}")

    def name(self, ifindex: int) -> str:
        return next(link.name for link in self.links() if link.ifindex == ifindex)

    def links(self) -> tuple[Link, ...]:
        found = [self.loopback]
        for evi in self.evis.values():
            found += evi.links.values()
        return tuple(found)

    def apply(self, action: KernelAction) -> list[Event]:
        """Do what the agent asks; gives notifications and refusals."""
        match action:
            case DumpLinks():
                return [LinksDumped(self.links(), frozenset(self.addresses))]
            case ConfigureVxlanPort(ifindex, suppress):
                return self._configure(ifindex, suppress=suppress)
            case _:
                pass
        index = _device(action)
        for evi in self.evis.values():
            if evi.base < index < evi.base + APART:
                return evi.apply(action)
        return []

    def _configure(self, ifindex: int, *, suppress: bool) -> list[Event]:
        for evi in self.evis.values():
            for name, link in evi.links.items():
                if link.ifindex == ifindex and link.port is not None:
                    port = link.port._replace(learning=False, neigh_suppress=suppress)
                    evi.links[name] = link._replace(port=port)
                    return [LinkObserved(evi.links[name])]
        return []

    # Devices

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
            if row.ifindex == link.ifindex - evi.base and row.state == NUD_REACHABLE
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
        evi, _ = self._port(device)
        known = evi.tables.bridge.get(mac)
        if known is not None and known.flags & NTF_STICKY:
            return []
        return evi.tell(evi.tables.frame(evi.port(device), mac))

    def age(self, device: str, mac: bytes) -> list[Event]:
        evi, _ = self._port(device)
        events = evi.tables.age(mac)
        if not events:
            raise CaseError(f"{device} has no dynamic row of {format_mac(mac)}")
        return evi.tell(events)

    def fix(self, device: str, mac: bytes, *, sticky: bool) -> list[Event]:
        """Let the operator put a MAC on a port (`bridge fdb add ... static`)."""
        evi, _ = self._port(device)
        flags = NTF_STICKY if sticky else 0
        row = FdbRow(True, evi.port(device), mac, 0, NUD_NOARP, flags, b"")
        evi.tables.bridge[mac] = row
        return evi.tell([FdbObserved([row])])

    def unfix(self, device: str, mac: bytes) -> list[Event]:
        """Let the operator delete the row of a MAC on a port."""
        evi, _ = self._port(device)
        row = evi.tables.bridge.get(mac)
        if row is None or row.ifindex != evi.port(device):
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
