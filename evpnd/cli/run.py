"""``evpnd run``: looks whether the host is fit, then becomes the speaker."""

import os
import sys
import time
from pathlib import Path

import click

from evpnd.adapters.accepted import accepted_path, keep
from evpnd.adapters.config_yaml import ConfigErrors, load_config
from evpnd.adapters.control.client import is_answered
from evpnd.adapters.netlink.preflight import (
    bgp_port_holder,
    frr_owner,
    missing_capabilities,
)
from evpnd.cli.options import file_options, one_file
from evpnd.model.config import Config
from evpnd.speaker.configuration import listening_addresses
from evpnd.speaker.launcher import exec_speaker

FAREWELL = 3.0
"""Seconds in which the agent of a daemon that just ended leaves the socket."""


@click.command()
@file_options
@click.option(
    "--flush-on-exit",
    is_flag=True,
    help="At SIGTERM remove what evpnd installed. Default: leave it in place.",
)
@click.pass_context
def run(
    ctx: click.Context,
    configs: tuple[str, ...],
    files: tuple[str, ...],
    *,
    flush_on_exit: bool,
) -> None:
    """Be the daemon, in the foreground.

    FILE is the configuration; docs/evpnd.example.yaml explains every key. Before
    anything is touched it is validated, and the host is looked at: capabilities,
    the BGP port, another evpnd, an FRR that owns the same devices.

    \b
    Signals:
      SIGHUP   reads FILE again; a file with errors changes nothing
      SIGTERM  stops; forwarding goes on unless --flush-on-exit is given

    Under systemd use Type=notify. Needs CAP_NET_ADMIN, CAP_NET_RAW and
    CAP_NET_BIND_SERVICE.

    \b
    Examples:
      evpnd run
      evpnd run -c lab.yaml --flush-on-exit

    \b
    Exit status: 0 stopped by a signal, 1 the host is not fit or evpnd failed,
    2 an error in FILE or wrong usage.
    """  # noqa: D301 - click wants the character
    path = Path(one_file(configs, files))
    try:
        config = load_config(path)
        # As the agent names it, and its policies' files, wherever it runs.
        in_force = config if path.is_absolute() else load_config(path.absolute())
    except ConfigErrors as errors:
        click.echo(str(errors), err=True)
        ctx.exit(2)
    obstacle = find_obstacle(config)
    if obstacle is not None:
        raise click.ClickException(obstacle)
    kept = accepted_path(config.control_socket)
    try:
        keep(in_force, kept)
    except OSError as error:
        raise click.ClickException(f"{kept}: {error.strerror}") from None
    exec_speaker(
        config,
        agent_command=[
            sys.executable,
            "-m",
            "evpnd.agent",
            "-c",
            str(path.absolute()),
            "--accepted",
            str(kept),
        ],
        flush_on_exit=flush_on_exit,
    )


def find_obstacle(config: Config) -> str | None:
    """Find what keeps evpnd from running here, as a sentence for the operator."""
    missing = missing_capabilities()
    if missing:
        return f"{', '.join(missing)} missing; run as root, or by the systemd unit"
    return (
        _socket_obstacle(config.control_socket)
        or bgp_port_holder(
            sorted(
                listening_addresses(
                    (peer.address, peer.local_address) for peer in config.peers
                )
            )
        )
        or frr_owner(
            None
            if config.discover
            else {evi.vxlan for evi in config.evis if evi.vxlan},
            {evi.vni for evi in config.evis},
        )
    )


def _socket_obstacle(path: Path) -> str | None:
    try:
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    except OSError as error:
        return f"control.socket: {path.parent} cannot be made: {error.strerror}"
    if not os.access(path.parent, os.W_OK | os.X_OK):
        return f"control.socket: {path.parent} is not writable"
    if path.exists() and not path.is_socket():
        return f"control.socket: {path} is not a socket; remove it"
    leave = time.monotonic() + FAREWELL
    while is_answered(path):
        if time.monotonic() > leave:
            return (
                f"another evpnd answers at {path}; stop it, or give this one "
                "another control.socket"
            )
        time.sleep(0.1)
    return None
