"""Expected results are judged before a lab comes up."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from lab.checks import Ping, Run
from lab.document import FileErrors
from lab.expected import read_expected
from lab.images import TABLE
from lab.main import cli


@pytest.mark.parametrize(
    ("step", "key", "reason"),
    [
        ("nam: x", "nam", "is no key of expected results; is it name?"),
        ("name: x", "", "neither does nor checks anything"),
        ("name: x\n    ping: [{from: a, to: b}]", "ping[0].to", "IPv4 or IPv6 address"),
        (
            "name: x\n    ping: [{from: c, to: '::1'}]",
            "ping[0].from",
            "a node of the topology, not 'c'",
        ),
        ("name: x\n    run: [{node: a}]", "run[0]", "command is missing"),
        (
            'name: x\n    do: [{node: a, command: "x \'y"}]',
            "do[0].command",
            "a command",
        ),
        ("name: x\n    within: soon", "within", "a number of seconds"),
    ],
)
def test_what_is_wrong_is_named(
    tmp_path: Path, step: str, key: str, reason: str
) -> None:
    file = tmp_path / "expected.yaml"
    file.write_text(f"steps:\n  - {step}\n")
    with pytest.raises(FileErrors) as refused:
        read_expected(file, ["a", "b"])

    found = [(each.key, each.reason) for each in refused.value.errors]
    assert any(
        where == f"steps[0].{key}".rstrip(".") and reason in why for where, why in found
    ), found


def test_checks_are_in_the_order_written(tmp_path: Path) -> None:
    file = tmp_path / "expected.yaml"
    file.write_text(
        "steps:\n  - name: x\n    within: 3\n"
        "    run: [{node: a, command: ls, lacks: [y], status: 2}]\n"
        "    ping: [{from: a, to: 10.0.0.1, answered: false}]\n"
    )
    (step,) = read_expected(file, ["a"])

    assert step.within == 3
    assert step.checks == [
        Run("a", "ls", (), ["y"], 2),
        Ping("a", "10.0.0.1", answered=False),
    ]


def test_the_example_of_the_readme_is_one(tmp_path: Path) -> None:
    readme = TABLE.with_name("README.md").read_text()
    file = tmp_path / "expected.yaml"
    file.write_text(readme.partition("```yaml\n")[2].partition("```")[0])
    (step,) = read_expected(file, ["vm1", "vm2", "host1", "spine"])

    assert len(step.checks) == 3
    assert step.within == 90


def test_run_wants_expected_results_before_it_makes_anything(tmp_path: Path) -> None:
    file = tmp_path / "t.clab.yml"
    file.write_text("name: t\ntopology: {nodes: {a: {kind: linux, image: alpine}}}")
    done = CliRunner().invoke(cli, ["run", str(file)])

    assert done.exit_code == 2
    assert "expected.yaml: cannot be read: No such file" in done.output
    assert " is up" not in done.output
