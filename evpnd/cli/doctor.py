"""``evpnd doctor``: what is wrong with this host and the fabric around it."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import click

from evpnd.adapters.config import ConfigErrors, load_config
from evpnd.adapters.control.client import NoDaemon, request
from evpnd.adapters.host.gather import gather
from evpnd.adapters.host.probe import probe as ask_vteps
from evpnd.cli.doctor_bundle import entry, pack
from evpnd.cli.doctor_fix import mend
from evpnd.cli.folding import fold
from evpnd.cli.host import look_only
from evpnd.cli.options import file_options, one_file, socket_option
from evpnd.doctor.checks import Told, examine_all
from evpnd.doctor.daemon import Daemon
from evpnd.doctor.examined import Examined, examine
from evpnd.doctor.finding import Level
from evpnd.doctor.probes import wanted
from evpnd.model.config import DEFAULT_FILE, DEFAULT_SOCKET, Config
from evpnd.model.ids import format_ip

_COLOURS = {
    Level.OK: "green",
    Level.NOTE: "cyan",
    Level.WARNING: "yellow",
    Level.FAULT: "red",
}
SHOWN = 5
"""Findings of one check and level that people are shown; programs get all."""
_TEXT_AT = 9
"""Column at which the subject of a finding begins."""


@click.command(short_help="Find what is wrong with this host and its fabric.")
@file_options
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
@click.option(
    "--fix",
    is_flag=True,
    help="Run the commands of findings that are safe, after asking for each.",
)
@click.option("-y", "--yes", is_flag=True, help="With --fix: do not ask.")
@click.option(
    "--probe",
    is_flag=True,
    help="Send packets to each VTEP, and look which come back.",
)
@click.option(
    "--bundle",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.tar.gz",
    help="Pack configuration, state, tables, kernel facts and log, without secrets.",
)
@socket_option
@click.pass_context
def doctor(
    ctx: click.Context,
    configs: tuple[str, ...],
    files: tuple[str, ...],
    socket: Path | None,
    *,
    as_json: bool,
    fix: bool,
    yes: bool,
    probe: bool,
    bundle: Path | None,
) -> None:
    """Find what is wrong with this host and the fabric around it.

    Prints one finding a line: how bad it is, the device, address or peer, what it
    means for packets, and behind `fix:` the command that mends it. `fault`: packets
    or sessions are lost now. `warning`: something works less well than it can, or
    fails under some condition. `note`: worth knowing. `ok`: a check that found
    nothing. What comes first is often the cause of what comes later.

    With a daemon at the control socket (that of FILE, or --socket) doctor also knows
    its peers, EVIs and VTEPs; without one it looks at FILE and the kernel. Without
    FILE and without /etc/evpnd/evpnd.yaml it looks at all VXLAN devices. Run it as
    root: other users do not see firewall rules and other programs' sockets.

    doctor changes nothing without --fix. With it, it asks before each command that
    loses no packet that passes now and opens nothing that somebody closed, runs it,
    and says what it did; then it looks again. Settings of the kernel are lost at the
    next boot.

    --probe sends packets with DF to each VTEP, of several sizes: ICMP echo requests,
    and frames within VXLAN that a running evpnd sends back. No tenant sees them. So
    doctor finds a link on the way that is too small, a VTEP that has no VXLAN device,
    and one that does not answer. It takes two seconds for what does not come back.

    --bundle writes a file for whoever is asked for help: the findings, configuration
    and policies, the daemon's tables, what the kernel tells, and the log. Passwords
    are cut. Only its owner can read it.

    --json prints one document, a list of objects: `check` (its name), `level`,
    `subject`, `text`, `fix` (null: none).

    docs/doctor.md describes each check.

    \b
    Examples:
      evpnd doctor
      evpnd doctor -c new.yaml
      evpnd doctor --probe
      evpnd doctor --fix
      evpnd doctor --bundle /tmp/host1.tar.gz
      evpnd doctor --json | jq '.[] | select(.level == "fault")'

    \b
    Exit status: 0 nothing worse than a note, 1 a warning or a fault, 2 wrong usage or
    an invalid FILE.
    """  # noqa: D301 - click wants the character
    if as_json and fix:
        raise click.UsageError("--fix talks to people; it cannot be used with --json.")
    config: Config | None = None
    if configs or files or DEFAULT_FILE.exists():
        try:
            config = load_config(Path(one_file(configs, files)))
        except ConfigErrors as errors:
            click.echo(str(errors), err=True)
            ctx.exit(2)
    at = _socket(ctx, socket, config)
    seen = _look(config, at)
    if probe:
        seen = _probe(seen)
    found = list(examine_all(seen))
    if bundle is not None:
        pack(bundle, seen, found, at)
    if as_json:
        lines = ",\n".join(json.dumps(entry(each)) for each in found)
        click.echo(f"[{lines}]")
    else:
        _print(found)
    if fix:
        click.echo()
        well = mend(found, ask=not yes)
        found = list(examine_all(_look(config, at)))
        bad = sum(each.finding.level > Level.NOTE for each in found)
        click.echo(f"\nwarnings and faults left: {bad}")
        if not well:
            ctx.exit(1)
    if any(each.finding.level > Level.NOTE for each in found):
        ctx.exit(1)


def _socket(ctx: click.Context, socket: Path | None, config: Config | None) -> Path:
    given = ctx.find_root().obj
    if socket is not None:
        return socket
    if isinstance(given, Path):
        return given
    return DEFAULT_SOCKET if config is None else config.control_socket


def _look(config: Config | None, socket: Path) -> Examined:
    """Read the daemon's tables and the host."""
    daemon = _ask(socket)
    obstacles: list[str] = []
    doubts: list[str] = []
    if config is not None:
        obstacles, doubts = look_only(config, socket)
    host = gather(config, daemon, obstacles=obstacles, doubts=doubts)
    return examine(host, config, daemon)


def _probe(seen: Examined) -> Examined:
    """Ask the VTEPs, and add what came back."""
    asked = wanted(seen)
    if not asked:
        click.echo("--probe: no VTEP is known, so none is asked", err=True)
        return seen
    try:
        came = ask_vteps(asked, seen.vtep, seen.udp_port)
    except OSError as error:
        reason = f"--probe, from {format_ip(seen.vtep)}: {error.strerror}"
        raise click.ClickException(reason) from None
    return seen._replace(host=seen.host._replace(probed=came))


def _ask(socket: Path) -> Daemon | None:
    """Return the tables of the daemon; None: none answers."""
    tables: list[list[Any]] = []
    try:
        for what in ("peers", "evis", "vteps"):
            answer = request(socket, {"command": "show", "what": what})
            found = answer.get("result")
            if not answer.get("ok") or not isinstance(found, list):
                raise click.ClickException(str(answer.get("error", "no table")))
            tables.append(found)
    except NoDaemon:
        return None
    return Daemon(*tables)


def _print(found: list[Told]) -> None:
    """Print a line for each finding; of many alike, the first."""
    alike: Counter[tuple[str, Level]] = Counter()
    for told in found:
        finding = told.finding
        level = finding.level
        alike[told.check, level] += 1
        if alike[told.check, level] <= SHOWN:
            text = f"{finding.subject}: {finding.text}"
            if finding.fix is not None:
                text += f"; fix: {finding.fix.text}"
            _print_line(level, text)
    for (check, level), count in alike.items():
        if count > SHOWN:
            more = f"{check}: {count - SHOWN} more of the same kind; --json lists all"
            _print_line(level, more)
    counts = Counter(told.finding.level for told in found)
    words = [f"{counts[level]} {_plural(level, counts[level])}" for level in Level]
    click.echo(f"\n{', '.join(reversed(words))}")


def _print_line(level: Level, text: str) -> None:
    line = fold(f"{level.word:<{_TEXT_AT - 1}} {text}", _TEXT_AT)
    word = click.style(line[: _TEXT_AT - 1], fg=_COLOURS[level])
    click.echo(word + line[_TEXT_AT - 1 :])


def _plural(level: Level, count: int) -> str:
    return level.word if count == 1 or level is Level.OK else f"{level.word}s"
