"""``evpnd explain``: why an address is where it is, or is nowhere."""

import json
from pathlib import Path
from typing import Any

import click

from evpnd.adapters.control.requests import normal_filter
from evpnd.cli.folding import fold
from evpnd.cli.options import ask, socket_option, vni_option

_BEFORE_EVIS = ("received", "policy", "imported", "noted")
"""What came in, told for all EVIs together, before what each made of it."""
_TEXT_AT = 16
"""Column at which the text of a step begins."""
_KINDS = {"mac": "mac", "ip": "ip", "vtep": "ip"}


@click.command()
@click.argument("kind", type=click.Choice(list(_KINDS)))
@click.argument("value")
@vni_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
@socket_option
@click.pass_context
def explain(
    ctx: click.Context,
    kind: str,
    value: str,
    vni: int | None,
    socket: Path | None,
    *,
    as_json: bool,
) -> None:
    """Tell why a MAC, an IP or a VTEP is where it is, from the wire to the kernel.

    One story in order: what peers sent, which route target imported it into which
    EVI, which policy rule decided, what was selected over what and why, the row
    wanted, the row found in the kernel, the last error. Of what is absent the last
    line names the first place where it got lost.

    --json prints one document, a list of steps in order: `step` (received,
    policy, imported, noted, selected, local, announced, evi, wanted, found, error,
    end), `vni`, `text`; the step `end` has `ok`.

    \b
    Examples:
      evpnd explain mac 02:00:00:00:00:01
      evpnd explain ip 192.0.2.1 --vni 10100
      evpnd explain vtep 10.0.0.2 --json | jq '.[-1]'

    \b
    Exit status: 0 told, 2 wrong usage, 3 no daemon.
    """  # noqa: D301 - click wants the character
    try:
        normal = normal_filter(_KINDS[kind], value)
    except ValueError as error:
        raise click.BadParameter(
            f"{error}{_likely(value)}", param_hint="VALUE"
        ) from None
    question: dict[str, object] = {"command": "explain", "what": kind, "value": normal}
    if vni is not None:
        question["vni"] = vni
    answer = ask(ctx, socket, question)
    steps = answer.get("result")
    if not answer.get("ok") or not isinstance(steps, list):
        raise click.ClickException(str(answer.get("error", "no story came back")))
    if as_json:
        lines = ",\n".join(json.dumps(step) for step in steps)
        click.echo(f"[{lines}]")
        return
    click.echo(f"{kind} {normal}")
    _print(steps)


def _likely(value: str) -> str:
    """Name the kind that a value is of."""
    for kind, form in _KINDS.items():
        try:
            normal_filter(form, value)
        except ValueError:
            continue
        return f"; try `evpnd explain {kind} {value}`"
    return ""


def _print(steps: list[dict[str, Any]]) -> None:
    vni = None
    for number, step in enumerate(steps, 1):
        if step["step"] not in _BEFORE_EVIS and step.get("vni") not in (None, vni):
            vni = step["vni"]
            click.echo(f"in VNI {vni}:")
        line = fold(f"{number:4} {step['step']:<10} {step['text']}", _TEXT_AT)
        if step["step"] == "end":
            click.secho(line, fg="green" if step.get("ok") else "red")
        else:
            click.echo(line)
