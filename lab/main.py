"""``python -m lab``: a containerlab topology in network namespaces."""

import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from lab import picture
from lab.deploy import deploy
from lab.document import FileErrors
from lab.expected import Step, read_expected
from lab.images import TABLE, read_images
from lab.interrupts import hear_once
from lab.keys import NOT_DONE
from lab.model import Topology
from lab.netns import LabError
from lab.place import Place, need_root
from lab.reader import read, topology_file
from lab.steps import run_all
from lab.support import load

_HOW_TO_LOOK = """\
python -m lab exec {0} NODE COMMAND...   runs a command in a node
python -m lab down {0}   removes the lab"""


class _Cli(click.Group):
    def invoke(self, ctx: click.Context) -> object:
        """Run a command; what is wrong is printed, and ends it with its status.

        A lab that was on its way up when Ctrl-C was pressed is gone already.
        """
        try:
            return super().invoke(ctx)
        except FileErrors as error:
            click.echo(str(error), err=True)
            ctx.exit(2)
        except LabError as error:
            click.echo(str(error), err=True)
            ctx.exit(1)
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            ctx.exit(130)


file_argument = click.argument(
    "file",
    type=click.Path(path_type=Path, exists=True),
    callback=lambda _ctx, _param, value: topology_file(value),
)
lab_argument = click.argument("lab")
name_option = click.option("--name", help="Of the lab, in place of the file's own.")


def of_a_topology(function: Callable[..., None]) -> Callable[..., Any]:
    """Make a command of what is done with a topology that can be run here."""

    @file_argument
    @name_option
    @click.option(
        "--images",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        multiple=True,
        envvar="EVPND_LAB_IMAGES",
        help="A table of images and local programs, before containerlab/images.yaml.",
    )
    @click.option(
        "--ignore",
        type=click.Choice(sorted(NOT_DONE)),
        multiple=True,
        metavar="KEY",
        help="A key of nodes to pass over, as in `--ignore cpu --ignore memory`.",
    )
    @functools.wraps(function)
    def command(
        file: Path,
        name: str | None,
        images: tuple[Path, ...],
        ignore: tuple[str, ...],
        **options: bool,
    ) -> None:
        table = read_images(TABLE, *images)
        function(load(file, name, table, ignore), **options)

    return command


@click.group(cls=_Cli)
def cli() -> None:
    """Run containerlab's topologies in network namespaces."""
    hear_once()


@cli.command()
@of_a_topology
@click.option("--strict", is_flag=True, help="A command that fails is an error.")
def up(topology: Topology, *, strict: bool) -> None:
    """Bring a lab up."""
    deploy(topology, strict=strict, say=click.echo)
    click.echo(_HOW_TO_LOOK.format(topology.name))


@cli.command()
@of_a_topology
@click.option("--keep", is_flag=True, help="Leave the lab up.")
def run(topology: Topology, *, keep: bool) -> None:
    """Bring a lab up, check its expected results, remove it."""
    steps = _expected(topology)
    place = deploy(topology, strict=True, say=click.echo)
    kept = False
    try:
        failed = run_all(place, steps)
        kept = keep
    finally:
        if not kept:
            place.remove()
            click.echo(f"lab {topology.name} is removed")
    if kept:
        click.echo(_HOW_TO_LOOK.format(topology.name))
    sys.exit(1 if failed else 0)


@cli.command()
@of_a_topology
def validate(topology: Topology) -> None:
    """Check that a file is right, and that it can be run here."""
    click.echo(f"{topology.path} is valid")


@cli.command()
@file_argument
@name_option
def test(file: Path, name: str | None) -> None:
    """Check the expected results of a lab that is up."""
    topology = read(file, name)
    steps = _expected(topology)
    sys.exit(1 if run_all(_place(topology.name), steps) else 0)


@cli.command()
@file_argument
def graph(file: Path) -> None:
    """Print a picture of the topology, as SVG."""
    click.echo(picture.svg(read(file)), nl=False)


@cli.command()
@lab_argument
def down(lab: str) -> None:
    """Remove a lab, given by its file or by its name, whatever state it is in."""
    need_root()
    name = _name_of(lab)
    removed = Place(name).remove()
    click.echo(f"lab {name} is {'removed' if removed else 'not there'}")


@cli.command("exec", context_settings={"ignore_unknown_options": True})
@lab_argument
@click.argument("node")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def execute(lab: str, node: str, command: tuple[str, ...]) -> None:
    """Run a command in a node of a lab, given by its file or by its name."""
    _place(_name_of(lab)).attach(node, command)


@cli.command()
@lab_argument
@click.argument("node")
@click.option("-f", "--follow", is_flag=True, help="Go on as more is printed.")
def logs(lab: str, node: str, *, follow: bool) -> None:
    """Print what a node's program printed; the lab by its file or by its name."""
    place = _place(_name_of(lab))
    place.namespace(node)
    # It ends with the node, where it would wait for a file that is gone.
    on = ["-f", f"--pid={place.init_of(node)}"] if follow else []
    words = ["tail", "-n", "+1", *on, str(place.log_file(node))]
    os.execvp(words[0], words)


@cli.command("list")
def list_labs() -> None:
    """List the labs that are up, or were left behind."""
    for place in map(Place, Place.names()):
        for node in place.namespaces() or ["-"]:
            click.echo(f"{place.name:20} {node:15} {place.standing(node)}")


def _expected(topology: Topology) -> list[Step]:
    """Read the expected results, which stand beside the file."""
    return read_expected(topology.path.with_name("expected.yaml"), topology.nodes)


def _name_of(lab: str) -> str:
    """Return the name of a lab that is given by name or by file."""
    path = Path(lab)
    if lab in Place.names():
        return lab
    if path.exists():
        return read(topology_file(path)).name
    if "/" in lab or lab.endswith((".yml", ".yaml")):
        raise LabError(f"there is no file {lab}")
    return lab


def _place(name: str) -> Place:
    """Return a lab that is up."""
    need_root()
    place = Place(name)
    if not place.exists():
        raise LabError(f"lab {name} is not up")
    return place
