"""The topologies of containerlab/: what can run here does, the rest is refused."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from lab.document import FileErrors
from lab.images import TABLE, read_images
from lab.labs import load
from lab.main import cli
from lab.netns import NETNS_DIRECTORY, is_running
from lab.place import Place
from lab.reader import read

TOPOLOGIES = TABLE.parent
FILES = sorted(TOPOLOGIES.glob("*/*.clab.yml"))
RUNNABLE = [each for each in FILES if each.with_name("expected.yaml").exists()]
WRITTEN = [each for each in FILES if each not in RUNNABLE]
MINE = f"evt{os.getpid():07}"


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    for name in Place.names():
        pid = name.removeprefix("evt").partition("-")[0]
        if name.startswith("evt") and pid.isdigit() and not is_running(int(pid)):
            Place(name).remove()
    yield
    for name in Place.names():
        if name.startswith(MINE):
            Place(name).remove()


def leftovers() -> list[str]:
    found = [path.name for path in NETNS_DIRECTORY.iterdir() if MINE in path.name]
    return found + [name for name in Place.names() if name.startswith(MINE)]


def lab(*words: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lab", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )


@pytest.mark.root
@pytest.mark.frr
@pytest.mark.gobgp
@pytest.mark.parametrize("file", RUNNABLE, ids=lambda file: file.parent.name)
def test_a_topology_comes_up_does_what_it_is_to_do_and_goes(file: Path) -> None:
    done = lab("run", str(file), "--name", MINE)

    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 failed" in done.stdout
    assert leftovers() == []


@pytest.mark.root
@pytest.mark.frr
@pytest.mark.parametrize("name", ["migration", "policies"])
def test_a_lab_that_was_tested_can_be_tested_again(name: str) -> None:
    file = str(TOPOLOGIES / name)
    first = lab("run", file, "--name", MINE, "--keep")
    again = lab("test", file, "--name", MINE)

    assert first.returncode == 0, first.stdout + first.stderr
    assert again.returncode == 0, again.stdout + again.stderr


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.parent.name)
def test_machines_are_made_of_what_busybox_can_do(file: Path) -> None:
    topology = read(file)
    machines = [
        node for node in topology.nodes.values() if "alpine" in node.text("image")
    ]
    ends = [end for link in topology.links for end in link.endpoints]
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


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.parent.name)
def test_the_picture_of_a_topology_is_of_its_file(file: Path, tmp_path: Path) -> None:
    fresh = tmp_path / "topology.svg"
    CliRunner().invoke(cli, ["graph", str(file), "--svg", str(fresh)])

    assert file.with_name("topology.svg").read_text() == fresh.read_text()


@pytest.mark.parametrize("file", WRITTEN, ids=lambda file: file.parent.name)
def test_a_topology_with_a_vendors_image_is_valid_and_refused_here(file: Path) -> None:
    topology = read(file)

    with pytest.raises(FileErrors, match="needs its own image") as refused:
        load(file, None, read_images(TABLE))
    for error in refused.value.errors:
        assert error.line is not None
    drawn = CliRunner().invoke(cli, ["graph", str(file)])
    assert all(name in drawn.output for name in topology.nodes)
