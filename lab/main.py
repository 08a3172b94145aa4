"""``python -m lab``: a containerlab topology in network namespaces."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from lab import graph as drawing
from lab import picture
from lab.document import FileErrors
from lab.interrupts import hear_once
from lab.labs import (
    check,
    deploy,
    expected_of,
    load,
    load_images,
    need_root,
    topology_file,
)
from lab.netns import LabError
from lab.place import Place
from lab.reader import read
from lab.support import IGNORABLE

REFUSED, WRONG = 1, 2


@contextmanager
def _reporting() -> Iterator[None]:
    """Print what is wrong, and end with the status for it."""
    try:
        yield
    except FileErrors as errors:
        click.echo(str(errors), err=True)
        sys.exit(WRONG)
    except LabError as error:
        click.echo(str(error), err=True)
        sys.exit(REFUSED)


def _file(
    _ctx: click.Context, _param: click.Parameter, value: Path | None
) -> Path | None:
    return None if value is None else topology_file(value)


file_argument = click.argument(
    "file", type=click.Path(path_type=Path, exists=True), callback=_file
)
name_option = click.option(
    "--name", help="Of the lab, in place of the one in the file."
)
images_option = click.option(
    "--images",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    multiple=True,
    help="A table of images and local programs, before containerlab/images.yaml.",
)


def _ignored(
    _ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]
) -> frozenset[str]:
    names = frozenset(word for value in values for word in value.split(",") if word)
    if unknown := sorted(names - IGNORABLE.keys()):
        known = ", ".join(sorted(IGNORABLE))
        raise click.BadParameter(f"{unknown[0]} cannot be passed over, but {known}")
    return names


ignore_option = click.option(
    "--ignore",
    multiple=True,
    metavar="KEYS",
    callback=_ignored,
    help="Keys of nodes to pass over, as in `--ignore cpu,memory`.",
)
strict_option = click.option(
    "--strict", is_flag=True, help="A command of `exec` that fails is an error."
)


@click.group()
def cli() -> None:
    """Run containerlab's topologies in network namespaces."""
    hear_once()


@cli.command()
@file_argument
@name_option
@images_option
@ignore_option
@strict_option
def up(
    file: Path,
    name: str | None,
    images: tuple[Path, ...],
    ignore: frozenset[str],
    *,
    strict: bool,
) -> None:
    """Bring a lab up."""
    with _reporting():
        table = load_images(images)
        topology = load(file, name, table, ignore)
        deploy(topology, table, strict=strict, say=click.echo)
        click.echo(_how_to_look(topology.name))


@cli.command()
@file_argument
@name_option
@click.option(
    "--expected",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The expected results, where they are not in expected.yaml beside the file.",
)
def test(file: Path, name: str | None, expected: Path | None) -> None:
    """Check the expected results of a lab that is up."""
    with _reporting():
        need_root()
        topology = read(file, name)
        place = _existing(topology.name)
        steps = expected_of(topology, expected)
        sys.exit(1 if check(topology, place, steps) else 0)


def _name_of(lab: str) -> str:
    """Find the name of a lab that is given by name or by file.

    A file that cannot be read any more still tells which lab was made of it.
    """
    path = Path(lab)
    if lab in Place.names():
        return lab
    if not path.exists():
        if "/" in lab or lab.endswith((".yml", ".yaml")):
            raise LabError(f"there is no file {lab}")
        return lab
    file = topology_file(path)
    try:
        return read(file).name
    except FileErrors:
        made = Place.made_from(file)
        if len(made) != 1:
            raise
        return made[0]


@cli.command()
@click.argument("lab")
@name_option
def down(lab: str, name: str | None) -> None:
    """Remove a lab: by its file, or by the name alone.

    Nothing of it is left, whatever state it is in.
    """
    with _reporting():
        need_root()
        name = name or _name_of(lab)
        removed = Place(name).remove()
        click.echo(f"lab {name} is {'removed' if removed else 'not there'}")


@cli.command()
@file_argument
@name_option
@images_option
@ignore_option
@click.option("--keep", is_flag=True, help="Leave the lab up.")
def run(
    file: Path,
    name: str | None,
    images: tuple[Path, ...],
    ignore: frozenset[str],
    *,
    keep: bool,
) -> None:
    """Bring a lab up, check its expected results, remove it."""
    with _reporting():
        table = load_images(images)
        topology = load(file, name, table, ignore)
        steps = expected_of(topology, None)
        place = deploy(topology, table, strict=True, say=click.echo)
        kept = False
        try:
            failed = check(topology, place, steps)
            kept = keep
        finally:
            if not kept:
                place.remove()
                click.echo(f"lab {topology.name} is removed")
        if kept:
            click.echo(_how_to_look(topology.name))
            click.echo(f"{_command()} down {topology.name}   removes the lab")
        sys.exit(1 if failed else 0)


@cli.command("exec", context_settings={"ignore_unknown_options": True})
@click.argument("lab")
@name_option
@click.argument("node")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def execute(lab: str, name: str | None, node: str, command: tuple[str, ...]) -> None:
    """Run a command in a node, as `docker exec` does.

    The lab is given by its file, or by the name alone.
    """
    with _reporting():
        need_root()
        place = _existing(name or _name_of(lab))
        sys.exit(place.attach(node, command))


@cli.command()
@click.argument("lab")
@name_option
@click.argument("node")
@click.option("-f", "--follow", is_flag=True, help="Go on as more is printed.")
def logs(lab: str, name: str | None, node: str, *, follow: bool) -> None:
    """Print what a node's program printed, as `docker logs` does.

    The lab is given by its file, or by the name alone.
    """
    with _reporting():
        need_root()
        place = _existing(name or _name_of(lab))
        place.namespace(node)
        path = place.log_file(node)
        if not path.exists():
            raise LabError(f"node {node} is no container and prints nothing")
        # It ends with the node, where it would wait for a file that is gone.
        on = ["-f", f"--pid={place.holder_of(node)}"] if follow else []
        words = ["tail", "-n", "+1", *on, str(path)]
        os.execvp(words[0], words)


@cli.command()
@file_argument
@name_option
@images_option
@ignore_option
@click.option("--namespaces", is_flag=True, help="Also whether it can be run here.")
def validate(
    file: Path,
    name: str | None,
    images: tuple[Path, ...],
    ignore: frozenset[str],
    *,
    namespaces: bool,
) -> None:
    """Check a file against what containerlab documents."""
    with _reporting():
        if namespaces:
            load(file, name, load_images(images), ignore)
        else:
            read(file, name)
        click.echo(f"{file} is valid")


@cli.command()
@file_argument
@name_option
@click.option("--svg", type=click.Path(path_type=Path), help="Write a picture there.")
def graph(file: Path, name: str | None, svg: Path | None) -> None:
    """Print the topology as text, or write it as SVG."""
    with _reporting():
        topology = read(file, name)
        if svg is None:
            click.echo(drawing.text(topology))
        else:
            try:
                svg.write_text(picture.svg(topology))
            except OSError as error:
                raise LabError(f"{svg} cannot be written: {error.strerror}") from None


@cli.command("list")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def list_labs(*, as_json: bool) -> None:
    """List the labs that are up, or were left behind."""
    labs = {
        place.name: {node: place.standing(node) for node in place.namespaces()}
        for place in map(Place, Place.names())
    }
    if as_json:
        click.echo(json.dumps(labs, indent=2))
        return
    rows = [("LAB", "NODE", "STATE")]
    for name, nodes in labs.items():
        rows += [(name, *each) for each in nodes.items()] or [(name, "-", "-")]
    wide = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for lab, node, state in rows:
        click.echo(f"{lab:{wide[0]}}  {node:{wide[1]}}  {state}")


def _how_to_look(lab: str) -> str:
    return f"{_command()} exec {lab} NODE COMMAND...   runs a command in a node"


def _command() -> str:
    """Name the command as it can be typed again here."""
    python = Path(sys.executable)
    here = Path.cwd()
    short = python.relative_to(here) if python.is_relative_to(here) else python
    return f"{short} -m lab"


def _existing(name: str) -> Place:
    place = Place(name)
    if not place.exists():
        raise LabError(f"lab {name} is not up")
    return place


def main() -> None:
    """Run the command line; Ctrl-C ends with status 130.

    A lab that was on its way up is gone then, which was said where it was done.
    """
    try:
        cli(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        sys.exit(130)
