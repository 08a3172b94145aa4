"""``evpnd restart-agent``: after an upgrade, without the end of a session."""

import time
from pathlib import Path
from typing import Any, Final

import click

from evpnd import __version__
from evpnd.adapters.control.client import NoDaemon, RequestFailed
from evpnd.cli.options import ask, socket_option
from evpnd.wire.pipe import LAYOUT

PATIENCE: Final = 20.0
"""Seconds until the next agent answers."""
_PAUSE: Final = 0.1


@click.command(short_help="Start the agent again; the BGP sessions stay.")
@socket_option
@click.pass_context
def restart_agent(ctx: click.Context, socket: Path | None) -> None:
    """Start the agent again, as the version that is installed now.

    evpnd has two processes. The speaker has the BGP sessions; the agent decides, and
    writes the kernel's tables. After an upgrade this command replaces the agent alone:
    sessions stay up, and forwarding continues. The speaker stays the earlier version
    until the next `systemctl restart evpnd`; `evpnd show status` shows both.

    Refused if the messages between the two processes are others in the installed
    version. Then use `systemctl restart evpnd`: forwarding continues, and peers with
    graceful restart (RFC 4724) keep the routes.

    \b
    Exit status: 0 done, 1 refused or failed, 2 wrong usage, 3 no daemon.
    """  # noqa: D301 - click wants the character
    before = _status(ctx, socket)
    if before.get("speaker_messages") != LAYOUT:
        raise click.ClickException(
            f"the speaker of evpnd {before.get('version', 'that runs')} does not "
            f"understand an agent of {__version__}: systemctl restart evpnd"
        )
    answer = ask(ctx, socket, {"command": "restart-agent"})
    if not answer.get("ok"):
        raise click.ClickException(str(answer.get("error")))
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        time.sleep(_PAUSE)
        try:
            now = _status(ctx, socket)
        except (NoDaemon, RequestFailed):
            continue
        if now["agent_pid"] != before["agent_pid"]:
            click.echo(f"the agent is evpnd {now['version']}; the sessions stayed up")
            return
    raise click.ClickException(f"no agent answers after {PATIENCE:g} s; see the log")


def _status(ctx: click.Context, socket: Path | None) -> dict[str, Any]:
    """Return the daemon's state; empty where it has none of this kind."""
    answer = ask(ctx, socket, {"command": "status"})
    result = answer.get("result")
    return result if isinstance(result, dict) else {}
