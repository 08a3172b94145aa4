"""What the kernel knows of a process of ours: its age and its memory (proc(5))."""

import os
import time
from pathlib import Path
from typing import Final

_START: Final = 19
"""Field `starttime` of /proc/PID/stat behind the name, in clock ticks since boot."""
_RESIDENT: Final = 1
"""Field of /proc/PID/statm, in pages."""


def age(pid: int) -> int | None:
    """Return for how many seconds a process runs; None: there is none, or it is hidden.

    /proc/uptime is not read: the service may see no more of /proc than processes.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    ticks = int(stat.rpartition(")")[2].split()[_START])
    since_boot = time.clock_gettime(time.CLOCK_BOOTTIME)
    return max(0, int(since_boot - ticks / os.sysconf("SC_CLK_TCK")))


def resident(pid: int) -> int | None:
    """Return the octets of a process that are in memory; None: as for `age`."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()
    except OSError:
        return None
    return int(pages[_RESIDENT]) * os.sysconf("SC_PAGE_SIZE")
