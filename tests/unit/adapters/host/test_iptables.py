"""Rules as `iptables-legacy-save` prints them."""

import pytest

from evpnd.adapters.host.iptables import parse_save
from evpnd.adapters.host.nft import UNKNOWN
from evpnd.doctor.facts import Match

TEXT = """\
# Generated
*filter
:INPUT DROP [0:0]
:side - [0:0]
{}
COMMIT
"""


def rules(line: str) -> list[tuple[list[Match], str, str]]:
    chains = parse_save(TEXT.format(line), "iptables-legacy", "ip")
    return [(list(r.matches), r.verdict, r.target) for r in chains[0].rules]


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (
            "-p udp -m udp --dport 4789",
            [Match("proto", ((17, 17),)), Match("dport", ((4789, 4789),))],
        ),
        (
            "-p tcp -m multiport --dports 179,1000:2000",
            [Match("proto", ((6, 6),)), Match("dport", ((179, 179), (1000, 2000)))],
        ),
        (
            "! -s 10.0.0.0/8 -i eth+",
            [
                Match("saddr", ((10 << 24, (11 << 24) - 1),), negated=True),
                Match("iif", (("eth*", "eth*"),)),
            ],
        ),
        (
            "-m conntrack --ctstate RELATED,ESTABLISHED",
            [
                Match(
                    "state",
                    (("related", "related"), ("established", "established")),
                )
            ],
        ),
        ('-m comment --comment "let them in"', []),
        ("-m u32 --u32 0x0=0x1", [UNKNOWN, UNKNOWN]),
    ],
)
def test_conditions(options: str, found: list[Match]) -> None:
    assert rules(f"-A INPUT {options} -j DROP") == [(found, "drop", "")]


def test_verdicts_and_chains() -> None:
    chains = parse_save(
        TEXT.format("-A INPUT -j side\n-A INPUT -j LOG\n-A side -g INPUT"), "p", "ip"
    )

    first, side = chains
    assert (first.hook, first.policy, first.priority) == ("input", "drop", 0)
    assert [(r.verdict, r.target) for r in first.rules] == [("jump", "side"), ("", "")]
    assert (side.hook, side.policy) == ("", "accept")
    assert [(r.verdict, r.target) for r in side.rules] == [("goto", "INPUT")]
