"""Contradictions of the bridges that evpnd makes, and of the EVIs on them."""

from collections.abc import Iterator, Sequence
from itertools import combinations

from evpnd.adapters.config.devices import Devices
from evpnd.adapters.config.members import Member
from evpnd.adapters.config.once import Once
from evpnd.adapters.config.port_patterns import can_meet
from evpnd.adapters.config.ranges import in_order
from evpnd.adapters.config.schema import BridgePortSection, BridgeSection, ConfigFile
from evpnd.adapters.yaml.errors import KeyPath, format_key_path
from evpnd.adapters.yaml.findings import Findings
from evpnd.model.bridges import (
    BridgeConfig,
    BridgePort,
    as_ranges,
    format_ranges,
    vlan_device,
)

_MOST_PORTS = 1023
"""Ports that a bridge of Linux takes."""


def bridge_config(section: BridgeSection) -> BridgeConfig:
    """Return a bridge as the core takes it."""
    ports = tuple(map(_port, section.ports))
    return BridgeConfig(section.name, section.vxlan, ports)


def _port(section: BridgePortSection) -> BridgePort:
    attach = section.attach
    if attach is None:
        attach = "*" not in section.name
    tagged = in_order(section.tagged)
    return BridgePort(section.name, tagged, section.untagged, attach)


def check_bridges(file: ConfigFile, devices: Devices, findings: Findings) -> None:
    """Record what is wrong with bridges and ports, whatever EVIs are on them."""
    for index, bridge in enumerate(file.bridges):
        place: KeyPath = ("bridges", index)
        devices.check(bridge.name, (*place, "name"))
        if bridge.vxlan is not None:
            devices.check(bridge.vxlan, (*place, "vxlan"))
        for position, port in enumerate(bridge.ports):
            _check_port(port, (*place, "ports", position), devices, findings)
    _check_patterns(file, findings)


def _check_port(
    port: BridgePortSection, place: KeyPath, devices: Devices, findings: Findings
) -> None:
    if "*" not in port.name:
        devices.check(port.name, (*place, "name"))
    vlan = port.untagged
    if vlan is None and not port.tagged:
        findings.warn(
            place,
            f"{port.name} is a member of no VLAN, so that nothing passes it; "
            "add `untagged: 100` or `tagged: [100-199]`",
        )
    if any(vlan in each for each in port.tagged):
        findings.add(
            (*place, "untagged"),
            f"VLAN {vlan} is also in tagged; a port sends a VLAN in one way, "
            "remove it from one of the two",
        )


def _check_patterns(file: ConfigFile, findings: Findings) -> None:
    """Record patterns of which none is the more exact one for some device."""
    patterns = list(_patterns(file))
    for (first, one), (second, other) in combinations(patterns, 2):
        ours, theirs = _port(one), _port(other)
        apart = first[:2] != second[:2] and not (ours.attach and theirs.attach)
        if apart or ours.exactness != theirs.exactness:
            continue
        if can_meet(one.name, other.name):
            place = findings.original(first)
            written = f"{format_key_path(place)} on line "
            written += str(findings.document.line(place))
            findings.add(
                second,
                f"{other.name!r} is also {written}; write it once"
                if one.name == other.name
                else f"{other.name!r} and {one.name!r} ({written}) can match the same "
                "port, and neither is more exact; make one of them longer",
            )


def _patterns(file: ConfigFile) -> Iterator[tuple[KeyPath, BridgePortSection]]:
    for index, bridge in enumerate(file.bridges):
        for position, port in enumerate(bridge.ports):
            if "*" in port.name:
                yield ("bridges", index, "ports", position, "name"), port


class VlanChecks:
    """Contradictions of the EVIs in their VLANs; an EVI at a time, then the bridges."""

    def __init__(self, file: ConfigFile, devices: Devices, findings: Findings) -> None:
        self._file = file
        self._devices = devices
        self._findings = findings
        self._vlans = Once(
            findings, lambda _, first: f"is also {first}; give each EVI its own VLAN"
        )
        self._on: dict[str, list[int]] = {}
        """VLANs of the EVIs by the bridge of `bridges` that they are on."""

    def check(self, evi: Member, *, new: bool) -> None:
        """Record what is wrong with an EVI; `new`: no other one has its VNI."""
        vlan_path = evi.path("vlan")
        if evi.made is not None:
            self._check_made(evi, evi.made)
        elif evi.section.manage and evi.vlan is not None:
            self._findings.add(
                vlan_path,
                "cannot stand beside `manage: true`, which makes a bridge without "
                "VLANs; remove it, or name the bridge in `bridges` and remove manage",
            )
            return
        where = ("bridge", evi.bridge) if evi.bridge else ("vxlan", evi.vxlan)
        if evi.vlan is None or not where[1]:
            return
        alone = self._vlans.check((*where, evi.vlan), vlan_path, member=evi.label)
        if evi.made is not None:
            self._check_made_devices(evi, evi.made, evi.vlan, new=new, alone=alone)

    def _check_made(self, evi: Member, bridge: BridgeSection) -> None:
        for key in ("manage", "ports", "vxlan"):
            if getattr(evi.section, key):
                keep = {
                    "manage": "",
                    "ports": f"; name the ports in `bridges`, at {bridge.name}",
                    "vxlan": f"; name it in `bridges`, at {bridge.name}",
                }[key]
                self._findings.add(
                    (*evi.place, key),
                    f"cannot stand at an EVI on {bridge.name}, which `bridges` "
                    f"makes with all its devices; remove {key}{keep}",
                )
        if evi.vlan is None:
            self._findings.add(
                evi.path("vlan"),
                f"is required on {bridge.name}, a bridge of `bridges`; "
                + ("add `vlans: 100-199`" if evi.section.vnis else "add `vlan: 100`"),
            )

    def _check_made_devices(
        self, evi: Member, bridge: BridgeSection, vlan: int, *, new: bool, alone: bool
    ) -> None:
        """Check the names of the devices that an EVI gets, which others may have."""
        self._on.setdefault(bridge.name, []).append(vlan)
        if alone:
            own = vlan_device(bridge.name, vlan)
            self._devices.check_made(own, evi.path("vlan"), evi.label)
        if bridge.vxlan is None and new:
            self._devices.check_made(f"vx{evi.vni}", evi.path("vni"), evi.label)

    def finish(self) -> None:
        """Record what is wrong with the bridges as a whole."""
        names = [bridge.name for bridge in self._file.bridges]
        for index, bridge in enumerate(self._file.bridges):
            if bridge.name in names[:index]:
                continue
            place: KeyPath = ("bridges", index)
            vlans = self._on.get(bridge.name, [])
            self._check_number_of_ports(bridge, place, len(vlans))
            self._warn_of_vlans(bridge, place, vlans)

    def _check_number_of_ports(
        self, bridge: BridgeSection, place: KeyPath, evis: int
    ) -> None:
        named = sum("*" not in port.name for port in bridge.ports)
        devices = 1 if bridge.vxlan else evis
        if named + devices <= _MOST_PORTS:
            return
        fix = "use a second bridge"
        if bridge.vxlan is None:
            fix = "add `vxlan: vx0`, one VXLAN device for all VNIs"
        self._findings.add(
            place,
            f"has {devices} VXLAN devices and {named} named ports, and a Linux bridge "
            f"takes {_MOST_PORTS} ports; {fix}",
        )

    def _warn_of_vlans(
        self, bridge: BridgeSection, place: KeyPath, vlans: Sequence[int]
    ) -> None:
        if not vlans:
            self._findings.warn(
                place,
                f"no EVI is on it; add `bridge: {bridge.name}` and `vlan` to EVIs, or "
                "remove it",
            )
            return
        ports = [_port(port) for port in bridge.ports]
        reached = {vlan for port in ports for each in port.tagged for vlan in each}
        reached |= {port.untagged for port in ports if port.untagged is not None}
        if alone := sorted(set(vlans) - reached):
            self._findings.warn(
                (*place, "ports"),
                "EVIs have VLANs that no port is a member of: "
                f"{format_ranges(as_ranges(alone))}; "
                "add them to `tagged` or `untagged` of a port",
            )
