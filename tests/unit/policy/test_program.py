"""Beside the property that programs decide as the text says: what they cost."""

from evpnd.model.ids import parse_ip, parse_mac
from evpnd.model.policy import (
    NO_ADDRESS,
    Changes,
    Criterion,
    Edit,
    Field,
    Key,
    Match,
    Not,
    Policy,
    Prefix,
    Range,
    RouteType,
    Rule,
    Subject,
    Verdict,
)
from evpnd.policy.program import Chain

PATH = Subject(RouteType.MAC_IP, vni=10)
MACS = [parse_mac(f"02:00:00:00:00:{number:02x}") for number in range(8)]
FIRST_FOUR = Criterion(Field.MAC, (Prefix(MACS[0], 46),))
VNI_10 = Criterion(Field.VNI, (Range(10, 10),))
VNI_11 = Criterion(Field.VNI, (Range(11, 11),))


def rule(
    match: Match,
    verdict: Verdict | None = Verdict.REJECT,
    changes: Changes | None = None,
) -> Rule:
    return Rule("r", 1, match, verdict, changes or Changes())


def chain(*rules: Rule) -> Chain:
    return Chain([Policy("p", "p.yaml", 1, rules)])


def parts(program_of: Chain, subject: Subject = PATH) -> list[tuple[bool, int]]:
    partition = program_of.program(subject).partition(MACS)
    return sorted((outcome.accepted, len(keys)) for outcome, keys in partition)


def test_a_prefix_that_ends_within_an_octet_parts_the_keys() -> None:
    assert parts(chain(rule((FIRST_FOUR,)))) == [(False, 4), (True, 4)]


def test_a_rule_that_the_path_rules_out_leaves_nothing_to_look_up() -> None:
    policy = chain(rule((FIRST_FOUR, VNI_11)))

    assert policy.program(PATH).relevant == 0
    assert policy.program(PATH._replace(vni=11)).relevant != 0


def test_rules_behind_one_that_the_path_decides_leave_nothing_to_look_up() -> None:
    policy = chain(rule((VNI_10,)), rule((FIRST_FOUR,), Verdict.ACCEPT))

    assert policy.program(PATH).relevant == 0
    assert parts(policy) == [(False, 8)]


def test_policies_behind_one_that_rejects_the_path_leave_nothing_to_look_up() -> None:
    policies = [
        Policy("p", "p.yaml", 1, (rule((VNI_10,)),)),
        Policy("q", "q.yaml", 1, (rule((FIRST_FOUR,)),)),
    ]

    assert Chain(policies).program(PATH).relevant == 0


def test_a_route_of_another_type_has_no_key_to_look_up() -> None:
    policy = chain(rule((FIRST_FOUR,)), rule((Not((FIRST_FOUR,)),)))
    imet = Subject(RouteType.IMET, vni=10)

    assert policy.program(imet).relevant == 0
    assert not policy.program(imet).outcome().accepted


def test_keys_that_fare_alike_for_different_reasons_alone_are_parted() -> None:
    policy = chain(
        Rule("a", 1, (Criterion(Field.MAC, (Prefix(MACS[0], 48),)),), Verdict.REJECT),
        Rule("b", 2, (Criterion(Field.MAC, (Prefix(MACS[1], 48),)),), Verdict.REJECT),
    )

    partition = policy.program(PATH).partition(MACS)

    assert sorted((out.steps[-1].rule, len(keys)) for out, keys in partition) == [
        ("a", 1),
        ("b", 1),
        ("default", 6),
    ]


def test_keys_with_and_without_ips_of_both_families_go_together() -> None:
    one, two = (parse_ip(text) for text in ("192.0.2.1", "2001:db8::1"))
    keys = [MACS[0], MACS[0] + one, MACS[0] + two]
    ip_of = {
        "none": NO_ADDRESS,
        "ipv4": Prefix(parse_ip("192.0.2.0"), 24),
        "ipv6": Prefix(parse_ip("2001:db8::"), 32),
    }

    for at, prefix in enumerate(ip_of.values()):
        program = chain(rule((Criterion(Field.IP, (prefix,)),))).program(PATH)
        rejected = [
            list(part) for out, part in program.partition(keys) if not out.accepted
        ]
        assert rejected == [[keys[at]]]


def test_a_prefix_route_is_within_the_prefixes_around_its_own() -> None:
    inside = Criterion(Field.IP, (Prefix(parse_ip("192.0.2.0"), 24),))
    program = chain(rule((inside,))).program(Subject(RouteType.IP_PREFIX))
    ip = parse_ip("192.0.2.0")

    accepted = [
        program.outcome_of(Key(b"", ip, length)).accepted for length in (23, 24, 25)
    ]

    assert accepted == [True, False, False]


def test_what_the_key_decides_to_set_is_seen_by_the_rules_behind() -> None:
    mark = b"\xfd\xe8\x00\x01"
    marked = Criterion(
        Field.STICKY,
        (True,),
    )
    policy = chain(
        rule((FIRST_FOUR,), None, Changes(sticky=True, communities=Edit((mark,)))),
        rule((marked,)),
    )

    assert parts(policy) == [(False, 4), (True, 4)]


def test_what_is_set_does_not_leak_into_other_paths() -> None:
    mark = b"\xfd\xe8\x00\x01"
    policy = chain(
        rule((VNI_10,), None, Changes(communities=Edit(add=(mark,)))),
    )

    first = policy.program(PATH._replace(communities=(b"abcd",))).outcome()
    second = policy.program(PATH._replace(communities=(b"efgh",))).outcome()

    assert first.subject.communities == (b"abcd", mark)
    assert second.subject.communities == (b"efgh", mark)
