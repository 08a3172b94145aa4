"""``evpnd plan``: what starting or reloading with a file would change."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from evpnd.adapters.config import ConfigErrors, load_config
from evpnd.adapters.control.client import NoDaemon, request
from evpnd.adapters.planning import plan_start
from evpnd.cli.asked import Recorded
from evpnd.cli.folding import fold
from evpnd.cli.host import look_only, tell
from evpnd.cli.options import (
    ask,
    file_options,
    one_file,
    socket_option,
)
from evpnd.written import write_text

SHOWN = 200
"""Lines of one kind that people are shown; programs get all."""
PATIENCE = 90.0
"""Seconds: the tables of a large host are read and compared."""

_SIGNS = {"add": "+", "change": "~", "remove": "-"}
_COLOURS = {"add": "green", "change": "yellow", "remove": "red"}
_HEADINGS = {
    "device": "devices",
    "session": "BGP sessions",
    "policy": "policies",
    "evi": "EVIs",
    "route": "routes to announce",
    "flood": "flood lists",
    "fdb": "FDB rows",
    "neighbor": "neighbours",
}
_NAMES = {
    "device": ("name",),
    "session": ("address",),
    "policy": ("name",),
    "evi": ("vni", "name"),
    "route": ("vni", "type", "mac", "ip"),
    "flood": ("vni", "vtep"),
    "fdb": ("vni", "mac"),
    "neighbor": ("vni", "ip"),
}
_NO_MATTER: tuple[object, ...] = (None, "", [], False, 0)
"""Values that need no words of their own beside a thing that comes or goes."""

_TOLD_APART = frozenset(
    {"action", "what", "was", "peers", "restarts", "routes_withdrawn"}
)

Change = dict[str, Any]


@click.command(short_help="Show what a start or a reload would change.")
@file_options
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
@socket_option
@click.pass_context
def plan(
    ctx: click.Context,
    configs: tuple[str, ...],
    files: tuple[str, ...],
    socket: Path | None,
    *,
    as_json: bool,
) -> None:
    """Show what a start or a reload with FILE would change; change nothing.

    If a daemon runs at the control socket (that of FILE, or --socket), FILE is
    compared with its state: the output is what `evpnd reload` would do. Otherwise
    FILE is compared with the kernel: the output is what `evpnd run` would do before
    its peers have sent any routes.

    Lines begin with + for additions, ~ for changes (with the old value in brackets)
    and - for removals. --json prints one document, a list of objects with `action`
    (add, change, remove), `what` (device, session, policy, evi, route, flood, fdb,
    neighbor) and the properties; `was` has the old properties of a change. A route
    has `peers` if the change is for these peers only; export policies and profiles
    are applied. The `revision` of a policy changes with its content. A session that
    changes has `restarts`; if it restarts, `routes_withdrawn` is the number of its
    routes that are removed until it is back (0 with graceful restart).

    Reasons why `evpnd run` would refuse this host are printed to standard error, in
    lines that begin with `this host:`.

    \b
    Examples:
      evpnd plan
      evpnd plan -c new.yaml --json | jq '.[] | select(.what == "fdb")'

    \b
    Exit status: 0 done, whether or not anything would change, 1 failed,
    2 an error in FILE or wrong usage.
    """  # noqa: D301 - click wants the character
    path = Path(one_file(configs, files))
    try:
        config = load_config(path)
    except ConfigErrors as errors:
        click.echo(str(errors), err=True)
        ctx.exit(2)
    given = ctx.find_root().obj
    if isinstance(given, Recorded):
        question: dict[str, object] = {"command": "plan", "path": str(path)}
        _print_answer(ask(ctx, socket, question), f"{given.path}", as_json=as_json)
        return
    at = socket or (given if isinstance(given, Path) else config.control_socket)
    tell(look_only(config, at), set())
    summary: list[str] = []
    try:
        answer = request(
            at, {"command": "plan", "path": str(path.absolute())}, PATIENCE
        )
    except NoDaemon:
        against = f"the kernel only, because no evpnd runs at {at}"
        changes: list[Change] = plan_start(config)
    else:
        against = f"the evpnd at {at}"
        wrong = _list(answer.get("errors"))
        for line in wrong:
            click.echo(line, err=True)
        if wrong:
            ctx.exit(2)
        if not answer.get("ok"):
            raise click.ClickException(str(answer.get("error")))
        changes = _list(answer.get("result"))
        summary = [str(line) for line in _list(answer.get("configuration"))]
    _print_plan(changes, summary, against, as_json=as_json)


def _print_answer(answer: dict[str, object], against: str, *, as_json: bool) -> None:
    if not answer.get("ok"):
        raise click.ClickException(str(answer.get("error")))
    summary = [str(line) for line in _list(answer.get("configuration"))]
    changes: list[Change] = _list(answer.get("result"))
    _print_plan(changes, summary, f"the end of {against}", as_json=as_json)


def _print_plan(
    changes: Sequence[Change], summary: Sequence[str], against: str, *, as_json: bool
) -> None:
    if as_json:
        lines = ",\n".join(json.dumps(change) for change in changes)
        click.echo(f"[{lines}]")
        return
    click.echo(fold(f"compared with {against}; nothing is changed", 2))
    for line in summary:
        click.echo(fold(f"  {line}", 4))
    print_changes(changes)


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def print_changes(changes: Sequence[Change]) -> None:
    """Print changes for people, and how many they are."""
    list_changes(changes)
    click.echo(_total(changes))


def list_changes(changes: Sequence[Change]) -> None:
    """Print changes under the headings of their kinds."""
    for what, heading in _HEADINGS.items():
        of_kind = [change for change in changes if change["what"] == what]
        if not of_kind:
            continue
        click.echo(f"\n{heading}:")
        for change in of_kind[:SHOWN]:
            text = f"  {_SIGNS[change['action']]} {write_change(change)}"
            click.secho(fold(text, 6), fg=_COLOURS[change["action"]])
        if len(of_kind) > SHOWN:
            click.echo(f"  ... and {len(of_kind) - SHOWN} more; --json lists all")


def _total(changes: Sequence[Change]) -> str:
    counts = {
        action: sum(change["action"] == action for change in changes)
        for action in _SIGNS
    }
    if not changes:
        return "\nnothing would change in devices, sessions, routes or rows"
    return (
        f"\nto add: {counts['add']}, to change: {counts['change']}, "
        f"to remove: {counts['remove']}"
    )


def write_change(change: Change) -> str:
    """Write one change on a line: which thing it is, then its properties."""
    was = change.get("was", {})
    names = _NAMES[change["what"]]
    words = [str(change[n]) for n in names if n in change and n not in was]
    for name, value in change.items():
        if name in _TOLD_APART or (name in names and name not in was):
            continue
        if name in was:
            words.append(f"{name}={write_text(value)} [{write_text(was[name])}]")
        elif not was and value not in _NO_MATTER:
            words.append(f"{name}={write_text(value)}")
    text = " ".join(words)
    if "peers" in change:
        text += f" to {', '.join(change['peers'])} only"
    if change.get("remade"):
        text += "; it is created again, and its EVI has no routes and rows meanwhile"
    if change.get("restarts"):
        text += "; the session restarts, and " + (
            f"its {count} routes are removed until it is back"
            if (count := change["routes_withdrawn"])
            else "its routes stay meanwhile"
        )
    return text
