"""Compiled policies decide what the slow evaluation of their text decides."""

import json
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from evpnd.adapters.policy_files.load import judge_policy, parse_route
from evpnd.adapters.yaml.reader import parse_yaml
from evpnd.model.communities import ROUTE_TARGETS
from evpnd.model.community_text import format_community, format_large_community
from evpnd.model.ids import format_route_target
from evpnd.model.policy import Policy
from evpnd.policy.program import Chain, Outcome
from tests.property.policy_reference import evaluate, with_mobility

runs = settings(max_examples=150, deadline=None)
Words = dict[str, Any]

VNIS = (10, 11, 20)
MACS = (
    "02:00:00:00:00:01",
    "02:00:00:00:00:02",
    "02:00:00:ff:00:01",
    "52:54:00:00:00:01",
)
IPS = ("192.0.2.1", "192.0.2.200", "198.51.100.1", "2001:db8::1", "2001:db8:1::1")
NEXT_HOPS = ("10.0.0.1", "10.0.0.200", "10.1.0.1", "2001:db8:f::1")
TARGETS = ("65000:10", "65000:20", "10.0.0.1:10", "4200000001:10")
COMMUNITIES = ("65000:1", "65000:2", "65001:1", "no-export")
LARGE = ("65000:1:1", "65000:2:1", "65001:1:1")
SITES = ("soo:65000:1", "soo:10.0.0.1:1", "encap:vxlan")
RDS = ("10.0.0.1:10", "65000:10", "10.0.0.2:20")
PEERS = ("10.0.0.254", "10.0.0.253", "spine1", "spine2", "leaf1")

MATCH_VALUES: dict[str, tuple[str | int, ...]] = {
    "type": ("mac-ip", "imet", "ip-prefix", "ethernet-ad", "ethernet-segment"),
    "vni": (10, "10-11", "11-", "-11", 20),
    "ethernet-tag": (0, 1, "1-"),
    "sequence": (0, "1-", "-3", 7),
    "asn": (65000, "64512-65535", "4200000000-"),
    "as-path-length": (0, "1-2", "3-"),
    "mac": (
        *MACS,
        "02:00:00:00:00:00/24",
        "02:00:00:00:00:00/46",
        "00:00:00:00:00:00/0",
    ),
    "ip": (
        *IPS,
        "192.0.2.0/24",
        "192.0.2.128/25",
        "2001:db8::/32",
        "0.0.0.0/0",
        "none",
    ),
    "vtep": (*NEXT_HOPS, "10.0.0.0/24", "10.0.0.0/8", "2001:db8::/32"),
    "originator": (*NEXT_HOPS, "10.0.0.0/25"),
    "gateway": ("192.0.2.1", "192.0.2.0/24"),
    "rd": (*RDS, "*:10", "10.0.0.1:*", "*", "10.0.*.*:10", "*:*"),
    "route-target": (*TARGETS, "65000:*", "*:10", "*:20", "*", "10.*.0.1:*"),
    "community": (*COMMUNITIES, "65000:*", "*:1", "*"),
    "large-community": (*LARGE, "65000:*:1", "*:1:*", "*"),
    "extended-community": (
        *SITES,
        "rt:65000:*",
        "rt:*:10",
        "soo:*:1",
        "*",
        "encap:vxlan",
        "mac-mobility",
        "0x060001*",
    ),
    "peer": (*PEERS, "10.0.0.0/24", "spine*", "*1", "*"),
    "learned": ("dynamic", "static", "neighbor", "snooped"),
}


def listed(values: tuple[str | int, ...]) -> st.SearchStrategy[object]:
    one = st.sampled_from(values)
    return one | st.lists(one, min_size=1, max_size=3)


keys = {name: listed(values) for name, values in MATCH_VALUES.items()} | {
    name: st.booleans() for name in ("sticky", "default-gateway", "local")
}
plain_matches = (
    st.lists(st.sampled_from(sorted(keys)), min_size=1, max_size=3, unique=True)
    .map(lambda names: {name: keys[name] for name in names})
    .flatmap(st.fixed_dictionaries)
)
with_sets = st.fixed_dictionaries(
    {}, optional={"mac": st.just("$macs"), "vni": st.just(["$vnis", 20])}
).filter(bool)


def nested(inner: st.SearchStrategy[Words]) -> st.SearchStrategy[Words]:
    extra = st.fixed_dictionaries({"not": inner}) | st.fixed_dictionaries(
        {"any": st.lists(inner, min_size=1, max_size=2)}
    )
    return st.builds(lambda first, second: first | second, inner, extra)


of_the_key = st.fixed_dictionaries(
    {"mac": keys["mac"]}, optional={"community": keys["community"]}
) | st.fixed_dictionaries({"ip": keys["ip"]}, optional={"sticky": keys["sticky"]})
matches = st.recursive(plain_matches | with_sets | of_the_key, nested, max_leaves=4)


def edits(
    members: tuple[str, ...], patterns: tuple[str, ...]
) -> st.SearchStrategy[object]:
    several = st.lists(st.sampled_from(members), min_size=1, max_size=2, unique=True)
    removed = st.lists(st.sampled_from(patterns), min_size=1, max_size=2)
    return (
        several
        | st.fixed_dictionaries({"add": several}, optional={"remove": removed})
        | st.fixed_dictionaries({"remove": removed})
    )


changes = st.fixed_dictionaries(
    {},
    optional={
        "local-preference": st.sampled_from([50, 200]),
        "med": st.just(7),
        "sticky": st.booleans(),
        "community": edits(COMMUNITIES, (*COMMUNITIES, "65000:*")),
        "large-community": edits(LARGE, ("*:1:1",)),
        "route-target": edits(TARGETS, (*TARGETS, "*:10")),
    },
).filter(bool)
actions = (
    st.just({"accept": True})
    | st.just({"reject": "because"})
    | st.fixed_dictionaries({"set": changes, "next": st.just(True)})
    | st.fixed_dictionaries({"set": changes, "accept": st.just("well")})
    | st.fixed_dictionaries({"set": changes})
)


def rules_with(some_matches: st.SearchStrategy[Words]) -> st.SearchStrategy[Words]:
    return st.builds(
        lambda match, action: {"match": match, **action}, some_matches, actions
    )


def policies_of(some_rules: st.SearchStrategy[Words]) -> st.SearchStrategy[Words]:
    return st.fixed_dictionaries(
        {
            "policy": st.just("p"),
            "rules": st.lists(some_rules, min_size=1, max_size=6),
            "default": st.sampled_from(["accept", "reject"]),
            "sets": st.just(
                {"macs": ["02:00:00:00:00:00/40", MACS[3]], "vnis": ["10-11"]}
            ),
        }
    )


policies = policies_of(rules_with(matches) | actions)
key_policies = policies_of(rules_with(of_the_key) | rules_with(matches))


def some(values: tuple[str, ...]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(values), max_size=3, unique=True)


common: dict[str, st.SearchStrategy[Any]] = {
    "vtep": st.sampled_from(NEXT_HOPS),
    "rd": st.sampled_from(RDS),
    "asn": st.sampled_from([65000, 4200000001]),
    "as-path-length": st.integers(0, 4),
    "route-target": some(TARGETS),
    "community": some(COMMUNITIES),
    "large-community": some(LARGE),
    "extended-community": some(SITES),
    "peer": st.sampled_from(PEERS),
    "local": st.booleans(),
}
labelled = {"vni": st.sampled_from(VNIS), "ethernet-tag": st.integers(0, 2)}
mac_ip_paths = st.fixed_dictionaries(
    {"type": st.just("mac-ip")},
    optional=common
    | labelled
    | {
        "sequence": st.integers(0, 8),
        "sticky": st.booleans(),
        "default-gateway": st.booleans(),
    },
)
mac_ip_keys = st.fixed_dictionaries(
    {"mac": st.sampled_from(MACS)}, optional={"ip": st.sampled_from(IPS)}
)
other_routes = (
    st.fixed_dictionaries(
        {"type": st.just("imet")},
        optional=common | labelled | {"originator": st.sampled_from(NEXT_HOPS)},
    )
    | st.fixed_dictionaries(
        {"type": st.just("ethernet-ad")}, optional=common | labelled
    )
    | st.fixed_dictionaries(
        {"type": st.just("ethernet-segment")},
        optional=common | {"originator": st.sampled_from(NEXT_HOPS)},
    )
    | st.fixed_dictionaries(
        {
            "type": st.just("ip-prefix"),
            "ip": st.sampled_from(["192.0.2.0/25", "0.0.0.0/0", "2001:db8::/48"]),
        },
        optional=common | labelled | {"gateway": st.just("192.0.2.1")},
    )
)
routes = (
    st.builds(lambda path, key: path | key, mac_ip_paths, mac_ip_keys) | other_routes
)


def compiled(policy: Words) -> Policy:
    found, findings = judge_policy(parse_yaml(json.dumps(policy), Path("p.yaml")))
    assert found is not None, [str(error) for error in findings.errors]
    return found.policy


def is_sound(policy: Words) -> bool:
    """Return whether `check` takes it: some sets cannot apply to what is matched."""
    found, _ = judge_policy(parse_yaml(json.dumps(policy), Path("p.yaml")))
    return found is not None


def completed(route: Words) -> Words:
    """Write what a route's communities say twice in both places."""
    extended = [f"rt:{each}" for each in route.get("route-target", [])]
    extended += route.get("extended-community", [])
    if route.get("default-gateway"):
        extended.append("default-gateway")
    route = route | {"extended-community": extended}
    return route | {"extended-community": with_mobility(route)}


def format_extended_community(community: bytes) -> str:
    """Write one as the reference does: by name where SITES or a target names it."""
    if community[:2] in (b"\x00\x03", b"\x01\x03"):
        return f"soo:{format_route_target(community)}"
    names = {
        bytes.fromhex("030c000000000008"): "encap:vxlan",
        bytes.fromhex("030d000000000000"): "default-gateway",
    }
    if community in names:
        return names[community]
    if community[:2] in ROUTE_TARGETS:
        return f"rt:{format_route_target(community)}"
    return "0x" + community.hex()


def assert_same(outcome: Outcome, chain: list[Words], route: Words) -> None:
    verdict, rule, state = evaluate(chain, completed(route))
    subject = outcome.subject
    assert ("accept" if outcome.accepted else "reject") == verdict
    if chain:
        assert outcome.steps[-1].rule == rule
    if verdict == "reject":
        return
    assert subject.local_preference == state.get("local-preference")
    assert subject.med == state.get("med")
    assert subject.sticky == state.get("sticky", False)
    for key, members, text in (
        ("community", subject.communities, format_community),
        ("large-community", subject.large_communities, format_large_community),
        ("route-target", subject.route_targets, format_route_target),
        ("extended-community", subject.extended_communities, format_extended_community),
    ):
        assert sorted(map(text, members)) == sorted(set(state.get(key, [])))


chains = st.lists(policies.filter(is_sound), max_size=3)
key_chains = st.lists(key_policies.filter(is_sound), min_size=1, max_size=3)


@runs
@given(chain=chains, route=routes)
def test_a_route_alone_fares_as_the_text_says(chain: list[Words], route: Words) -> None:
    tried = parse_route(json.dumps(route))

    program = Chain([compiled(policy) for policy in chain]).program(tried.subject)

    assert_same(program.outcome_of(tried.key), chain, route)


@runs
@given(
    chain=key_chains,
    paths=st.lists(mac_ip_paths, min_size=1, max_size=4),
    keys=st.lists(mac_ip_keys, min_size=1, max_size=8, unique_by=repr),
)
def test_routes_of_shared_paths_fare_as_each_of_them_alone(
    chain: list[Words], paths: list[Words], keys: list[Words]
) -> None:
    compiled_chain = Chain([compiled(policy) for policy in chain])
    octets = {
        tried.key.mac + tried.key.ip: key
        for key in keys
        for tried in [parse_route(json.dumps({"type": "mac-ip"} | key))]
    }
    for path in paths:
        subject = parse_route(json.dumps(path | keys[0])).subject
        parts = compiled_chain.program(subject).partition(list(octets))

        assert sorted(key for _, part in parts for key in part) == sorted(octets)
        for outcome, part in parts:
            for key in part:
                assert_same(outcome, chain, path | octets[key])


@runs
@given(policy=policies, route=mac_ip_paths, keys=st.lists(mac_ip_keys, min_size=1))
def test_what_does_not_depend_on_the_key_is_one_part(
    policy: Words, route: Words, keys: list[Words]
) -> None:
    text = json.dumps(policy["rules"])
    if '"mac"' in text or '"ip"' in text or not is_sound(policy):
        return
    tried = [parse_route(json.dumps(route | key)) for key in keys]

    program = Chain([compiled(policy)]).program(tried[0].subject)

    assert program.relevant == 0
    assert len(program.partition([each.key.mac for each in tried])) == 1
