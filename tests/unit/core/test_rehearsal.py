"""What a changed policy would do is what a reload with it does."""

from dataclasses import replace

from evpnd.core.policy.rehearsal import rehearse
from evpnd.model.ids import format_mac, parse_ip
from tests.fakes.host import PEERS, Host, announce, announce_imet, attributes
from tests.fakes.kernel import PORTS
from tests.unit.core.test_policies import (
    FAR,
    GATEWAY,
    MACS,
    NEAR,
    NO_GATEWAY,
    TWO,
    governed,
    host,
    policies,
)

FIRST, SECOND = PEERS
PREFER = """rules:
  - name: second
    match: {mac: 02:00:00:00:00:02}
    set: {local-preference: 200}
  - {name: first, match: {mac: 02:00:00:00:00:01}, reject: not today}
"""


def fed(here: Host) -> Host:
    here.run(
        announce(FIRST, attributes(NEAR), NEAR, GATEWAY, *MACS[:2]),
        announce_imet(FIRST, NEAR),
        announce(SECOND, attributes(FAR), FAR, MACS[2] + parse_ip("192.0.2.1")),
    )
    return here


def test_rules_are_counted_now_and_then_with_the_routes_that_change() -> None:
    here = fed(host(governed(peers={"import": ("guard",)}, guard=NO_GATEWAY)))

    found = rehearse(here.engine, policies(guard=PREFER)["guard"], here.now)

    counts = {rule["rule"]: (rule["now"], rule["then"]) for rule in found["rules"]}
    assert counts == {
        "second": (None, 1),
        "first": (None, 1),
        "default": (4, 3),
        "gateway": (1, None),
    }
    assert found["now"] == {"accepted": 5, "rejected": 1}
    assert found["then"] == {"accepted": 5, "rejected": 1}
    assert found["changed"] == 3
    by_mac = {one["mac"]: (one["was"], one["then"]) for one in found["examples"]}
    assert by_mac == {
        format_mac(GATEWAY): (
            "not yours (policy guard, rule gateway, guard.yaml:3)",
            "into tenant",
        ),
        format_mac(MACS[0]): (
            "into tenant",
            "not today (policy guard, rule first, guard.yaml:6)",
        ),
        format_mac(MACS[1]): ("into tenant", "into tenant, set local-preference 200"),
    }


def test_a_rule_that_only_stands_elsewhere_is_no_change() -> None:
    here = fed(host(governed(peers={"import": ("guard",)}, guard=NO_GATEWAY)))
    moved = policies(guard="# moved\n" + NO_GATEWAY)["guard"]

    found = rehearse(here.engine, replace(moved, file="copy.yaml"), here.now)

    assert (found["changed"], found["examples"]) == (0, [])


def test_what_would_not_be_announced_any_more_is_told() -> None:
    here = host(governed(peers={"export": ("guard",)}, guard="default: accept\n"))
    here.run(*here.kernel.frame(PORTS[0], MACS[0]))

    found = rehearse(here.engine, policies(guard=PREFER)["guard"], here.now)

    (one,) = found["examples"]
    assert (one["direction"], one["mac"]) == ("export", format_mac(MACS[0]))
    assert (one["was"], one["then"]) == ("announced", "not announced")


def test_a_limit_is_rehearsed_too() -> None:
    here = fed(host(governed(peers={"import": ("two",)}, two=TWO)))

    found = rehearse(here.engine, policies(two=TWO.replace("2", "3"))["two"], here.now)

    assert (found["now"]["rejected"], found["then"]["rejected"]) == (1, 0)
    assert found["changed"] == 1
