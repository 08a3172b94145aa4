"""What a section of `evis` cannot say of one EVI, or of many."""

from evpnd.adapters.config.placeholders import Unfilled
from evpnd.adapters.config.ranges import size
from evpnd.adapters.config.schema import EviSection
from evpnd.adapters.yaml.errors import KeyPath
from evpnd.adapters.yaml.findings import Findings


def check_template(section: EviSection, place: KeyPath, findings: Findings) -> None:
    """Record what is wrong with a section before its EVIs are made of it."""
    _check_numbers(section, place, findings)
    if section.vnis is not None:
        _check_shared(section, place, findings)


def _check_numbers(section: EviSection, place: KeyPath, findings: Findings) -> None:
    """Check that a section has one VNI, or several, each with its VLAN."""
    if section.vnis is None:
        if section.vni is None and not findings.is_misshapen((*place, "vnis")):
            findings.add(
                (*place, "vni"),
                "is required; add `vni: 10100`, or `vnis: 10100-10199` for many EVIs",
            )
        if section.vlans is not None:
            findings.add(
                (*place, "vlans"), "cannot stand without vnis; write `vlan` for one VNI"
            )
        return
    if not section.vnis:
        findings.add((*place, "vnis"), "is empty; write `vnis: 10100-10199`")
    if section.vni is not None:
        findings.add((*place, "vnis"), "cannot stand beside vni; remove one of them")
    if section.vlan is not None:
        findings.add(
            (*place, "vlan"),
            "cannot stand beside vnis, which needs a VLAN for each; write `vlans`",
        )
    vnis, vlans = size(section.vnis), size(section.vlans or ())
    misshapen = findings.is_misshapen((*place, "vnis"))
    if section.vlans is not None and vnis != vlans and not misshapen:
        findings.add(
            (*place, "vlans"),
            f"has {vlans} VLANs, and vnis has {vnis} VNIs; give each VNI one VLAN",
        )


def _check_shared(section: EviSection, place: KeyPath, findings: Findings) -> None:
    """Check that what several EVIs cannot share stands in none of them."""
    for key, why in (
        ("rd", "each EVI has its own RD, and auto gives it one"),
        ("static", "a tenant is in one EVI; write that EVI with `vni`"),
        ("ethernet-tag", "each EVI has its own; write each with `vni`"),
    ):
        if getattr(section, key.replace("-", "_")) not in (None, []):
            findings.add((*place, key), f"cannot stand beside vnis: {why}")
    if size(section.vnis or ()) == 1:
        return
    given = section.name
    if given is not None and not isinstance(given, Unfilled):
        findings.add(
            (*place, "name"),
            f"{given!r} would name each EVI of vnis; write {given + '-{vni}'!r}",
        )
    for key in ("bridge", "vxlan") if section.manage else ():
        device = getattr(section, key)
        if device is not None and not isinstance(device, Unfilled):
            findings.add(
                (*place, key),
                f"device {device} would be that of each EVI of vnis; add {{vni}} to it",
            )
    for position, port in enumerate(section.ports):
        if not isinstance(port, Unfilled):
            findings.add(
                (*place, "ports", position),
                f"device {port} would be a port of each EVI of vnis; add {{vni}} to it",
            )
