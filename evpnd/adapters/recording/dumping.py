"""What peers sent, from a recording to an MRT dump."""

from collections.abc import Callable
from pathlib import Path

from evpnd.adapters.recording.replay import Until, needed
from evpnd.private_files import write_private
from evpnd.recording.records import Header, Said
from evpnd.recording.spoken import Sessions


def write_mrt(
    path: Path, recording: Path, until: Until, progress: Callable[[int], None]
) -> int:
    """Write a dump, readable by its owner only; return how many records had UPDATEs.

    Raises RecordingError and OSError.
    """
    sessions = Sessions()
    octets: list[bytes] = []
    count = 0
    offset = 0.0
    for _, record in needed(recording, until, progress):
        if isinstance(record, Header):
            offset = record.clock - record.t
        t = getattr(record, "t", 0.0)
        if until.clock is not None and t + offset > until.clock:
            break
        octets.append(sessions.take(record))
        count += isinstance(record, Said)
    write_private(path, b"".join(octets))
    return count
