"""The name of a process in `ps`, `top`, `ss` and the journal."""

import contextlib
import os
from pathlib import Path
from typing import Final

_COMM: Final = Path("/proc/self/comm")
_STAT: Final = Path("/proc/self/stat")
_MEMORY: Final = "/proc/self/mem"
_ARG_START, _ARG_END = 45, 46
"""Fields of /proc/self/stat behind the name; the manual counts them from 1, with it."""


def set_title(role: str, *words: str) -> None:
    """Call this process `evpnd: ROLE`; `words` follow where command lines are shown.

    Threads that are started later have the name, too. Where the kernel does not let
    us, the process keeps the name it has.
    """
    name = f"evpnd: {role}"
    with contextlib.suppress(OSError):
        _COMM.write_text(name)  # the kernel keeps 15 octets
    with contextlib.suppress(OSError):
        _overwrite_arguments(" ".join([name, *words]))


def _overwrite_arguments(title: str) -> None:
    """Write a title where the kernel reads the command line: over its octets.

    Python has its own copy of them. What is longer than they are is cut off; behind
    what is shorter follow zeros, which `ps` does not show.
    """
    fields = _STAT.read_text().rpartition(")")[2].split()
    start, end = int(fields[_ARG_START]), int(fields[_ARG_END])
    room = end - start
    if room < 1:
        return
    octets = os.fsencode(title)[: room - 1].ljust(room, b"\0")
    memory = os.open(_MEMORY, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.pwrite(memory, octets, start)
    finally:
        os.close(memory)
