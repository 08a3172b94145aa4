"""What /proc tells of this network namespace."""

import socket
import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from evpnd.adapters.netlink.preflight import pids
from evpnd.doctor.facts import UdpSocket

_NET = Path("/proc/thread-self/net")
"""Of this thread's own namespace."""
_TX_DROPPED = 11
"""Column of /proc/net/dev, behind the name."""


def read_sysctls(names: Iterable[str]) -> dict[str, int]:
    """Return settings by path below /proc/sys; those that are not there are left out.

    One with several numbers has an entry for each: ``NAME/0``, ``NAME/1``.
    """
    found: dict[str, int] = {}
    for name in names:
        with suppress(OSError, ValueError):
            words = Path("/proc/sys", name).read_text(encoding="ascii").split()
            if len(words) == 1:
                found[name] = int(words[0])
            else:
                found |= {f"{name}/{at}": int(each) for at, each in enumerate(words)}
    return found


def read_drops() -> dict[str, int]:
    """Return the frames dropped at transmission by device."""
    found: dict[str, int] = {}
    for line in _lines("dev")[2:]:
        name, _, numbers = line.rpartition(":")
        found[name.strip()] = int(numbers.split()[_TX_DROPPED])
    return found


def read_filtered() -> int:
    """Return the packets that reverse path filters dropped."""
    lines = _lines("netstat")
    for names, numbers in zip(lines[::2], lines[1::2], strict=False):
        found = dict(zip(names.split(), numbers.split(), strict=False))
        if "IPReversePathFilter" in found:
            return int(found["IPReversePathFilter"])
    return 0


def read_udp_sockets(ports: frozenset[int]) -> list[UdpSocket]:
    """Return the sockets on some UDP ports; those of tunnel devices have no owner."""
    found = [
        (inode, port, address)
        for table in ("udp", "udp6")
        for inode, port, address in _udp(table)
        if port in ports
    ]
    owners = _owners({inode for inode, *_ in found})
    return [UdpSocket(port, ip, owners.get(inode, "")) for inode, port, ip in found]


def _udp(table: str) -> Iterator[tuple[int, int, str]]:
    for line in _lines(table)[1:]:
        fields = line.split()
        words, _, port = fields[1].partition(":")
        numbers = (int(words[at : at + 8], 16) for at in range(0, len(words), 8))
        octets = b"".join(struct.pack("=I", number) for number in numbers)
        family = socket.AF_INET if len(octets) == 4 else socket.AF_INET6
        yield int(fields[9]), int(port, 16), socket.inet_ntop(family, octets)


def _owners(inodes: set[int]) -> dict[int, str]:
    """Return name and pid of the processes that have sockets."""
    wanted = {f"socket:[{inode}]": inode for inode in inodes}
    found: dict[int, str] = {}
    for pid in pids() if wanted else ():
        with suppress(OSError):
            for descriptor in Path(f"/proc/{pid}/fd").iterdir():
                with suppress(OSError):
                    inode = wanted.get(str(descriptor.readlink()))
                    if inode is not None:
                        name = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8")
                        found[inode] = f"{name.strip()} (pid {pid})"
    return found


def _lines(name: str) -> list[str]:
    try:
        return (_NET / name).read_text(encoding="ascii").splitlines()
    except OSError:
        return []
