"""Doing and checking what is expected of a lab that is up, step by step."""

import contextlib
import shlex
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import click

from lab.checks import Check
from lab.expected import During, Step
from lab.netns import LabError, wait_until
from lab.ping import Ping as Echo
from lab.place import Place


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one step."""

    name: str
    seconds: float
    trouble: str
    """Empty: it held."""
    note: str = ""


def run_all(place: Place, steps: Sequence[Step]) -> int:
    """Run steps in a lab, and print what comes of them; returns how many failed."""
    nodes = place.namespaces()
    for node in nodes:
        standing = place.standing(node)
        if standing != "running":
            click.echo(f"NOTE   the program of {node} does not run: {standing}")
    failed = 0
    for number, step in enumerate(steps, 1):
        outcome = run_step(place, step)
        word = "FAILED" if outcome.trouble else "ok    "
        spent = f"{outcome.seconds:.1f} s" + outcome.note
        click.echo(f"{word} {number:2}/{len(steps)}  {step.name} ({spent})")
        if outcome.trouble:
            failed += 1
            click.echo("          " + outcome.trouble.replace("\n", "\n          "))
    if failed:
        for node in nodes:
            if text := place.log(node):
                click.echo(f"--- log of {node}\n{text}")
    click.echo(f"{len(steps) - failed} passed, {failed} failed")
    return failed


def run_step(place: Place, step: Step) -> Outcome:
    """Do what a step does, and check what it expects."""
    start = time.monotonic()
    trouble = note = ""
    try:
        with _pinging(place, step.during) as notes:
            for node, command in step.do:
                _do(place, node, command)
            for check in step.checks:
                _wait(place, check, step.within)
        note = "".join(f", {each}" for each in notes)
    except LabError as error:
        trouble = str(error)
    return Outcome(step.name, time.monotonic() - start, trouble, note)


def _do(place: Place, node: str, command: str) -> None:
    done = place.execute(node, shlex.split(command))
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()
        raise LabError(f"{node}: {command}: status {done.returncode}: {said}")


@contextlib.contextmanager
def _pinging(place: Place, during: During | None) -> Iterator[list[str]]:
    """Ping during a step; yields a list for what is to be noted of it."""
    notes: list[str] = []
    if during is None:
        yield notes
        return
    with Echo(place.namespace(during.node), during.to) as ping:
        wait_until(lambda: ping.answered >= 20, 10, "answers before the step")
        yield notes
        enough = ping.answered + 50
        with contextlib.suppress(LabError):
            wait_until(lambda: ping.answered >= enough, 10, "answers after")
        answered = ping.answered >= enough
    result = ping.result()
    gap = result.gap if result.loss else 0.0
    notes.append(f"{result.loss} of {result.sent} pings lost")
    if not answered or gap > during.silence or result.duplicates:
        raise LabError(
            f"{during.node} to {during.to}: {result}; allowed are"
            f" {during.silence * 1000:.0f} ms without an answer"
        )


def _wait(place: Place, check: Check, within: float) -> None:
    """Look until nothing is amiss; LabError with what was amiss last."""
    deadline = time.monotonic() + within
    while amiss := check.amiss(place):
        if time.monotonic() > deadline:
            raise LabError(f"{amiss}\n(for {within:g} s)")
        time.sleep(0.1)
