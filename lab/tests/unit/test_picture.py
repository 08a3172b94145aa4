"""A picture shows every link of a topology, and every name where it belongs."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner

from lab.images import TABLE
from lab.main import cli
from lab.model import Topology
from lab.picture import svg
from lab.reader import read
from lab.tests.unit.conftest import Parse

SVG = "{http://www.w3.org/2000/svg}"
Point = tuple[float, float]
SHIPPED = sorted(TABLE.parent.glob("*/*.clab.yml"))
TOPOLOGY = """name: t
topology:
  defaults: {kind: linux, image: "example.org/alpine:a-tag-that-is-rather-long-1.2"}
  nodes:
    a: {labels: {graph-level: 1}}
    b: {labels: {graph-level: 2}}
    c: {labels: {graph-level: 2}}
    d: {labels: {graph-level: 2}}
    a-node-with-a-name-that-is-long-enough-to-fill-two-boxes:
  links:
    - endpoints: ["a:eth1", "b:eth11"]
    - endpoints: ["a:eth2", "b:eth12"]
    - endpoints: ["b:eth13", "a:eth3"]
    - endpoints: ["b:eth14", "d:eth34"]
    - endpoints: ["b:eth15", "c:eth25"]
    - endpoints: ["c:eth26", "b:eth16"]
    - endpoints: ["c:eth27", "c:eth28"]
"""


def courses(root: ET.Element) -> list[list[Point]]:
    found = []
    for line in root.iter(f"{SVG}polyline"):
        pairs = (pair.split(",") for pair in line.attrib["points"].split())
        found.append([(float(x), float(y)) for x, y in pairs])
    return found


def along(course: list[Point]) -> Iterator[Point]:
    for (x1, y1), (x2, y2) in pairwise(course):
        for step in range(201):
            t = step / 200
            yield (x1 + (x2 - x1) * t, y1 + (y2 - y1) * t)


def numbers(element: ET.Element, *names: str) -> list[float]:
    return [float(element.attrib[name]) for name in names]


def assert_names_are_read_as_meant(topology: Topology) -> None:
    """Check that no link runs behind a box, and a name stands on one line alone."""
    root = ET.fromstring(svg(topology))
    x0, y0, width, height = map(float, root.attrib["viewBox"].split())
    lines = courses(root)
    assert len({tuple(line) for line in lines}) == len(topology.links)
    for each in root.iter(f"{SVG}rect"):
        if "rx" in each.attrib:
            left, top, wide, high = numbers(each, "x", "y", "width", "height")
            assert x0 < left < left + wide < x0 + width
            assert y0 < top < top + high < y0 + height
            assert not any(
                left < x < left + wide and top < y < top + high
                for line in lines
                for x, y in along(line)
            )
    ends = [end for link in topology.links for end in link.ends]
    names = {end.interface for end in ends}
    labels = [each for each in root.iter(f"{SVG}text") if each.text in names]
    assert len(labels) == len(ends)
    for each in labels:
        x, y = numbers(each, "x", "y")
        on = [
            line
            for line in lines
            if any(abs(x - px) < 8 and y - 9 < py < y + 1 for px, py in along(line))
        ]
        assert len(on) == 1, (each.text, x, y)


def test_names_are_read_as_meant(parse: Parse) -> None:
    assert_names_are_read_as_meant(parse(TOPOLOGY))


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.parent.name)
def test_the_picture_that_is_shipped_is_of_its_file(file: Path) -> None:
    assert_names_are_read_as_meant(read(file, environment={}))
    printed = CliRunner().invoke(cli, ["graph", str(file)]).output

    assert file.with_name("topology.svg").read_text() == printed


def test_a_level_that_is_no_number_is_none(parse: Parse) -> None:
    nodes = "{a: {kind: linux, labels: {graph-level: '²'}}}"

    assert "<title>t</title>" in svg(parse(f"name: t\ntopology: {{nodes: {nodes}}}"))
