"""``evpnd reload``."""

from pathlib import Path

import click

from evpnd.cli.folding import fold
from evpnd.cli.options import ask, socket_option


@click.command()
@socket_option
@click.pass_context
def reload(ctx: click.Context, socket: Path | None) -> None:
    """Make the daemon read its configuration again.

    Prints each change on a line. A file with errors changes nothing: the errors are
    printed, and the exit status is 1. SIGHUP to the daemon does the same.

    \b
    Exit status: 0 reloaded, 1 refused, 2 wrong usage, 3 no daemon.
    """  # noqa: D301 - click wants the character
    answer = ask(ctx, socket, {"command": "reload"})
    if not answer.get("ok"):
        for line in _lines(answer.get("errors")):
            click.echo(line, err=True)
        raise click.ClickException(f"reload refused: {answer.get('error')}")
    for line in _lines(answer.get("changes")) or ["nothing changed"]:
        click.echo(fold(line, 2))


def _lines(value: object) -> list[str]:
    return [str(line) for line in value] if isinstance(value, list) else []
