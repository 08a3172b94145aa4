"""``evpnd``: finds the command, and converts every failure to an exit status."""

import contextlib
import importlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import click

from evpnd import __version__
from evpnd.adapters.control.client import NoDaemon, RequestFailed
from evpnd.adapters.control.requests import TABLES
from evpnd.cli.asked import Recorded
from evpnd.cli.options import socket_option, until_option
from evpnd.cli.words import Words

DONE, FAILED, WRONG, NO_DAEMON = 0, 1, 2, 3

_MODULES: Final = {
    "run": "evpnd.cli.run",
    "check": "evpnd.cli.check",
    "schema": "evpnd.cli.schema",
    "plan": "evpnd.cli.plan",
    "flush": "evpnd.cli.flush",
    "reload": "evpnd.cli.reload",
    "show": "evpnd.cli.show",
    "explain": "evpnd.cli.explain",
    "doctor": "evpnd.cli.doctor",
    "restart-agent": "evpnd.cli.restart_agent",
    "clear": "evpnd.cli.clear",
    "record": "evpnd.cli.record",
    "replay": "evpnd.cli.replay",
    "policy": "evpnd.cli.policy",
    "web": "evpnd.cli.web",
    "examples": "evpnd.cli.examples",
}


class _Commands(Words):
    """Imports a command when it is called, so that `show` starts at once."""

    other_words: Mapping[str, str] = {
        **{table: f"show {table}" for table in TABLES},
        "start": "run",
        "daemon": "run",
        "validate": "check",
        "test": "policy test",
        "diff": "plan",
        "why": "explain",
    }

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _MODULES:
            return None
        module = importlib.import_module(_MODULES[cmd_name])
        command = getattr(module, cmd_name.replace("-", "_"))
        assert isinstance(command, click.Command)
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="evpnd", message="%(prog)s %(version)s")
@socket_option
@click.option(
    "--replay",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Ask the end of a recording, not a daemon: show, explain, plan.",
)
@until_option
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="With --replay: a configuration in place of the recorded one.",
)
@click.pass_context
def evpnd(
    ctx: click.Context,
    socket: Path | None,
    replay: Path | None,
    until: str | None,
    config: Path | None,
) -> None:
    """Take part in a BGP EVPN fabric with VXLAN (RFC 7432, RFC 8365).

    evpnd advertises the MACs and IPs of the tenants on this host, learns those of
    other hosts, and keeps the kernel's VXLAN FDB, bridge FDB and neighbour tables
    equal to what it learned. `evpnd run` is the daemon; the other commands query it,
    or check files. Commands can be abbreviated if they are unambiguous:
    `evpnd sh mac`.

    \b
    Examples:
      evpnd check
      evpnd plan -c new.yaml
      evpnd run -c /etc/evpnd/evpnd.yaml
      evpnd show peers
      evpnd show macs --vni 10100 --json
      evpnd explain 02:00:00:00:00:01
      evpnd reload
      evpnd --replay night.rec show macs

    \b
    Files:
      /etc/evpnd/evpnd.yaml    configuration, by default
      /run/evpnd/evpnd.sock    control socket, by default

    \b
    Exit status:
      0  done
      1  refused or failed
      2  wrong usage or invalid file
      3  no daemon at the socket
    """  # noqa: D301 - click wants the character
    if (until or config) and replay is None:
        option = "--until" if until else "--config"
        raise click.UsageError(f"{option} before the command needs --replay FILE.")
    ctx.obj = socket if replay is None else Recorded(replay, until, config)


def call(words: list[str]) -> int:
    """Run one command line and return its exit status; never a traceback."""
    try:
        status = evpnd.main(words, prog_name="evpnd", standalone_mode=False)
    except click.UsageError as error:
        with contextlib.suppress(OSError):
            error.show()
        return WRONG
    except click.ClickException as error:
        return _complain(error.format_message())
    except (click.Abort, KeyboardInterrupt):
        return FAILED
    except NoDaemon as error:
        return _complain(str(error), NO_DAEMON)
    except RequestFailed as error:
        return _complain(str(error))
    except OSError as error:
        # A full disk below the output, or a file that the system refuses.
        return _complain(": ".join(filter(None, (error.filename, error.strerror))))
    return status if isinstance(status, int) else DONE


def _open_streams() -> None:
    """Discard output if the caller closed standard output (``>&-``)."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115


def _complain(sentence: str, status: int = FAILED) -> int:
    with contextlib.suppress(OSError):
        click.echo(f"evpnd: {sentence}", err=True)
    return status


def _keep_order(words: list[str]) -> None:
    """Begin this process anew for a replay: its sets have one order then.

    Without that, two replays could print the same things in another order.
    """
    if os.environ.get("PYTHONHASHSEED") != "0" and _replays(words):
        argv = [sys.executable, "-P", "-m", "evpnd.cli.main", *words]
        os.execve(sys.executable, argv, {**os.environ, "PYTHONHASHSEED": "0"})  # noqa: S606


def _replays(words: list[str]) -> bool:
    options = [word.partition("=")[0] for word in words]
    return "--replay" in options or (bool(words) and words[0].startswith("rep"))


def main() -> None:
    """Run the command `evpnd`."""
    _open_streams()
    _keep_order(sys.argv[1:])
    try:
        status = call(sys.argv[1:])
        sys.stdout.flush()
    except KeyboardInterrupt:
        status = FAILED
    except OSError as error:
        # What stands in the buffer cannot be written; Python would try again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        status = _complain(f"standard output: {error.strerror}")
    sys.exit(status)


if __name__ == "__main__":
    main()
