"""The way of one packet through rules, which may be understood in part."""

from evpnd.doctor.facts import Chain, Firewall, Match, Rule
from evpnd.doctor.packets import Packet, follow, holds

PACKET: Packet = {"family": "ip", "proto": 17, "dport": 4789, "iif": "eth0"}
VXLAN = Match("dport", ((4789, 4789),))
OTHER = Match("dport", ((53, 53),))
UNKNOWN = Match("")


def rule(verdict: str, *matches: Match, target: str = "") -> Rule:
    return Rule(matches, verdict, target, verdict)


def chain(*rules: Rule, **changes: object) -> Chain:
    made = Chain("nft", "inet", "t", "c", "input", 0, "accept", "", rules)
    return made._replace(**changes)  # type: ignore[arg-type]


def dropped(*chains: Chain) -> list[tuple[str, bool]]:
    found = follow(Firewall(chains), PACKET, "input")
    return [(each.chain.name, each.sure) for each in found]


def test_the_first_rule_that_holds_decides() -> None:
    accept, drop = rule("accept", VXLAN), rule("drop", VXLAN)

    assert dropped(chain(accept, drop)) == []
    assert dropped(chain(rule("accept", OTHER), drop, accept)) == [("c", True)]


def test_where_none_holds_the_policy_does() -> None:
    assert dropped(chain(rule("accept", OTHER), policy="drop")) == [("c", True)]
    assert dropped(chain()) == []


def test_a_rule_that_may_accept_leaves_doubt_and_one_that_may_drop_none() -> None:
    maybe = rule("accept", UNKNOWN)

    assert dropped(chain(maybe, rule("drop"))) == [("c", False)]
    assert dropped(chain(rule("drop", UNKNOWN))) == []
    # A condition that does not hold settles it, whatever the others are.
    assert dropped(chain(rule("accept", UNKNOWN, OTHER), rule("drop"))) == [("c", True)]


def test_chains_are_jumped_to_and_returned_from() -> None:
    side = chain(rule("return", VXLAN), rule("drop"), name="side", hook="")
    drops = chain(rule("drop"), name="side", hook="")
    jump, go = rule("jump", target="side"), rule("goto", target="side")

    assert dropped(chain(jump), side) == []
    assert dropped(chain(jump, rule("drop")), side) == [("c", True)]
    assert dropped(chain(go, rule("drop")), side) == []
    assert dropped(chain(jump), drops) == [("c", True)]
    assert dropped(chain(rule("jump", target="gone"), rule("drop"))) == [("c", False)]


def test_a_chain_that_jumps_to_itself_ends() -> None:
    circle = chain(rule("jump", target="c"), rule("drop"))

    assert dropped(circle) == [("c", False)]


def test_only_chains_of_the_family_and_device_count() -> None:
    drop = rule("drop")

    assert dropped(chain(drop, family="ip6")) == []
    assert dropped(chain(drop, family="netdev", device="eth1")) == []
    assert dropped(chain(drop, family="netdev", device="eth0")) == [("c", True)]


def test_every_chain_of_the_hook_is_passed_in_order() -> None:
    late = chain(rule("drop"), name="late", priority=10)
    early = chain(rule("drop"), name="early", priority=-10)

    assert dropped(late, early) == [("early", True), ("late", True)]


def test_names_numbers_and_their_opposites() -> None:
    assert holds(Match("iif", (("eth*", "eth*"),)), PACKET) is True
    assert holds(Match("iif", (("eth1", "eth1"),)), PACKET) is False
    assert holds(Match("iif", (("eth1", "eth1"),), negated=True), PACKET) is True
    assert holds(Match("dport", ((1, 10), (4000, 5000))), PACKET) is True
    assert holds(Match("saddr", ((1, 2),)), PACKET) is None
