"""What a reload changes, in words."""

from dataclasses import replace
from pathlib import Path

import pytest

from evpnd.adapters.policy_files.load import judge_policy
from evpnd.adapters.yaml.reader import parse_yaml
from evpnd.model.bridges import BridgeConfig, BridgePort
from evpnd.model.config import (
    Advertise,
    Config,
    DuplicateDetection,
    LogConfig,
    VrfAdvertise,
    VrfConfig,
    VtepConfig,
)
from evpnd.model.config_changes import describe_changes, sessions_that_stay
from evpnd.model.ids import (
    parse_ip,
    parse_mac,
    parse_prefix,
    parse_rd,
    parse_route_target,
    parse_site_of_origin,
    parse_vni,
)
from evpnd.model.policy import Policy
from evpnd.model.targets import ImportTargets
from tests.fakes.host import PEERS, config

PEER = PEERS[0]
RULES = "rules: [{name: a, match: {vni: 5}, reject: true}]\n"


def policy(text: str) -> Policy:
    judged, findings = judge_policy(parse_yaml(f"policy: p\n{text}", Path("p.yaml")))
    assert judged is not None, findings.errors
    return judged.policy


def with_peer(**changes: object) -> Config:
    first, second = config().peers
    return config(peers=(replace(first, **changes), second))  # type: ignore[arg-type]


def with_evi(**changes: object) -> Config:
    (evi,) = config().evis
    return config(evis=(replace(evi, **changes),))  # type: ignore[arg-type]


def test_what_changed_in_a_peer_is_told_and_whether_its_session_restarts() -> None:
    assert describe_changes(config(), with_peer(hold_time=30, passive=True)) == [
        (
            f"peer {PEER} changed: passive from false to true, hold-time from 90 to "
            "30; its session restarts"
        )
    ]
    assert describe_changes(config(), with_peer(import_policies=("a", "b"))) == [
        f"peer {PEER} changed: import from nothing to a, b"
    ]


def test_what_changed_of_the_host_is_told_with_what_it_costs() -> None:
    changed = config(
        asn=65009,
        router_id=parse_ip("10.0.0.9"),
        vtep=VtepConfig(parse_ip("10.0.0.8")),
        duplicate_detection=DuplicateDetection(moves=9, freeze=True),
        site_of_origin=parse_site_of_origin("65009:7"),
        log=LogConfig("debug"),
        control_socket=Path("/run/x"),
    )

    assert describe_changes(config(), changed) == [
        "asn changed: from 65000 to 65009; every session restarts",
        "router-id changed: from 10.0.0.1 to 10.0.0.9; every session restarts",
        "vtep changed: address from 10.0.0.1 to 10.0.0.8",
        "site-of-origin changed: from nothing to 65009:7",
        "duplicate-detection changed: moves from 5 to 9, freeze from false to true",
        (
            "control-socket changed: from /run/evpnd/evpnd.sock to /run/x; restart "
            "evpnd to apply it"
        ),
        "log changed: level from info to debug; restart evpnd to apply it",
    ]


def test_sessions_stay_but_for_what_makes_others_of_them() -> None:
    old = config()
    first, second = PEERS

    assert sessions_that_stay(old, old) == {first, second}
    assert sessions_that_stay(old, with_peer(description="x")) == {first, second}
    assert sessions_that_stay(old, with_peer(hold_time=30)) == {second}
    assert sessions_that_stay(old, config(peers=old.peers[1:])) == {second}
    assert sessions_that_stay(config(peers=old.peers[1:]), old) == {second}
    assert sessions_that_stay(old, config(asn=65009)) == frozenset()


def test_a_password_is_no_word_of_it() -> None:
    (told,) = describe_changes(config(), with_peer(password="hunter2"))

    assert told == f"peer {PEER} changed: password; its session restarts"


def test_what_changed_in_an_evi_is_told() -> None:
    targets = ImportTargets(exact=frozenset({parse_route_target("65000:9")}))
    changed = with_evi(import_targets=targets, flood=False)

    assert describe_changes(config(), changed) == [
        (
            "EVI tenant (VNI 100) changed: import-targets from *:100 to 65000:9, "
            "flood from true to false"
        )
    ]


def test_rd_and_what_is_advertised_are_told() -> None:
    changed = with_evi(
        rd=parse_rd("10.0.0.9:7"), advertise=Advertise(macs=False, neighbors=False)
    )

    assert describe_changes(config(), changed) == [
        (
            "EVI tenant (VNI 100) changed: rd from auto to 10.0.0.9:7, advertise macs "
            "from true to false, advertise neighbors from true to false"
        )
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("\n" + RULES, "only its position in the file"),
        (RULES.replace("5", "6"), "rule a changed"),
        (RULES.replace("name: a", "name: b"), "rule a removed, rule b added"),
        (RULES + "default: reject", "default reject"),
        (RULES + "limits: [{macs: 2, per: [vni]}]", "limits macs 2 per vni"),
    ],
)
def test_what_changed_in_a_policy_is_told(text: str, told: str) -> None:
    old, new = (config(policies={"p": policy(each)}) for each in (RULES, text))

    assert describe_changes(old, new) == [f"policy p changed: {told}"]


def test_export_targets_are_told_once() -> None:
    target = parse_route_target("65000:9")
    (evi,) = config().evis
    (both,) = describe_changes(
        config(), with_evi(export_targets=(target,), given_targets=(target,))
    )
    (one,) = describe_changes(config(), with_evi(given_targets=(target,)))

    name = f"EVI {evi.name} (VNI {evi.vni}) changed"
    assert both.startswith(f"{name}: export-targets from ")
    assert both.endswith(" to 65000:9")
    assert one == f"{name}: the form of its export targets"


def test_nothing_is_no_change() -> None:
    assert describe_changes(config(), config()) == []


def test_what_changed_in_a_bridge_is_told_port_by_port() -> None:
    bond = BridgePort("bond0", (range(100, 200),), 1)
    old = config(bridges=(BridgeConfig("br0", None, (bond, BridgePort("tap0"))),))

    assert describe_changes(config(), old) == ["bridge br0 added"]
    assert describe_changes(old, config()) == ["bridge br0 removed"]
    wider = replace(bond, tagged=(range(100, 300), range(400, 401)), untagged=None)
    new = config(bridges=(BridgeConfig("br0", "vx0", (wider, BridgePort("vnet*"))),))
    assert describe_changes(old, new) == [
        (
            "bridge br0 changed: vxlan from nothing to vx0, port tap0 removed, "
            "port bond0 tagged from 100-199 to 100-299, 400, untagged from 1 to "
            "nothing, port vnet* added"
        )
    ]
    swapped = config(bridges=(BridgeConfig("br0", None, (BridgePort("tap0"), bond)),))
    assert describe_changes(old, swapped) == [
        "bridge br0 changed: only the order of its ports"
    ]


def test_a_vlan_that_changed_is_told() -> None:
    assert describe_changes(config(), with_evi(vlan=100)) == [
        "EVI tenant (VNI 100) changed: vlan from nothing to 100"
    ]


def test_a_vrf_and_who_is_in_it_are_told() -> None:
    vrf = VrfConfig(
        vni=parse_vni(9999),
        name="red",
        export_targets=(),
        import_targets=ImportTargets(frozenset(), frozenset()),
    )
    other = replace(
        vrf,
        router_mac=parse_mac("02:00:00:00:00:01"),
        advertise=VrfAdvertise(prefixes=frozenset({parse_prefix("10.8.0.0/16")})),
    )
    plain = config()
    (evi, *_) = plain.evis

    def with_vrf(routed: VrfConfig) -> Config:
        return replace(plain, evis=(replace(evi, vrf=routed),), vrfs=(routed,))

    none = replace(plain, evis=(evi,))
    assert describe_changes(none, with_vrf(vrf)) == [
        f"EVI {evi.name} (VNI {evi.vni}) changed: vrf from nothing to red",
        "VRF red added",
    ]
    assert describe_changes(with_vrf(vrf), with_vrf(other)) == [
        (
            "VRF red changed: router-mac from nothing to 02:00:00:00:00:01, "
            "advertise prefixes from nothing to 10.8.0.0/16"
        ),
    ]
