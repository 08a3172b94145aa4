"""What the pages tell a reader to type, write and open is there."""

import re
import shlex
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from textwrap import dedent

import click
import pytest
import yaml

from evpnd.adapters.config.load import load_config
from evpnd.cli.main import evpnd as main

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/*.md", "docs/adr/*.md", "containerlab/**/*.md")
    for path in ROOT.glob(pattern)
)
OF_TODAY = [path for path in PAGES if path.parent.name != "adr"]
"""Without what was decided some time ago."""
POLICIES = ROOT / "policies"
SMALLEST = {
    "asn": 65001,
    "vtep": {"address": "10.0.0.1"},
    "peers": [{"address": "10.0.0.254", "asn": 65000}],
    "evis": [{"vni": 10999}],
}
"""What a part of a configuration stands in."""


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def parts(path: Path) -> tuple[list[tuple[str, str]], str]:
    """Return the fenced blocks of a page with their languages, and the rest."""
    blocks: list[tuple[str, str]] = []
    rest: list[str] = []
    lines = iter(path.read_text().splitlines())
    for line in lines:
        if not line.lstrip().startswith("```"):
            rest.append(line)
            continue
        body = takewhile(lambda each: not each.lstrip().startswith("```"), lines)
        blocks.append((line.strip(" `"), "\n".join(body)))
    return blocks, "\n".join(rest)


def blocks(path: Path, language: str) -> list[str]:
    """Return the fenced blocks of a page that are in a language."""
    return [dedent(body) for each, body in parts(path)[0] if each == language]


def headings(path: Path) -> set[str]:
    """Return the anchors of a page, as its host derives them from the headings."""
    found = re.findall(r"^#+ +(.*)$", parts(path)[1], re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", line.strip().lower()) for line in found)
    return {line.replace(" ", "-") for line in plain}


def commands(path: Path) -> Iterator[str]:
    """Name each `evpnd ...` of a page, in code and in blocks of commands."""
    for block in blocks(path, ""):
        for line in block.splitlines():
            if found := re.match(r"(?:\$ )?(?:on \w+ )?(evpnd .*)", line.strip()):
                yield found[1].partition("  #")[0]
    for paragraph in parts(path)[1].split("\n\n"):
        for code in re.findall(r"`([^`]+)`", paragraph):
            if found := re.match(r"(?:on \w+ )?(evpnd .*)", " ".join(code.split())):
                yield found[1]


def trouble(text: str) -> str:
    """Return what is wrong with a command line; empty: nothing."""
    words = iter(shlex.split(re.split(r" [|>;&]|\.\.\.", text)[0])[1:])
    command: click.Command = main
    context = click.Context(main)
    options = {"-h": True, "--help": True, **takes_no_value(main)}
    for word in words:
        name, _, value = word.partition("=")
        if word.startswith("-"):
            if name.startswith("--") and name not in options:
                return f"{command.name} has no option {name}"
            if not value and not options.get(name, True):
                next(words, None)
        elif isinstance(command, click.Group):
            if not word.islower():
                break  # a place for any of them
            try:
                _, found, _ = command.resolve_command(context, [word])
            except click.UsageError:
                return f"there is no command {word}"
            assert found is not None
            command, context = found, click.Context(found, parent=context)
            options |= takes_no_value(found)
    return ""


def takes_no_value(command: click.Command) -> dict[str, bool]:
    """Map the options of a command to whether they stand alone."""
    found = (each for each in command.params if isinstance(each, click.Option))
    return {
        name: each.is_flag
        for each in found
        for name in (*each.opts, *each.secondary_opts)
    }


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_what_a_page_links_to_is_there(page: Path) -> None:
    wrong = []
    for target in re.findall(r"\]\(\s*([^)\s]+)\)", page.read_text()):
        name, _, anchor = target.partition("#")
        if "://" in target:
            continue
        file = (page.parent / name) if name else page
        if not file.exists() or (
            anchor and file.suffix == ".md" and anchor not in headings(file)
        ):
            wrong.append(target)

    assert wrong == []


@pytest.mark.parametrize("page", OF_TODAY, ids=named)
def test_commands_that_a_page_names_exist_with_their_options(page: Path) -> None:
    assert [(each, trouble(each)) for each in commands(page) if trouble(each)] == []


def test_a_command_that_does_not_exist_is_found() -> None:
    assert trouble("evpnd shwo macs") == "there is no command shwo"
    assert trouble("evpnd show pears") == "there is no command pears"
    assert trouble("evpnd show macs --vnl 1") == "macs has no option --vnl"
    assert trouble("evpnd --socket /tmp/s sh mac --vni 10100") == ""
    assert trouble("evpnd sh mac --vni 10100 | grep x --quiet") == ""


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_configurations_of_a_page_are_valid(page: Path, tmp_path: Path) -> None:
    (tmp_path / "policies").symlink_to(POLICIES)
    file = tmp_path / "evpnd.yaml"
    for number, block in enumerate(blocks(page, "yaml")):
        found = yaml.safe_load(block)
        if not isinstance(found, dict) or not found.keys() & {"evis", "peers", "vtep"}:
            continue  # of something else: netplan, a lab, a policy
        missing = {key: found.get(key, value) for key, value in SMALLEST.items()}
        rest = block if found.keys() >= {"asn"} else None
        whole = yaml.safe_dump(found | missing, sort_keys=False)
        file.write_text(rest or whole)

        assert load_config(file).evis is not None, f"block {number + 1}"


def test_pages_have_configurations_and_commands() -> None:
    assert sum(len(blocks(page, "yaml")) for page in PAGES) > 10
    assert sum(len(list(commands(page))) for page in PAGES) > 100
