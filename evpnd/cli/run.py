"""``evpnd run``: looks whether the host is fit, then becomes the speaker."""

import sys
from pathlib import Path

import click

from evpnd import log, log_stream
from evpnd.adapters.accepted import accepted_path, keep
from evpnd.adapters.config import ConfigErrors, load_config
from evpnd.cli.host import look_before_start
from evpnd.cli.options import file_options, one_file
from evpnd.speaker.process.launcher import exec_speaker


@click.command()
@file_options
@click.option(
    "--flush-on-exit",
    is_flag=True,
    help="At SIGTERM, remove the rows that evpnd installed. Default: keep them.",
)
@click.pass_context
def run(
    ctx: click.Context,
    configs: tuple[str, ...],
    files: tuple[str, ...],
    *,
    flush_on_exit: bool,
) -> None:
    """Run the daemon in the foreground.

    FILE is the configuration; docs/evpnd.example.yaml explains every key. Before it
    changes anything, evpnd validates FILE and checks the host: capabilities, the BGP
    port, another evpnd, an FRR that owns the same devices.

    \b
    Signals:
      SIGHUP   evpnd reads FILE again; a file with errors changes nothing
      SIGTERM  evpnd stops; forwarding continues unless --flush-on-exit is given

    Under systemd use Type=notify. Needs CAP_NET_ADMIN, CAP_NET_RAW and
    CAP_NET_BIND_SERVICE.

    \b
    Examples:
      evpnd run
      evpnd run -c lab.yaml --flush-on-exit

    \b
    Exit status: 0 stopped by a signal, 1 evpnd refused the host or failed,
    2 an error in FILE or wrong usage.
    """  # noqa: D301 - click wants the character
    path = Path(one_file(configs, files))
    log_stream.open_standard_descriptors()
    stderr = log_stream.install(log.dropped_lines)
    try:
        config = load_config(path)
        # As the agent names it, and its policies' files, wherever it runs.
        in_force = config if path.is_absolute() else load_config(path.absolute())
    except ConfigErrors as errors:
        click.echo(str(errors), err=True)
        ctx.exit(2)
    found = look_before_start(config)
    for text in (*found.obstacles, *(f"warning: {each}" for each in found.warnings)):
        click.echo(f"evpnd: {text}", err=True)
    if found.obstacles:
        ctx.exit(1)
    kept = accepted_path(config.control_socket)
    try:
        keep(in_force, kept)
    except OSError as error:
        raise click.ClickException(f"{kept}: {error.strerror}") from None
    stderr.drain()
    exec_speaker(
        config,
        agent_command=[
            sys.executable,
            "-P",  # as the speaker: the current directory may be anybody's
            "-m",
            "evpnd.agent",
            "-c",
            str(path.absolute()),
            "--accepted",
            str(kept),
        ],
        flush_on_exit=flush_on_exit,
    )
