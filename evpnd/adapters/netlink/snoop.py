"""ARP and ND on tenant ports: what the kernel forwards but does not learn from.

One packet socket a port with a classic BPF filter, so that nothing but ARP, neighbour
solicitations and advertisements wakes us. Frames with a VLAN tag are read on the ports
of bridges that filter VLANs alone.
"""

import asyncio
import errno
import os
import socket
import struct
from collections.abc import Callable, Sequence
from typing import NamedTuple

from evpnd.adapters import descriptors
from evpnd.adapters.netlink import bpf
from evpnd.model.actions import SnoopPorts
from evpnd.model.events import BindingsSnooped, Heard, NdFlags
from evpnd.model.ids import is_multicast

_ETH_P_ALL = 0x0003
_ETH_P_ARP = 0x0806
_ETH_P_IPV6 = 0x86DD
_SOL_PACKET = 263
_PACKET_AUXDATA = 8
_PACKET_IGNORE_OUTGOING = 23
_TPACKET_AUXDATA = struct.Struct("=IIIHHHH")
"""Status, lengths, offsets, then TCI and type of the tag (linux/if_packet.h)."""
_VLAN_VALID, _VLAN_TPID_VALID = 1 << 4, 1 << 6
_ETH_P_8021Q = 0x8100
_VLAN_ID = 0xFFF
_ANCILLARY = socket.CMSG_SPACE(_TPACKET_AUXDATA.size)
_BUFFER = 64 << 10
_FRAMES = 64
"""Most frames of one port in one wakeup: the socket's buffer drops the rest."""
FRAMES_A_SECOND = 2000
"""Most frames read of one port in a second. What a port sends beyond that is lost in
its own socket's buffer, and costs the tenants behind others nothing."""
_SNAP = 256

_ARP = struct.Struct("!HHBBH6s4s")
_ARP_ETHERNET_IPV4 = (1, 0x0800, 6, 4)
_ICMPV6 = 58
_SOLICITATION = 135
_ADVERTISEMENT = 136
_ROUTER_FLAG, _OVERRIDE_FLAG = 0x80, 0x20
_SOURCE_ADDRESS = 1
_TARGET_ADDRESS = 2
_OPTIONS = 78
"""Where the options of NS and NA begin: Ethernet 14, IPv6 40, ICMPv6 24."""


class Said(NamedTuple):
    """The binding that a frame states for its sender."""

    mac: bytes
    ip: bytes
    flags: NdFlags | None = None
    """None: it is no neighbour advertisement."""


def read_binding(frame: bytes) -> Said | None:
    """Return the binding that a frame states for its sender; None: it states none.

    A sender that names another station's MAC speaks for that station (proxy ARP,
    VRRP): that is no binding on this port. Nor is a probe for a free address
    (RFC 5227, 2.1.1; RFC 4862, 5.4.2), which has no sender address yet.
    """
    if len(frame) < 42:
        return None
    source, ethertype = frame[6:12], int.from_bytes(frame[12:14])
    if source[0] & 1 or source == bytes(6):
        return None
    if ethertype == _ETH_P_ARP:
        *kind, operation, sender, ip = _ARP.unpack_from(frame, 14)
        if tuple(kind) != _ARP_ETHERNET_IPV4 or operation not in (1, 2):
            return None
        named: bytes | None = sender
        flags = None
    elif ethertype == _ETH_P_IPV6:
        if len(frame) < _OPTIONS or frame[20] != _ICMPV6 or frame[21] != 255:
            return None
        if frame[54] == _SOLICITATION:
            ip, named = frame[22:38], _option(frame, _SOURCE_ADDRESS)
            flags = None
        elif frame[54] == _ADVERTISEMENT:
            ip, named = frame[62:78], _option(frame, _TARGET_ADDRESS)
            override = None if named is None else bool(frame[58] & _OVERRIDE_FLAG)
            flags = NdFlags(bool(frame[58] & _ROUTER_FLAG), override)
        else:
            return None
    else:
        return None
    if named not in (None, source) or not any(ip) or is_multicast(ip):
        return None
    return Said(source, ip, flags)


def _option(frame: bytes, wanted: int) -> bytes | None:
    at = _OPTIONS
    while at + 8 <= len(frame):
        kind, octets = frame[at], frame[at + 1] * 8
        if octets == 0:
            return None
        if kind == wanted:
            return frame[at + 2 : at + 8]
        at += octets
    return None


def read_tag(ancillary: Sequence[tuple[int, int, bytes]]) -> int | None:
    """Return the VLAN of a frame's tag, 0: it has none; None: it cannot be read.

    A tag of another kind than 802.1Q is no VLAN of a bridge, and means nothing to it.
    """
    for level, kind, octets in ancillary:
        if (level, kind) != (_SOL_PACKET, _PACKET_AUXDATA):
            continue
        if len(octets) < _TPACKET_AUXDATA.size:
            return None
        status, *_, tci, tpid = _TPACKET_AUXDATA.unpack_from(octets)
        if not status & _VLAN_VALID:
            return 0
        if status & _VLAN_TPID_VALID and tpid != _ETH_P_8021Q:
            return None
        return int(tci & _VLAN_ID)
    return None


def open_port(ifindex: int, *, tagged: bool) -> socket.socket | None:
    """Open a socket on one port; None where the port is gone.

    With `tagged` it gives frames with a VLAN tag as well, and their tags.

    Raises PermissionError without CAP_NET_RAW, OSError where few descriptors are left.
    """
    try:
        name = socket.if_indextoname(ifindex)
    except OSError:
        return None
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
    if sock.fileno() >= descriptors.for_ports():
        sock.close()
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
    try:
        bpf.attach(sock, bpf.TAGGED_ARP_AND_ND if tagged else bpf.ARP_AND_ND)
        if tagged:
            sock.setsockopt(_SOL_PACKET, _PACKET_AUXDATA, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        sock.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
        sock.bind((name, _ETH_P_ALL))
    except OSError as error:
        sock.close()
        if error.errno in (errno.ENODEV, errno.ENXIO):
            return None
        raise
    return sock


class _Port:
    """A socket, and how much was read of it in the current second."""

    def __init__(self, ifindex: int, sock: socket.socket, *, tagged: bool) -> None:
        self.ifindex = ifindex
        self.sock = sock
        self.tagged = tagged
        self.frames = 0
        self.since = 0.0


def _receive(port: _Port) -> tuple[bytes, int | None]:
    """Return a frame and the VLAN of its tag; None: it is not to be read."""
    if not port.tagged:
        return port.sock.recv(_SNAP), 0
    frame, ancillary, *_ = port.sock.recvmsg(_SNAP, _ANCILLARY)
    return frame, read_tag(ancillary)


class Snooper:
    """The sockets of all ports; all but `open_port` runs in the loop's thread."""

    def __init__(self, on_bindings: Callable[[BindingsSnooped], None]) -> None:
        self._on_bindings = on_bindings
        self._ports: dict[int, _Port] = {}

    def adopt(
        self,
        loop: asyncio.AbstractEventLoop,
        wanted: SnoopPorts,
        opened: dict[int, socket.socket],
    ) -> list[socket.socket]:
        """Read exactly these ports; return the sockets that are to be closed.

        To close a packet socket waits for the kernel's readers, many milliseconds.
        """
        unwanted = [
            ifindex
            for ifindex, port in self._ports.items()
            if ifindex not in wanted.ports or port.tagged != (ifindex in wanted.tagged)
        ]
        unused = [self._ports.pop(ifindex).sock for ifindex in unwanted]
        for sock in unused:
            loop.remove_reader(sock)
        for ifindex, sock in opened.items():
            if ifindex in self._ports:
                unused.append(sock)
            else:
                tagged = ifindex in wanted.tagged
                port = self._ports[ifindex] = _Port(ifindex, sock, tagged=tagged)
                loop.add_reader(sock, self._read, loop, port)
        return unused

    def _read(self, loop: asyncio.AbstractEventLoop, port: _Port) -> None:
        bindings: dict[Heard, None] = {}
        flags: dict[Heard, NdFlags] = {}
        try:
            for _ in range(_FRAMES):
                frame, tag = _receive(port)
                port.frames += 1
                said = None if tag is None else read_binding(frame)
                if said is not None:
                    binding = Heard(port.ifindex, said.mac, said.ip, tag or 0)
                    bindings[binding] = None
                    if said.flags is not None:
                        flags[binding] = said.flags
        except BlockingIOError:
            pass
        except OSError as error:
            if error.errno not in (errno.ENETDOWN, errno.ENODEV, errno.ENXIO):
                raise
        self._restrain(loop, port)
        if bindings:
            self._on_bindings(BindingsSnooped(list(bindings), flags))

    def _restrain(self, loop: asyncio.AbstractEventLoop, port: _Port) -> None:
        """Ignore a port that sent too much for the rest of the second."""
        now = loop.time()
        if now - port.since >= 1.0:
            port.since, port.frames = now, 0
        elif port.frames >= FRAMES_A_SECOND:
            loop.remove_reader(port.sock)
            loop.call_at(port.since + 1.0, self._resume, loop, port)

    def _resume(self, loop: asyncio.AbstractEventLoop, port: _Port) -> None:
        if self._ports.get(port.ifindex) is port:
            loop.add_reader(port.sock, self._read, loop, port)
