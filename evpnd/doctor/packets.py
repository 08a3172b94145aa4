"""Follows one packet through the rules of a firewall.

A condition that is not understood, or of a property that is not known, may hold or not.
So the way of a packet may be in doubt: it is dropped for sure only if no rule before
may have accepted it.
"""

from collections.abc import Mapping
from typing import NamedTuple

from evpnd.doctor.facts import Chain, Firewall, Match, Rule

Packet = Mapping[str, int | str]
"""Properties by the names of `Match.field`; one that is missing is not known.
`family` is ip or ip6."""
_DEEPEST = 16
"""Jumps of the kernel's own limit (NFT_JUMP_STACK_SIZE)."""


class Dropped(NamedTuple):
    """A packet that is dropped."""

    chain: Chain
    """The chain of the hook, from which others may have been reached."""
    rule: Rule | None
    """None: by the policy of the chain."""
    sure: bool


def follow(firewall: Firewall, packet: Packet, *hooks: str) -> list[Dropped]:
    """Return each chain of some hooks that drops a packet, in the kernel's order."""
    found = []
    for hook in hooks:
        chains = [each for each in firewall.chains if each.hook == hook]
        for chain in sorted(chains, key=lambda each: each.priority):
            if chain.family not in ("inet", "netdev", packet["family"]):
                continue
            if chain.device and packet.get("iif", chain.device) != chain.device:
                continue
            way = _Way(firewall, packet)
            verdict, rule = way.through(chain)
            if verdict == "continue":
                verdict, rule = chain.policy, None
            if verdict == "drop":
                found.append(Dropped(chain, rule, not way.doubted))
    return found


class _Way:
    """The way of a packet from one chain of a hook."""

    def __init__(self, firewall: Firewall, packet: Packet) -> None:
        self._firewall = firewall
        self._packet = packet
        self.doubted = False
        """A rule may have accepted the packet, or may have led elsewhere."""

    def through(self, chain: Chain, depth: int = 0) -> tuple[str, Rule | None]:
        """Return accept, drop or continue, and the rule that decided."""
        for rule in chain.rules:
            if not rule.verdict:
                continue
            held = [holds(match, self._packet) for match in rule.matches]
            if False in held:
                continue
            if None in held:
                # Where it would drop, the packet may go on all the same.
                self.doubted = self.doubted or rule.verdict != "drop"
                continue
            if rule.verdict in ("accept", "drop"):
                return rule.verdict, rule
            if rule.verdict == "return":
                return "continue", rule
            found = self._find(chain, rule.target)
            if found is None or depth == _DEEPEST:
                self.doubted = True
                continue
            verdict, by = self.through(found, depth + 1)
            if verdict != "continue":
                return verdict, by
            if rule.verdict == "goto":
                return "continue", rule
        return "continue", None

    def _find(self, chain: Chain, name: str) -> Chain | None:
        place = (chain.program, chain.family, chain.table, name)
        for each in self._firewall.chains:
            if (each.program, each.family, each.table, each.name) == place:
                return each
        return None


def holds(match: Match, packet: Packet) -> bool | None:
    """Return whether a condition holds for a packet; None: nobody knows."""
    value = packet.get(match.field)
    if value is None:
        return None
    inside = False
    for first, last in match.ranges:
        if isinstance(value, str) or isinstance(first, str) or isinstance(last, str):
            inside = inside or _named(str(value), str(first))
        else:
            inside = inside or first <= value <= last
    return inside != match.negated


def _named(value: str, wanted: str) -> bool:
    """Return whether a name matches; one that ends in ``*`` stands for many."""
    if wanted.endswith("*"):
        return value.startswith(wanted[:-1])
    return value == wanted
