"""What `show ... --json` and `explain` say at the end of every conformance case.

`UPDATE_CASES=1` writes the texts anew; review reads that difference. The cases say
what evpnd does, and these texts hold how it tells of it.
"""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from evpnd.model.events import Event
from evpnd.model.ids import parse_ip, parse_mac
from evpnd.views.explain import Story, explain_ip, explain_mac, explain_vtep
from evpnd.views.plan import Dump
from tests.conformance.case import Case, find_cases, read_case
from tests.conformance.host import Host
from tests.conformance.steps import play

HERE = Path(__file__).parent
CASES = find_cases()
TABLES = ("peers", "evis", "macs", "neighbors", "vteps", "routes", "policies")
AT_MOST = 12
"""Addresses of one kind that are explained; a few cases have hundreds."""


def end_of(case: Case) -> Host:
    """Play all steps of a case."""
    host = Host(case.config)
    for at, step in enumerate(case.steps):
        play(host, case.folder, step, f"{case.name}:{at}")
    return host


def addresses(host: Host, *fields: tuple[str, str]) -> list[str]:
    """List the values of fields of tables, each once."""
    found = {row.get(field) for table, field in fields for row in host.show(table)}
    return sorted(str(value) for value in found if value and "/" not in value)[:AT_MOST]


def told(host: Host) -> Iterator[str]:
    """Write all tables, then the story of each address in them."""
    for table in TABLES:
        yield from sorted(f"{table} {line(row)}" for row in host.show(table))

    def read(action: Dump) -> Event:
        (event,) = host.kernel.apply(action)
        return event

    macs = addresses(host, ("macs", "mac"), ("routes", "mac"))
    ips = addresses(host, ("neighbors", "ip"), ("routes", "ip"))
    vteps = addresses(host, ("vteps", "vtep"), ("routes", "next_hop"))
    for value in macs:
        story = Story(host.query, read, host.now)
        explain_mac(story, parse_mac(value), None)
        yield from steps(f"explain mac {value}", story)
    for kind, values in ((explain_ip, ips), (explain_vtep, vteps)):
        for value in values:
            story = Story(host.query, read, host.now)
            kind(story, parse_ip(value), None)
            name = kind.__name__.replace("_", " ")
            yield from steps(f"{name} {value}", story)


def steps(heading: str, story: Story) -> Iterator[str]:
    yield heading
    for step in story.steps:
        yield f"  {line(step)}"


def line(row: Mapping[str, Any]) -> str:
    """Write a row; the order of findings depends on the order of sets."""
    if "findings" in row:
        row = {**row, "findings": sorted(row["findings"])}
    return json.dumps(row, sort_keys=True, ensure_ascii=False)


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
def test_the_end_of_a_case_is_told_in_these_words(folder: Path) -> None:
    host = end_of(read_case(folder))
    said = "".join(f"{line}\n" for line in told(host)) if host.running else ""
    said = said.replace(f"{folder.parent.parent.parent}/", "")
    expected = HERE / f"{folder.name}.txt"
    if os.environ.get("UPDATE_CASES"):
        expected.write_text(said)

    assert said == expected.read_text()
