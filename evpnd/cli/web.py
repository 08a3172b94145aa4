"""``evpnd web``: the looking glass."""

import ipaddress
import os
import sys
from pathlib import Path

import click

from evpnd.adapters.listening import listen_address
from evpnd.adapters.yaml.errors import ConfigErrors
from evpnd.adapters.yaml.reader import Document, read_yaml
from evpnd.model.config import DEFAULT_FILE, DEFAULT_SOCKET

DEFAULT_LISTEN = "127.0.0.1:9472"


def _listen(
    _ctx: click.Context, _param: click.Parameter, value: str | None
) -> tuple[str, int] | None:
    try:
        return None if value is None else listen_address(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command(short_help="Serve pages that show the fabric, read-only.")
@click.option(
    "--listen",
    callback=_listen,
    metavar="ADDRESS:PORT",
    help=f"Where browsers find it.  [default: web.listen of FILE, or {DEFAULT_LISTEN}]",
)
@click.option(
    "-c",
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help=f"Configuration with `web` and `control`.  [default: {DEFAULT_FILE}]",
)
@click.option(
    "--socket",
    "paths",
    multiple=True,
    type=click.Path(path_type=Path, readable=False),
    metavar="PATH",
    help="Control socket of a daemon; again for more hosts."
    f"  [default: control.socket of FILE, or {DEFAULT_SOCKET}]",
)
@click.option(
    "--name",
    "names",
    multiple=True,
    metavar="NAME",
    help="Another name by which browsers reach this host; again for more.",
)
@click.pass_context
def web(
    ctx: click.Context,
    listen: tuple[str, int] | None,
    config: Path | None,
    paths: tuple[Path, ...],
    names: tuple[str, ...],
) -> None:
    """Serve pages that show the fabric as this host knows it.

    The pages show VTEPs, VNIs and sessions as a picture, EVIs with their MACs, peers
    and what is wrong with them, policies with their counts, events, and where a MAC
    or an IP is and why. They ask the control socket as `evpnd show` does, change
    nothing, and need no privilege but access to the socket. JSON is under /api/v1/,
    with the names of `show --json`.

    With several --socket, the picture joins what several hosts know.

    Whoever reaches ADDRESS can read all of it: there is no password and no TLS. Put a
    reverse proxy before it where others than you reach it. A browser that comes by a
    name is served if it is this host's name, or one given by --name.

    \b
    Examples:
      evpnd web
      evpnd web --listen [::1]:9472 --socket /run/evpnd/evpnd.sock
      evpnd web --listen 0.0.0.0:9472 --name glass.example.net

    \b
    Exit status: 0 ended by SIGINT or SIGTERM, 1 it cannot listen, 2 wrong usage or
    an invalid FILE.
    """  # noqa: D301 - click wants the character
    try:
        # Only this command needs these libraries.
        from evpnd.web.daemons import named  # noqa: PLC0415
        from evpnd.web.server import application, serve  # noqa: PLC0415
        from evpnd.web.server import listen as listen_at  # noqa: PLC0415
    except ModuleNotFoundError as missing:
        raise click.ClickException(
            f"evpnd web needs {missing.name}, which is not installed; install the "
            f"extra: {Path(sys.executable).parent}/pip install 'evpnd[web]'"
        ) from None
    document = _read(ctx, config)
    given = ctx.find_root().obj
    if not paths:
        named_in = _text(document, "control", "socket") or DEFAULT_SOCKET
        paths = (given if isinstance(given, Path) else Path(named_in),)
    host, port = listen or _listen_of(ctx, document)
    shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        listener = listen_at(host, port)
    except OSError as error:
        raise click.ClickException(
            f"cannot listen at {shown}: {os.strerror(error.errno or 0)}"
        ) from None
    if not ipaddress.ip_address(host).is_loopback:
        click.echo(f"whoever reaches {shown} can read all pages", err=True)
    click.echo(f"evpnd web at http://{shown}/", err=True)
    app = application(named(list(dict.fromkeys(paths))), names)
    with listener:
        serve(app, listener)


def _read(ctx: click.Context, config: Path | None) -> Document | None:
    """Read the file, as YAML alone: `evpnd check` judges all of it."""
    if config is None and not os.access(DEFAULT_FILE, os.R_OK):
        return None
    try:
        return read_yaml(config or DEFAULT_FILE)
    except ConfigErrors as errors:
        click.echo(str(errors), err=True)
        ctx.exit(2)


def _text(document: Document | None, section: str, key: str) -> str | None:
    value = None if document is None else document.section(section)
    found = value.get(key) if isinstance(value, dict) else None
    return None if found is None else str(found)


def _listen_of(ctx: click.Context, document: Document | None) -> tuple[str, int]:
    text = _text(document, "web", "listen") or DEFAULT_LISTEN
    try:
        return listen_address(text)
    except ValueError as error:
        assert document is not None
        click.echo(str(document.error(("web", "listen"), str(error))), err=True)
        ctx.exit(2)
