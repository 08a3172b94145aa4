"""The topologies of containerlab/, as files."""

import re
from pathlib import Path

import pytest
import yaml

from lab.document import FileErrors
from lab.images import TABLE, read_images
from lab.reader import read
from lab.support import load

FILES = sorted(TABLE.parent.glob("*/*.clab.yml"))
WRITTEN = [each for each in FILES if not each.with_name("expected.yaml").exists()]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.parent.name)
def test_machines_are_made_of_what_busybox_can_do(file: Path) -> None:
    topology = read(file)
    machines = [
        node for node in topology.nodes.values() if "alpine" in node.text("image")
    ]
    ends = [end for link in topology.links for end in link.ends]
    steps = file.with_name("expected.yaml")
    done = (
        [
            each["command"]
            for step in yaml.safe_load(steps.read_text())["steps"]
            for each in step.get("do", [])
            if each["node"] in {node.name for node in machines}
        ]
        if steps.exists()
        else []
    )

    assert machines
    for node in machines:
        # A MAC that is set later has been heard before.
        assert all(end.mac for end in ends if end.node == node.name)
    for command in [*done, *(each for node in machines for each in node.exec)]:
        assert not re.search(r"\bnodad\b|\bmode\b|\barping\b", command)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.parent.name)
def test_the_picture_of_a_readme_has_nodes_and_addresses(file: Path) -> None:
    readme = file.with_name("README.md").read_text()
    picture = re.findall(r"```mermaid\n(.*?)```", readme, re.DOTALL)
    assert len(picture) == 1
    for name, node in read(file).nodes.items():
        assert f"  {name}[" in picture[0]
        config = file.with_name(f"{name}.yaml")
        if config.exists():
            found = yaml.safe_load(config.read_text())
            lines = re.findall(rf"  {name}\[.*", picture[0])
            assert f"AS {found['asn']}" in lines[0]
            assert f"VTEP {found['vtep']['address']}" in lines[0]
        for command in node.exec:
            address = re.search(r"addr add ([\d.]+)/24 dev eth1", command)
            assert address is None or address[1] in picture[0]


@pytest.mark.parametrize("file", WRITTEN, ids=lambda file: file.parent.name)
def test_a_topology_with_a_vendors_image_is_valid_and_refused_here(file: Path) -> None:
    reason = "needs its own image|no local program stands for"
    with pytest.raises(FileErrors, match=reason) as refused:
        load(file, None, read_images(TABLE))
    for error in refused.value.errors:
        assert error.line is not None
