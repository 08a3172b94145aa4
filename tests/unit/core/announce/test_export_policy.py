"""Export policies: what peers are told, and when they are told otherwise."""

from dataclasses import replace

from evpnd.model.actions import (
    AnnounceImet,
    AnnounceMacIp,
    WithdrawMacIp,
)
from evpnd.model.config import Config, StaticEntry
from evpnd.model.events import (
    ConfigChanged,
)
from evpnd.model.ids import parse_route_target
from tests.fakes.host import (
    PEERS,
    Host,
)
from tests.fakes.kernel import PORTS
from tests.unit.core.policy_host import (
    FIRST,
    MACS,
    SECOND,
    governed,
    host,
)

ONE = f"rules: [{{name: one, match: {{mac: {MACS[0].hex(':')}}}, reject: true}}]\n"


def told(here: Host) -> dict[str | None, set[bytes]]:
    """Return which keys each peer knows of us; None: all of them, a type 3 is empty."""
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


def test_a_policy_sees_the_ethernet_tag_of_our_routes() -> None:
    rules = "rules: [{name: one, match: {ethernet-tag: 100}, reject: true}]\n"
    plain = governed(peers={"export": ("one",)}, one=rules)
    tagged = replace(plain, evis=(replace(plain.evis[0], ethernet_tag=100),))
    here = with_tenants(plain)
    assert told(here) == {None: {b"", *MACS[:2]}}

    here.run(ConfigChanged(tagged))
    assert here.engine.exporter.advertised([here.vrf]) == dict.fromkeys(PEERS, 0)
    assert not any(told(with_tenants(tagged)).values())


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

    (advert,) = {
        action.advert for action in here.bgp if isinstance(action, AnnounceMacIp)
    }
    imet = next(each for each in here.bgp if isinstance(each, AnnounceImet))
    assert (advert.med, advert.local_preference) == (7, 50)
    assert advert.communities == (bytes.fromhex("fde80001"),)
    assert advert.large_communities == (bytes.fromhex("0000fde80000000100000001"),)
    assert parse_route_target("65000:200") in advert.route_targets
    assert advert.sticky
    assert imet.advert.med is None


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


def test_what_was_never_told_is_not_withdrawn_by_a_reload() -> None:
    here = with_tenants(governed(peers={"export": ("one",)}, one=ONE))
    here.bgp.clear()
    more = ONE.replace("}]", "}, {match: {vni: 7}, reject: true}]")
    other = governed(peers={"export": ("one",)}, one=more)
    evi = replace(other.evis[0], export_targets=(parse_route_target("65000:200"),))
    here.run(ConfigChanged(replace(other, evis=(evi,))))

    assert told(here) == {None: {b"", MACS[1]}}
    assert not [each for each in here.bgp if isinstance(each, WithdrawMacIp)]


NO_STATIC = "rules: [{match: {type: mac-ip, learned: static}, reject: true}]\n"
MARKED = """rules:
  - {match: {learned: static}, set: {community: ["65000:1"]}}
"""


def gone(here: Host) -> list[WithdrawMacIp]:
    """List what was withdrawn."""
    return [action for action in here.bgp if isinstance(action, WithdrawMacIp)]


def test_a_mac_that_becomes_static_is_judged_again_at_once() -> None:
    here = with_tenants(governed(peers={"export": ("p",)}, p=NO_STATIC))
    assert told(here) == {None: {b"", *MACS[:2]}}
    here.run(*here.kernel.put(PORTS[0], MACS[0]))

    assert gone(here) == [WithdrawMacIp(None, here.vrf.rd, [MACS[0]])]
    here.run(*here.kernel.frame(PORTS[0], MACS[0]))
    assert told(here) == {None: {b"", MACS[1]}}


def test_what_a_policy_sets_follows_how_a_mac_was_learned() -> None:
    here = with_tenants(governed(peers={"export": ("p",)}, p=MARKED))
    here.bgp.clear()
    here.run(*here.kernel.put(PORTS[0], MACS[0]))

    (again,) = here.bgp
    assert isinstance(again, AnnounceMacIp)
    assert again.keys == [MACS[0]]
    assert again.advert.communities == (bytes.fromhex("fde80001"),)


def test_a_policy_that_asks_later_knows_of_changes_since() -> None:
    """A change that nobody asked for is not lost on the policy that asks first."""
    here = with_tenants(governed(peers={"export": ("one",)}, one=ONE))
    here.run(*here.kernel.put(PORTS[0], MACS[1]))
    here.bgp.clear()
    here.run(ConfigChanged(governed(peers={"export": ("p",)}, p=NO_STATIC)))
    assert gone(here) == [WithdrawMacIp(peer, here.vrf.rd, [MACS[1]]) for peer in PEERS]
    assert told(here) == {peer: {MACS[0]} for peer in PEERS}

    here.bgp.clear()
    here.run(*here.kernel.put(PORTS[0], MACS[0]))
    here.run(ConfigChanged(governed(peers={"export": ("p",)}, p=NO_STATIC + "\n")))
    assert gone(here) == [WithdrawMacIp(None, here.vrf.rd, [MACS[0]])]


def test_a_mac_that_the_configuration_makes_static_is_judged_again() -> None:
    only = """rules:
  - {match: {learned: static}, accept: true}
  - {match: {type: mac-ip}, reject: true}
"""
    plain = governed(peers={"export": ("p",)}, p=only)
    evi = replace(plain.evis[0], static=(StaticEntry(MACS[0]),))
    here = with_tenants(plain)
    assert told(here) == {None: {b""}}
    here.run(ConfigChanged(replace(plain, evis=(evi,))))
    assert told(here) == {None: {b"", MACS[0]}}
    here.run(ConfigChanged(plain))
    assert told(here) == {None: {b""}}


def test_what_a_reload_finds_learned_otherwise_is_withdrawn_and_stays_so() -> None:
    here = with_tenants(governed(peers={"export": ("p",)}, p=NO_STATIC))
    here.bgp.clear()
    here.tell(*here.kernel.put(PORTS[0], MACS[0]))
    text = """rules:
  - {match: {type: mac-ip, learned: static}, reject: true}
  - {match: {vni: 7}, reject: true}
"""
    here.run(ConfigChanged(governed(peers={"export": ("p",)}, p=text)))
    withdrawn = [key for action in gone(here) for key in action.keys]

    assert withdrawn == [MACS[0]] * len(gone(here))
    assert withdrawn
    here.bgp.clear()
    here.run(*here.kernel.frame(PORTS[0], MACS[0]))
    assert told(here) == {}
