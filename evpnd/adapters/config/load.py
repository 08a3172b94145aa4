"""Loads a configuration file, or returns all of its errors."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from evpnd.adapters.config.bridge_checks import bridge_config
from evpnd.adapters.config.checks import check
from evpnd.adapters.config.members import Member, expand
from evpnd.adapters.config.passwords import read_password
from evpnd.adapters.config.schema import (
    ConfigFile,
    MaxRoutesSection,
    PeerSection,
    RecordSection,
)
from evpnd.adapters.config.shape import CONFIG
from evpnd.adapters.config.targets import export_targets, import_targets
from evpnd.adapters.config.vrfs import vrf_config
from evpnd.adapters.policy_files.named import read_policies
from evpnd.adapters.policy_files.recognise import is_policy
from evpnd.adapters.yaml.errors import ConfigError, ConfigErrors
from evpnd.adapters.yaml.findings import Findings
from evpnd.adapters.yaml.reader import read_yaml
from evpnd.adapters.yaml.shape import validate
from evpnd.model.config import (
    Advertise,
    Config,
    DuplicateDetection,
    EviConfig,
    LogConfig,
    MaxRoutes,
    MaxRoutesAction,
    PeerConfig,
    RecordConfig,
    StaticEntry,
    VrfConfig,
    VtepConfig,
)
from evpnd.model.ids import parse_vni
from evpnd.model.policy import Policy
from evpnd.model.targets import Profile


def load_config(path: Path) -> Config:
    """Read, check and complete a configuration file.

    Reads the password and policy files that it names too. Raises ConfigErrors
    with every error of all of them, and nothing else, whatever the file holds.
    """
    return _load(Findings(read_yaml(path)))


class Checked(NamedTuple):
    """A sound file."""

    warnings: tuple[ConfigError, ...]
    """What is valid but pointless."""
    config: Config | None
    """None: it is a policy."""


def check_file(path: Path) -> Checked:
    """Check a configuration or a policy file; raises ConfigErrors."""
    document = read_yaml(path)
    if is_policy(document):
        from evpnd.adapters.policy_files.load import judge_policy  # noqa: PLC0415

        found, findings = judge_policy(document)
        if found is None:
            raise ConfigErrors(findings.errors)
        return Checked(findings.warnings, None)
    findings = Findings(document, warns=True)
    config = _load(findings)
    return Checked(findings.warnings, config)


def _load(findings: Findings) -> Config:
    file = validate(findings, CONFIG)
    if file is None:
        raise ConfigErrors(findings.errors)
    document = findings.document
    folder = document.path.parent
    policies = read_policies(file.policies, folder, findings)
    evis = expand(file, findings)
    check(file, evis, policies, findings)
    peers = tuple(
        _peer(peer, index, folder, findings) for index, peer in enumerate(file.peers)
    )
    if findings.errors:
        raise ConfigErrors(findings.all)
    return _config(document.path, file, evis, peers, policies.by_name)


def _config(
    path: Path,
    file: ConfigFile,
    evis: Sequence[Member],
    peers: tuple[PeerConfig, ...],
    policies: Mapping[str, Policy],
) -> Config:
    router_id = file.router_id or file.vtep.address
    assert router_id is not None
    detection = file.duplicate_detection
    profiles = frozenset(peer.profile for peer in peers)
    vrfs = tuple(vrf_config(vrf, file.asn, profiles) for vrf in file.vrfs)
    by_name = {vrf.name: vrf for vrf in vrfs}
    return Config(
        path=path,
        asn=file.asn,
        router_id=router_id,
        vtep=VtepConfig(
            address=file.vtep.address,
            interface=file.vtep.interface,
            udp_port=file.vtep.udp_port,
        ),
        site_of_origin=file.site_of_origin,
        peers=peers,
        evis=tuple(_evi(evi, file.asn, profiles, by_name) for evi in evis),
        vrfs=vrfs,
        bridges=tuple(map(bridge_config, file.bridges)),
        discover=file.discover,
        duplicate_detection=DuplicateDetection(
            enabled=detection.enabled,
            moves=detection.moves,
            window=detection.window,
            freeze=detection.action == "freeze",
            freeze_for=detection.freeze_for,
        ),
        control_socket=Path(file.control.socket),
        metrics_listen=file.metrics.listen if file.metrics else None,
        log=LogConfig(level=file.log.level, format=file.log.format),
        record=_record(file.record),
        policies=policies,
    )


def _peer(
    peer: PeerSection, index: int, folder: Path, findings: Findings
) -> PeerConfig:
    password = None
    if peer.password_file is not None:
        try:
            password = read_password(folder / peer.password_file)
        except ValueError as error:
            findings.add(("peers", index, "password-file"), str(error))
    return PeerConfig(
        address=peer.address,
        asn=peer.asn,
        description=peer.description or "",
        local_address=peer.local_address,
        port=peer.port,
        passive=peer.passive,
        hold_time=peer.hold_time,
        password=password,
        ttl_security=peer.ttl_security.hops if peer.ttl_security else None,
        graceful_restart=peer.graceful_restart,
        profile=Profile(peer.profile),
        allow_own_as=peer.allow_own_as,
        max_routes=_max_routes(peer.max_routes),
        import_policies=tuple(peer.import_),
        export_policies=tuple(peer.export),
    )


def _record(section: RecordSection | None) -> RecordConfig | None:
    if section is None:
        return None
    return RecordConfig(Path(section.file), section.size)


def _max_routes(section: MaxRoutesSection | None) -> MaxRoutes | None:
    if section is None:
        return None
    action = MaxRoutesAction(section.action)
    return MaxRoutes(section.limit, section.warn_at, action)


def _evi(
    member: Member,
    asn: int,
    profiles: frozenset[Profile],
    vrfs: Mapping[str, VrfConfig],
) -> EviConfig:
    evi = member.section
    imported, exported = member.targets
    given = tuple(dict.fromkeys(target for target in exported if target != "auto"))
    return EviConfig(
        vni=parse_vni(member.vni),
        name=member.name,
        export_targets=export_targets(exported, asn, member.vni),
        import_targets=import_targets(imported, member.vni, profiles),
        given_targets=given if "auto" in exported else None,
        bridge=member.bridge,
        vxlan=member.vxlan,
        vlan=member.vlan,
        manage=evi.manage,
        made=member.made is not None,
        ports=member.ports,
        rd=evi.rd,
        ethernet_tag=evi.ethernet_tag,
        suppress=evi.suppress,
        advertise=Advertise(
            macs=evi.advertise.macs,
            neighbors=evi.advertise.neighbors,
            imet=evi.advertise.imet,
            default_gateway=evi.advertise.default_gateway,
        ),
        flood=evi.flood,
        probe=evi.probe,
        ips_per_mac=evi.ips_per_mac,
        static=tuple(
            StaticEntry(mac=entry.mac, ip=entry.ip, sticky=entry.sticky)
            for entry in evi.static
        ),
        import_policies=tuple(evi.import_),
        export_policies=tuple(evi.export),
        vrf=None if evi.vrf is None else vrfs[evi.vrf],
    )
