"""What a reload changes, in words."""

from dataclasses import replace
from pathlib import Path

import pytest

from evpnd.adapters.config_yaml.policies import judge_policy
from evpnd.adapters.config_yaml.reader import parse_yaml
from evpnd.model.config import Config
from evpnd.model.config_changes import describe_changes
from evpnd.model.ids import parse_route_target
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


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("\n" + RULES, "only where it stands"),
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
    assert one == f"{name}: how its export targets are written"


def test_nothing_is_no_change() -> None:
    assert describe_changes(config(), config()) == []
