import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from evpnd.adapters.config import ConfigErrors, load_config
from evpnd.adapters.config.json_schema import json_schema
from evpnd.model.config import (
    Config,
    DuplicateDetection,
    StaticEntry,
)
from evpnd.model.ids import parse_ip, parse_mac, parse_rd, parse_route_target
from evpnd.model.targets import Profile, auto_import_targets

Load = Callable[[str], Config]

EXAMPLE = Path(__file__).parents[4] / "docs/evpnd.example.yaml"
MINIMAL = """
asn: 65001
vtep: {address: 10.0.0.1}
peers:
  - {address: 10.0.0.254, asn: 65000}
"""


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def load(text: str) -> Config:
        path = tmp_path / "evpnd.yaml"
        path.write_text(text)
        return load_config(path)

    return load


def test_a_minimal_file_takes_the_defaults_of_the_interface(load: Load) -> None:
    config = load(MINIMAL + "discover: true\n")

    peer = config.peers[0]
    assert config.router_id == parse_ip("10.0.0.1")
    assert config.vtep.udp_port == 4789
    assert (peer.port, peer.hold_time, peer.graceful_restart) == (179, 90, 120)
    assert (peer.passive, peer.ttl_security, peer.password) == (False, None, None)
    assert (peer.local_address, peer.profile) == (None, Profile.GENERIC)
    assert config.discover
    assert config.evis == ()
    assert config.duplicate_detection == DuplicateDetection()
    assert str(config.control_socket) == "/run/evpnd/evpnd.sock"
    assert config.metrics_listen is None
    assert (config.log.level, config.log.format) == ("info", "json")


def test_an_evi_takes_the_defaults_of_the_interface(load: Load) -> None:
    evi = load(MINIMAL + "evis: [{vni: 10100}]\n").evis[0]

    assert (evi.vni, evi.name) == (10100, "vni-10100")
    assert (evi.bridge, evi.vxlan, evi.rd) == (None, None, None)
    assert evi.export_targets == (parse_route_target("65001:10100"),)
    assert evi.import_targets == auto_import_targets(10100)
    assert (evi.manage, evi.ports, evi.suppress, evi.flood) == (False, (), True, True)
    assert (evi.probe, evi.ips_per_mac) == (True, 64)
    assert evi.advertise.macs
    assert evi.advertise.neighbors
    assert evi.advertise.imet
    assert not evi.advertise.default_gateway


def test_the_example_loads_and_has_every_key_of_the_schema() -> None:
    config = load_config(EXAMPLE)
    schema = json_schema("config")

    words = EXAMPLE.read_text()
    sections = [schema, *schema["$defs"].values()]
    keys = {key for section in sections for key in section["properties"]}
    missing = {key for key in keys if not re.search(rf"\b{key}: ?", words)}
    assert missing == set()
    assert config.evis[0].static[0] == StaticEntry(
        parse_mac("02:00:00:00:00:01"), parse_ip("192.0.2.1"), sticky=True
    )


def test_every_key_arrives(load: Load, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("s3cret\n")
    config = load(
        """
router-id: 192.0.2.9
asn: 4200000001
vtep: {interface: lo, udp-port: 8472}
site-of-origin: 4200000001:7
peers:
  - address: 2001:DB8:0::fe
    asn: 65000
    description: spine1
    local-address: 2001:db8::1
    port: 1790
    passive: true
    hold-time: 0
    password-file: key
    ttl-security: {hops: 3}
    graceful-restart: 0
    profile: nxos
evis:
  - vni: 70000
    name: red
    bridge: br-red
    vxlan: vx-red
    manage: true
    ports: [tap0, tap1]
    rd: 65000:7
    route-targets: {import: [auto, "*:5", 10.0.0.1:7], export: [65001:1, auto]}
    suppress: false
    advertise: {macs: false, neighbors: false, imet: false, default-gateway: true}
    flood: false
    static: [{mac: 02-00-00-00-00-0A, ip: "2001:db8::5"}]
    probe: false
    ips-per-mac: 0
duplicate-detection: {moves: 7, window: 60, action: freeze, freeze-for: 30}
control: {socket: /run/x.sock}
metrics: {listen: "[::1]:9471"}
log: {level: debug, format: console}
"""
    )

    peer, evi = config.peers[0], config.evis[0]
    assert config.router_id == parse_ip("192.0.2.9")
    assert (config.vtep.address, config.vtep.interface) == (None, "lo")
    assert config.vtep.udp_port == 8472
    assert config.site_of_origin == bytes.fromhex("0203fa56ea010007")
    assert (peer.address, peer.local_address) == ("2001:db8::fe", "2001:db8::1")
    assert (peer.description, peer.port, peer.passive) == ("spine1", 1790, True)
    assert (peer.hold_time, peer.graceful_restart) == (0, 0)
    assert (peer.password, peer.ttl_security) == ("s3cret", 3)
    assert peer.profile is Profile.NXOS
    assert (evi.name, evi.bridge, evi.vxlan) == ("red", "br-red", "vx-red")
    assert (evi.manage, evi.ports) == (True, ("tap0", "tap1"))
    assert evi.rd == parse_rd("65000:7")
    # 4200000001 mod 65536, so that the VNI always fits.
    assert evi.export_targets == (
        parse_route_target("65001:1"),
        parse_route_target(f"{4200000001 % 65536}:70000"),
    )
    assert evi.import_targets.matches(parse_route_target("10.0.0.1:7"))
    assert evi.import_targets.matches(parse_route_target("1:5"))
    assert evi.import_targets.matches(parse_route_target("1:70000"))
    assert not evi.import_targets.matches(parse_route_target("1:7"))
    assert (evi.suppress, evi.flood) == (False, False)
    assert (evi.probe, evi.ips_per_mac) == (False, 0)
    assert evi.advertise.default_gateway
    assert not any([evi.advertise.macs, evi.advertise.neighbors, evi.advertise.imet])
    assert evi.static == (
        StaticEntry(parse_mac("02:00:00:00:00:0a"), parse_ip("2001:db8::5")),
    )
    assert config.duplicate_detection == DuplicateDetection(
        moves=7, window=60.0, freeze=True, freeze_for=30.0
    )
    assert str(config.control_socket) == "/run/x.sock"
    assert config.metrics_listen == ("::1", 9471)
    assert (config.log.level, config.log.format) == ("debug", "console")


@pytest.mark.parametrize(
    ("export", "all_of_them", "beside_auto"),
    [
        ("auto", ["65001:5"], []),
        ("[65001:5]", ["65001:5"], None),
        ("[65001:5, auto]", ["65001:5"], ["65001:5"]),
        (
            "[auto, 10.0.0.1:7, auto, 4200000001:8]",
            None,
            ["10.0.0.1:7", "4200000001:8"],
        ),
    ],
)
def test_an_auto_among_the_export_targets_is_remembered(
    load: Load,
    export: str,
    all_of_them: list[str] | None,
    beside_auto: list[str] | None,
) -> None:
    text = f"evis: [{{vni: 5, route-targets: {{export: {export}}}}}]\n"
    evi = load(MINIMAL + text).evis[0]

    if all_of_them is None:
        all_of_them = ["65001:5", *(beside_auto or [])]
    assert evi.export_targets == tuple(map(parse_route_target, all_of_them))
    assert evi.given_targets == (
        None if beside_auto is None else tuple(map(parse_route_target, beside_auto))
    )


def test_auto_imports_what_the_profiles_of_all_peers_derive(load: Load) -> None:
    text = MINIMAL + "evis: [{vni: 5}]\n"
    wide = parse_route_target("4200000009:5")
    assert not load(text).evis[0].import_targets.matches(wide)

    for profile in ("srlinux", "eos"):
        with_profile = text.replace("asn: 65000", f"asn: 65000, profile: {profile}")
        assert load(with_profile).evis[0].import_targets.matches(wide)


def test_as_numbers_in_asdot_are_as_numbers(load: Load) -> None:
    text = MINIMAL.replace("asn: 65000", "asn: 64086.10")
    text += 'evis: [{vni: 5, rd: "64086.10:1",'
    text += ' route-targets: {export: "64086.10:7"}}]\n'
    config = load(text)

    assert config.peers[0].asn == 64086 * 65536 + 10
    assert config.evis[0].rd == parse_rd("4199940106:1")
    assert config.evis[0].export_targets == (parse_route_target("4199940106:7"),)


def test_devices_that_evpnd_creates_are_named_after_the_vni(load: Load) -> None:
    evi = load(MINIMAL + "evis: [{vni: 16777215, manage: true}]\n").evis[0]

    assert (evi.bridge, evi.vxlan) == ("br16777215", "vx16777215")


@pytest.mark.parametrize(
    ("given", "hops"), [("false", None), ("true", 1), ("7", 7), ("{hops: 255}", 255)]
)
def test_ttl_security_has_four_forms(load: Load, given: str, hops: int | None) -> None:
    text = MINIMAL.replace("asn: 65000", f"asn: 65000, ttl-security: {given}")

    assert load(text + "discover: true\n").peers[0].ttl_security == hops


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_the_line_end_is_no_part_of_a_password(
    load: Load, tmp_path: Path, end: str
) -> None:
    (tmp_path / "key").write_bytes(b"x" * 80 + end.encode())
    text = MINIMAL.replace("asn: 65000", "asn: 65000, password-file: key")

    assert load(text + "discover: true\n").peers[0].password == "x" * 80


def test_a_password_is_shown_in_no_error(load: Load, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("hunter2\nhunter3\n")
    text = MINIMAL.replace("asn: 65000", "asn: 65000, password-file: key")

    with pytest.raises(ConfigErrors) as caught:
        load(text + "discover: true\n")

    assert "hunter" not in str(caught.value)


def test_a_fifo_is_no_password_file_and_is_not_waited_for(
    load: Load, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "key")
    text = MINIMAL.replace("asn: 65000", "asn: 65000, password-file: key")

    with pytest.raises(ConfigErrors, match="not a regular file"):
        load(text + "discover: true\n")


def test_policies_that_nobody_names_are_read_and_allowed(
    load: Load, tmp_path: Path
) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p/a.yaml").write_text("policy: a\n")

    config = load(MINIMAL + "discover: true\npolicies: [p/*.yaml, p/a.yaml]\n")

    assert config.peers[0].import_policies == ()


def test_a_policy_that_may_stand_in_an_unreadable_file_is_not_called_missing(
    load: Load, tmp_path: Path
) -> None:
    (tmp_path / "a.yaml").write_text("policy: [\n")
    text = MINIMAL.replace("asn: 65000", "asn: 65000, import: [a]")

    with pytest.raises(ConfigErrors) as caught:
        load(text + "discover: true\npolicies: [a.yaml]\n")

    assert "not found" not in str(caught.value)
    assert "a.yaml:" in str(caught.value)


def test_a_thousand_errors_are_listed_and_the_rest_counted(load: Load) -> None:
    with pytest.raises(ConfigErrors) as caught:
        load(MINIMAL + "evis: [" + "1, " * 5000 + "]\n")

    assert len(caught.value.errors) == 1001
    assert "4000 more errors" in str(caught.value)
