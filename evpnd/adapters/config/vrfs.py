"""The VRFs of a file: what contradicts itself, and their values."""

from evpnd.adapters.config.devices import Devices
from evpnd.adapters.config.once import Once
from evpnd.adapters.config.placeholders import Unfilled
from evpnd.adapters.config.schema import ConfigFile, VrfSection
from evpnd.adapters.config.targets import export_targets, import_targets
from evpnd.adapters.yaml.errors import KeyPath
from evpnd.adapters.yaml.findings import Findings
from evpnd.adapters.yaml.values import did_you_mean
from evpnd.model.config import VrfAdvertise, VrfConfig
from evpnd.model.ids import format_mac, format_rd, parse_vni
from evpnd.model.targets import Profile


def check_vrfs(
    file: ConfigFile,
    devices: Devices,
    vnis: Once,
    rds: Once,
    findings: Findings,
) -> None:
    """Record every contradiction of VRFs, and of EVIs that name them."""
    tables = Once(
        findings,
        lambda table, first: f"table {table} is also {first}; give each its own",
    )
    macs = Once(
        findings,
        lambda mac, first: (
            f"{format_mac(mac) if isinstance(mac, bytes) else mac} is also {first}; "
            "give each VRF its own"
        ),
    )
    for index, vrf in enumerate(file.vrfs):
        place: KeyPath = ("vrfs", index)
        vnis.check(vrf.vni, (*place, "vni"))
        devices.check(vrf.name, (*place, "name"))
        if vrf.rd is not None:
            rds.check(vrf.rd, (*place, "rd"), _own_rd)
        if vrf.table is not None:
            tables.check(vrf.table, (*place, "table"))
        if vrf.router_mac is not None:
            macs.check(vrf.router_mac, (*place, "router-mac"))
        if vrf.manage:
            devices.check_made(f"vx{vrf.vni}", (*place, "vni"), "")
            if vrf.table is None:
                findings.add(
                    place,
                    "with `manage: true`, evpnd makes the VRF device and needs its "
                    "table; add `table: 1001`",
                )
        if not vrf.route_targets.export:
            findings.add(
                (*place, "route-targets", "export"),
                "is empty, so no VRF would import these routes; write auto",
            )
        for key, listed in (
            ("import", vrf.route_targets.import_),
            ("export", vrf.route_targets.export),
        ):
            for at, target in enumerate(listed):
                if isinstance(target, Unfilled):
                    findings.add(
                        (*place, "route-targets", key, at),
                        f"{str(target)!r}: placeholders stand in `evis` alone; write "
                        f"the number, such as {vrf.vni}",
                    )
    names = {vrf.name: None for vrf in file.vrfs}
    for index, section in enumerate(file.evis):
        if section.vrf is not None and section.vrf not in names:
            meant = did_you_mean(section.vrf, names)
            hint = f"did you mean {meant}?" if meant else "name it in `vrfs`"
            findings.add(
                ("evis", index, "vrf"), f"VRF {section.vrf!r} not found; {hint}"
            )


def _own_rd(rd: object, first: str) -> str:
    said = format_rd(rd) if isinstance(rd, bytes) else rd
    return f"{said} is also {first}; give each EVI and each VRF its own"


def vrf_config(
    section: VrfSection, asn: int, profiles: frozenset[Profile]
) -> VrfConfig:
    """Return a VRF of a sound file."""
    vni = section.vni
    targets = section.route_targets
    # A sound file has no placeholders there.
    imported = [each for each in targets.import_ if not isinstance(each, Unfilled)]
    exported = [each for each in targets.export if not isinstance(each, Unfilled)]
    given = tuple(dict.fromkeys(target for target in exported if target != "auto"))
    advertise = section.advertise
    return VrfConfig(
        vni=parse_vni(vni),
        name=section.name,
        export_targets=export_targets(exported, asn, vni),
        import_targets=import_targets(imported, vni, profiles),
        given_targets=given if "auto" in exported else None,
        rd=section.rd,
        import_policies=tuple(section.import_),
        export_policies=tuple(section.export),
        manage=section.manage,
        table=section.table,
        router_mac=section.router_mac,
        advertise=VrfAdvertise(
            connected=advertise.connected,
            static=advertise.static,
            kernel=advertise.kernel,
            prefixes=frozenset(advertise.prefixes),
        ),
    )
