"""``evpnd run``: looks whether the host is fit, then becomes the speaker.

Three processes start side by side, as each has much to import: a child that reads the
file and looks at the host, the agent, and this one, which is the speaker.
"""

import signal
from contextlib import closing
from pathlib import Path

import click

from evpnd import (
    log,
    log_stream,
    without_openssl,  # noqa: F401
)
from evpnd.adapters.accepted import accepted_path, keep
from evpnd.cli.early_agent import EarlyAgent, agent_command
from evpnd.cli.options import file_options, one_file
from evpnd.cli.preparation import Preparation, PreparationFailed, Refused
from evpnd.process_title import set_title
from evpnd.speaker.process.configuration import write_speaker


@click.command()
@file_options
@click.option(
    "--flush-on-exit",
    is_flag=True,
    help="At SIGTERM, remove the rows that evpnd installed. Default: keep them.",
)
@click.option(
    "--record",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Record all events in FILE, for `evpnd replay`.",
)
@click.pass_context
def run(
    ctx: click.Context,
    configs: tuple[str, ...],
    files: tuple[str, ...],
    record: Path | None,
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

    --record keeps every event that evpnd gets in FILE, at most 256 MiB unless the key
    `record` of the configuration says otherwise: `evpnd replay --help`.

    Under systemd use Type=notify. Needs CAP_NET_ADMIN, CAP_NET_RAW and
    CAP_NET_BIND_SERVICE.

    \b
    Examples:
      evpnd run
      evpnd run -c lab.yaml --flush-on-exit
      evpnd run --record /var/lib/evpnd/recording

    \b
    Exit status: 0 stopped by a signal, 1 evpnd refused the host or failed,
    2 an error in FILE or wrong usage.
    """  # noqa: D301 - click wants the character
    path = Path(one_file(configs, files))
    # The agent is about to read the file; until ExaBGP has its own handler.
    signal.signal(signal.SIGHUP, lambda _number, _frame: None)
    log_stream.open_standard_descriptors()
    stderr = log_stream.install(log.dropped_lines)
    set_title("speaker", "-c", str(path))
    with (
        closing(Preparation(path)) as child,
        closing(EarlyAgent(path, record)) as agent,
    ):
        # Meanwhile: the most of what a daemon needs until its sessions are up.
        from evpnd.speaker import main as speaker  # noqa: PLC0415

        try:
            prepared = child.result()
        except PreparationFailed as failed:
            raise click.ClickException(f"{path}: {failed}") from None
        if isinstance(prepared, Refused):
            click.echo(prepared.text, err=True)
            ctx.exit(2)
        warnings = (f"warning: {each}" for each in prepared.warnings)
        for text in (*prepared.obstacles, *warnings):
            click.echo(f"evpnd: {text}", err=True)
        if prepared.obstacles:
            ctx.exit(1)
        config = prepared.config
        kept = accepted_path(config.control_socket)
        try:
            keep(prepared.in_force, kept)
        except OSError as error:
            raise click.ClickException(f"{kept}: {error.strerror}") from None
        command = [*agent_command(path, record), "--accepted", str(kept)]
        file = write_speaker(config, command)
        first = agent.accept(kept)
    stderr.drain()
    status = speaker.run(
        file,
        first,
        flush_on_exit=flush_on_exit,
        log_format=config.log.format,
    )
    ctx.exit(status)
