"""A recording that a command is asked about, in place of a daemon."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from evpnd.adapters.config import ConfigErrors, load_config
from evpnd.adapters.recording import segments
from evpnd.adapters.recording.mrt_replay import MrtReplay, is_dump, start_of
from evpnd.adapters.recording.reading import RecordingError, segments_of
from evpnd.adapters.recording.replay import Replay, Until
from evpnd.cli.asked import Recorded
from evpnd.model.config import DEFAULT_FILE, Config
from evpnd.recording.records import Record


def replay_of(recorded: Recorded) -> Replay:
    """Run a recording or an MRT dump to its end.

    Raises ClickException, and UsageError where a dump has no configuration.
    """
    replay = new_replay(recorded)
    run(replay, recorded)
    return replay


def new_replay(
    recorded: Recorded,
    change: Callable[[Record], Record | None] | None = None,
    on_record: Callable[[Record], None] | None = None,
) -> Replay:
    """Return a replay of a recording or of an MRT dump, before it runs.

    Raises as `replay_of`.
    """
    config = None if recorded.config is None else read_config(recorded.config)
    with told(recorded.path):
        if not is_dump(recorded.path):
            return Replay(config, change, on_record)
    if config is None:
        if not DEFAULT_FILE.exists():
            raise click.UsageError(
                f"{recorded.path} is an MRT dump, which has no configuration: name one "
                f"with --config. There is no {DEFAULT_FILE}."
            )
        config = read_config(DEFAULT_FILE)
    return MrtReplay(config)


def read_config(path: Path) -> Config:
    """Read a configuration; an error in it ends the command with status 2."""
    try:
        return load_config(path)
    except ConfigErrors as errors:
        click.echo(str(errors), err=True)
        raise click.exceptions.Exit(2) from None


def run(replay: Replay, recorded: Recorded) -> None:
    """Run a recording, and show how far it is on a terminal.

    Raises ClickException for what is wrong with it, UsageError for `--until`.
    """
    path = recorded.path
    with told(path):
        until = read_until(recorded, dump=isinstance(replay, MrtReplay))
        with progress(path) as step:
            replay.run(path, until, step)
    for note in replay.notes:
        click.echo(f"evpnd: {path}: {note}", err=True)


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Turn what is wrong with a recording into the error of a command."""
    try:
        yield
    except RecordingError as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        name = error.filename or path
        raise click.ClickException(f"{name}: {error.strerror}") from None


@contextmanager
def progress(path: Path) -> Iterator[Callable[[int], None]]:
    """Yield who is told of octets read; on a terminal, it shows them."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    total = sum(map(segments.size, (path, *segments.older(path))))
    label = f"replaying {path.name}"
    with click.progressbar(length=total, label=label, file=sys.stderr) as bar:
        yield bar.update


def read_until(recorded: Recorded, *, dump: bool = False) -> Until:
    """Read ``--until``: a time, a number of events, or the name of an event.

    Raises BadParameter, and RecordingError where the recording has no time.
    """
    text = recorded.until
    if text is None:
        return Until()
    if text.isdigit():
        return Until(events=int(text))
    if text.replace("_", "").isalpha():
        return Until(event=text)
    first, last = _starts(recorded.path, dump=dump)
    if (
        text.startswith("+")
        and text[1:].removesuffix("s").replace(".", "", 1).isdigit()
    ):
        return Until(clock=last + float(text[1:].removesuffix("s")))
    try:
        clock = _time_of_day(text, first) or _date(text)
    except ValueError:
        reason = (
            f"{text!r} is no time (2026-12-01T03:10:00, 03:10:00 or +90s), no number "
            "of events, and no event of `evpnd show events`"
        )
        raise click.BadParameter(reason, param_hint="--until") from None
    return Until(clock=clock)


def _starts(path: Path, *, dump: bool) -> tuple[float, float]:
    """Return when a recording begins, and when the last agent in it began."""
    if dump:
        begins = start_of(path)
        return begins, begins
    found = [segment.header for segment in segments_of(path)]
    last = next(each for each in found if each.life == found[-1].life)
    return found[0].clock, last.clock


def _time_of_day(text: str, after: float) -> float | None:
    """Return the first such time after another one; None for what is no time."""
    try:
        time = datetime.strptime(text, "%H:%M:%S").time()  # noqa: DTZ007 - UTC follows
    except ValueError:
        return None
    began = datetime.fromtimestamp(after, UTC)
    found = datetime.combine(began.date(), time, UTC)
    return (found if found >= began else found + timedelta(days=1)).timestamp()


def _date(text: str) -> float:
    found = datetime.fromisoformat(text)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
