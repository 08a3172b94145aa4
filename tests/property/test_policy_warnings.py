"""What `check` says can never happen does not happen, whatever the route."""

import json
import re
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from evpnd.adapters.policy_files.load import judge_policy
from evpnd.adapters.yaml.reader import parse_yaml
from evpnd.policy.lint_logic import Goal, Search
from tests.property.policy_reference import evaluate
from tests.property.test_policy import (
    Words,
    compiled,
    completed,
    is_sound,
    key_policies,
    matches,
    policies,
    routes,
)

runs = settings(max_examples=300, deadline=None)
REJECT = {"reject": True}
narrow = st.builds(
    lambda first, second, third: first | {"any": [second], "not": third},
    matches,
    matches,
    matches,
)


@runs
@given(match=narrow, several=st.lists(routes, min_size=1, max_size=8))
def test_a_match_that_is_impossible_never_holds(
    match: Words, several: list[Words]
) -> None:
    text = {"policy": "p", "rules": [{"match": match, **REJECT}]}
    text["sets"] = {"macs": ["02:00:00:00:00:00/40"], "vnis": ["10-11"]}
    (rule,) = compiled(text).rules

    if not Search().possible([Goal(rule.match)]):
        for route in several:
            assert evaluate([text], completed(route))[0] == "accept"


@runs
@given(
    policy=(policies | key_policies).filter(is_sound),
    several=st.lists(routes, min_size=1, max_size=8),
)
def test_a_rule_that_is_never_reached_decides_nothing(
    policy: Words, several: list[Words]
) -> None:
    _, findings = judge_policy(parse_yaml(json.dumps(policy), Path("p.yaml")))
    silent = {
        _rule_at(each.key)
        for each in findings.warnings
        if "is never reached" in each.reason
    }

    for route in several:
        _, rule, _ = evaluate([policy], completed(route))
        assert rule not in silent


def _rule_at(key: str) -> str:
    """Name what a warning is about: a rule without a name, or the default."""
    found = re.fullmatch(r"rules\[([0-9]+)\]", key)
    return f"rule-{int(found[1]) + 1}" if found else key
