"""Sends probes of other evpnds back."""

import asyncio
import socket
import time
from contextlib import suppress

from evpnd.adapters.oam.frame import (
    Probe,
    compose,
    headers,
    open_listener,
    open_sender,
    parse,
)
from evpnd.model.ids import format_ip
from evpnd.views.query import Query

LARGEST = 9216
"""Octets of the largest answer."""
A_SECOND = 100
"""Answers a second; more probes are dropped, whoever sends them."""


class Answerer:
    """One packet socket for all VXLAN devices, read in the loop's thread."""

    def __init__(self, query: Query) -> None:
        """Store whom to ask for EVIs and VTEPs."""
        self._query = query
        self._socket: socket.socket | None = None
        self._second = 0
        self._answered = 0
        """In that second."""

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Listen; without CAP_NET_RAW no probe is answered."""
        with suppress(OSError):
            self._socket = open_listener()
            loop.add_reader(self._socket, self._read)

    def close(self, loop: asyncio.AbstractEventLoop) -> None:
        """Stop listening."""
        if self._socket is not None:
            loop.remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    def _read(self) -> None:
        """Read one probe; the loop asks again for the next."""
        assert self._socket is not None
        with suppress(OSError):
            body, (device, *_) = self._socket.recvfrom(LARGEST)
            probe = parse(body)
            if probe is not None and self._may(probe, device):
                self._send(probe, len(body))

    def _may(self, probe: Probe, device: str) -> bool:
        """Return whether a VTEP of the EVI asks, on its device, and not too often."""
        vrf = self._query.vrfs.get(probe.vni)
        link = self._query.links.by_name.get(device)
        if probe.answer or vrf is None or link is None:
            return False
        if link.ifindex != vrf.domain.vxlan or probe.vtep not in vrf.floods:
            return False
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._answered = second, 0
        self._answered += 1
        return self._answered <= A_SECOND

    def _send(self, probe: Probe, length: int) -> None:
        own = bytes(self._query.vtep)
        port = self._query.config.vtep.udp_port
        octets = compose(probe._replace(answer=True), length + headers(own))
        with open_sender(own) as sock:
            sock.sendto(octets, (format_ip(probe.vtep), port))
