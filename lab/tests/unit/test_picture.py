"""A picture shows every link of a topology, and every name where it belongs."""

from itertools import combinations
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


def assert_names_are_read_as_meant(topology: Topology) -> None:
    """Check that each link has ports of its own, and each name stands at its port."""
    root = ET.fromstring(svg(topology))
    ends: list[tuple[float, float]] = []
    for line in root.iter(f"{SVG}polyline"):
        numbers = list(map(float, line.attrib["points"].replace(",", " ").split()))
        ends += [(numbers[0], numbers[1]), (numbers[-2], numbers[-1])]
    assert len(set(ends)) == 2 * len(topology.links)
    named = []
    interfaces = [end.interface for link in topology.links for end in link.ends]
    for each in root.iter(f"{SVG}text"):
        if each.text in interfaces:
            x, y = float(each.attrib["x"]), float(each.attrib["y"])
            (port,) = [p for p in ends if abs(x - p[0]) < 8 and abs(y - p[1]) < 20]
            named.append((port, each.text))
    assert sorted(named) == sorted(zip(ends, interfaces, strict=True))
    boxes = [
        [float(box.attrib[key]) for key in ("x", "y", "width")]
        for box in root.iter(f"{SVG}rect")
        if "rx" in box.attrib
    ]
    for one, other in combinations(sorted(boxes, key=lambda box: box[:2]), 2):
        assert one[1] != other[1] or one[0] + one[2] < other[0]


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
