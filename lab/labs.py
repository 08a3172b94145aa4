"""Labs from their files: found, read, brought up, checked."""

import os
import time
from collections.abc import Callable, Collection
from pathlib import Path

import click

from lab.checks import Runner
from lab.deploy import Deployment, removed_meanwhile
from lab.expected import Step, read_expected
from lab.images import TABLE, Image, read_images
from lab.model import Topology
from lab.netns import LabError
from lab.place import Place
from lab.reader import read
from lab.support import fit


def topology_file(path: Path) -> Path:
    """Return the topology file in a directory, or the path where it is none."""
    if not path.is_dir():
        return path
    found = sorted([*path.glob("*.clab.yml"), *path.glob("*.clab.yaml")])
    if len(found) != 1:
        raise click.UsageError(f"{path} has {len(found)} files *.clab.yml; name one")
    return found[0]


def load_images(more: tuple[Path, ...]) -> list[Image]:
    """Read the project's table, the one of EVPND_LAB_IMAGES, and more."""
    own = os.environ.get("EVPND_LAB_IMAGES")
    return read_images(TABLE, *([Path(own)] if own else []), *more)


def load(
    file: Path, name: str | None, images: list[Image], ignored: Collection[str] = ()
) -> Topology:
    """Read a topology that can be run here; raises FileErrors."""
    topology = read(file, name)
    fit(topology, images, ignored)
    return topology


def need_root() -> None:
    """Refuse to begin what only root can do."""
    if os.geteuid() != 0:
        raise LabError("this needs root: it makes network namespaces")


def deploy(topology: Topology, *, strict: bool, say: Callable[[str], None]) -> Place:
    """Bring a lab up that was loaded."""
    need_root()
    start = time.monotonic()
    deployment = Deployment(topology, say)
    deployment.up()
    if strict and deployment.failed_commands:
        deployment.remove()
        raise LabError("\n".join(deployment.failed_commands))
    if not deployment.place.stays():
        raise removed_meanwhile(deployment.place)
    say(f"lab {topology.name} is up ({time.monotonic() - start:.1f} s)")
    return deployment.place


def expected_of(topology: Topology) -> list[Step]:
    """Read the expected results, which stand beside the file."""
    return read_expected(topology.path.with_name("expected.yaml"), topology.nodes)


def check(topology: Topology, place: Place, steps: list[Step]) -> int:
    """Check the expected results; returns the number of those that failed."""
    runner = Runner(place)
    failed = 0
    for node in topology.nodes:
        standing = place.standing(node)
        if standing != "running":
            click.echo(f"NOTE   the program of {node} does not run: {standing}")
    for number, step in enumerate(steps, 1):
        outcome = runner.run(step)
        word = "FAILED" if outcome.trouble else "ok    "
        spent = f"{outcome.seconds:.1f} s" + outcome.note
        click.echo(f"{word} {number:2}/{len(steps)}  {step.name} ({spent})")
        if outcome.trouble:
            failed += 1
            click.echo("          " + outcome.trouble.replace("\n", "\n          "))
    if failed:
        for node in topology.nodes:
            if text := place.log(node):
                click.echo(f"--- log of {node}\n{text}")
    click.echo(f"{len(steps) - failed} passed, {failed} failed")
    return failed
