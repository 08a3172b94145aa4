"""``evpnd show``: the daemon's tables, for people and for programs."""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import click

from evpnd.adapters.control.requests import FILTERS_OF
from evpnd.cli.options import (
    ask,
    ip_option,
    mac_option,
    peer_option,
    socket_option,
    vlan_option,
    vni_option,
)
from evpnd.cli.status import status
from evpnd.cli.tables import TABLES, Row, ordered, plain_table
from evpnd.cli.words import Words

FOLDED_ROWS = 1000
"""Laying out more for a terminal's width takes seconds, and nobody reads them."""

_HELP = {
    "peers": "BGP peers: state, routes received and advertised, last error.",
    "evis": "EVIs: devices, route targets, and whether they are ready.",
    "vrfs": "VRFs: L3 VNIs, devices, tables, and whether they are ready.",
    "prefixes": "Prefixes of VRFs: received ones and where they lead, and our own.",
    "macs": "MAC addresses, local and remote, and where they lead.",
    "neighbors": "Bindings of IP addresses to MAC addresses.",
    "vteps": "Remote tunnel endpoints.",
    "routes": "Routes received from peers; for unused routes, the reason.",
    "policies": "Policies in use: each rule, and how many routes it decides.",
    "events": "The latest events, oldest first.",
}

_FILTERS = {
    "vni": vni_option,
    "vlan": vlan_option,
    "peer": peer_option,
    "mac": mac_option,
    "ip": ip_option,
}


class _Tables(Words):
    """The tables, also by what other daemons call them."""

    other_words: Mapping[str, str] = {
        "vnis": "evis",
        "vni": "evis",
        "instances": "evis",
        "vrf": "vrfs",
        "l3vni": "vrfs",
        "type5": "prefixes",
        "fdb": "macs",
        "arp": "neighbors",
        "nd": "neighbors",
        "arp-cache": "neighbors",
        "neighbours": "neighbors",
        "bgp": "peers",
        "sessions": "peers",
        "summary": "peers",
        "tunnels": "vteps",
        "log": "events",
        "version": "status",
        "memory": "status",
    }


@click.group(cls=_Tables)
@socket_option
@click.pass_context
def show(ctx: click.Context, socket: Path | None) -> None:
    """Show a table of the daemon, or its status.

    On a terminal the table is coloured and fits the width. A pipe gets plain
    columns with a heading. --json prints one document, a list of objects with
    stable names. Filters can be combined; a row without the field is not shown. If
    no EVI has the given VNI or VLAN, a message is printed to standard error.

    \b
    Examples:
      evpnd show status
      evpnd show peers
      evpnd sh mac --vni 10100
      evpnd show macs --vlan 100
      evpnd show routes --peer 10.0.0.254 --mac 02:00:00:00:00:01
      evpnd show evis --json | jq '.[] | select(.state != "ready")'

    \b
    Exit status: 0 done (an empty table too), 1 failed, 2 wrong usage,
    3 no daemon.
    """  # noqa: D301 - click wants the character
    if socket is not None:
        ctx.find_root().obj = socket


def _add(what: str) -> None:
    def command(
        ctx: click.Context,
        /,
        socket: Path | None,
        *,
        as_json: bool,
        **filters: int | str | None,
    ) -> None:
        given = {key: value for key, value in filters.items() if value is not None}
        question: dict[str, object] = {"command": "show", "what": what, **given}
        if what == "evis" and not as_json:
            # Programs ask often, and have `doctor --json` for what the host loses.
            question["losses"] = True
        answer = ask(ctx, socket, question)
        found = answer.get("result")
        if not answer.get("ok") or not isinstance(found, list):
            raise click.ClickException(
                str(answer.get("error", "the daemon sent no table"))
            )
        rows = ordered(TABLES[what], [row for row in found if isinstance(row, dict)])
        note = answer.get("note")
        if note is not None and not rows:
            click.echo(f"no {what}: {note}", err=True)
        if rows or as_json or note is None:
            print_rows(what, rows, as_json=as_json)

    as_json = click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
    options = [as_json, *(_FILTERS[name] for name in FILTERS_OF[what]), socket_option]
    decorated: Callable[..., None] = click.pass_context(command)
    for option in reversed(options):
        decorated = option(decorated)
    show.command(what, help=_HELP[what])(decorated)


for _what in _HELP:
    _add(_what)
show.add_command(status)


def print_rows(what: str, rows: list[Row], *, as_json: bool) -> None:
    """Print a table in the form that fits where it goes."""
    if as_json:
        lines = ",\n".join(json.dumps(row) for row in rows)
        click.echo(f"[{lines}]")
    elif not rows:
        click.echo(f"no {what}", err=True)
    elif sys.stdout.isatty() and len(rows) <= FOLDED_ROWS:
        # rich takes longer to import than all else here.
        from evpnd.cli.terminal import print_table  # noqa: PLC0415

        print_table(TABLES[what], rows)
    else:
        click.echo(plain_table(TABLES[what], rows))
