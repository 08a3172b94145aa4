"""Options that commands share, and the question to the daemon behind them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from evpnd.adapters.control.client import request
from evpnd.adapters.control.requests import normal_filter
from evpnd.cli.asked import Recorded
from evpnd.model.bridges import VLAN_MAX
from evpnd.model.config import DEFAULT_FILE, DEFAULT_SOCKET
from evpnd.model.ids import VNI_MAX

Command = TypeVar("Command", bound=Callable[..., Any])


def file_options(command: Command) -> Command:
    """Return a command FILE and ``-c FILE``, for `one_file` or `all_files` to read."""
    argument = click.argument("files", metavar="[FILE]...", nargs=-1)
    option = click.option(
        "-c",
        "--config",
        "configs",
        multiple=True,
        metavar="FILE",
        help=f"The same as FILE.  [default: {DEFAULT_FILE}]",
    )
    return option(argument(command))


def all_files(configs: Sequence[str], files: Sequence[str]) -> list[str]:
    """Return the files that a command names, or the default one.

    Raises UsageError where none is named and the default does not exist.
    """
    named = [*configs, *files]
    if not named and not DEFAULT_FILE.exists():
        raise click.UsageError(f"Name a FILE: there is no {DEFAULT_FILE}.")
    return named or [str(DEFAULT_FILE)]


def one_file(configs: Sequence[str], files: Sequence[str]) -> str:
    """Return the file of a command that takes one; raises UsageError for more."""
    named = all_files(configs, files)
    if len(named) > 1:
        raise click.UsageError(f"Name one FILE, not {' and '.join(named)}.")
    return named[0]


until_option = click.option(
    "--until",
    metavar="TIME|EVENT",
    help="Where the replay stops: `evpnd replay --help`.",
)
socket_option = click.option(
    "--socket",
    type=click.Path(path_type=Path, readable=False),
    metavar="PATH",
    help=f"Control socket of the daemon.  [default: {DEFAULT_SOCKET}]",
)


def _normal(
    _ctx: click.Context, param: click.Parameter, value: str | None
) -> str | None:
    """Check a filter, so that a typing error is wrong usage and no empty table."""
    if value is None:
        return None
    try:
        return normal_filter(str(param.name), value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


vni_option = click.option(
    "--vni", type=click.IntRange(1, VNI_MAX), metavar="VNI", help="Show only this VNI."
)
vlan_option = click.option(
    "--vlan",
    type=click.IntRange(1, VLAN_MAX),
    metavar="VLAN",
    help="Show only this VLAN of bridges.",
)
peer_option = click.option(
    "--peer",
    callback=_normal,
    metavar="PEER",
    help="Show only this peer, given by address or description.",
)
mac_option = click.option(
    "--mac", callback=_normal, metavar="MAC", help="Show only this MAC address."
)
ip_option = click.option(
    "--ip", callback=_normal, metavar="IP", help="Show only this IP address."
)


def ask(
    ctx: click.Context, socket: Path | None, question: dict[str, object]
) -> dict[str, object]:
    """Ask the daemon that `--socket` names, or the recording of `--replay`."""
    given = ctx.find_root().obj
    if isinstance(given, Recorded):
        # A replay loads the core, and most commands do without it.
        from evpnd.adapters.recording.answers import answer  # noqa: PLC0415
        from evpnd.cli.recorded import replay_of  # noqa: PLC0415

        return answer(replay_of(given), question)
    path = socket or (given if isinstance(given, Path) else DEFAULT_SOCKET)
    return request(path, question)
