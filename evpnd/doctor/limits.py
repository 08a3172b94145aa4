"""What the kernel grants: buffers, and time."""

from collections.abc import Iterator

from evpnd.doctor.examined import Examined
from evpnd.doctor.finding import Finding, note, warning
from evpnd.doctor.fix import advise, run


def buffers(seen: Examined) -> Iterator[Finding]:
    """Yield netlink buffers that are smaller than evpnd asks for."""
    wanted, granted = seen.host.buffer
    if granted < wanted:
        yield warning(
            "net.core.rmem_max",
            f"a netlink socket gets {granted >> 10} KiB of {wanted >> 10}: when many "
            "rows change at once, notifications are lost and the tables are read anew",
            run(f"sysctl -w net.core.rmem_max={wanted}", safe=True),
        )


def clock(seen: Examined) -> Iterator[Finding]:
    """Yield a clock that nothing disciplines."""
    if seen.host.synchronised is False:
        yield note(
            "clock",
            "nothing keeps it right (the kernel says `unsynchronised`): times in logs "
            "of several hosts cannot be compared",
            advise("`timedatectl set-ntp true`, or install chrony"),
        )
