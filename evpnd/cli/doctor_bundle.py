"""``evpnd doctor --bundle``: all that is known, in a file, without secrets."""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from evpnd import __version__
from evpnd.adapters.control.client import NoDaemon, RequestFailed, request
from evpnd.adapters.control.requests import TABLES
from evpnd.adapters.host.bundle import (
    collect_config,
    collect_host,
    collect_recording,
    secrets_of,
    write_bundle,
)
from evpnd.doctor.checks import Told
from evpnd.doctor.examined import Examined


def pack(path: Path, seen: Examined, found: Sequence[Told], socket: Path) -> None:
    """Write the bundle, and say where; raises OSError."""
    secrets = [] if seen.config is None else secrets_of(seen.config)
    count = write_bundle(path, _files(seen, found, socket), secrets)
    click.echo(f"{path}: {count} files; passwords are cut", err=True)


def entry(told: Told) -> dict[str, object]:
    """Return a finding as `--json` has it."""
    finding = told.finding
    return {
        "check": told.check,
        "level": finding.level.word,
        "subject": finding.subject,
        "text": finding.text,
        "fix": None if finding.fix is None else finding.fix.text,
    }


def _files(
    seen: Examined, found: Sequence[Told], socket: Path
) -> Iterator[tuple[str, str | bytes]]:
    yield "version", f"evpnd {__version__}, Python {sys.version}\n"
    yield "doctor.json", _lines([entry(each) for each in found])
    if seen.config is not None:
        yield from collect_config(seen.config)
    for what in ("status", *TABLES):
        question: dict[str, object] = {"command": "show", "what": what}
        if what == "status":
            question = {"command": "status"}
        try:
            answer = request(socket, question)
        except (NoDaemon, RequestFailed) as error:
            yield f"state/{what}", f"{error}\n"
            continue
        result = answer.get("result")
        rows = result if isinstance(result, list) else [answer]
        yield f"state/{what}.json", _lines(rows)
    yield from collect_recording(_last_recording(seen, socket))
    yield from collect_host(link.name for link in seen.uplinks)


def _last_recording(seen: Examined, socket: Path) -> Path | None:
    """Return the file that the daemon records in, or did; else the configured one."""
    try:
        told = request(socket, {"command": "record"}).get("result")
    except (NoDaemon, RequestFailed):
        told = None
    if isinstance(told, dict) and told.get("file"):
        return Path(str(told["file"]))
    configured = None if seen.config is None else seen.config.record
    return None if configured is None else configured.file


def _lines(rows: Sequence[object]) -> str:
    listed = ",\n".join(json.dumps(row) for row in rows)
    return f"[{listed}]\n"
