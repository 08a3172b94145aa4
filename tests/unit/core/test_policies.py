"""Policies between the peers and the EVIs, both ways."""

from dataclasses import replace
from pathlib import Path

from evpnd.adapters.config_yaml.policies import judge_policy
from evpnd.adapters.config_yaml.reader import parse_yaml
from evpnd.core import route_views, views
from evpnd.model.actions import (
    AnnounceImet,
    AnnounceMacIp,
    DeleteRemoteMacs,
    KernelAction,
    WithdrawMacIp,
)
from evpnd.model.config import Config, EviConfig, PeerConfig, StaticEntry
from evpnd.model.events import (
    ConfigChanged,
    UpdateReceived,
)
from evpnd.model.ids import parse_ip, parse_mac, parse_route_target
from evpnd.model.policy import Policy
from evpnd.model.routes import (
    EthernetAdRoute,
    EthernetSegmentRoute,
    IpPrefixRoute,
    OtherRoute,
    PathAttributes,
    Update,
)
from tests.fakes.host import (
    PEERS,
    Host,
    announce,
    announce_imet,
    attributes,
    config,
    rd_of,
    withdraw,
    withdraw_imet,
)
from tests.fakes.kernel import PORTS

NEAR, FAR = "10.0.0.2", "10.0.0.3"
VTEP = {text: parse_ip(text) for text in (NEAR, FAR)}
MACS = [parse_mac(f"02:00:00:00:00:{number:02x}") for number in range(1, 5)]
GATEWAY = parse_mac("00:00:5e:00:01:01")
FIRST, SECOND = PEERS


def policies(**rules: str) -> dict[str, Policy]:
    """Make policies of the text that stands below `policy: NAME`."""
    found = {}
    for name, text in rules.items():
        path = Path(f"{name}.yaml")
        judged, findings = judge_policy(parse_yaml(f"policy: {name}\n{text}", path))
        assert judged is not None, findings.errors
        found[name] = judged.policy
    return found


def governed(
    *,
    peers: dict[str, tuple[str, ...]] | None = None,
    evi: dict[str, tuple[str, ...]] | None = None,
    **rules: str,
) -> Config:
    """Give both peers, and the EVI, some policies."""
    plain = config()
    of_evi = {f"{way}_policies": names for way, names in (evi or {}).items()}
    of_peers = {f"{way}_policies": names for way, names in (peers or {}).items()}
    given = {name: getattr(plain.evis[0], name) for name in EviConfig.__slots__}
    return config(
        peers=tuple(
            PeerConfig(peer, 65000, f"spine{number}", **of_peers)  # type: ignore[arg-type]
            for number, peer in enumerate(PEERS, 1)
        ),
        evis=(EviConfig(**(given | of_evi)),),
        policies=policies(**rules),
    )


def host(configuration: Config) -> Host:
    made = Host(configuration=configuration)
    made.up()
    return made


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
    rejected = [
        route for route in route_views.routes(here.engine) if not route["accepted"]
    ]
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
    (reason,) = {route["reason"] for route in route_views.routes(other.engine)}
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
    (imet,) = (route for route in route_views.routes(here.engine) if route["type"] == 3)
    assert imet["reason"] == "rejected (policy silent, rule silent, silent.yaml:2)"

    here.run(withdraw_imet(FIRST, NEAR))

    assert [route["type"] for route in route_views.routes(here.engine)] == [2]


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
    assert here.vrf.routes == {}


TWO = "limits: [{macs: 2, per: [peer, vni]}]\n"


def test_rejected_routes_are_counted_with_the_memory_they_take() -> None:
    here = host(governed(peers={"import": ("guard", "two")}, guard=NO_GATEWAY, two=TWO))
    here.run(
        announce(FIRST, attributes(NEAR), NEAR, GATEWAY, *MACS),
        announce(SECOND, attributes(FAR), FAR, MACS[0]),
    )

    first, second = views.peers(here.engine, here.now)

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
    assert all(route["accepted"] for route in route_views.routes(here.engine))

    here.run(withdraw(FIRST, NEAR, *MACS))

    assert here.remote_macs() == {}
    assert here.vrf.routes == {}


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
        rules = views.policies(here.engine)
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

    first, last = views.policies(here.engine)

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


def told(here: Host) -> dict[str | None, set[bytes]]:
    """Say which keys each peer knows of us; None: all of them, a type 3 is empty."""
    known: dict[str | None, set[bytes]] = {}
    for action in here.bgp:
        match action:
            case AnnounceMacIp(peer=peer, keys=keys):
                known.setdefault(peer, set()).update(keys)
            case AnnounceImet(peer=peer):
                known.setdefault(peer, set()).add(b"")
            case WithdrawMacIp(peer=peer, keys=keys):
                known.setdefault(peer, set()).difference_update(keys)
            case _:
                pass
    return known


def with_tenants(configuration: Config) -> Host:
    here = host(configuration)
    for mac in MACS[:2]:
        here.run(*here.kernel.frame(PORTS[0], mac))
    return here


ONE = f"rules: [{{name: one, match: {{mac: {MACS[0].hex(':')}}}, reject: true}}]\n"


def test_what_an_export_policy_rejects_is_not_told_and_a_reload_tells_it() -> None:
    here = with_tenants(governed(peers={"export": ("one",)}, one=ONE))

    assert told(here) == {None: {b"", MACS[1]}}

    here.bgp.clear()
    here.run(ConfigChanged(governed()))
    assert told(here) == {peer: {MACS[0]} for peer in PEERS}

    here.bgp.clear()
    here.run(ConfigChanged(governed(evi={"export": ("one",)}, one=ONE)))
    assert here.bgp == [WithdrawMacIp(peer, here.vrf.rd, [MACS[0]]) for peer in PEERS]


def test_policies_that_ask_for_the_peer_part_the_peers() -> None:
    only_first = (
        "rules: [{name: p, match: {peer: spine2, type: mac-ip}, reject: true}]\n"
    )
    here = with_tenants(governed(evi={"export": ("p",)}, p=only_first))

    assert told(here) == {FIRST: {b"", *MACS[:2]}, SECOND: {b""}}


def test_what_an_export_policy_sets_is_told() -> None:
    sets = """rules:
  - match: {learned: dynamic, local: true, sticky: false}
    set:
      sticky: true
      med: 7
      local-preference: 50
      community: ["65000:1"]
      large-community: {add: ["65000:1:1"]}
      route-target: {add: ["65000:200"]}
"""
    here = with_tenants(governed(peers={"export": ("p",)}, p=sets))

    (attributes_,) = {
        action.attributes for action in here.bgp if isinstance(action, AnnounceMacIp)
    }
    imet = next(each for each in here.bgp if isinstance(each, AnnounceImet))
    assert (attributes_.med, attributes_.local_preference) == (7, 50)
    assert attributes_.communities == (bytes.fromhex("fde80001"),)
    assert attributes_.large_communities == (bytes.fromhex("0000fde80000000100000001"),)
    assert parse_route_target("65000:200") in attributes_.extended_communities
    assert bytes.fromhex("0600010000000000") in attributes_.extended_communities
    assert imet.attributes.med is None


def test_how_a_local_mac_was_learned_is_known_to_policies() -> None:
    only_static = """rules:
  - {match: {learned: static}, accept: true}
  - {match: {type: mac-ip}, reject: true}
"""
    plain = governed(peers={"export": ("p",)}, p=only_static)
    static = replace(plain.evis[0], static=(StaticEntry(MACS[1]),))
    here = with_tenants(replace(plain, evis=(static,)))

    assert told(here) == {None: {b"", MACS[1]}}


def test_equal_policies_announce_nothing_on_reload() -> None:
    here = with_tenants(governed(peers={"export": ("one",)}, one=ONE))
    here.bgp.clear()

    here.run(ConfigChanged(governed(peers={"export": ("one",)}, one="\n" + ONE)))

    assert here.bgp == []


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
    routes: list[OtherRoute] = [segment, discovery, *prefixes]
    here.run(UpdateReceived(FIRST, Update(attributes(NEAR), [], routes, [], [])))

    found = {
        (row["type"], row["ip"]): (row["accepted"], row["reason"])
        for row in route_views.routes(here.engine)
    }
    place = "policy p, rule"
    assert found == {
        (1, None): (False, f"no ESI ({place} segments, p.yaml:4)"),
        (4, None): (False, f"no ESI ({place} segments, p.yaml:4)"),
        (5, "192.0.2.0/24"): (False, f"no prefixes ({place} prefixes, p.yaml:3)"),
        (5, "198.51.100.0/24"): (True, "routes of this type are kept and not used"),
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
        return {rule["rule"]: rule["judged"] for rule in views.policies(here.engine)}

    assert counts() == {"gateway": 1, "default": 4}
    list(route_views.routes(here.engine))
    assert counts() == {"gateway": 1, "default": 4}
    here.run(ConfigChanged(governed(peers={"import": ("guard",)}, guard=NO_GATEWAY)))
    assert counts() == {"gateway": 1, "default": 4}
    here.run(ConfigChanged(governed(peers={"import": ("guard",)}, guard=NOTHING)))
    assert counts() == {"default": 5}
