"""What happens to the remote rows of a host while something else happens."""

import socket
import struct
from ipaddress import ip_address
from typing import Self

from integration.lab import Host
from integration.lab_netns import LabError, inside

RTMGRP_NEIGH = 1 << 2
RTM_NEWNEIGH, RTM_DELNEIGH = 28, 29
NTF_EXT_LEARNED = 0x10
NDA_DST, NDA_LLADDR = 1, 2


class RowMonitor:
    """Hears every change of the rows that BGP brought; a context manager.

    Those are the extern_learn ones: MACs, bindings, and evpnd's flood list. That a
    row is there before and after does not say that it was there all the time.
    """

    def __init__(self, host: Host) -> None:
        """Prepare."""
        self._host = host

    def __enter__(self) -> Self:
        """Start listening."""
        with inside(self._host.namespace):
            self._socket = socket.socket(
                socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE
            )
            self._names = dict(socket.if_nameindex())
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self._socket.bind((0, RTMGRP_NEIGH))
        self._socket.setblocking(False)  # noqa: FBT003
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening."""
        self._socket.close()

    def changes(self) -> list[str]:
        """List what happened since the last call."""
        found: list[str] = []
        while True:
            try:
                datagram = self._socket.recv(1 << 16)
            except BlockingIOError:
                return found
            except OSError as error:
                raise LabError(f"the monitor missed something: {error}") from None
            while datagram:
                (size,) = struct.unpack_from("=I", datagram)
                found += self._change(datagram[:size])
                datagram = datagram[(size + 3) & ~3 :]

    def _change(self, message: bytes) -> list[str]:
        kind, _, _, _, _, ifindex, _, flags = struct.unpack_from(
            "=HHIIB3xiHB", message, 4
        )
        if kind not in (RTM_NEWNEIGH, RTM_DELNEIGH) or not flags & NTF_EXT_LEARNED:
            return []
        words = ["deleted" if kind == RTM_DELNEIGH else "new"]
        words.append(self._names.get(ifindex, str(ifindex)))
        rest = message[28:]
        while len(rest) >= 4:
            size, attribute = struct.unpack_from("=HH", rest)
            value = rest[4:size]
            if attribute == NDA_DST:
                words.append(str(ip_address(value)))
            elif attribute == NDA_LLADDR:
                words.append(value.hex(":"))
            rest = rest[(size + 3) & ~3 :]
        return [" ".join(words)]
