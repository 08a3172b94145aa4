"""Which EVI the kernel's rows, frames and answers belong to.

Several EVIs may share a bridge that filters VLANs: each has a VLAN of it. The ports of
such a bridge belong to all of them, and a row there is that EVI's whose VLAN it has.
They may share a VXLAN device, too: a row of its own is that EVI's whose VNI it names. A
VXLAN device with a VNI of its own, and a bridge without VLANs with its ports, have one
EVI.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from types import MappingProxyType

from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.core.tables.reading import LARGE
from evpnd.model.actions import DumpFdb, DumpNeighbors, DumpPorts
from evpnd.model.domain import Domain
from evpnd.model.events import RowFailed
from evpnd.model.ids import FLOOD_MAC
from evpnd.model.rows import NTF_SELF, FdbRow, Link, PortVlans

_NOBODY: Mapping[int, MacVrf] = MappingProxyType({})


class Domains:
    """EVIs by the devices that they stand on, by VLAN or by VNI on shared ones."""

    def __init__(self) -> None:
        """Start with no EVI on any device."""
        self.by_device: dict[int, MacVrf] = {}
        """By devices that have one EVI: VXLAN devices with a VNI of their own; bridges
        without VLANs and their ports."""
        self.by_vlan: dict[int, dict[int, MacVrf]] = {}
        """By bridge that filters VLANs, or port of one, and then by VLAN. A bridge and
        its ports share one value, a VXLAN device for many VNIs among them."""
        self.by_vni: dict[int, dict[int, MacVrf]] = {}
        """By VXLAN device for many VNIs, and then by VNI."""
        self.by_svi: dict[int, MacVrf] = {}
        self.on_bridge: dict[int, list[MacVrf]] = {}
        self._by_domain: dict[Domain, MacVrf] = {}

    def place(self, vrf: MacVrf, ports: Iterable[int], *, filtering: bool) -> None:
        """Store where an EVI stands, and the tenant ports of its bridge.

        `filtering`: the bridge filters VLANs. Where several EVIs claim one, an EVI that
        lacks nothing has it.
        """
        domain, first = vrf.domain, vrf.reason is None
        self.on_bridge.setdefault(domain.bridge, []).append(vrf)
        self._by_domain[domain] = vrf
        if domain.svi and (first or domain.svi not in self.by_svi):
            self.by_svi[domain.svi] = vrf
        if domain.vni:
            self.by_vni.setdefault(domain.vxlan, {})[domain.vni] = vrf
        else:
            self.by_device[domain.vxlan] = vrf
        if not filtering:
            for device in (*ports, domain.bridge):
                self.by_device[device] = vrf
            return
        vlans = self.by_vlan.get(domain.bridge)
        if vlans is None:
            vlans = self.by_vlan[domain.bridge] = {}
            self.by_vlan.update(dict.fromkeys(ports, vlans))
        if domain.vni:
            self.by_vlan[domain.vxlan] = vlans
        if domain.vlan and (first or domain.vlan not in vlans):
            vlans[domain.vlan] = vrf

    def of_shared(self, row: FdbRow) -> MacVrf | None:
        """Return the EVI of a row of a device that has several EVIs, or none."""
        if row.flags & NTF_SELF:
            return self.by_vni.get(row.ifindex, _NOBODY).get(row.vni)
        return self.by_vlan.get(row.ifindex, _NOBODY).get(row.vlan)

    def of_failure(self, failure: RowFailed) -> MacVrf | None:
        """Return the EVI of a row that the kernel refused."""
        ifindex = failure.ifindex
        if failure.vni:
            return self.by_vni.get(ifindex, _NOBODY).get(failure.vni)
        found = self.by_svi.get(ifindex) or self.by_device.get(ifindex)
        if found is None and failure.vlan:
            # Of a device for many VNIs, a bridge row alone.
            return self.by_vlan.get(ifindex, _NOBODY).get(failure.vlan)
        return found

    def on_vxlan(self, ifindex: int) -> Iterable[MacVrf]:
        """Return the EVIs of a VXLAN device."""
        vrf = self.by_device.get(ifindex)
        return self.by_vni.get(ifindex, _NOBODY).values() if vrf is None else (vrf,)

    def at(self, domain: Domain) -> MacVrf | None:
        """Return the EVI that stands there; None where it has left since."""
        return self._by_domain.get(domain)

    def serving(self, bridge: int) -> list[MacVrf]:
        """Return the EVIs of a bridge that lack nothing."""
        return [vrf for vrf in self.on_bridge.get(bridge, ()) if vrf.reason is None]

    def is_alone(self, vrf: MacVrf) -> bool:
        """Return whether a dump of an EVI's bridge has rows of this EVI alone.

        A VXLAN device for many VNIs has rows of all of them, also of no EVI.
        """
        domain = vrf.domain
        return not domain.vni and len(self.on_bridge.get(domain.bridge, ())) <= 1

    def of_frame(
        self, port: int, tag: int, known: Mapping[int, PortVlans]
    ) -> MacVrf | None:
        """Return the EVI of a frame on a tenant port; `tag` 0: it has none.

        None where the bridge drops the frame, or a bridge without VLANs passes it on
        with its tag: what is said inside is not the EVI's.
        """
        vrf = self.by_device.get(port)
        if vrf is not None:
            return None if tag else vrf
        vlans, own = self.by_vlan.get(port), known.get(port)
        if vlans is None or own is None:
            return None
        vlan = tag or own.pvid
        return vlans.get(vlan) if vlan in own.vlans else None

    def split(
        self, bridge: int, rows: list[FdbRow]
    ) -> Iterator[tuple[MacVrf, list[FdbRow]]]:
        """Yield the EVIs of a bridge, each with its rows among those of a dump."""
        vrfs = self.serving(bridge)
        if bridge not in self.by_vlan:
            for vrf in vrfs:
                yield vrf, rows
            return
        parts: dict[int, list[FdbRow]] = {vrf.config.vni: [] for vrf in vrfs}
        by_device, of_shared = self.by_device, self.of_shared
        for row in rows:
            owner = by_device.get(row.ifindex) or of_shared(row)
            if owner is not None and (part := parts.get(owner.config.vni)) is not None:
                part.append(row)
        for vrf in vrfs:
            yield vrf, parts[vrf.config.vni]


class Reads:
    """Tables to read after a look at the devices: those of a bridge once."""

    def __init__(self) -> None:
        """Start with nothing to read."""
        self._anew: list[MacVrf] = []
        self._ports: dict[int, frozenset[int]] = {}

    def anew(self, vrf: MacVrf) -> None:
        """Read all tables of an EVI."""
        self._anew.append(vrf)

    def ports(self, bridge: int, new: frozenset[int]) -> None:
        """Read the rows of new ports of a bridge."""
        self._ports[bridge] = self._ports.get(bridge, frozenset()) | new

    def actions(
        self, domains: Domains, links: Mapping[int, Link]
    ) -> Iterator[DumpFdb | DumpPorts | DumpNeighbors]:
        """Yield the dumps; they answer for all EVIs of a bridge.

        An EVI that comes to a VXLAN device with many rows of others reads its own by
        parts. `links` are by ifindex.
        """
        anew: dict[int, list[MacVrf]] = {}
        for vrf in self._anew:
            anew.setdefault(vrf.domain.bridge, []).append(vrf)
        whole: list[MacVrf] = []
        for bridge, vrfs in anew.items():
            serving = domains.serving(bridge)
            if _is_large(serving) and all(vrf.domain.vni for vrf in vrfs):
                for vrf in vrfs:
                    begin_parts(vrf, links)
                yield DumpPorts(bridge, vrfs[0].ports | {bridge})
            else:
                _expect(serving)
                whole.extend(vrfs)
        yield from dumps(whole)
        for bridge, new in self._ports.items():
            vrfs = domains.serving(bridge)
            if bridge in anew or not vrfs:
                continue
            if _is_large(vrfs) or any(vrf.fdb.reading is not None for vrf in vrfs):
                yield DumpPorts(bridge, new)
            else:
                _expect(vrfs)
                yield DumpFdb(bridge, any(vrf.domain.vni for vrf in vrfs))


def begin_parts(vrf: MacVrf, links: Mapping[int, Link]) -> None:
    """Start to read the FDB of an EVI by parts (`core/kernel/parts.py`).

    The MAC of its VXLAN device and the flood list come first. `links` are by ifindex.
    """
    device = links.get(vrf.domain.vxlan)
    own = [] if device is None else [device.mac]
    vrf.fdb.begin_reading([*own, FLOOD_MAC])


def _is_large(vrfs: Iterable[MacVrf]) -> bool:
    """Return whether EVIs that were read have many rows together."""
    return sum(len(vrf.fdb.actual) for vrf in vrfs if vrf.fdb.known) >= LARGE


def _expect(vrfs: Iterable[MacVrf]) -> None:
    for vrf in vrfs:
        vrf.tables.expect_dumps()


def dumps(vrfs: Collection[MacVrf]) -> Iterator[DumpFdb | DumpNeighbors]:
    """Yield the dumps that read all tables of EVIs: the FDB of each bridge once."""
    bridges: set[int] = set()
    many = {vrf.domain.bridge for vrf in vrfs if vrf.domain.vni}
    for vrf in vrfs:
        domain = vrf.domain
        if domain.bridge not in bridges:
            bridges.add(domain.bridge)
            yield DumpFdb(domain.bridge, domain.bridge in many)
        if domain.svi:
            yield DumpNeighbors(domain.svi)
