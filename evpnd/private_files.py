"""Files beside the control socket, readable only by their owner: they hold MD5 keys."""

import contextlib
import os
from pathlib import Path


def beside(control_socket: Path, suffix: str) -> Path:
    """Return the path of a file beside the control socket, by its name."""
    name = control_socket.name.removesuffix(".sock")
    return control_socket.absolute().with_name(name + suffix)


def write_private(path: Path, octets: bytes) -> None:
    """Write a file atomically, readable only by its owner.

    Raises OSError; the file is then as it was, and no other is left.
    """
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, 0o600)
            file.write(octets)
        new.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            new.unlink(missing_ok=True)
        raise
