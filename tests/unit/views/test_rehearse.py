"""What a changed policy would do is what a reload with it does."""

from dataclasses import replace

from evpnd.model.events import UpdateReceived
from evpnd.model.ids import format_mac, parse_ip
from evpnd.model.routes import IpPrefixRoute, MacIpBatch, Update
from evpnd.views.rehearse import Entry, rehearse
from tests.fakes.host import (
    PEERS,
    VNI,
    Host,
    announce,
    announce_imet,
    attributes,
    rd_of,
)
from tests.fakes.kernel import PORTS
from tests.unit.core.bgp.test_import_policy import FAR, GATEWAY, NEAR, NO_GATEWAY, TWO
from tests.unit.core.policy_host import MACS, governed, host, policies

FIRST, SECOND = PEERS
PREFER = """rules:
  - name: second
    match: {mac: 02:00:00:00:00:02}
    set: {local-preference: 200}
  - {name: first, match: {mac: 02:00:00:00:00:01}, reject: not today}
"""


def of(found: list[Entry], kind: str) -> list[Entry]:
    return [each for each in found if each["kind"] == kind]


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

    rules = of(found, "rule")
    counts = {rule["rule"]: (rule["now"], rule["then"]) for rule in rules}
    assert counts == {
        "second": (None, 1),
        "first": (None, 1),
        "default": (4, 3),
        "gateway": (1, None),
    }
    (summary,) = of(found, "summary")
    assert summary["accepted"] == {"now": 5, "then": 5}
    assert summary["rejected"] == {"now": 1, "then": 1}
    assert summary["changed"] == 3
    routes = of(found, "route")
    by_mac = {one["mac"]: (one["was"], one["then"]) for one in routes}
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

    assert of(found, "summary")[0]["changed"] == 0
    assert of(found, "route") == []


def test_what_would_not_be_announced_any_more_is_told() -> None:
    here = host(governed(peers={"export": ("guard",)}, guard="default: accept\n"))
    here.run(*here.kernel.frame(PORTS[0], MACS[0]))

    found = rehearse(here.engine, policies(guard=PREFER)["guard"], here.now)

    (one,) = of(found, "route")
    assert (one["direction"], one["mac"]) == ("export", format_mac(MACS[0]))
    assert (one["type"], one["vni"]) == ("mac-ip", VNI)
    assert one["was"] == "announced"
    assert one["then"] == (
        "not announced: not today (policy guard, rule first, guard.yaml:6)"
    )


def test_peers_that_a_policy_parts_are_told_apart() -> None:
    accepting = governed(peers={"export": ("guard",)}, guard="default: accept\n")
    here = host(accepting)
    here.run(*here.kernel.frame(PORTS[0], MACS[0]))
    part = "rules: [{name: p, match: {peer: spine2, type: mac-ip}, reject: true}]\n"

    found = rehearse(here.engine, policies(guard=part)["guard"], here.now)

    (one,) = of(found, "route")
    assert (one["peer"], one["mac"]) == (SECOND, format_mac(MACS[0]))
    assert one["then"].startswith("not announced: rejected (policy guard, rule p")
    (summary,) = of(found, "summary")
    assert summary["accepted"] == {"now": 4, "then": 3}
    assert summary["rejected"] == {"now": 0, "then": 1}
    counts = {rule["rule"]: (rule["now"], rule["then"]) for rule in of(found, "rule")}
    assert counts == {"p": (None, 1), "default": (4, 3)}

    # And back: those that were parted are told the same.
    here = host(governed(peers={"export": ("guard",)}, guard=part))
    here.run(*here.kernel.frame(PORTS[0], MACS[0]))
    found = rehearse(here.engine, accepting.policies["guard"], here.now)
    (one,) = of(found, "route")
    assert (one["peer"], one["then"]) == (SECOND, "announced")


def test_what_export_sets_is_told_in_words() -> None:
    here = host(governed(peers={"export": ("guard",)}, guard="default: accept\n"))
    mark = "rules: [{name: m, match: {type: imet}, set: {community: ['65000:7']}}]"

    found = rehearse(here.engine, policies(guard=mark)["guard"], here.now)

    (one,) = of(found, "route")
    assert (one["type"], one["mac"], one["originator"]) == ("imet", None, "10.0.0.1")
    assert one["then"] == "announced, set community add 65000:7"


def test_a_policy_that_nothing_names_is_tried_on_every_import() -> None:
    here = fed(host(governed(peers={}, guard="default: accept\n")))

    found = rehearse(here.engine, policies(fresh=PREFER)["fresh"], here.now)

    (summary,) = of(found, "summary")
    assert summary["attached"] is False
    assert summary["rejected"] == {"now": 0, "then": 1}
    assert all(rule["now"] is None for rule in of(found, "rule"))


def test_routes_of_types_that_are_not_used_are_judged_too() -> None:
    here = fed(host(governed(peers={"import": ("guard",)}, guard="default: accept\n")))
    prefix = IpPrefixRoute(
        *(rd_of(NEAR), bytes(10), bytes(4), 24, parse_ip("192.0.2.0")),
        *(bytes(4), b"\0\0\x07"),
    )
    here.run(UpdateReceived(FIRST, Update(attributes(NEAR), [], [prefix], [], [])))
    rule = "rules: [{name: p, match: {ip: 192.0.2.0/23}, reject: no prefixes}]"

    found = rehearse(here.engine, policies(guard=rule)["guard"], here.now)

    told = {one["type"]: (one["ip"], one["then"]) for one in of(found, "route")}
    assert told["ip-prefix"] == (
        "192.0.2.0/24",
        "no prefixes (policy guard, rule p, guard.yaml:2)",
    )


def test_routes_that_differ_in_their_ethernet_tag_are_two() -> None:
    accepting = governed(peers={"import": ("guard",)}, guard="default: accept\n")
    here = fed(host(accepting))
    tagged = MacIpBatch(rd_of(NEAR), b"\0\0\0\5", bytes(10), b"\0\0\x64", [MACS[0]])
    here.run(UpdateReceived(FIRST, Update(attributes(NEAR), [tagged], [], [], [])))
    rule = "rules: [{name: t, match: {ethernet-tag: 5}, reject: true}]"

    found = rehearse(here.engine, policies(guard=rule)["guard"], here.now)

    (one,) = of(found, "route")
    assert one["mac"] == format_mac(MACS[0])
    assert of(found, "summary")[0]["rejected"] == {"now": 0, "then": 1}


def test_a_limit_is_rehearsed_too() -> None:
    here = fed(host(governed(peers={"import": ("two",)}, two=TWO)))

    found = rehearse(here.engine, policies(two=TWO.replace("2", "3"))["two"], here.now)

    (summary,), (limit, gone) = of(found, "summary"), of(found, "limit")
    assert summary["rejected"] == {"now": 1, "then": 0}
    assert summary["changed"] == 1
    assert (limit["limit"][:6], limit["waiting"]) == (
        "macs 3",
        {"now": None, "then": 0},
    )
    assert (gone["limit"][:6], gone["waiting"]) == ("macs 2", {"now": 1, "then": None})
