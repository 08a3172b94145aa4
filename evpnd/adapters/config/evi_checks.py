"""Contradictions within an EVI, and between EVIs."""

from evpnd.adapters.config.bridge_checks import VlanChecks, check_bridges
from evpnd.adapters.config.devices import Devices, Shared
from evpnd.adapters.config.members import Member, members
from evpnd.adapters.config.once import Once
from evpnd.adapters.config.schema import ConfigFile, EviSection
from evpnd.adapters.yaml.errors import KeyPath
from evpnd.adapters.yaml.findings import Findings
from evpnd.model.ids import (
    AS2_MAX,
    RD_INDEXES,
    Ip,
    format_ip,
    format_mac,
    format_rd,
)
from evpnd.model.targets import FOUR_OCTET_PROFILES, Profile


def check_evis(file: ConfigFile, findings: Findings) -> None:
    """Record every contradiction of EVIs and of the bridges that they are on."""
    if not file.evis and not file.discover:
        findings.add(
            ("evis",), "there is none; add `evis: [{vni: 10100}]` or `discover: true`"
        )
    if len(file.evis) > RD_INDEXES:
        findings.add(
            ("evis",),
            f"has {len(file.evis)} EVIs; at most {RD_INDEXES} can have an RD each",
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
    for evi in members(file):
        section, place = evi.section, evi.place
        new = vnis.check(evi.vni, (*place, "vni"))
        # Names that are made of a VNI given twice would only repeat that.
        if section.name or new:
            names.check(evi.name, (*place, "name"))
        if section.rd is not None:
            rds.check(section.rd, (*place, "rd"))
        if evi.made is None:
            _check_devices(evi, devices, findings, new=new)
        vlans.check(evi, new=new)
        if not section.route_targets.export:
            findings.add(
                (*place, "route-targets", "export"),
                "is empty, so no EVI would import these routes; write auto",
            )
        _check_static(section, place, findings)
    vlans.finish()
    _check_automatic_targets(file, findings)


def _check_devices(
    evi: Member, devices: Devices, findings: Findings, *, new: bool
) -> None:
    """Check the devices of an EVI that has them to itself, or shares them by VLAN."""
    section, place = evi.section, evi.place
    by_vlan = evi.vlan is not None and not section.manage
    if evi.bridge and (section.bridge or new):
        shared = Shared.BRIDGE if by_vlan else None
        devices.check_evi(evi.bridge, (*place, "bridge"), shared=shared)
    if evi.vxlan and (section.vxlan or new):
        shared = Shared.VXLAN if by_vlan else None
        devices.check_evi(evi.vxlan, (*place, "vxlan"), shared=shared)
    for position, port in enumerate(section.ports):
        devices.check_evi(port, (*place, "ports", position))
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
        if evi.vni > AS2_MAX and "auto" in [*targets.import_, *targets.export]:
            findings.warn(
                ("evis", index, "vni"),
                f"{evi.vni} does not fit into the 16 bits that a target with a 4-octet "
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
