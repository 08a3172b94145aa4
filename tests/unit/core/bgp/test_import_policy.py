"""Policies between the peers and the EVIs, both ways."""

from dataclasses import replace

from evpnd.model.actions import (
    DeleteRemoteMacs,
    KernelAction,
)
from evpnd.model.events import (
    ConfigChanged,
    UpdateReceived,
)
from evpnd.model.ids import parse_ip, parse_mac, parse_route_target
from evpnd.model.routes import (
    EthernetAdRoute,
    EthernetSegmentRoute,
    IpPrefixRoute,
    OtherRoute,
    PathAttributes,
    Update,
)
from evpnd.views import routes, show
from tests.fakes.host import (
    announce,
    announce_imet,
    attributes,
    rd_of,
    withdraw,
    withdraw_imet,
)
from tests.fakes.kernel import PORTS
from tests.unit.core.policy_host import (
    FIRST,
    MACS,
    SECOND,
    governed,
    host,
    policies,
)

NEAR, FAR = "10.0.0.2", "10.0.0.3"
VTEP = {text: parse_ip(text) for text in (NEAR, FAR)}
GATEWAY = parse_mac("00:00:5e:00:01:01")


NO_GATEWAY = """rules:
  - {name: gateway, match: {mac: 00:00:5e:00:01:00/40}, reject: not yours}
"""
NOTHING = "default: reject\n"
SILENT = "rules: [{name: silent, match: {type: imet}, reject: true}]\n"
MARKED_FIRST = """rules:
  - {name: marked, match: {community: "65000:1"}, set: {local-preference: 200}}
"""


def test_what_a_peers_policy_rejects_is_kept_and_not_imported() -> None:
    here = host(governed(peers={"import": ("guard",)}, guard=NO_GATEWAY))

    here.run(announce(FIRST, attributes(NEAR), NEAR, GATEWAY, *MACS))

    assert here.remote_macs() == dict.fromkeys(MACS, VTEP[NEAR])
    rejected = [route for route in routes.routes(here.query) if not route["accepted"]]
    assert [route["mac"] for route in rejected] == ["00:00:5e:00:01:01"]
    assert rejected[0]["reason"] == (
        "not yours (policy guard, rule gateway, guard.yaml:3)"
    )


def test_the_policies_of_an_evi_are_asked_after_the_peers() -> None:
    mark = 'rules: [{set: {community: {add: ["65000:9"]}}}]\n'
    unmarked = """rules:
  - {name: marked, match: {community: "65000:9"}, accept: true}
default: reject
"""
    asked = {"peers": {"import": ("mark",)}, "evi": {"import": ("only",)}}
    here = host(governed(**asked, mark=mark, only=unmarked))  # type: ignore[arg-type]
    other = host(governed(evi={"import": ("only",)}, only=unmarked))

    for each in (here, other):
        each.run(announce(FIRST, attributes(NEAR), NEAR, *MACS))

    assert set(here.remote_macs()) == set(MACS)
    assert other.remote_macs() == {}
    (reason,) = {route["reason"] for route in routes.routes(other.query)}
    assert reason == "rejected (policy only, rule default, only.yaml:4)"


def test_every_policy_of_a_row_must_accept() -> None:
    both = {"import": ("first", "second")}
    here = host(governed(peers=both, first="default: accept\n", second=NOTHING))

    here.run(announce(FIRST, attributes(NEAR), NEAR, *MACS))

    assert here.remote_macs() == {}


def test_flooding_is_silenced_by_rejecting_type_3() -> None:
    here = host(governed(evi={"import": ("silent",)}, silent=SILENT))

    here.run(
        announce_imet(FIRST, NEAR), announce(FIRST, attributes(NEAR), NEAR, MACS[0])
    )

    assert here.kernel.flood == {}
    assert set(here.remote_macs()) == {MACS[0]}
    (imet,) = (route for route in routes.routes(here.query) if route["type"] == 3)
    assert imet["reason"] == "rejected (policy silent, rule silent, silent.yaml:2)"

    here.run(withdraw_imet(FIRST, NEAR))

    assert [route["type"] for route in routes.routes(here.query)] == [2]


def test_a_preference_that_a_policy_sets_decides_between_two_vteps() -> None:
    marked = attributes(FAR, communities=(bytes.fromhex("fde80001"),))
    here = host(governed(peers={"import": ("near",)}, near=MARKED_FIRST))
    plain = host(governed())

    for each in (here, plain):
        each.run(
            announce(FIRST, attributes(NEAR), NEAR, MACS[0]),
            announce(SECOND, marked, FAR, MACS[0]),
        )

    assert plain.remote_macs() == {MACS[0]: VTEP[NEAR]}
    assert here.remote_macs() == {MACS[0]: VTEP[FAR]}

    here.run(withdraw(SECOND, FAR, MACS[0]))

    assert here.remote_macs() == {MACS[0]: VTEP[NEAR]}
    here.run(withdraw(FIRST, NEAR, MACS[0]))
    assert not here.vrf.routes.slots


TWO = "limits: [{macs: 2, per: [peer, vni]}]\n"


def test_rejected_routes_are_counted_with_the_memory_they_take() -> None:
    here = host(governed(peers={"import": ("guard", "two")}, guard=NO_GATEWAY, two=TWO))
    here.run(
        announce(FIRST, attributes(NEAR), NEAR, GATEWAY, *MACS),
        announce(SECOND, attributes(FAR), FAR, MACS[0]),
    )

    first, second = show.peers(here.query, here.now)

    assert (first["routes_received"], first["routes_rejected"]) == (5, 3)
    assert 200 < first["rejected_octets"] < 20_000
    assert (second["routes_rejected"], second["rejected_octets"]) == (0, 0)


def test_route_targets_that_a_policy_sets_lead_to_an_evi() -> None:
    here = host(
        governed(
            peers={"import": ("map",)},
            map='rules: [{match: {route-target: "65010:7"}, '
            'set: {route-target: ["65000:100"]}}]\n',
        )
    )
    foreign = PathAttributes(
        next_hop=VTEP[NEAR], route_targets=(parse_route_target("65010:7"),)
    )

    here.run(announce(FIRST, foreign, NEAR, *MACS))

    assert set(here.remote_macs()) == set(MACS)
    assert all(route["accepted"] for route in routes.routes(here.query))

    here.run(withdraw(FIRST, NEAR, *MACS))

    assert here.remote_macs() == {}
    assert not here.vrf.routes.slots


def test_a_route_that_comes_again_and_is_rejected_now_is_gone() -> None:
    reject = """rules:
  - {match: {mac: 02:00:00:00:00:01, community: "65000:1"}, reject: true}
"""
    here = host(governed(peers={"import": ("p",)}, p=reject))
    here.run(announce(FIRST, attributes(NEAR), NEAR, *MACS))

    marked = attributes(NEAR, communities=(bytes.fromhex("fde80001"),))
    here.run(announce(FIRST, marked, NEAR, *MACS))

    assert set(here.remote_macs()) == set(MACS[1:])
    here.run(announce(FIRST, attributes(NEAR), NEAR, *MACS))
    assert set(here.remote_macs()) == set(MACS)


def test_a_reload_judges_again_what_was_received_and_changes_no_more() -> None:
    here = host(governed(peers={"import": ("guard",)}, guard="default: accept\n"))
    here.run(
        announce(FIRST, attributes(NEAR), NEAR, GATEWAY, *MACS),
        announce_imet(FIRST, NEAR),
    )
    assert GATEWAY in here.remote_macs()
    before = set(here.remote_macs())
    here.bgp.clear()

    changed = governed(peers={"import": ("guard",)}, guard=NO_GATEWAY)
    here.tell(ConfigChanged(changed))
    actions = [each for each in here.turn() if isinstance(each, KernelAction)]

    assert [type(each) for each in actions] == [DeleteRemoteMacs]
    assert set(here.remote_macs()) == before - {GATEWAY}
    assert here.bgp == []

    here.run(ConfigChanged(governed()))
    assert set(here.remote_macs()) == before


def test_a_rule_is_shown_with_the_routes_that_it_is_for_now() -> None:
    settings = governed(
        peers={"import": ("guard",), "export": ("out",)},
        guard=NO_GATEWAY,
        out="rules: [{name: hosts, match: {type: mac-ip}, reject: true}]\n",
    )
    here = host(settings)
    here.run(*here.kernel.frame(PORTS[0], MACS[3]))
    here.run(announce(FIRST, attributes(NEAR), NEAR, GATEWAY, *MACS[:3]))

    def counts() -> dict[str, tuple[int, int]]:
        rules = show.policies(here.query)
        return {rule["rule"]: (rule["routes"], rule["judged"]) for rule in rules}

    before = counts()
    assert before["gateway"] == (1, 1)
    assert before["hosts"] == (1, 1)
    here.run(withdraw(FIRST, NEAR, GATEWAY))
    here.run(announce(FIRST, attributes(NEAR, 5), NEAR, GATEWAY))
    here.run(withdraw(FIRST, NEAR, GATEWAY))
    assert counts()["gateway"] == (0, 2)
    assert counts()["hosts"] == before["hosts"]


def test_policies_are_shown_with_their_rules_and_where_they_are_named() -> None:
    here = host(
        governed(
            peers={"export": ("guard",)}, evi={"import": ("guard",)}, guard=NO_GATEWAY
        )
    )

    first, last = show.policies(here.query)

    assert first == {
        "policy": "guard",
        "number": 1,
        "rule": "gateway",
        "at": "guard.yaml:3",
        "verdict": "reject",
        "routes": 0,
        "judged": 0,
        "attached": [
            "export to 192.0.2.1",
            "export to 192.0.2.2",
            "import into tenant",
        ],
        "limit": None,
    }
    assert (last["rule"], last["verdict"]) == ("default", "accept")


def test_routes_of_all_types_are_judged_counted_and_shown() -> None:
    text = """rules:
  - {name: prefixes, match: {type: ip-prefix, ip: 192.0.2.0/23}, reject: no prefixes}
  - {name: segments, match: {type: [ethernet-ad, ethernet-segment]}, reject: no ESI}
"""
    here = host(governed(peers={"import": ("p",)}, p=text))
    rd, esi = rd_of(NEAR), b"\1" * 10
    segment = EthernetSegmentRoute(rd, esi, parse_ip(NEAR))
    discovery = EthernetAdRoute(rd, esi, bytes(4), b"\0\0\x64")
    prefixes = [
        IpPrefixRoute(rd, bytes(10), bytes(4), 24, parse_ip(ip), bytes(4), bytes(3))
        for ip in ("192.0.2.0", "198.51.100.0")
    ]
    others: list[OtherRoute] = [segment, discovery, *prefixes]
    here.run(UpdateReceived(FIRST, Update(attributes(NEAR), [], others, [], [])))

    found = {
        (row["type"], row["ip"]): (row["accepted"], row["reason"])
        for row in routes.routes(here.query)
    }
    place = "policy p, rule"
    assert found == {
        (1, None): (False, f"no ESI ({place} segments, p.yaml:4)"),
        (4, None): (False, f"no ESI ({place} segments, p.yaml:4)"),
        (5, "192.0.2.0/24"): (False, f"no prefixes ({place} prefixes, p.yaml:3)"),
        (5, "198.51.100.0/24"): (True, "routes of this type are kept, but not used"),
    }
    counts = here.engine.importer.attached.counts()
    assert counts == {("p", "prefixes"): 1, ("p", "segments"): 2, ("p", "default"): 1}


def test_a_reload_that_changes_nothing_judges_nothing() -> None:
    settings = governed(peers={"import": ("guard",)}, guard=NO_GATEWAY)
    here = host(settings)
    here.run(announce(FIRST, attributes(NEAR), NEAR, GATEWAY, *MACS))
    before = here.engine.importer.attached.counts()
    unused = {**settings.policies, **policies(unused=NOTHING)}
    here.run(ConfigChanged(replace(settings, policies=unused)))

    assert here.engine.importer.attached.counts() == before


def test_equal_policies_keep_their_counts_over_a_reload() -> None:
    configuration = governed(peers={"import": ("guard",)}, guard=NO_GATEWAY)
    here = host(configuration)
    here.run(announce(FIRST, attributes(NEAR), NEAR, GATEWAY, *MACS))

    def counts() -> dict[str, int]:
        return {rule["rule"]: rule["judged"] for rule in show.policies(here.query)}

    assert counts() == {"gateway": 1, "default": 4}
    list(routes.routes(here.query))
    assert counts() == {"gateway": 1, "default": 4}
    here.run(ConfigChanged(governed(peers={"import": ("guard",)}, guard=NO_GATEWAY)))
    assert counts() == {"gateway": 1, "default": 4}
    here.run(ConfigChanged(governed(peers={"import": ("guard",)}, guard=NOTHING)))
    assert counts() == {"default": 5}


def test_a_policy_keeps_its_counts_where_another_of_the_row_changes() -> None:
    both = {"import": ("guard", "other")}
    here = host(governed(peers=both, guard=NO_GATEWAY, other="default: accept\n"))
    here.run(announce(FIRST, attributes(NEAR), NEAR, GATEWAY, *MACS))

    before = here.engine.importer.attached.counts()["guard", "gateway"]
    assert before == 1
    here.run(ConfigChanged(governed(peers=both, guard=NO_GATEWAY, other=NOTHING)))
    after = here.engine.importer.attached.counts()
    assert after["guard", "gateway"] == 2  # judged again
    list(show.policies(here.query))
    assert here.engine.importer.attached.counts() == after
    here.run(ConfigChanged(governed(peers=both, guard=NOTHING, other=NOTHING)))
    assert ("guard", "gateway") not in here.engine.importer.attached.counts()
