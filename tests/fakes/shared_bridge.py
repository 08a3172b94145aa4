"""A model of one bridge that filters VLANs, with an EVI in some of them.

Each VLAN has a model of tables of its own (`tests/fakes/kernel.py`), for to a bridge
the VLANs are strangers to each other. Ports and bridge are the same in all.
"""

from dataclasses import replace
from typing import Any

from evpnd.model.actions import (
    Action,
    DumpFdb,
    DumpLinks,
    DumpNeighbors,
    DumpPorts,
    FlushVlan,
    SendProbes,
)
from evpnd.model.config import Config
from evpnd.model.domain import Domain
from evpnd.model.events import (
    Event,
    FdbDumped,
    FdbObserved,
    LinksDumped,
    MacsListed,
    MacsLookedUp,
    NeighborsDumped,
    NeighborsObserved,
    PortsDumped,
    RowFailed,
    RowsAudited,
)
from evpnd.model.ids import parse_vni
from evpnd.model.rows import BridgePort, FdbRow, Link, PortVlans, VxlanLink
from evpnd.model.targets import auto_export_target, auto_import_targets
from tests.fakes.host import VTEP, Host, config
from tests.fakes.kernel import BRIDGE, LOOPBACK, OWN_MAC, PORTS, VXLAN, FakeKernel

ONE, TWO = PORTS
"""ONE is untagged in the first VLAN and tagged in the others, TWO is tagged in all."""


def vni_of(vlan: int) -> int:
    return 10_000 + vlan


def vxlan_of(vlan: int) -> int:
    return 100 + vlan


def svi_of(vlan: int) -> int:
    return 1_000 + vlan


class SharedBridge:
    """The kernel of a host whose EVIs share br100."""

    def __init__(self, *vlans: int) -> None:
        self.vlans = {vlan: FakeKernel(VTEP, vlans=(vlan,)) for vlan in vlans}
        everything = frozenset(vlans)
        self.port_vlans: dict[int, PortVlans] = {
            BRIDGE: PortVlans(0, everything, everything),
            ONE: PortVlans(vlans[0], everything, everything - {vlans[0]}),
            TWO: PortVlans(0, everything, everything),
        }
        for vlan in vlans:
            only = PortVlans(vlan, frozenset({vlan}))
            self.port_vlans[vxlan_of(vlan)] = only
        self.flushed: list[tuple[int, int]] = []
        """(VXLAN device, VLAN) whose rows were flushed."""
        self.dumps = 0
        """How often the bridge was dumped."""
        self.stray: list[FdbRow] = []
        """Rows in VLANs that nobody has."""

    def links(self) -> list[Link]:
        port = BridgePort(learning=False, neigh_suppress=True, forwarding=True)
        bridge = Link(BRIDGE, "br100", "bridge", True, True, 0, b"\2brbr0", 1500, "")
        found = [bridge._replace(vlan_filtering=True)]
        found += [
            Link(
                *(index, f"t{index}", "veth", True, True, BRIDGE),
                *(bytes((2, 0xFF, 0, 0, 0, index)), 1500, ""),
            )
            for index in PORTS
        ]
        for vlan in self.vlans:
            tunnel = VxlanLink(vni_of(vlan), VTEP, 4789, learning=False, external=False)
            device = vxlan_of(vlan), f"vx{vlan}", "vxlan", True, True, BRIDGE
            found.append(Link(*device, OWN_MAC, 1500, "", tunnel, port))
            svi = svi_of(vlan), f"br100.{vlan}", "vlan", True, True, 0
            found.append(Link(*svi, b"\2brbr0", 1500, "", lower=BRIDGE, vlan_id=vlan))
        return found

    def apply(self, action: Action) -> list[Event]:
        match action:
            case DumpLinks():
                addresses = frozenset({(LOOPBACK, VTEP)})
                links = tuple(self.links())
                return [LinksDumped(links, addresses, dict(self.port_vlans))]
            case DumpFdb(bridge):
                self.dumps += 1
                return [FdbDumped(bridge, self._collect(action))]
            case DumpPorts(bridge, ports):
                return [PortsDumped(bridge, ports, self._collect(action))]
            case DumpNeighbors(svi):
                return self._in(svi - svi_of(0), DumpNeighbors(BRIDGE))
            case FlushVlan(domain):
                self.flushed.append((domain.vxlan, domain.vlan))
                return []
            case SendProbes():
                return [
                    event for vlan in self.vlans for event in self._in(vlan, action)
                ]
            case _:
                domain = getattr(action, "domain", None)
                if domain is None:
                    (first, *_) = self.vlans
                    return self.vlans[first].apply(action)
                return self._in(domain.vlan, action)

    def tell(self, vlan: int, events: list[Event]) -> list[Event]:
        """Give what happened in one VLAN the indexes that the host knows."""
        return [_outside(event, vlan) for event in events]

    def _in(self, vlan: int, action: Any) -> list[Event]:  # noqa: ANN401
        domain = getattr(action, "domain", None)
        if domain is not None:
            action = action._replace(domain=Domain(BRIDGE, vlan, VXLAN, 0, BRIDGE))
        return self.tell(vlan, self.vlans[vlan].apply(action))

    def _collect(self, action: Action) -> list[FdbRow]:
        rows = list(self.stray)
        for vlan, tables in self.vlans.items():
            for event in self.tell(vlan, tables.apply(action)):
                assert isinstance(event, FdbDumped | PortsDumped)
                rows += event.rows
        return rows


def _outside(event: Event, vlan: int) -> Event:
    domain = Domain(BRIDGE, vlan, vxlan_of(vlan), 0, svi_of(vlan))
    match event:
        case FdbObserved(rows):
            return FdbObserved(_fdb(rows, vlan))
        case FdbDumped(bridge, rows):
            return FdbDumped(bridge, _fdb(rows, vlan))
        case PortsDumped(bridge, ports, rows):
            return PortsDumped(bridge, ports, _fdb(rows, vlan))
        case MacsLookedUp(_, macs, rows):
            return MacsLookedUp(domain, macs, _fdb(rows, vlan))
        case MacsListed():
            return event._replace(domain=domain)
        case NeighborsObserved(rows):
            return NeighborsObserved(_neighbors(rows, vlan))
        case NeighborsDumped(_, rows):
            return NeighborsDumped(domain.svi, _neighbors(rows, vlan))
        case RowsAudited(_, whole, fdb, neighbors):
            assert neighbors is not None
            read = _fdb(fdb, vlan), _neighbors(neighbors, vlan)
            return RowsAudited(domain, whole, *read)
        case RowFailed(ifindex=index):
            index = domain.vxlan if index == VXLAN else domain.svi
            return event._replace(ifindex=index)
        case _:
            return event


def _fdb(rows: list[FdbRow], vlan: int) -> list[FdbRow]:
    return [
        row._replace(ifindex=vxlan_of(vlan)) if row.ifindex == VXLAN else row
        for row in rows
    ]


def _neighbors(rows: list[Any], vlan: int) -> list[Any]:
    return [row._replace(ifindex=svi_of(vlan)) for row in rows]


def shared_config(*vlans: int) -> Config:
    """An EVI for each VLAN, its VNI 10000 more."""
    settings = config()
    (evi,) = settings.evis
    evis = []
    for vlan in vlans:
        vni = parse_vni(vni_of(vlan))
        evis.append(
            replace(
                evi,
                vni=vni,
                name=f"vlan-{vlan}",
                export_targets=(auto_export_target(65000, vni),),
                import_targets=auto_import_targets(vni),
            )
        )
    return replace(settings, evis=tuple(evis))


def shared_host(*vlans: int) -> Host:
    host = Host(SharedBridge(*vlans), shared_config(*vlans))  # type: ignore[arg-type]
    host.up()
    return host
