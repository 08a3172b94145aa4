"""``evpnd replay``: a recording through the core, offline."""

import json
from datetime import UTC, datetime
from pathlib import Path

import click

from evpnd.adapters.config import ConfigErrors, load_config
from evpnd.adapters.recording.replay import Replay
from evpnd.cli.asked import Recorded
from evpnd.cli.plan import print_changes
from evpnd.cli.recorded import run
from evpnd.views.plan import difference, picture, pretend
from evpnd.views.query import Query
from evpnd.views.remembered import memory_of


@click.command(short_help="Run a recording through the core, offline.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--until", metavar="TIME|EVENT", help="Where to stop.")
@click.option(
    "-c",
    "--config",
    "other",
    type=click.Path(path_type=Path),
    metavar="OTHER.yaml",
    help="Run it with another configuration, and print what differs.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def replay(
    ctx: click.Context,
    file: Path,
    until: str | None,
    other: Path | None,
    *,
    as_json: bool,
) -> None:
    """Run the recording FILE through the core, offline, and print where it ends.

    A recording has every event that evpnd got, with its time: what peers sent, what
    the kernel told, reloads and commands. `evpnd run --record FILE`, the key `record`
    of the configuration, or `evpnd record start` write it. Nothing on this host is
    read or changed, and no daemon is asked. Two replays end in the same state.

    To look at the state at the end, write --replay FILE before another command:
    `evpnd --replay FILE show macs`, `explain`, `plan`.

    If FILE has the starts of several agents, the last one is run, or with --until
    TIME the last one that began before.

    \b
    --until takes
      2026-12-01T03:10:00  a time, in UTC unless it has an offset
      03:10:00             that time of the day, UTC
      +90s                 seconds after the start
      1000                 a number of events
      mac_moved            the first event of this name in `evpnd show events`

    \b
    Examples:
      evpnd replay /var/lib/evpnd/recording
      evpnd replay night.rec --until 03:10:00
      evpnd replay night.rec --config fixed.yaml
      evpnd --replay night.rec --until mac_moved show macs --vni 10100
      evpnd --replay night.rec explain 02:00:00:00:00:01

    \b
    Exit status: 0 done, 1 FILE cannot be read or is no recording,
    2 an error in OTHER.yaml or wrong usage.
    """  # noqa: D301 - click wants the character
    recorded = Recorded(file, until)
    played = Replay()
    run(played, recorded)
    summary = _summary(played)
    changes: list[dict[str, object]] = []
    if other is not None:
        try:
            config = load_config(other)
        except ConfigErrors as errors:
            click.echo(str(errors), err=True)
            ctx.exit(2)
        changes = _compare(played, Replay(config), recorded)
    if as_json:
        document = summary | ({} if other is None else {"changes": changes})
        click.echo(json.dumps(document))
        return
    for name, value in summary.items():
        click.echo(f"{name.replace('_', ' ') + ':':<19} {value}")
    if other is not None:
        click.echo(f"\nwith {other}, the end would differ in:")
        print_changes(changes)


def _summary(played: Replay) -> dict[str, object]:
    header, status = played.header, played.reports.status()
    assert header is not None
    return {
        "host": header.host,
        "evpnd": header.evpnd,
        "end": _iso(played.clock),
        "events": played.events,
        **status,
    }


def _iso(clock: float) -> str:
    return datetime.fromtimestamp(clock, UTC).isoformat(timespec="milliseconds")


def _compare(
    played: Replay, other: Replay, recorded: Recorded
) -> list[dict[str, object]]:
    """Return what the end has another configuration make of the same events."""
    run(other, recorded)
    read = memory_of(played.engine)
    pretend(other.engine, other.now, read)
    pretend(played.engine, played.now, read)
    before, after = picture(Query(played.engine)), picture(Query(other.engine))
    return list(difference(before, after))
