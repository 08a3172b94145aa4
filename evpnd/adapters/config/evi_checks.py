"""Contradictions within an EVI, and between EVIs."""

from collections.abc import Sequence

from evpnd.adapters.config.bridge_checks import VlanChecks, check_bridges
from evpnd.adapters.config.devices import Devices, Shared
from evpnd.adapters.config.members import Member
from evpnd.adapters.config.once import Once
from evpnd.adapters.config.schema import ConfigFile, EviSection
from evpnd.adapters.config.vrfs import check_vrfs
from evpnd.adapters.yaml.errors import KeyPath
from evpnd.adapters.yaml.findings import Findings
from evpnd.model.ids import (
    AS2_MAX,
    Ip,
    format_ip,
    format_mac,
    format_rd,
)
from evpnd.model.targets import FOUR_OCTET_PROFILES, Profile


def check_evis(file: ConfigFile, evis: Sequence[Member], findings: Findings) -> None:
    """Record every contradiction of EVIs and of the bridges that they are on."""
    if not file.evis and not file.discover:
        findings.add(
            ("evis",), "there is none; add `evis: [{vni: 10100}]` or `discover: true`"
        )
    vnis = Once(findings, lambda vni, first: f"{vni} is also {first}; write it once")
    names = Once(
        findings, lambda name, first: f"{name!r} also names {first}; rename one"
    )
    rds = Once(
        findings,
        lambda rd, first: (
            f"{format_rd(rd) if isinstance(rd, bytes) else rd} is also "
            f"{first}; give each EVI its own"
        ),
    )
    devices = Devices(findings)
    check_bridges(file, devices, findings)
    vlans = VlanChecks(file, devices, findings)
    for evi in evis:
        section, place = evi.section, evi.place
        new = vnis.check(evi.vni, evi.path("vni"), member=evi.label)
        # Names that are made of a VNI given twice would only repeat that.
        if (section.name or new) and not evi.is_alike(section.name):
            names.check(evi.name, (*place, "name"), member=evi.label)
        if section.rd is not None and section.vnis is None:
            rds.check(section.rd, (*place, "rd"))
        if evi.made is None:
            _check_devices(evi, devices, findings, new=new)
        vlans.check(evi, new=new)
    vlans.finish()
    check_vrfs(file, devices, vnis, rds, findings)
    for index, section in enumerate(file.evis):
        if not section.route_targets.export:
            findings.add(
                ("evis", index, "route-targets", "export"),
                "is empty, so no EVI would import these routes; write auto",
            )
        if section.vnis is None:
            _check_static(section, ("evis", index), findings)
    _check_automatic_targets(file, findings)


def _check_devices(
    evi: Member, devices: Devices, findings: Findings, *, new: bool
) -> None:
    """Check the devices of an EVI that has them to itself, or shares them by VLAN.

    The VLANs of a VXLAN device for many VNIs are in the kernel: its tunnel map.
    """
    section, place, label = evi.section, evi.place, evi.label
    if evi.bridge and (section.bridge or new):
        path = (*place, "bridge")
        shared = None if section.manage else Shared.BRIDGE
        others = False
        if shared or not evi.is_alike(section.bridge):
            others = devices.check_evi(evi.bridge, path, label, shared=shared)
        if others and evi.vlan is None and evi.vxlan is None:
            findings.warn(
                path,
                f"several EVIs name {evi.bridge}: it must filter VLANs and have a VLAN "
                "for each of them; write `vlan` in each EVI",
            )
    if evi.vxlan and (section.vxlan or new):
        shared = None if section.manage else Shared.VXLAN
        if shared or not evi.is_alike(section.vxlan):
            devices.check_evi(evi.vxlan, (*place, "vxlan"), label, shared=shared)
    for position, port in enumerate(evi.ports):
        if port and not evi.is_alike(section.ports[position]):
            devices.check_evi(port, (*place, "ports", position), label)
    if section.ports and not section.manage:
        findings.add(
            (*place, "ports"),
            "has no effect without `manage: true`; add that or remove ports",
        )


def _check_automatic_targets(file: ConfigFile, findings: Findings) -> None:
    """Warn of VNIs that do not fit the target that a peer's vendor derives."""
    wide = [
        peer
        for peer in file.peers
        if Profile(peer.profile) in FOUR_OCTET_PROFILES
        and max(file.asn, peer.asn) > AS2_MAX
    ]
    if not wide:
        return
    peers = ", ".join(f"{peer.address} ({peer.profile})" for peer in wide[:3])
    peers += f" and {len(wide) - 3} more" if len(wide) > 3 else ""
    for index, evi in enumerate(file.evis):
        targets = evi.route_targets
        highest = max([evi.vni or 0, *(each[-1] for each in evi.vnis or ())])
        if highest > AS2_MAX and "auto" in [*targets.import_, *targets.export]:
            findings.warn(
                ("evis", index, "vnis" if evi.vnis else "vni"),
                f"{highest} does not fit into the 16 bits that a target with a 4-octet "
                f"AS has, so that `auto` has no form in common with {peers}; "
                "write the route targets out on both sides, or use a VNI up to 65535",
            )


def _check_static(evi: EviSection, place: KeyPath, findings: Findings) -> None:
    entries = Once(findings, lambda _, first: f"is also {first}; write it once")
    bindings: dict[Ip, bytes] = {}
    sticky: dict[bytes, bool] = {}
    for index, entry in enumerate(evi.static):
        here = (*place, "static", index)
        entries.check((entry.mac, entry.ip), here)
        if sticky.setdefault(entry.mac, entry.sticky) != entry.sticky:
            findings.add(
                here,
                f"{format_mac(entry.mac)} is sticky in one entry and not in another; "
                "say the same in both",
            )
        if entry.ip and bindings.setdefault(entry.ip, entry.mac) != entry.mac:
            findings.add(
                (*here, "ip"),
                f"{format_ip(entry.ip)} is bound to "
                f"{format_mac(bindings[entry.ip])} above; bind an IP to one MAC",
            )
