"""The policies in use, rule by rule, for `show policies` and for metrics."""

from collections.abc import Iterator, Mapping
from typing import Any

from evpnd.model.config import Config
from evpnd.model.policy import DEFAULT_RULE, Rule

Entry = dict[str, Any]


def policies(config: Config, counts: Mapping[tuple[str, str], int]) -> Iterator[Entry]:
    """List the rules of the policies that peers and EVIs name, first to last."""
    used = _places(config)
    for name, places in used.items():
        policy = config.policies[name]
        last = Rule(DEFAULT_RULE, policy.line, (), policy.default)
        for number, rule in enumerate((*policy.rules, last), 1):
            yield {
                "policy": name,
                "number": number,
                "rule": rule.name,
                "at": f"{policy.file}:{rule.line}",
                "verdict": "next" if rule.verdict is None else rule.verdict.value,
                "routes": counts.get((name, rule.name), 0),
                "attached": places,
            }


def _places(config: Config) -> dict[str, list[str]]:
    used: dict[str, list[str]] = {}
    for peer in config.peers:
        for name in peer.import_policies:
            used.setdefault(name, []).append(f"import from {peer.address}")
        for name in peer.export_policies:
            used.setdefault(name, []).append(f"export to {peer.address}")
    for evi in config.evis:
        for name in evi.import_policies:
            used.setdefault(name, []).append(f"import into {evi.name}")
        for name in evi.export_policies:
            used.setdefault(name, []).append(f"export from {evi.name}")
    return used
