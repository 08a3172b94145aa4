"""``evpnd flush``: removes what a stopped evpnd left."""

import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from evpnd.adapters import accepted
from evpnd.adapters.config import ConfigErrors, load_config
from evpnd.adapters.control.client import is_answered
from evpnd.adapters.flushing import find_leftovers, remove
from evpnd.cli.options import file_options, one_file, socket_option
from evpnd.cli.plan import Change, list_changes


@click.command()
@file_options
@click.option("--yes", is_flag=True, help="Remove it without asking.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
@socket_option
@click.pass_context
def flush(
    ctx: click.Context,
    configs: tuple[str, ...],
    files: tuple[str, ...],
    socket: Path | None,
    *,
    yes: bool,
    as_json: bool,
) -> None:
    """Remove what a stopped evpnd left in the kernel.

    When evpnd stops, forwarding continues: its rows and devices stay. `flush` shows
    them, asks, and removes them: FDB rows, flood lists and neighbours on the devices
    of the EVIs of FILE, and every device that evpnd created. Rows and devices of
    others stay.

    While a daemon runs at the control socket (that of FILE, or --socket), `flush`
    refuses. `evpnd run --flush-on-exit` removes everything when it stops.

    With --json, prints one document, a list of objects as `evpnd plan --json` does;
    removes them only with --yes. Needs CAP_NET_ADMIN.

    \b
    Examples:
      systemctl stop evpnd && evpnd flush
      evpnd flush -c old.yaml --yes

    \b
    Exit status: 0 removed, or nothing to remove, 1 refused or failed,
    2 an error in FILE or wrong usage.
    """  # noqa: D301 - click wants the character
    path = Path(one_file(configs, files))
    try:
        config = load_config(path)
    except ConfigErrors as errors:
        click.echo(str(errors), err=True)
        ctx.exit(2)
    given = ctx.find_root().obj
    at = socket or (given if isinstance(given, Path) else config.control_socket)
    if at.exists() and is_answered(at):
        raise click.ClickException(
            f"an evpnd runs at {at}; stop it first (`systemctl stop evpnd`)"
        )
    found = find_leftovers(config)
    _show(found.changes, as_json=as_json)
    if not found.changes:
        return
    if not yes:
        if as_json or not sys.stdin.isatty():
            raise click.ClickException("nothing was removed; add --yes to remove it")
        click.confirm("Remove this?", abort=True, err=True)
    asyncio.run(remove(found.actions))
    accepted.forget(accepted.accepted_path(config.control_socket))
    left = find_leftovers(config).changes
    if left:
        if not as_json:
            click.echo("\nleft:", err=True)
            _show(left, as_json=False)
        raise click.ClickException(f"{len(left)} of {len(found.changes)} could not go")
    if not as_json:
        click.echo(f"\nremoved: {len(found.changes)}")


def _show(changes: Sequence[Change], *, as_json: bool) -> None:
    if as_json:
        lines = ",\n".join(json.dumps(change) for change in changes)
        click.echo(f"[{lines}]")
    elif changes:
        list_changes(changes)
    else:
        click.echo("nothing is left of evpnd")
