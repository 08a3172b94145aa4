"""A picture shows every link of a topology, and every name beside its box."""

from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner

from integration.clab.graph import text
from integration.clab.main import cli
from integration.clab.picture import svg
from tests.unit.clab.conftest import Parse

SVG = "{http://www.w3.org/2000/svg}"
Rectangle = tuple[float, float, float, float]
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
    - endpoints: ["c:eth26", "c:eth27"]
    - endpoints: ["a:eth6", "a:eth7"]
    - endpoints: ["a:eth8", "a:eth9"]
    - endpoints: ["a:eth10", "a:eth0"]
    - endpoints: ["a:eth4", "host:h-eth4"]
    - endpoints: ["a:eth5", "mgmt-net:m-eth5"]
    - {type: dummy, endpoint: {node: a, interface: dum0}}
    - {type: dummy, endpoint: {node: a, interface: dum1}}
"""


def numbers(element: ET.Element, *names: str) -> list[float]:
    return [float(element.attrib[name]) for name in names]


def courses(root: ET.Element) -> list[list[tuple[float, float]]]:
    found = []
    for line in root.iter(f"{SVG}polyline"):
        pairs = (pair.split(",") for pair in line.attrib["points"].split())
        found.append([(float(x), float(y)) for x, y in pairs])
    return found


def rectangles(root: ET.Element) -> list[Rectangle]:
    """List the boxes: their edges at left, top, right, bottom."""
    found = []
    for each in root.iter(f"{SVG}rect"):
        if each.attrib["fill"] != "white" or "rx" in each.attrib:
            x, y, width, height = numbers(each, "x", "y", "width", "height")
            found.append((x, y, x + width, y + height))
    return found


def test_every_link_has_a_line_of_its_own(parse: Parse) -> None:
    topology = parse(TOPOLOGY)
    found = courses(ET.fromstring(svg(topology)))

    assert len(found) == len(topology.links)
    assert len({tuple(course) for course in found}) == len(found)


def test_names_of_interfaces_are_beside_boxes_and_each_other(parse: Parse) -> None:
    topology = parse(TOPOLOGY)
    root = ET.fromstring(svg(topology))
    names = {end.interface for link in topology.links for end in link.endpoints}
    names |= {link.host_interface for link in topology.links if link.host_interface}
    labels = {
        str(each.text): numbers(each, "x", "y")
        for each in root.iter(f"{SVG}text")
        if each.text in names
    }

    assert labels.keys() == names
    for x, y in labels.values():
        assert not any(
            left < x < right and top < y < bottom
            for left, top, right, bottom in rectangles(root)
        )
    places = sorted(labels.values())
    for one, other in pairwise(places):
        assert abs(one[0] - other[0]) > 12 or abs(one[1] - other[1]) > 8


def test_no_link_runs_behind_a_node_that_it_does_not_lead_to(parse: Parse) -> None:
    root = ET.fromstring(svg(parse(TOPOLOGY)))
    boxes = rectangles(root)
    for course in courses(root):
        ends = {course[0], course[-1]}
        for left, top, right, bottom in boxes:
            inside = [
                (x, y) for x, y in course if left < x < right and top < y < bottom
            ]
            assert not inside or ends & {
                (x, y) for x, y in ends if left <= x <= right and top <= y <= bottom
            }


def test_what_is_drawn_is_within_the_picture(parse: Parse) -> None:
    root = ET.fromstring(svg(parse(TOPOLOGY)))
    x0, y0, width, height = map(float, root.attrib["viewBox"].split())
    for left, top, right, bottom in rectangles(root):
        assert x0 < left < right < x0 + width
        assert y0 < top < bottom < y0 + height
    for course in courses(root):
        assert all(0 < x - x0 < width and 0 < y - y0 < height for x, y in course)


def test_a_picture_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    file = tmp_path / "t.clab.yml"
    file.write_text("name: t\ntopology: {nodes: {a: {kind: host}}}")
    done = CliRunner().invoke(cli, ["graph", str(file), "--svg", "/no/such/x.svg"])

    assert done.exit_code == 1
    assert "/no/such/x.svg cannot be written: No such file" in done.output


@pytest.mark.parametrize("level", ["²", "x", "-1", "1.5"])
def test_a_level_that_is_no_number_is_none(parse: Parse, level: str) -> None:
    topology = parse(
        "name: t\ntopology: {nodes: {a: {kind: host, labels: {graph-level: '"
        + level
        + "'}}}}"
    )

    assert "<title>t</title>" in svg(topology)
    assert "a  (host, host)" in text(topology)
