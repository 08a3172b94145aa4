"""The files of a ring: FILE is written, FILE.1 was written before it, and so on."""

import contextlib
import os
import stat
from pathlib import Path

PARTS = 4
"""A segment ends at this part of the ring."""


def older(path: Path) -> list[Path]:
    """List the earlier segments, the latest first."""
    found: list[Path] = []
    while (each := path.with_name(f"{path.name}.{len(found) + 1}")).exists():
        found.append(each)
    return found


def size(path: Path) -> int:
    """Return the octets of a file; 0 where there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def begin(path: Path, most: int) -> int:
    """Begin a segment; return the descriptor of its file, which is empty.

    The earlier ones move up, and as many of the oldest are removed as makes room for
    this one in `most` octets. Raises OSError.
    """
    make_way(path)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o600)
    os.fchmod(descriptor, 0o600)
    trim(path, most - most // PARTS)
    return descriptor


def make_way(path: Path) -> None:
    """Rename FILE to FILE.1, and the earlier ones accordingly.

    Raises OSError; FileExistsError where FILE is no regular file.
    """
    try:
        status = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISREG(status.st_mode):
        raise FileExistsError(None, "it is no regular file", str(path))
    for number, each in reversed(list(enumerate(older(path), 2))):
        each.rename(path.with_name(f"{path.name}.{number}"))
    path.rename(path.with_name(f"{path.name}.1"))


def trim(path: Path, most: int) -> None:
    """Remove the oldest segments until those that are left have `most` octets."""
    files = older(path)
    left = sum(map(size, files))
    while files and left > most:
        oldest = files.pop()
        left -= size(oldest)
        with contextlib.suppress(FileNotFoundError):
            oldest.unlink()
