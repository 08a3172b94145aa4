"""``evpnd doctor --fix``: runs the safe commands of findings, after asking."""

import subprocess
from collections.abc import Iterator, Sequence

import click

from evpnd.cli.folding import fold
from evpnd.doctor.checks import Told
from evpnd.doctor.finding import Level

PATIENCE = 30.0
"""Seconds that a command may take."""


def mend(found: Sequence[Told], *, ask: bool) -> bool:
    """Run the safe commands of findings; return whether all that were run succeeded.

    With `ask`, each is run only after the operator said yes.
    """
    well = True
    done: set[tuple[tuple[str, ...], ...]] = set()
    for told, commands, text in _safe(found):
        if commands in done:
            continue
        done.add(commands)
        finding = told.finding
        click.echo(fold(f"{finding.subject}: {finding.text}", 2))
        if ask and not click.confirm(f"  run `{text}`?", default=False):
            click.echo("  left as it is")
            continue
        failed = _run(commands)
        well = well and failed is None
        click.echo(f"  failed: {failed}" if failed else f"  done: {text}")
    left = [each for each in found if _is_left(each)]
    for each in left:
        finding = each.finding
        assert finding.fix is not None
        line = f"{finding.subject}: not for --fix, decide yourself: {finding.fix.text}"
        click.echo(fold(line, 2))
    if not done:
        click.echo("nothing to do that is safe")
    return well


def _safe(
    found: Sequence[Told],
) -> Iterator[tuple[Told, tuple[tuple[str, ...], ...], str]]:
    for each in found:
        fix = each.finding.fix
        if fix is not None and fix.safe:
            yield each, fix.commands, fix.text


def _is_left(told: Told) -> bool:
    fix = told.finding.fix
    return fix is not None and not fix.safe and told.finding.level > Level.NOTE


def _run(commands: Sequence[Sequence[str]]) -> str | None:
    """Run commands one after the other; return why one failed."""
    for argv in commands:
        try:
            done = subprocess.run(
                argv, capture_output=True, text=True, check=False, timeout=PATIENCE
            )
        except FileNotFoundError:
            return f"{argv[0]} is not installed"
        except subprocess.TimeoutExpired:
            return f"{argv[0]} did not end within {PATIENCE:g} s"
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines()
            return said[-1] if said else f"status {done.returncode}"
    return None
