"""Rulesets as `nft -j list ruleset` prints them."""

import json

import pytest

from evpnd.adapters.host.nft import UNKNOWN, parse_ruleset
from evpnd.doctor.facts import Match

UDP, TCP = Match("proto", ((17, 17),)), Match("proto", ((6, 6),))
IP = Match("family", (("ip", "ip"),))
TEN = (10 << 24, (11 << 24) - 1)


def match(left: object, right: object, op: str = "==") -> dict[str, object]:
    return {"match": {"op": op, "left": left, "right": right}}


def payload(protocol: str, field: str) -> dict[str, object]:
    return {"payload": {"protocol": protocol, "field": field}}


def ruleset(*statements: object, **more: object) -> str:
    place = {"family": "inet", "table": "t"}
    chain = {**place, "name": "c", "type": "filter", "hook": "input", "prio": -5}
    rule = {**place, "chain": "c", "handle": 7, "expr": statements}
    listed = [{kind: {**place, **value}} for kind, value in more.items()]  # type: ignore[dict-item]
    return json.dumps({"nftables": [{"chain": chain}, *listed, {"rule": rule}]})


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        (match(payload("udp", "dport"), 4789), [UDP, Match("dport", ((4789, 4789),))]),
        (
            match(payload("tcp", "dport"), {"set": ["bgp", {"range": [20, 22]}]}),
            [TCP, Match("dport", ((179, 179), (20, 22)))],
        ),
        (
            match(payload("ip", "saddr"), {"prefix": {"addr": "10.0.0.0", "len": 8}}),
            [IP, Match("saddr", (TEN,))],
        ),
        (
            match(payload("ip", "saddr"), {"range": ["10.0.0.0", "10.255.255.255"]}),
            [IP, Match("saddr", (TEN,))],
        ),
        (
            match(payload("ip", "saddr"), "@far", "!="),
            [IP, Match("saddr", (TEN,), negated=True)],
        ),
        (
            match({"meta": {"key": "iifname"}}, "eth0"),
            [Match("iif", (("eth0", "eth0"),))],
        ),
        (match({"meta": {"key": "l4proto"}}, "udp"), [Match("proto", ((17, 17),))]),
        (
            match({"ct": {"key": "state"}}, ["established", "related"], "in"),
            [
                Match(
                    "state",
                    (("established", "established"), ("related", "related")),
                )
            ],
        ),
        (match({"meta": {"key": "mark"}}, 7), [UNKNOWN]),
        (match(payload("udp", "dport"), "@nowhere"), [UDP, Match("dport")]),
        ({"limit": {"rate": 10, "per": "second"}}, [UNKNOWN]),
        ({"xt": {"type": "match", "name": "u32"}}, [UNKNOWN]),
        ({"counter": {"packets": 0, "bytes": 0}}, []),
    ],
)
def test_conditions(statement: object, found: list[Match]) -> None:
    far = {"name": "far", "elem": [{"prefix": {"addr": "10.0.0.0", "len": 8}}]}
    (chain,) = parse_ruleset(ruleset(statement, {"drop": None}, set=far))
    (rule,) = chain.rules

    assert list(rule.matches) == found
    assert rule.verdict == "drop"
    assert rule.text.endswith("drop # handle 7")


def test_a_chain_and_its_verdicts() -> None:
    text = ruleset({"jump": {"target": "vxlan"}})
    (chain,) = parse_ruleset(text)

    assert (chain.hook, chain.priority, chain.policy) == ("input", -5, "accept")
    assert [(rule.verdict, rule.target) for rule in chain.rules] == [("jump", "vxlan")]


def test_a_verdict_map_becomes_a_rule_for_each_element() -> None:
    data = {"set": [[4789, {"drop": None}], [53, {"goto": {"target": "dns"}}]]}
    text = ruleset({"vmap": {"key": payload("udp", "dport"), "data": data}})
    (chain,) = parse_ruleset(text)

    assert [(rule.verdict, rule.target) for rule in chain.rules] == [
        ("drop", ""),
        ("goto", "dns"),
    ]
    assert chain.rules[0].matches == (UDP, Match("dport", ((4789, 4789),)))


def test_what_is_no_ruleset_is_refused() -> None:
    with pytest.raises(ValueError, match="Expecting value"):
        parse_ruleset("nope")
