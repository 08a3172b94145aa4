"""The policies that the repository offers to copy do what their cases say."""

from pathlib import Path

import pytest

from evpnd.adapters.config import check_file
from evpnd.adapters.policy_files.load import load_policy
from evpnd.policy.trial import meets, try_cases

FILES = sorted((Path(__file__).parents[2] / "policies").glob("*.yaml"))


def test_there_are_policies() -> None:
    assert len(FILES) >= 8


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_policy_is_sound_named_after_its_file_and_has_cases(path: Path) -> None:
    loaded = load_policy(path)

    assert check_file(path).warnings == ()
    assert loaded.policy.name == path.stem
    assert loaded.description
    assert loaded.cases


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_cases_pass_and_reach_every_rule(path: Path) -> None:
    loaded = load_policy(path)

    tried = list(try_cases(loaded))
    reached = {step.rule for _, trial in tried for step in trial.steps}

    for case, trial in tried:
        assert meets(case, trial), case.route.text
    assert {rule.name for rule in loaded.policy.rules} <= reached
