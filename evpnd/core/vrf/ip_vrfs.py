"""The VRFs of this host, and the devices that they stand on."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple
from zlib import crc32

from evpnd.core.evi.inventory import Inventory
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.core.evi.news import MAKING
from evpnd.core.evi.underlay import likely_mtu
from evpnd.core.tables.nexthops import NexthopIds
from evpnd.core.turn import Turn
from evpnd.core.vrf.ip_vrf import IpVrf
from evpnd.core.vrf.places import Place, find_place
from evpnd.model.actions import Action
from evpnd.model.config import Config, VrfConfig
from evpnd.model.domain import Domain
from evpnd.model.events import RowFailed
from evpnd.model.rows import FdbRow
from evpnd.model.vrf_actions import CreateVrf, DumpVrf, EnableForwarding


class Left(NamedTuple):
    """A VRF that goes, or that leaves its devices or its table."""

    vrf: IpVrf
    gone: bool
    """It is not configured any more."""


class IpVrfs:
    """VRFs by their L3 VNI, and the VRF of each device."""

    def __init__(self, config: Config, inventory: Inventory) -> None:
        """Create the VRFs of the configuration, none of them ready."""
        self.vrfs: dict[int, IpVrf] = {}
        self.by_device: dict[int, IpVrf] = {}
        """By the VXLAN device and the SVI of the L3 VNI."""
        self.by_table: dict[int, IpVrf] = {}
        self._ids = NexthopIds()
        self._inventory = inventory
        self._config = config
        self._looks = 0
        self._inside: dict[int, frozenset[tuple[int, bool, bool]]] = {}
        """By VNI, the devices inside of the VRF, and whether they are up."""
        self._forwarding: frozenset[str] = frozenset()
        self._told: dict[int, str | None] = {}
        """By VNI, the reason for not being ready that was reported; None: it was."""
        self._making: dict[int, float] = {}
        """By VNI, VRFs whose devices are being made, and when that has taken too long;
        monotonic seconds."""
        self._add(config.vrfs)

    def _add(self, configs: Iterable[VrfConfig]) -> None:
        rds = self._inventory.vrf_rds
        for config in configs:
            self.vrfs[config.vni] = IpVrf(config, rds[config.vni], self._ids)

    def reconfigure(self, config: Config) -> Iterator[Left]:
        """Apply a new configuration; yield the VRFs that go before they are gone."""
        wanted: dict[int, VrfConfig] = {vrf.vni: vrf for vrf in config.vrfs}
        rds = self._inventory.vrf_rds
        for vni, vrf in list(self.vrfs.items()):
            new = wanted.get(vni)
            if new is None or new.name != vrf.config.name or rds[vni] != vrf.rd:
                yield Left(vrf, gone=True)
                del self.vrfs[vni]
                self._told.pop(vni, None)
                self._making.pop(vni, None)
            elif new != vrf.config:
                vrf.reconfigure(new)
        self._config = config
        self._add(vrf for vrf in config.vrfs if vrf.vni not in self.vrfs)
        self._looks = 0

    def stand(self, turn: Turn) -> Iterator[Left]:
        """Follow the devices; yield the VRFs that leave theirs.

        Whoever asks acts upon each before asking for the next.
        """
        inventory = self._inventory
        if not self.vrfs and not self.by_device:
            return
        if self._looks == inventory.looks:
            return
        self._looks = inventory.looks
        self.by_device.clear()
        self.by_table.clear()
        forwarding: set[str] = set()
        for vrf in self.vrfs.values():
            yield from self._place(vrf, turn)
            if vrf.domain.svi:
                for device in (vrf.domain.vxlan, vrf.domain.svi):
                    self.by_device[device] = vrf
                self.by_table[vrf.table] = vrf
            if vrf.reason is None:
                forwarding.update(self._names_inside(vrf))
        self._route_evis()
        new = forwarding - self._forwarding
        self._forwarding = frozenset(forwarding)
        if new:
            turn.do(EnableForwarding(tuple(sorted(new))))

    def _place(self, vrf: IpVrf, turn: Turn) -> Iterator[Left]:
        inventory, config = self._inventory, vrf.config
        vtep, links = inventory.vtep, inventory.links
        port = self._config.vtep.udp_port
        mac = bytes(config.router_mac or b"")
        if config.manage and not mac:
            mac = derived_mac(vtep, config.vni)
        place = find_place(config, links, vtep, port, mac)
        if config.manage:
            place = self._complete(vrf, place, mac, turn)
        table = 0 if place.vrf is None else place.vrf.table
        before = vrf.reason
        moved = (place.domain, table) != (vrf.domain, vrf.table)
        if moved or (before is None and place.reason is not None):
            yield Left(vrf, gone=False)
        vrf.domain, vrf.table = place.domain, table
        vrf.device = 0 if place.vrf is None else place.vrf.ifindex
        if (place.router_mac, vtep) != (vrf.router_mac, vrf.vtep):
            vrf.router_mac, vrf.vtep = place.router_mac, vtep
            vrf.mark_all()
        vrf.reason = place.reason
        self._tell(vrf, turn)
        inside = self._states_inside(vrf)
        if inside != self._inside.get(config.vni) or moved or vrf.reason != before:
            # Routes of a device that goes down are lost without a word.
            self._inside[config.vni] = inside
            if vrf.reason is None:
                if moved or before is not None:
                    vrf.forget_kernel()
                turn.do(DumpVrf(vrf.domain, vrf.table))

    def _tell(self, vrf: IpVrf, turn: Turn) -> None:
        """Report whether a VRF is ready, if that changed.

        Devices that we make ourselves are half there for a moment: that they are not
        ready is reported only if it takes long.
        """
        vni, attempts = vrf.config.vni, self._inventory.attempts
        if vrf.reason == self._told.get(vni, ""):
            self._making.pop(vni, None)
            return
        names = {vrf.config.name, vrf.config.vxlan}
        if vrf.reason is not None and vrf.config.manage:
            due = self._making.setdefault(vni, turn.now + MAKING)
            if turn.now < due and names.isdisjoint(attempts.refused):
                attempts.look_again(due)
                return
        self._making.pop(vni, None)
        self._told[vni] = vrf.reason
        if vrf.reason is None:
            turn.tell(vrf.notice("info", "vrf_ready"))
        else:
            turn.tell(vrf.notice("warning", "vrf_not_ready", reason=vrf.reason))

    def _complete(self, vrf: IpVrf, place: Place, mac: bytes, turn: Turn) -> Place:
        """Make the devices of a VRF, if the pause between attempts is over."""
        inventory, config = self._inventory, vrf.config
        attempts, vtep = inventory.attempts, inventory.vtep
        refused = attempts.refused
        if place.reason is None:
            attempts.succeeded((config.name, config.vxlan))
            return place
        if vtep and config.table and attempts.may(config.vxlan, turn.now):
            links = inventory.links
            mtu = likely_mtu(links, vtep, ())
            port = self._config.vtep.udp_port
            turn.do(
                CreateVrf(
                    *(config.name, config.table, config.vxlan, config.vni),
                    *(vtep, port, mac, mtu),
                )
            )
        names = [each for each in (config.name, config.vxlan) if each in refused]
        if names:
            return place._replace(reason=f"{names[0]} {refused[names[0]]}")
        return place

    def _states_inside(self, vrf: IpVrf) -> frozenset[tuple[int, bool, bool]]:
        if not vrf.device:
            return frozenset()
        ports = self._inventory.links.ports_of(vrf.device)
        return frozenset((link.ifindex, link.up, link.carrier) for link in ports)

    def _names_inside(self, vrf: IpVrf) -> Iterator[str]:
        links = self._inventory.links
        return (link.name for link in links.ports_of(vrf.device))

    def _route_evis(self) -> None:
        """Store which EVIs are routed where, and what their routes say of it."""
        for vrf in self.vrfs.values():
            vrf.evis = tuple(
                evi
                for evi in self._inventory.vrfs.values()
                if evi.config.vrf is not None and evi.config.vrf.vni == vrf.config.vni
            )
            mac = vrf.router_mac if vrf.reason is None else b""
            for evi in vrf.evis:
                evi.take_router_mac(mac)

    def touch_hosts(self, evi: MacVrf) -> None:
        """Mark the host routes to IPs of an EVI whose neighbours are to be decided."""
        assert evi.config.vrf is not None
        vrf = self.vrfs.get(evi.config.vrf.vni)
        if vrf is not None:
            vrf.touch_hosts(evi.neighbors.dirty)

    def of_failure(self, failure: RowFailed) -> IpVrf | None:
        """Return the VRF of a row that the kernel refused."""
        if failure.table in ("route", "unreachable"):
            return self.by_table.get(failure.ifindex)
        return self.by_device.get(failure.ifindex)

    def of_row(self, row: FdbRow) -> IpVrf | None:
        """Return the VRF of an FDB row, of the VXLAN device of its L3 VNI."""
        vrf = self.by_device.get(row.ifindex)
        return vrf if vrf is not None and row.ifindex == vrf.domain.vxlan else None

    def at(self, domain: Domain) -> IpVrf | None:
        """Return the VRF that stands there; None where it has left since."""
        vrf = self.by_device.get(domain.vxlan)
        return vrf if vrf is not None and vrf.domain == domain else None

    def read_anew(self) -> Iterator[Action]:
        """Yield the dumps that read all tables of all VRFs."""
        for vrf in self.vrfs.values():
            if vrf.reason is None:
                vrf.tables.expect_dumps()
                yield DumpVrf(vrf.domain, vrf.table)


def derived_mac(vtep: bytes, vni: int) -> bytes:
    """Return the router's MAC of a VRF: locally administered, the same at every start.

    It follows from the VTEP address and the L3 VNI alone. Two hosts of a fabric have
    the same with a probability of 1 in 2^40, which would be told as a conflict.
    """
    number = vni.to_bytes(3)
    low, high = crc32(vtep + number), crc32(number + vtep)
    return b"\2" + low.to_bytes(4) + bytes([high & 0xFF])
