"""Files of a recording to records, each with its place."""

import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, NamedTuple

from evpnd.adapters.recording import segments
from evpnd.recording.records import Header, Record, RecordError, read_record

_CHUNK = 1 << 20
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP = 31


class RecordingError(Exception):
    """A recording that cannot be used; names the file and where in it."""

    def __init__(self, path: Path, reason: str, line: int | None = None) -> None:
        """Compose the sentence."""
        place = str(path) if line is None else f"{path}: line {line}"
        super().__init__(f"{place}: {reason}")


class Segment(NamedTuple):
    """A file, and how it begins."""

    path: Path
    header: Header


def segments_of(path: Path) -> list[Segment]:
    """List the segments of a recording, the oldest first.

    Raises RecordingError where one does not begin as a recording does, and OSError.
    """
    found = []
    for each in (*reversed(segments.older(path)), path):
        first = next(records(each), None)
        if first is None:
            # A crash leaves an empty file where a segment had just begun.
            continue
        if not isinstance(first, Header):
            raise RecordingError(each, "it does not begin as a recording does", 1)
        found.append(Segment(each, first))
    if not found:
        raise RecordingError(path, "nothing was recorded in it")
    return found


def records(
    path: Path, progress: Callable[[int], None] = lambda _: None
) -> Iterator[Record]:
    """Yield the records of a file, up to where a crash cut it off.

    `progress` is told of octets read. Raises RecordingError for what is no recording,
    or is damaged.
    """
    number = 0
    for number, line in enumerate(_lines(path, progress), 1):
        try:
            record = read_record(line)
        except RecordError as error:
            raise RecordingError(path, str(error), number) from None
        if number == 1 and not isinstance(record, Header):
            raise RecordingError(path, "it does not begin as a recording does", 1)
        yield record


def _lines(path: Path, progress: Callable[[int], None]) -> Iterator[bytes]:
    """Yield whole lines; what a crash left of the last one is left out."""
    rest = b""
    for chunk in _text(path, progress):
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole


def _text(path: Path, progress: Callable[[int], None]) -> Iterator[bytes]:
    with path.open("rb") as file:
        start = file.read(2)
        file.seek(0)
        if start == _GZIP_MAGIC:
            yield from _members(path, file, progress)
        elif start[:1] in (b"{", b""):
            while chunk := file.read(_CHUNK):
                progress(len(chunk))
                yield chunk
        else:
            raise RecordingError(path, "it is neither a recording nor an MRT dump")


def _members(
    path: Path, file: IO[bytes], progress: Callable[[int], None]
) -> Iterator[bytes]:
    """Decompress all members; the last one may be cut off."""
    expand, at, begun = zlib.decompressobj(_GZIP), 0, False
    while chunk := file.read(_CHUNK):
        progress(len(chunk))
        at += len(chunk)
        while chunk:
            begun = True
            try:
                yield expand.decompress(chunk)
            except zlib.error as error:
                reason = f"damaged near octet {at - len(chunk)}: {error}"
                raise RecordingError(path, reason) from None
            chunk = expand.unused_data
            if expand.eof:
                expand, begun = zlib.decompressobj(_GZIP), False
    if begun:
        yield expand.flush()
