"""Network namespaces: entering them, and commands in them."""

import ctypes
import os
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

NETNS_DIRECTORY = Path("/run/netns")
PATIENCE = 6
"""How many times longer than on a machine at rest things may take on a busy one."""
_SLOWER, _LESS_OFTEN = 1.1, 5
_CLONE_NEWNET = 0x40000000

T = TypeVar("T")
_libc = ctypes.CDLL(None, use_errno=True)


class LabError(AssertionError):
    """Something in the lab is not as it must be; the text says what was seen."""


def _set_namespace(descriptor: int) -> None:
    if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


@contextmanager
def inside(namespace: str) -> Iterator[None]:
    """Move the calling thread into a namespace.

    Sockets made there stay there, and so does what is read below
    ``/proc/thread-self/net`` and written below ``/proc/sys/net``.
    """
    with (
        Path("/proc/thread-self/ns/net").open("rb") as before,
        (NETNS_DIRECTORY / namespace).open("rb") as there,
    ):
        _set_namespace(there.fileno())
        try:
            yield
        finally:
            _set_namespace(before.fileno())


def run(argv: Sequence[str], stdin: str | None = None) -> str:
    """Run a command and return what it printed; LabError where it fails."""
    done = subprocess.run(
        argv, input=stdin, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()
        raise LabError(f"{' '.join(argv)}: status {done.returncode}: {said}")
    return done.stdout


def ip(lines: Iterable[str], namespace: str | None = None) -> None:
    """Run lines of ``ip -batch`` in one process; LabError names what failed."""
    text = "\n".join(lines)
    where = ["-n", namespace] if namespace else []
    try:
        run(["ip", *where, "-batch", "-"], text + "\n")
    except LabError as error:
        raise LabError(f"{error}\nof:\n{text}") from None


def is_running(pid: int) -> bool:
    """Return whether a process is there and no zombie."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def wait_until(
    predicate: Callable[[], T],
    timeout: float,
    what: str,
    *,
    interval: float = 0.05,
    seen: Callable[[], object] | None = None,
) -> T:
    """Wait for a true value and return it; LabError where it does not come.

    ``timeout`` is in seconds of a machine at rest. ``seen`` returns what was there
    instead, for the text of the error. What takes long is looked for less and less
    often, for most looks start a process: every ``interval`` seconds at first.
    """
    longest = _LESS_OFTEN * interval
    deadline = time.monotonic() + timeout * PATIENCE
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() >= deadline:
            instead = f"; instead: {seen()}" if seen else f"; last: {value!r}"
            raise LabError(f"{what}: not within {timeout * PATIENCE} s{instead}")
        time.sleep(interval)
        interval = min(interval * _SLOWER, longest)
