"""A picture shows every link of a topology, and every name beside its box."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner

from lab.graph import text
from lab.images import TABLE
from lab.main import cli
from lab.picture import svg
from lab.reader import read
from lab.tests.unit.conftest import Parse

SVG = "{http://www.w3.org/2000/svg}"
Point = tuple[float, float]
Course = list[Point]
Rectangle = tuple[float, float, float, float]
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
    - endpoints: ["c:eth26", "c:eth27"]
    - endpoints: ["a:eth6", "a:eth7"]
    - endpoints: ["a:eth8", "a:eth9"]
    - endpoints: ["a:eth10", "a:eth0"]
    - endpoints: ["a:eth4", "host:h-eth4"]
    - endpoints: ["a:eth5", "mgmt-net:m-eth5"]
    - {type: dummy, endpoint: {node: a, interface: dum0}}
    - {type: dummy, endpoint: {node: a, interface: dum1}}
"""
THREE_ROWS = """name: t
topology:
  defaults: {kind: linux, image: alpine}
  nodes:
    one: {labels: {graph-level: 1}}
    two: {labels: {graph-level: 1}}
    a1: {labels: {graph-level: 2}}
    b1: {labels: {graph-level: 2}}
    c1: {labels: {graph-level: 2}}
    d1: {labels: {graph-level: 2}}
    a2: {labels: {graph-level: 3}}
    b2: {labels: {graph-level: 3}}
    c2: {labels: {graph-level: 3}}
    d2: {labels: {graph-level: 3}}
  links:
    - endpoints: ["one:eth1", "two:eth1"]
    - endpoints: ["two:eth2", "a2:eth1"]
    - endpoints: ["b2:eth1", "two:eth3"]
    - endpoints: ["two:eth4", "c2:eth1"]
    - endpoints: ["two:eth5", "d2:eth1"]
"""


def numbers(element: ET.Element, *names: str) -> list[float]:
    return [float(element.attrib[name]) for name in names]


def courses(root: ET.Element) -> list[Course]:
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


def along(course: Course) -> Iterator[Point]:
    """Follow a line, also between its corners."""
    for (x1, y1), (x2, y2) in pairwise(course):
        for step in range(201):
            t = step / 200
            yield (x1 + (x2 - x1) * t, y1 + (y2 - y1) * t)


def within(box: Rectangle, point: Point) -> bool:
    left, top, right, bottom = box
    return left <= point[0] <= right and top <= point[1] <= bottom


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


def assert_no_link_runs_behind_a_box(root: ET.Element) -> None:
    for course in courses(root):
        for box in rectangles(root):
            if not (within(box, course[0]) or within(box, course[-1])):
                assert not any(within(box, point) for point in along(course))


def test_no_link_runs_behind_a_node_that_it_does_not_lead_to(parse: Parse) -> None:
    assert_no_link_runs_behind_a_box(ET.fromstring(svg(parse(TOPOLOGY))))


def test_a_link_past_a_full_row_goes_through_a_gap_of_it(parse: Parse) -> None:
    assert_no_link_runs_behind_a_box(ET.fromstring(svg(parse(THREE_ROWS))))


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.parent.name)
def test_pictures_of_what_is_shipped_are_read_as_meant(file: Path) -> None:
    topology = read(file, environment={})
    root = ET.fromstring(svg(topology))
    assert_no_link_runs_behind_a_box(root)

    # A name on two lines could be of either.
    names = {end.interface for link in topology.links for end in link.endpoints}
    for label in root.iter(f"{SVG}text"):
        if label.text in names:
            x, y = numbers(label, "x", "y")
            place = (x - 8, y - 9, x + 8, y + 1)
            on = [
                course
                for course in courses(root)
                if any(within(place, point) for point in along(course))
            ]
            assert len(on) == 1, (label.text, x, y)


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
