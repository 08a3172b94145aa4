"""The octets of a probe: VXLAN (RFC 7348, 5), Ethernet, and what it says."""

import socket
import struct
from typing import Final, NamedTuple

from evpnd.model.ids import IPV4_LENGTH

ETHERTYPE: Final = 0x88B5
"""IEEE 802, local experimental ethertype 1."""
DESTINATION: Final = bytes.fromhex("0180c200000e")
"""Nearest bridge (IEEE 802.1Q, table 8-1): no bridge forwards it (br_handle_frame)."""
_MAGIC = b"evpnd\x01"
"""Name and version."""
_VXLAN = struct.Struct(">BxxxI")
_VNI_IS_VALID = 0x08
_BODY = struct.Struct(">6sB8sIB16s")
"""Magic, whether it is an answer, nonce, VNI, length and octets of the VTEP address."""
_UDP = 8
_ETHERNET = 14
_IP_MTU_DISCOVER, _IPV6_MTU_DISCOVER, _PROBE = 10, 23, 3
"""linux/in.h, linux/in6.h: IP_PMTUDISC_PROBE sends with DF, whatever is known."""


class Probe(NamedTuple):
    """A probe, or its answer."""

    answer: bool
    nonce: bytes
    """8 octets, which the answer has again."""
    vni: int
    vtep: bytes
    """VTEP address of the asker."""


def headers(vtep: bytes) -> int:
    """Return the octets of a VXLAN packet before what the frame says."""
    ip = 20 if len(vtep) == IPV4_LENGTH else 40
    return ip + _UDP + _VXLAN.size + _ETHERNET


def compose(probe: Probe, size: int) -> bytes:
    """Return what follows the UDP header; the IP packet then has `size` octets."""
    source = b"\2" + probe.nonce[:5]
    ethernet = DESTINATION + source + ETHERTYPE.to_bytes(2)
    length = len(probe.vtep)
    body = _BODY.pack(_MAGIC, probe.answer, probe.nonce, probe.vni, length, probe.vtep)
    padding = bytes(max(0, size - headers(probe.vtep) - len(body)))
    return _VXLAN.pack(_VNI_IS_VALID, probe.vni << 8) + ethernet + body + padding


def parse(body: bytes) -> Probe | None:
    """Read what follows the Ethernet header; None: it is no probe."""
    if len(body) < _BODY.size:
        return None
    magic, answer, nonce, vni, length, vtep = _BODY.unpack_from(body)
    if magic != _MAGIC or length not in (4, 16):
        return None
    return Probe(bool(answer), nonce, vni, vtep[:length])


def open_listener() -> socket.socket:
    """Open a socket that gets probes of all devices; raises OSError."""
    kind = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK
    return socket.socket(socket.AF_PACKET, kind, socket.htons(ETHERTYPE))


def open_sender(vtep: bytes) -> socket.socket:
    """Open a UDP socket that sends from a VTEP address, with DF; raises OSError."""
    return open_with_df(vtep, socket.SOCK_DGRAM)


def open_with_df(vtep: bytes, kind: int, protocol: int = 0) -> socket.socket:
    """Open a socket that sends from a VTEP address, with DF; raises OSError."""
    four = len(vtep) == IPV4_LENGTH
    family = socket.AF_INET if four else socket.AF_INET6
    sock = socket.socket(family, kind | socket.SOCK_NONBLOCK, protocol)
    try:
        if four:
            sock.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _PROBE)
        else:
            sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_MTU_DISCOVER, _PROBE)
        sock.bind((socket.inet_ntop(family, vtep), 0))
    except OSError:
        sock.close()
        raise
    return sock
