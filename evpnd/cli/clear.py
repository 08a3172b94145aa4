"""``evpnd clear``."""

from pathlib import Path

import click

from evpnd.adapters.control.requests import normal_filter
from evpnd.cli.options import ask, socket_option
from evpnd.cli.words import Words


@click.group(cls=Words)
@socket_option
@click.pass_context
def clear(ctx: click.Context, socket: Path | None) -> None:
    """Clear duplicates, or reset the session with a peer."""
    ctx.obj = socket or ctx.obj


@clear.command()
@click.option("--vni", type=click.IntRange(1, (1 << 24) - 1), required=True)
@click.argument("address", metavar="MAC|IP")
@socket_option
@click.pass_context
def duplicate(ctx: click.Context, socket: Path | None, vni: int, address: str) -> None:
    """Release a duplicate MAC or IP, frozen or not.

    The count of its moves starts again at 0. `evpnd show macs` and `evpnd show
    neighbors` list the duplicates. An address that still has two owners becomes a
    duplicate again.

    \b
    Example:
      evpnd clear duplicate --vni 10100 02:00:00:00:00:01
      evpnd clear duplicate --vni 10100 192.0.2.10

    \b
    Exit status: 0 released, 1 not a duplicate, 2 wrong usage, 3 no daemon.
    """  # noqa: D301 - click wants the character
    kind, normal = _kind_of(address)
    answer = ask(ctx, socket, {"command": "clear", "vni": vni, kind: normal})
    if not answer.get("ok"):
        raise click.ClickException(str(answer.get("error")))
    click.echo(f"{normal} in VNI {vni} released")


@clear.command()
@click.argument("address")
@click.option(
    "--soft", is_flag=True, help="Keep the session up; exchange all routes again."
)
@socket_option
@click.pass_context
def peer(ctx: click.Context, socket: Path | None, address: str, *, soft: bool) -> None:
    """Reset the session with a peer, without damping.

    ADDRESS is the peer's address or its description. The session ends with the
    NOTIFICATION Cease / Administrative Reset, and the peer's routes are removed. If
    the peer is damped because its sessions were short, evpnd connects at once.

    With --soft the session stays up: evpnd requests the peer's routes by ROUTE-REFRESH
    (RFC 2918) and sends its own again, between the marks of RFC 7313 if the peer
    supports them.

    \b
    Examples:
      evpnd clear peer 10.0.0.254
      evpnd clear peer spine1 --soft

    \b
    Exit status: 0 done, 1 there is no such peer, or with --soft no session or no
    ROUTE-REFRESH, 2 wrong usage, 3 no daemon.
    """  # noqa: D301 - click wants the character
    name = normal_filter("peer", address)
    answer = ask(ctx, socket, {"command": "clear-peer", "peer": name, "soft": soft})
    if not answer.get("ok"):
        raise click.ClickException(str(answer.get("error")))
    done = (
        "its routes are requested, and ours sent again"
        if soft
        else "its session is reset"
    )
    click.echo(f"{name}: {done}")


def _kind_of(address: str) -> tuple[str, str]:
    """Return whether an address is a "mac" or an "ip", and how it is written."""
    for kind in ("mac", "ip"):
        try:
            return kind, normal_filter(kind, address)
        except ValueError:
            continue
    text = f"{address!r} is neither a MAC nor an IP address"
    raise click.BadParameter(text, param_hint="MAC|IP")
