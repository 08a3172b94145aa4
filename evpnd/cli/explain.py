"""``evpnd explain``: why an address is where it is, or is nowhere."""

import contextlib
import json
from pathlib import Path
from typing import Any

import click

from evpnd.adapters.control.requests import ADDRESS, normal_filter
from evpnd.cli.folding import fold
from evpnd.cli.options import ask, socket_option, vni_option
from evpnd.cli.words import complete

_BEFORE_EVIS = ("received", "policy", "imported", "noted")
"""What came in, told for all EVIs together, before what each made of it."""
_TEXT_AT = 16
"""Column at which the text of a step begins."""
_KINDS = {"mac": "mac", "ip": "ip", "vtep": "ip"}


@click.command(short_help="Explain why an address is present or absent.")
@click.argument("words", nargs=-1, required=True, metavar="[mac|ip|vtep] ADDRESS")
@vni_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
@socket_option
@click.pass_context
def explain(
    ctx: click.Context,
    words: tuple[str, ...],
    vni: int | None,
    socket: Path | None,
    *,
    as_json: bool,
) -> None:
    """Explain why a MAC, an IP or a VTEP is present or absent, step by step.

    Without `mac`, `ip` or `vtep`, the daemon finds out what ADDRESS is: an IP is a
    VTEP if a peer or this host uses it as one, and a tenant's address otherwise. If
    it is both, both are explained.

    The steps are: the routes that peers sent, the route target by which each EVI
    imported them, the policy rules that decided, the route that was selected and
    why, the wanted row, the row in the kernel, and the last error. The last line is
    about the packet: where it goes, or why it is lost, for example because no
    interface has the VTEP address, or because two hosts use the same address.

    --json prints one document, a list of steps in order: `step` (received,
    policy, imported, noted, selected, local, announced, evi, wanted, found, error,
    end), `vni`, `vlan` (null: none), `text`; the step `end` has `ok`.

    \b
    Examples:
      evpnd explain 02:00:00:00:00:01
      evpnd explain ip 192.0.2.1 --vni 10100
      evpnd explain vtep 10.0.0.2 --json | jq '.[-1]'

    \b
    Exit status: 0 done, 2 wrong usage, 3 no daemon.
    """  # noqa: D301 - click wants the character
    kind, address = _read(words)
    question: dict[str, object] = {"command": "explain", "value": address}
    question["what"] = kind
    if vni is not None:
        question["vni"] = vni
    answer = ask(ctx, socket, question)
    steps = answer.get("result")
    if not answer.get("ok") or not isinstance(steps, list):
        raise click.ClickException(
            str(answer.get("error", "the daemon sent no answer"))
        )
    if as_json:
        lines = ",\n".join(json.dumps(step) for step in steps)
        click.echo(f"[{lines}]")
        return
    click.echo(f"{answer.get('what', kind)} {address}")
    _print(steps)


def _read(words: tuple[str, ...]) -> tuple[str, str]:
    """Read the kind, ADDRESS where the daemon is to say it, and the address.

    Raises BadParameter.
    """
    *kinds, value = words
    if not kinds:
        for form in ("mac", "ip"):
            with contextlib.suppress(ValueError):
                return (form if form == "mac" else ADDRESS), normal_filter(form, value)
        reason = f"{value!r} is neither a MAC nor an IP address"
        raise click.BadParameter(reason, param_hint="ADDRESS")
    found = complete(kinds[0], _KINDS)
    if len(kinds) > 1 or len(found) != 1:
        reason = f"{' '.join(kinds)!r} must be one of {', '.join(_KINDS)}"
        raise click.BadParameter(reason, param_hint="ADDRESS")
    try:
        return found[0], normal_filter(_KINDS[found[0]], value)
    except ValueError as error:
        reason = f"{error}{_likely(value)}"
        raise click.BadParameter(reason, param_hint="ADDRESS") from None


def _likely(value: str) -> str:
    """Return which kinds a value is of, as a hint."""
    for form in dict.fromkeys(_KINDS.values()):
        with contextlib.suppress(ValueError):
            normal_filter(form, value)
            return f"; try `evpnd explain {value}`"
    return ""


def _print(steps: list[dict[str, Any]]) -> None:
    vni = None
    for number, step in enumerate(steps, 1):
        if step["step"] not in _BEFORE_EVIS and step.get("vni") not in (None, vni):
            vni, vlan = step["vni"], step.get("vlan")
            click.echo(f"in VNI {vni}, VLAN {vlan}:" if vlan else f"in VNI {vni}:")
        line = fold(f"{number:4} {step['step']:<10} {step['text']}", _TEXT_AT)
        if step["step"] == "end":
            click.secho(line, fg="green" if step.get("ok") else "red")
        else:
            click.echo(line)
