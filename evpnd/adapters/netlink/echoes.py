"""Counts muted notifications without reading them.

FDB notifications do not name who caused them. But it is known how many our own
requests cause, and the kernel counts what a socket that is full has lost: so a socket
that nobody reads tells, at no cost, whether somebody else changed rows meanwhile.
"""

import socket
import struct
from collections.abc import Sequence

from evpnd.adapters.netlink import bpf
from evpnd.adapters.netlink.rtnl import (
    GROUP_NEIGH,
    NLM_F_ACK,
    NLMSG_NOOP,
    message,
    open_socket,
    subscribe,
)

_SO_MEMINFO = 55
_MEMINFO = struct.Struct("=9I")
_DROPS = 8
"""SK_MEMINFO_DROPS (linux/sock_diag.h)."""
_COUNTS = 1 << 32
_FILLING = 1000
"""Most acknowledgements that it takes to fill the smallest buffer; some 5 do."""


class EchoCounter:
    """A socket whose losses are counted; used by one thread."""

    def __init__(self) -> None:
        """Open the socket and fill it.

        Raises OSError where the kernel does not count (before Linux 4.12).
        """
        self._sock = open_socket()
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        for _ in range(_FILLING):
            if self._lost():
                break
            self._sock.send(message(NLMSG_NOOP, NLM_F_ACK, b""))
        self._program: Sequence[bpf.Instruction] = bpf.NOTHING
        bpf.attach(self._sock, self._program)
        subscribe(self._sock, GROUP_NEIGH)
        self._before = 0

    def start(self, program: Sequence[bpf.Instruction]) -> None:
        """Count from now on the notifications that a program keeps.

        It stays until there is another: most bulks are like the one before, and the
        kernel takes as long to compile a program as to write some ten rows.
        """
        if program != self._program:
            self._program = program
            bpf.attach(self._sock, program)
        self._before = self._lost()

    def count(self) -> int:
        """Return the number of notifications since the start."""
        return (self._lost() - self._before) % _COUNTS

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()

    def _lost(self) -> int:
        octets = self._sock.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size)
        lost: int = _MEMINFO.unpack(octets)[_DROPS]
        return lost


def is_explained(echoes: int, rows: int, refused: int, halves: int) -> bool:
    """Return whether requests of ours alone caused this many notifications.

    Each row that is made or removed is told of equally often: a VXLAN row once, a
    bridge row once in each VLAN. Of the `refused` rows those in `halves` had their
    bridge row made first. What was so already is not told of: then the count does not
    come out even, or is 0, and the tables have to be looked at.
    """
    made, own = rows - refused, echoes - halves
    return own == 0 if made == 0 else own > 0 and own % made == 0
