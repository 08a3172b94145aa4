"""A model of one bridge that filters VLANs, with an EVI in some of them.

Each VLAN has a model of tables of its own (`tests/fakes/kernel.py`), for to a bridge
the VLANs are strangers to each other. Ports and bridge are the same in all. Each VLAN
has a VXLAN device, or one device has the VNIs of all: rows of its own name theirs.
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
from evpnd.model.rows import (
    NTF_SELF,
    BridgePort,
    FdbRow,
    Link,
    PortVlans,
    VniFilter,
    VxlanLink,
)
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


SINGLE = 90
"""The VXLAN device for all VNIs, vx0."""


class SharedBridge:
    """The kernel of a host whose EVIs share br100, and with `single` vx0 as well."""

    def __init__(self, *vlans: int, single: bool = False) -> None:
        self.single = single
        self.vlans = {vlan: FakeKernel(VTEP, vlans=(vlan,)) for vlan in vlans}
        everything = frozenset(vlans)
        self.port_vlans: dict[int, PortVlans] = {
            BRIDGE: PortVlans(0, everything, everything),
            ONE: PortVlans(vlans[0], everything, everything - {vlans[0]}),
            TWO: PortVlans(0, everything, everything),
        }
        self.vni_filters: dict[int, VniFilter] = {}
        """Of vx0."""
        if single:
            vnis = {vlan: vni_of(vlan) for vlan in sorted(vlans)}
            self.port_vlans[SINGLE] = PortVlans(0, everything, everything, vnis)
            filtered = tuple(range(vni, vni + 1) for vni in vnis.values())
            self.vni_filters[SINGLE] = filtered
        else:
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
        if self.single:
            tunnel = VxlanLink(0, VTEP, 4789, learning=False, external=True)
            tunnel = tunnel._replace(vnifilter=True)
            device = SINGLE, "vx0", "vxlan", True, True, BRIDGE, OWN_MAC, 1500, ""
            found.append(Link(*device, tunnel, port._replace(vlan_tunnel=True)))
        for vlan in self.vlans:
            if not self.single:
                vni = vni_of(vlan)
                tunnel = VxlanLink(vni, VTEP, 4789, learning=False, external=False)
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
                vlans, filters = dict(self.port_vlans), dict(self.vni_filters)
                return [LinksDumped(links, addresses, vlans, vni_filters=filters)]
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
            case SendProbes(port, _, _, tag):
                return self._in(tag or self.port_vlans[port].pvid, action)
            case _:
                domain = getattr(action, "domain", None)
                if domain is None:
                    (first, *_) = self.vlans
                    return self.vlans[first].apply(action)
                return self._in(domain.vlan, action)

    def tell(self, vlan: int, events: list[Event]) -> list[Event]:
        """Give what happened in one VLAN the indexes that the host knows."""
        domain = self.domain_of(vlan)
        return [_outside(event, domain) for event in events]

    def domain_of(self, vlan: int) -> Domain:
        """Return where the EVI of a VLAN stands."""
        if self.single:
            return Domain(BRIDGE, vlan, SINGLE, vni_of(vlan), svi_of(vlan))
        return Domain(BRIDGE, vlan, vxlan_of(vlan), 0, svi_of(vlan))

    def _in(self, vlan: int, action: Any) -> list[Event]:  # noqa: ANN401
        domain = getattr(action, "domain", None)
        if domain is not None:
            if self.single:
                # Otherwise the two rows of a MAC would be strangers.
                assert (domain.vxlan, domain.vni) == (SINGLE, vni_of(vlan))
            action = action._replace(domain=Domain(BRIDGE, vlan, VXLAN, 0, BRIDGE))
        return self.tell(vlan, self.vlans[vlan].apply(action))

    def _collect(self, action: Action) -> list[FdbRow]:
        rows = list(self.stray)
        for vlan, tables in self.vlans.items():
            for event in self.tell(vlan, tables.apply(action)):
                assert isinstance(event, FdbDumped | PortsDumped)
                rows += event.rows
        return rows


def _outside(event: Event, domain: Domain) -> Event:
    match event:
        case FdbObserved(rows):
            return FdbObserved(_fdb(rows, domain))
        case FdbDumped(bridge, rows):
            return FdbDumped(bridge, _fdb(rows, domain))
        case PortsDumped(bridge, ports, rows):
            return PortsDumped(bridge, ports, _fdb(rows, domain))
        case MacsLookedUp(_, macs, rows):
            return MacsLookedUp(domain, macs, _fdb(rows, domain))
        case MacsListed():
            return event._replace(domain=domain)
        case NeighborsObserved(rows):
            return NeighborsObserved(_neighbors(rows, domain))
        case NeighborsDumped(_, rows):
            return NeighborsDumped(domain.svi, _neighbors(rows, domain))
        case RowsAudited(_, whole, fdb, neighbors):
            assert neighbors is not None
            read = _fdb(fdb, domain), _neighbors(neighbors, domain)
            return RowsAudited(domain, whole, *read)
        case RowFailed(ifindex=index) if index != VXLAN:
            return event._replace(ifindex=domain.svi)
        case RowFailed(table=table):
            vlan = domain.vlan if table == "fdb" else 0
            return event._replace(ifindex=domain.vxlan, vlan=vlan, vni=domain.vni)
        case _:
            return event


def _fdb(rows: list[FdbRow], domain: Domain) -> list[FdbRow]:
    """Give rows of the VXLAN device its index, and those of its own their VNI."""
    return [
        row._replace(
            ifindex=domain.vxlan, vni=domain.vni if row.flags & NTF_SELF else 0
        )
        if row.ifindex == VXLAN
        else row
        for row in rows
    ]


def _neighbors(rows: list[Any], domain: Domain) -> list[Any]:
    return [row._replace(ifindex=domain.svi) for row in rows]


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


def shared_host(*vlans: int, single: bool = False) -> Host:
    kernel: Any = SharedBridge(*vlans, single=single)
    host = Host(kernel, shared_config(*vlans))
    host.up()
    return host
