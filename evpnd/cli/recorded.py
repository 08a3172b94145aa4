"""A recording that a command is asked about, in place of a daemon."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from evpnd.adapters.recording import segments
from evpnd.adapters.recording.reading import RecordingError, segments_of
from evpnd.adapters.recording.replay import Replay, Until
from evpnd.cli.asked import Recorded


def replay_of(recorded: Recorded) -> Replay:
    """Run a recording to its end; raises ClickException."""
    replay = Replay()
    run(replay, recorded)
    return replay


def run(replay: Replay, recorded: Recorded) -> None:
    """Run a recording, and show how far it is on a terminal.

    Raises ClickException for what is wrong with it, UsageError for `--until`.
    """
    path = recorded.path
    with _told(path):
        until = read_until(recorded.until, path)
        with _progress(path) as step:
            replay.run(path, until, step)
    for note in replay.notes:
        click.echo(f"evpnd: {path}: {note}", err=True)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except RecordingError as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        name = error.filename or path
        raise click.ClickException(f"{name}: {error.strerror}") from None


@contextmanager
def _progress(path: Path) -> Iterator[Callable[[int], None]]:
    """Yield who is told of octets read; on a terminal, it shows them."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    total = sum(map(segments.size, (path, *segments.older(path))))
    label = f"replaying {path.name}"
    with click.progressbar(length=total, label=label, file=sys.stderr) as bar:
        yield bar.update


def read_until(text: str | None, path: Path) -> Until:
    """Read ``--until``: a time, a number of events, or the name of an event.

    Raises BadParameter, and RecordingError where the recording has no time.
    """
    if text is None:
        return Until()
    if text.isdigit():
        return Until(events=int(text))
    if text.replace("_", "").isalpha():
        return Until(event=text)
    first, last = segments_of(path)[0].header, segments_of(path)[-1].header
    if text.startswith("+") and text[1:].removesuffix("s").replace(".", "").isdigit():
        return Until(clock=last.clock + float(text[1:].removesuffix("s")))
    try:
        clock = _time_of_day(text, first.clock) or _date(text)
    except ValueError:
        reason = (
            f"{text!r} is no time (2026-12-01T03:10:00, 03:10:00 or +90s), no number "
            "of events, and no event of `evpnd show events`"
        )
        raise click.BadParameter(reason, param_hint="--until") from None
    return Until(clock=clock)


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
