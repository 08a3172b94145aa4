"""The EVIs that the sections of a file stand for, with their defaults filled in."""

from collections.abc import Callable, Iterator, Mapping
from typing import Literal, NamedTuple, TypeVar

from evpnd.adapters.config import types
from evpnd.adapters.config.placeholders import Unfilled, filled
from evpnd.adapters.config.ranges import size
from evpnd.adapters.config.schema import (
    BridgeSection,
    ConfigFile,
    EviSection,
    RouteTargetSection,
)
from evpnd.adapters.config.template_checks import check_template
from evpnd.adapters.yaml.errors import KeyPath
from evpnd.adapters.yaml.findings import Findings
from evpnd.adapters.yaml.values import name
from evpnd.model.ids import RD_INDEXES, VNI_MAX, RouteTarget

ImportTarget = RouteTarget | int | Literal["auto"]
ExportTarget = RouteTarget | Literal["auto"]
T = TypeVar("T")


class Member(NamedTuple):
    """An EVI, and the section that it comes from."""

    place: KeyPath
    section: EviSection
    label: str
    """Which of several EVIs of the section it is; empty: it is the only one."""
    vni: int
    vlan: int | None
    name: str
    bridge: str | None
    """None: found in the kernel."""
    vxlan: str | None
    """None: found in the kernel."""
    ports: tuple[str, ...]
    targets: tuple[list[ImportTarget], list[ExportTarget]]
    """To import, and to export."""
    made: BridgeSection | None
    """The bridge of `bridges` that it is on."""

    def path(self, key: Literal["vni", "vlan"]) -> KeyPath:
        """Return the place of its VNI or VLAN: `vni`, or `vnis` of a template."""
        return (*self.place, f"{key}s" if self.section.vnis else key)

    def is_alike(self, text: str | None) -> bool:
        """Return whether a text of the section is that of several EVIs."""
        return bool(self.label and text) and not isinstance(text, Unfilled)


def expand(file: ConfigFile, findings: Findings) -> list[Member]:
    """Return all EVIs that a file gives, in its order; record what prevents some."""
    bridges = {bridge.name: bridge for bridge in reversed(file.bridges)}
    found: list[Member] = []
    for index, section in enumerate(file.evis):
        place: KeyPath = ("evis", index)
        check_template(section, place, findings)
        evis = size(section.vnis or ()) or 1
        if len(found) + evis > RD_INDEXES:
            findings.add(
                ("evis",),
                f"has more than {RD_INDEXES} EVIs; at most {RD_INDEXES} can have an RD "
                "each",
            )
            break
        for vni, vlan, label in _numbers(section, index):
            found.append(
                _Reader(place, section, vni, vlan, label, findings).read(bridges)
            )
    return found


def _numbers(section: EviSection, index: int) -> Iterator[tuple[int, int | None, str]]:
    """Return VNI, VLAN and label of all EVIs of a section."""
    if section.vnis is None:
        # Without a number the rest is judged all the same; the file is refused.
        yield section.vni or VNI_MAX - index, section.vlan, ""
        return
    vnis = [vni for each in section.vnis for vni in each]
    vlans: list[int | None] = [None] * len(vnis)
    if section.vlans is not None:
        vlans = [vlan for each in section.vlans for vlan in each]
    for vni, vlan in zip(vnis, vlans, strict=False):
        label = f"VNI {vni}" + (f", VLAN {vlan}" if vlan else "")
        yield vni, vlan, label if len(vnis) > 1 else ""


class _Reader(NamedTuple):
    """Fills in the texts of one EVI."""

    place: KeyPath
    section: EviSection
    vni: int
    vlan: int | None
    label: str
    findings: Findings

    def read(self, bridges: Mapping[str, BridgeSection]) -> Member:
        section, vni = self.section, self.vni
        given = self._text(section.name, name, "name")
        bridge = self._text(section.bridge, types.device, "bridge")
        vxlan = self._text(section.vxlan, types.device, "vxlan")
        ports = [
            self._text(port, types.device, "ports", position)
            for position, port in enumerate(section.ports)
        ]
        made = bridges.get(bridge) if bridge else None
        if made is not None:
            vxlan = made.vxlan or f"vx{vni}"
        elif section.manage:
            bridge, vxlan = bridge or f"br{vni}", vxlan or f"vx{vni}"
        return Member(
            place=self.place,
            section=section,
            label=self.label,
            vni=vni,
            vlan=self.vlan,
            name=given or f"vni-{vni}",
            bridge=bridge,
            vxlan=vxlan,
            ports=tuple(port or "" for port in ports),
            targets=self._targets(section.route_targets),
            made=made,
        )

    def _text(
        self, value: T | Unfilled | None, parse: Callable[[str], T], *key: str | int
    ) -> T | None:
        """Return a value, filled in; None: there is none, or it is wrong."""
        if value is None:
            return None
        try:
            return filled(value, parse, self.vni, self.vlan)
        except ValueError as error:
            if not self.findings.is_misshapen((*self.place, "vlans")):
                path = (*self.place, *key)
                self.findings.add(path, str(error), member=self.label)
            return None

    def _targets(
        self, section: RouteTargetSection
    ) -> tuple[list[ImportTarget], list[ExportTarget]]:
        imported: list[ImportTarget | None] = [
            self._text(target, types.import_target, "route-targets", "import", position)
            for position, target in enumerate(section.import_)
        ]
        exported: list[ExportTarget | None] = [
            self._text(target, types.export_target, "route-targets", "export", position)
            for position, target in enumerate(section.export)
        ]
        return (
            [target for target in imported if target is not None],
            [target for target in exported if target is not None],
        )
