"""``evpnd record``: a recording of a running daemon."""

import json
from pathlib import Path

import click

from evpnd.cli.asked import Recorded
from evpnd.cli.options import ask, socket_option
from evpnd.cli.words import Words
from evpnd.model.config import RING_SIZE
from evpnd.model.sizes import format_size, parse_size


@click.group(
    cls=Words,
    invoke_without_command=True,
    short_help="Record the events of the running daemon.",
)
@click.option(
    "--mrt",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write what peers sent, as far as it is recorded, as MRT (RFC 6396).",
)
@socket_option
@click.pass_context
def record(ctx: click.Context, socket: Path | None, mrt: Path | None) -> None:
    """Record the events of the running daemon, for `evpnd replay`.

    A recording begins with all that the daemon knows, and then has every event that
    it gets. It takes at most the given size: the oldest part is removed. Only evpnd's
    user can read it, and passwords are not in it. If the disk cannot take it, the
    recording ends with an event `recording_failed`, and the daemon goes on.

    --mrt writes what peers sent as an MRT dump (BGP4MP_ET), from the daemon's
    recording, or with `evpnd --replay RECORDING record --mrt FILE` from another one.

    To record from the start of the daemon, use `evpnd run --record FILE` or the key
    `record` of the configuration.

    \b
    Examples:
      evpnd record start /var/tmp/evpnd.rec
      evpnd record status
      evpnd record stop
      evpnd record --mrt peers.mrt

    \b
    Exit status: 0 done, 1 refused, 2 wrong usage, 3 no daemon.
    """  # noqa: D301 - click wants the character
    if socket is not None:
        ctx.find_root().obj = socket
    if mrt is not None:
        if ctx.invoked_subcommand is not None:
            raise click.UsageError("--mrt takes no command behind it.")
        _write_mrt(ctx, mrt)
    elif ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
        ctx.exit(2)


def _write_mrt(ctx: click.Context, path: Path) -> None:
    # A recording loads the core, and the other commands do without it.
    from evpnd.adapters.recording.dumping import write_mrt  # noqa: PLC0415
    from evpnd.cli.recorded import progress, read_until, told  # noqa: PLC0415

    given = ctx.find_root().obj
    if not isinstance(given, Recorded):
        answer = _answer(ctx, None, {"command": "record"})
        if not answer.get("file"):
            raise click.ClickException(
                "the daemon has recorded nothing: see `evpnd record start --help`"
            )
        given = Recorded(Path(str(answer["file"])))
    with told(given.path):
        until = read_until(given)
        with progress(given.path) as step:
            count = write_mrt(path, given.path, until, step)
    click.echo(f"{path}: {count} UPDATEs of peers")


def _size(
    _ctx: click.Context, _param: click.Parameter, value: str | None
) -> int | None:
    try:
        return None if value is None else parse_size(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@record.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--size",
    callback=_size,
    metavar="SIZE",
    help=f"Size of all parts together.  [default: {format_size(RING_SIZE)}]",
)
@socket_option
@click.pass_context
def start(
    ctx: click.Context, file: Path, size: int | None, socket: Path | None
) -> None:
    """Begin to record in FILE, with all that the daemon knows now."""
    path = str(file.absolute())
    question: dict[str, object] = {"command": "record", "do": "start", "file": path}
    if size is not None:
        question["size"] = size
    _answer(ctx, socket, question)
    click.echo(f"recording in {path}")


@record.command()
@socket_option
@click.pass_context
def stop(ctx: click.Context, socket: Path | None) -> None:
    """End the recording."""
    told = _answer(ctx, socket, {"command": "record", "do": "stop"})
    click.echo(f"recorded in {told.get('file')}")


@record.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@socket_option
@click.pass_context
def status(ctx: click.Context, socket: Path | None, *, as_json: bool) -> None:
    """Say what is recorded."""
    told = _answer(ctx, socket, {"command": "record"})
    if as_json:
        click.echo(json.dumps(told))
    elif told.get("recording"):
        size = told.get("size")
        most = format_size(size) if isinstance(size, int) else "?"
        click.echo(f"recording in {told.get('file')}, at most {most}")
    else:
        click.echo("nothing is recorded")


def _answer(
    ctx: click.Context, socket: Path | None, question: dict[str, object]
) -> dict[str, object]:
    answer = ask(ctx, socket, question)
    told = answer.get("result")
    if not answer.get("ok") or not isinstance(told, dict):
        raise click.ClickException(str(answer.get("error", "the daemon refused")))
    return told
