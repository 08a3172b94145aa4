"""Rules of iptables and ip6tables, as `iptables-legacy-save` prints them.

Those of iptables-nft are rules of nftables, and read there.
"""

import shlex
from collections.abc import Iterator
from typing import Final

from evpnd.adapters.host.nft import UNKNOWN, address_range
from evpnd.doctor.facts import Chain, Match, Rule

_HOOKS: Final = {
    "PREROUTING": "prerouting",
    "INPUT": "input",
    "OUTPUT": "output",
    "POSTROUTING": "postrouting",
}
_PRIORITIES: Final = {"raw": -300, "mangle": -150, "nat": -100, "filter": 0}
_PROTOCOLS: Final = {"tcp": 6, "udp": 17, "icmp": 1, "ipv6-icmp": 58, "sctp": 132}
_VERDICTS: Final = {
    "ACCEPT": "accept",
    "DROP": "drop",
    "REJECT": "drop",
    "RETURN": "return",
}
_GOING_ON: Final = frozenset(
    {"LOG", "MARK", "CONNMARK", "CT", "NFLOG", "TCPMSS", "TOS"}
)
_DEVICES: Final = {"-i": "iif", "-o": "oif"}
_ADDRESSES: Final = {"-s": "saddr", "-d": "daddr"}
_PORTS: Final = {
    "--dport": "dport",
    "--sport": "sport",
    "--dports": "dport",
    "--sports": "sport",
}
_WITHOUT_VALUE: Final = frozenset({"-f", "--syn", "--ctevents"})


def parse_save(text: str, program: str, family: str) -> list[Chain]:
    """Read what a save program printed."""
    heads: list[tuple[str, str, str]] = []
    rules: dict[tuple[str, str], list[Rule]] = {}
    table = ""
    for line in text.splitlines():
        if line.startswith("*"):
            table = line[1:].strip()
        elif line.startswith(":"):
            name, policy, *_ = line[1:].split()
            heads.append((table, name, policy))
        elif line.startswith("-A "):
            words = shlex.split(line)
            rules.setdefault((table, words[1]), []).append(_rule(words[2:], line))
    return [
        Chain(
            program=program,
            family=family,
            table=table,
            name=name,
            hook=_HOOKS.get(name, ""),
            priority=_PRIORITIES.get(table, 0),
            policy="drop" if policy == "DROP" else "accept",
            device="",
            rules=tuple(rules.get((table, name), ())),
        )
        for table, name, policy in heads
    ]


def _rule(words: list[str], line: str) -> Rule:
    matches: list[Match] = []
    verdict = target = ""
    for option, value, negated in _options(words):
        if option in ("-j", "-g"):
            if value in _VERDICTS:
                verdict = _VERDICTS[value]
            elif value not in _GOING_ON:
                verdict, target = ("jump" if option == "-j" else "goto"), value
        else:
            matches += _match(option, value, negated=negated)
    return Rule(tuple(matches), verdict, target, line)


def _options(words: list[str]) -> Iterator[tuple[str, str, bool]]:
    """Yield option, value and whether `!` is before it."""
    at, negated = 0, False
    while at < len(words):
        word = words[at]
        if word == "!":
            negated = True
            at += 1
            continue
        has_value = (
            word not in _WITHOUT_VALUE
            and at + 1 < len(words)
            and (not words[at + 1].startswith("-") and words[at + 1] != "!")
        )
        yield word, words[at + 1] if has_value else "", negated
        negated = False
        at += 2 if has_value else 1


def _match(option: str, value: str, *, negated: bool) -> list[Match]:
    if option in ("-m", "--comment", "--reject-with", "--log-prefix", "--log-level"):
        known = ("tcp", "udp", "multiport", "conntrack", "state", "comment")
        return [] if option != "-m" or value in known else [UNKNOWN]
    if option == "-p":
        number = _PROTOCOLS.get(value)
        return [Match("proto", ((number, number),), negated) if number else UNKNOWN]
    if option in _DEVICES:
        name = value.removesuffix("+") + "*" if value.endswith("+") else value
        return [Match(_DEVICES[option], ((name, name),), negated)]
    if option in _ADDRESSES:
        found = address_range(value)
        return [Match(_ADDRESSES[option], (found,), negated) if found else UNKNOWN]
    if option in _PORTS:
        ranges = tuple(_port_range(each) for each in value.split(","))
        return [Match(_PORTS[option], ranges, negated)]
    if option in ("--ctstate", "--state"):
        states = tuple((each.lower(), each.lower()) for each in value.split(","))
        return [Match("state", states, negated)]
    return [UNKNOWN]


def _port_range(text: str) -> tuple[int, int]:
    first, _, last = text.partition(":")
    low = int(first or 0)
    return low, int(last) if last else 65535 if ":" in text else low
