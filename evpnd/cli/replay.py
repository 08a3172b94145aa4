"""``evpnd replay``: a recording through the core, offline."""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import click

from evpnd.adapters.recording.as_case import write_case
from evpnd.adapters.recording.mrt_replay import is_dump
from evpnd.adapters.recording.replay import Replay, needed
from evpnd.adapters.recording.writer import write_file
from evpnd.cli.asked import Recorded
from evpnd.cli.plan import print_changes
from evpnd.cli.recorded import new_replay, progress, read_until, run, told
from evpnd.recording.anonymise import Anonymiser
from evpnd.recording.records import Record
from evpnd.views.plan import difference, picture, pretend
from evpnd.views.query import Query
from evpnd.views.remembered import memory_of

Change = Callable[[Record], Record | None]


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
@click.option(
    "--as-case",
    "case",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write a conformance case with what was run, and the end.",
)
@click.option(
    "--write",
    "written",
    type=click.Path(path_type=Path),
    metavar="NEW",
    help="Write a recording with what was run.",
)
@click.option(
    "--anonymise", is_flag=True, help="Replace all MAC and IP addresses, consistently."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def replay(
    file: Path,
    until: str | None,
    other: Path | None,
    case: Path | None,
    written: Path | None,
    *,
    anonymise: bool,
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

    FILE may also be an MRT dump (RFC 6396: BGP4MP, also _ET and AS4), for example of
    a route reflector or a collector: what would a host with OTHER.yaml do with what
    these peers sent? The peers are those of the dump, and the devices are as evpnd
    would make them. Without --config, the configuration is /etc/evpnd/evpnd.yaml.

    --as-case writes case.md, evpnd.yaml, steps.yaml and recording.jsonl, for
    tests/conformance. --anonymise keeps the order of addresses and their subnets, the
    first octet and, of an IP address, the last one; names and AS numbers stay.

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
      evpnd replay night.rec --anonymise --write for-others.rec
      evpnd replay night.rec --until mac_moved --as-case tests/conformance/night
      evpnd replay reflector.mrt --config leaf.yaml
      evpnd --replay night.rec --until mac_moved show macs --vni 10100
      evpnd --replay reflector.mrt --config leaf.yaml explain 02:00:00:00:00:01

    \b
    Exit status: 0 done, 1 FILE cannot be read or is no recording,
    2 an error in OTHER.yaml or wrong usage.
    """  # noqa: D301 - click wants the character
    with told(file):
        dump = is_dump(file)
    if dump and (case or written or anonymise):
        raise click.UsageError(
            "--as-case, --write and --anonymise need a recording, not an MRT dump."
        )
    if anonymise and not (case or written):
        raise click.UsageError("--anonymise needs --write NEW or --as-case DIR.")
    recorded = Recorded(file, until, other if dump else None)
    change = _anonymiser(recorded) if anonymise else None
    kept: list[Record] = []
    keep = kept.append if case or written else None
    played = new_replay(recorded, change, keep)
    run(played, recorded)
    if written is not None:
        with told(written):
            write_file(written, kept)
    if case is not None:
        _write_case(case, played, kept, file)
    _print(played, recorded, None if dump else other, as_json=as_json)


def _anonymiser(recorded: Recorded) -> Change:
    """Look at all records, and return what replaces the addresses in each."""
    anonymiser = Anonymiser(os.urandom(32))
    with told(recorded.path):
        until = read_until(recorded)
        with progress(recorded.path) as step:
            for _, record in needed(recorded.path, until, step):
                anonymiser.look(record)
    anonymiser.settle()
    if anonymiser.left_out:
        count = anonymiser.left_out
        click.echo(f"evpnd: {count} UPDATEs cannot be read, and are left out", err=True)
    return anonymiser.replace


def _write_case(case: Path, played: Replay, kept: list[Record], file: Path) -> None:
    if played.header is not None and played.header.code:
        raise click.ClickException(
            f"{file} begins in the middle, with what only this build of evpnd reads: "
            "that is no case"
        )
    with told(case):
        write_case(case, played, kept, file.name)


def _print(
    played: Replay,
    recorded: Recorded,
    other: Path | None,
    *,
    as_json: bool,
) -> None:
    summary = _summary(played)
    changes: list[dict[str, object]] = []
    if other is not None:
        second = new_replay(recorded._replace(config=other))
        changes = _compare(played, second, recorded)
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
