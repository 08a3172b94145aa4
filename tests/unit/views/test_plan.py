"""A plan says what a reload then does, and leaves its engine's world alone."""

import pytest

from evpnd.model.config import PeerConfig
from evpnd.model.events import (
    ConfigChanged,
)
from evpnd.views.plan import difference, picture
from tests.fakes.host import config
from tests.unit.views.planning import (
    CONFIGURATIONS,
    OTHER,
    OTHERS,
    PEER,
    VTEP,
    exporting,
    host,
    of,
    planned,
    with_evi,
    with_peer,
)


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_a_plan_is_the_difference_that_the_reload_makes(name: str) -> None:
    wanted = CONFIGURATIONS[name]
    here = host()
    plan = planned(here, wanted)

    before = picture(here.query)
    here.run(ConfigChanged(wanted))
    done = list(difference(before, picture(here.query)))
    devices = ("device", "evi")
    if name == "a managed EVI more":  # the model kernel makes no devices
        plan = [change for change in plan if change.get("vni") != 200]
    assert [c for c in plan if c["what"] not in devices] == [
        c for c in done if c["what"] not in devices
    ]


def test_a_plan_touches_neither_engine_nor_kernel() -> None:
    here = host()
    before = picture(here.query), dict(here.kernel.vxlan), list(here.bgp)
    assert planned(here, config(evis=())) != []

    after = picture(here.query), dict(here.kernel.vxlan), list(here.bgp)
    assert before == after


def test_what_goes_with_an_evi_is_listed() -> None:
    plan = planned(host(), config(evis=()))

    assert of(plan, "fdb") == [("remove", "02:00:00:00:00:01", VTEP)]
    assert of(plan, "flood") == [("remove", VTEP)]
    assert of(plan, "neighbor") == [
        ("remove", "02:00:00:00:00:01", "192.0.2.10"),
        ("remove", "02:00:00:00:00:02", "192.0.2.11"),
    ]
    assert of(plan, "route") == [
        ("remove", "02:00:00:00:00:02", "192.0.2.11", "mac-ip"),
        ("remove", "02:00:00:00:00:02", "mac-ip"),
        ("remove", "imet"),
    ]


def test_a_change_names_what_it_was() -> None:
    plan = planned(host(), with_evi(export_targets=(OTHER,)))

    (imet,) = [c for c in plan if c["what"] == "route" and c["type"] == "imet"]
    assert imet["action"] == "change"
    assert imet["route_targets"] == ["65000:999"]
    assert imet["was"] == {"route_targets": ["65000:100"]}


def test_another_ethernet_tag_is_a_change_of_the_evi_and_of_each_route() -> None:
    changes = planned(host(), with_evi(ethernet_tag=100))

    tags = {
        (change["what"], change["ethernet_tag"], change["was"]["ethernet_tag"])
        for change in changes
        if change["what"] in ("evi", "route")
    }
    assert tags == {("evi", 100, None), ("route", 100, 0)}
    # What others announce has another tag.
    assert of(changes, "fdb") == [("remove", "02:00:00:00:00:01", "10.0.0.2")]


def test_a_password_is_not_told() -> None:
    peers = (PeerConfig(PEER, 65000, password="hunter2"), config().peers[1])
    plan = planned(host(), config(peers=peers))

    (session,) = [c for c in plan if c["what"] == "session"]
    assert session["was"] == {"password": None}
    assert session["password"] == "(set)"
    assert "hunter2" not in str(plan)


def test_another_password_starts_the_session_anew_and_is_not_told() -> None:
    here = host()
    here.run(ConfigChanged(with_peer(password="hunter2")))
    plan = planned(here, with_peer(password="hunter3"))

    (session,) = [c for c in plan if c["what"] == "session"]
    assert session["restarts"]
    assert session["was"] == {"password": "(set)"}
    assert "hunter" not in str(plan)


def test_what_an_export_policy_keeps_back_goes_for_that_peer_alone() -> None:
    text = "rules: [{name: a, match: {ip: 192.0.2.0/24}, reject: true}]"
    plan = planned(host(), exporting(text, peer=True))

    (route,) = [c for c in plan if c["what"] == "route"]
    assert (route["action"], route["ip"]) == ("remove", "192.0.2.11")
    assert route["peers"] == [PEER]


def test_what_an_export_policy_sets_is_a_change_for_all_peers() -> None:
    text = "rules: [{name: a, match: {type: imet}, set: {community: ['65000:7']}}]"
    plan = planned(host(), exporting(text, peer=False))

    (route,) = [c for c in plan if c["what"] == "route"]
    assert (route["type"], route["communities"]) == ("imet", ["65000:7"])
    assert route["was"] == {"communities": []}
    assert "peers" not in route


def test_another_policy_is_a_change_whether_or_not_a_route_cares() -> None:
    here = host()
    first = exporting("rules: [{name: a, match: {vni: 7}, reject: true}]", peer=True)
    here.run(ConfigChanged(first))
    moved = exporting("\nrules: [{name: a, match: {vni: 7}, reject: true}]", peer=True)
    other = exporting("rules: [{name: a, match: {vni: 8}, reject: true}]", peer=True)

    assert planned(here, moved) == []
    (change,) = planned(here, other)
    assert (change["what"], change["name"], change["action"]) == (
        *("policy", "out", "change"),
    )
    assert change["was"].keys() == {"revision"}


def test_policies_of_an_evi_are_told() -> None:
    (evi,) = [
        change
        for change in planned(host(), with_evi(import_targets=OTHERS))
        if change["what"] == "evi"
    ]

    assert evi["import_targets"] == ["65000:999"]
    assert evi["was"] == {"import_targets": ["*:100"]}


def test_a_site_of_origin_is_a_change_of_every_route() -> None:
    wanted = config(site_of_origin=bytes.fromhex("0003fde800000009"))
    plan = planned(host(), wanted)

    assert [c["site_of_origin"] for c in plan] == [["65000:9"]] * 3


def test_a_new_peer_is_no_news_of_routes() -> None:
    assert [c["what"] for c in planned(host(), CONFIGURATIONS["one peer more"])] == [
        "session"
    ]


@pytest.mark.parametrize(
    ("changes", "lost"),
    [
        ({"hold_time": 30}, 3),
        ({"asn": 65009}, 3),
        ({"description": "spine"}, None),
        ({"import_policies": ()}, None),
    ],
)
def test_a_session_that_starts_anew_is_told_with_what_is_lost(
    changes: dict[str, object], lost: int | None
) -> None:
    sessions = [
        c for c in planned(host(), with_peer(**changes)) if c["what"] == "session"
    ]

    assert [c["restarts"] for c in sessions] == [lost is not None] * len(sessions)
    assert [c.get("routes_withdrawn") for c in sessions] == [lost] * len(sessions)


@pytest.mark.parametrize(("asn", "lost"), [(65000, 0), (65009, 3)])
def test_graceful_restart_keeps_the_routes_of_the_same_peer_alone(
    asn: int, lost: int
) -> None:
    here = host()
    here.engine.peering.sessions[PEER].restart_time = 120
    plan = planned(here, with_peer(hold_time=30, asn=asn))

    (session,) = [c for c in plan if c["what"] == "session"]
    assert session["routes_withdrawn"] == lost


def test_another_as_of_ours_starts_every_session_anew() -> None:
    plan = planned(host(), config(asn=65009))

    sessions = [c for c in plan if c["what"] == "session"]
    assert [c["restarts"] for c in sessions] == [True, True]
    assert sessions[0]["was"] == {"local_asn": 65000}
