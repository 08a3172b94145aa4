"""Options that commands share, and the question to the daemon behind them."""

from pathlib import Path

import click

from evpnd.adapters.control.client import request
from evpnd.adapters.control.requests import normal_filter
from evpnd.model.config import DEFAULT_SOCKET
from evpnd.model.ids import VNI_MAX

socket_option = click.option(
    "--socket",
    type=click.Path(path_type=Path, readable=False),
    metavar="PATH",
    help=f"Control socket of the daemon.  [default: {DEFAULT_SOCKET}]",
)


def _normal(
    _ctx: click.Context, param: click.Parameter, value: str | None
) -> str | None:
    """Check a filter here, so that a slip is wrong usage and no empty table."""
    if value is None:
        return None
    try:
        return normal_filter(str(param.name), value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


vni_option = click.option(
    "--vni", type=click.IntRange(1, VNI_MAX), metavar="VNI", help="Only of this VNI."
)
peer_option = click.option(
    "--peer",
    callback=_normal,
    metavar="PEER",
    help="Only of this peer: its address or its description.",
)
mac_option = click.option(
    "--mac", callback=_normal, metavar="MAC", help="Only with this MAC address."
)
ip_option = click.option(
    "--ip", callback=_normal, metavar="IP", help="Only with this IP address."
)


def ask(
    ctx: click.Context, socket: Path | None, question: dict[str, object]
) -> dict[str, object]:
    """Ask the daemon that `--socket` names, here or before the command."""
    given = ctx.find_root().obj
    path = socket or (given if isinstance(given, Path) else DEFAULT_SOCKET)
    return request(path, question)
