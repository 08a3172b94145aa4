"""The configuration that was accepted last, for an agent that takes a dead one's place.

The operator's file may be in the middle of a change then, or refused already: what is
in force changes at a start and at a reload alone. It holds TCP MD5 keys.
"""

import contextlib
import os
import stat
from pathlib import Path

from evpnd.adapters.handover import OtherCode, pack, unpack
from evpnd.model.config import Config
from evpnd.private_files import beside, write_private

_OTHERS = 0o077
"""Mode bits of everybody but the owner."""


def accepted_path(control_socket: Path) -> Path:
    """Return the file's path: beside the control socket, by its name."""
    return beside(control_socket, ".accepted")


def keep(config: Config, path: Path) -> None:
    """Write a configuration atomically; on failure, remove the old file.

    Raises OSError; what was accepted before is gone then, too.
    """
    try:
        write_private(path, pack(config))
    except OSError:
        forget(path)
        raise


def recall(path: Path) -> Config | None:
    """Return the configuration; None: no file, or evpnd did not write it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    status = os.fstat(descriptor)
    ours = status.st_uid == os.geteuid() and not status.st_mode & _OTHERS
    if not ours or not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        return None
    with os.fdopen(descriptor, "rb") as file:
        try:
            found = unpack(file.read())
        except (OtherCode, OSError):
            return None
    return found if isinstance(found, Config) else None


def forget(path: Path) -> None:
    """Remove the file."""
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
