"""The policies in use, rule by rule, for `show policies` and for metrics."""

from collections.abc import Iterator
from heapq import nlargest
from typing import Any

from evpnd.core.bgp.limit_buckets import Bucket, combination
from evpnd.core.bgp.limits import Limits
from evpnd.model.config import Config
from evpnd.model.policy import verdict_word
from evpnd.policy.attached import Counts

Entry = dict[str, Any]

SHOWN_BUCKETS = 10
"""Combinations of a limit that are shown: the fullest ones."""


def verdicts(config: Config, judged: Counts) -> Iterator[tuple[str, str, str, int]]:
    """List policy, rule, verdict, and how often that was said."""
    for name in attachments(config):
        for rule in config.policies[name].all_rules:
            count = judged.get((name, rule.name), 0)
            yield name, rule.name, verdict_word(rule.verdict), count


def policies(config: Config, judged: Counts, present: Counts) -> Iterator[Entry]:
    """List the rules of the policies that peers and EVIs name, first to last."""
    for name, places in attachments(config).items():
        policy = config.policies[name]
        for number, rule in enumerate(policy.all_rules, 1):
            yield {
                "policy": name,
                "number": number,
                "rule": rule.name,
                "at": f"{policy.file}:{rule.line}",
                "verdict": verdict_word(rule.verdict),
                "routes": present.get((name, rule.name), 0),
                "judged": judged.get((name, rule.name), 0),
                "attached": places,
                "limit": None,
            }


def limits(config: Config, kept: Limits) -> Iterator[Entry]:
    """List the limits of these policies, each with its fullest combinations."""
    places = attachments(config)
    for name, limiters in kept.limiters.items():
        first = len(config.policies[name].rules) + 2
        for number, limiter in enumerate(limiters, first):
            buckets = limiter.buckets.values()
            fullest = nlargest(
                SHOWN_BUCKETS, buckets, key=lambda one: (len(one.members), one.parked)
            )
            yield {
                "policy": name,
                "number": number,
                "rule": f"limit {limiter.limit.text}",
                "at": limiter.place,
                "verdict": "limit",
                "routes": sum(bucket.parked for bucket in buckets),
                "judged": None,
                "attached": places[name],
                "limit": {
                    "counted": limiter.limit.counted.value,
                    "most": limiter.limit.most,
                    "per": [each.value for each in limiter.limit.per],
                    "combinations": len(buckets),
                    "fullest": [_use(bucket) for bucket in fullest],
                },
            }


def waiting(kept: Limits) -> Iterator[tuple[str, str, int]]:
    """Count who waits, by policy and limit; other threads may ask."""
    for name, limiters in list(kept.limiters.items()):
        for limiter in limiters:
            buckets = list(limiter.buckets.values())
            yield name, limiter.limit.text, sum(each.parked for each in buckets)


def _use(bucket: Bucket) -> Entry:
    use = combination(bucket)
    return use | {"used": len(bucket.members), "waiting": bucket.parked}


def attachments(config: Config) -> dict[str, list[str]]:
    """Return the peers and EVIs that name each policy."""
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
