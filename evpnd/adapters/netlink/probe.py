"""Probes: who has this IP, asked of one tenant on its own port.

ARP requests (RFC 826) and neighbour solicitations (RFC 4861, 7.2.2), both unicast and
sent past the bridge, so that nobody else hears them. The answer is snooped like all
that tenants say, and on its way it refreshes the bridge's row for the MAC.
"""

import errno
import socket
import struct

from evpnd.model.actions import SendProbes

_ETH_P_ARP = 0x0806
_ETH_P_IPV6 = 0x86DD
_ETH_P_8021Q = 0x8100
_ARP_REQUEST = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1)
_ICMPV6 = 58
_HOPS = 255
_SOLICITATION = struct.pack("!BBHI", 135, 0, 0, 0)
_SOURCE_ADDRESS = b"\x01\x01"
_LOST = (errno.ENODEV, errno.ENXIO, errno.ENETDOWN, errno.ENOBUFS, errno.EAGAIN)
"""The port is gone or full: one try is lost, as in any network."""


class ProbeSender:
    """One packet socket that hears nothing, for all ports."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None

    def send(self, action: SendProbes) -> None:
        """Send the probes of one port.

        Raises PermissionError without CAP_NET_RAW.
        """
        if self._socket is None:
            self._socket = socket.socket(
                socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0
            )
        try:
            name = socket.if_indextoname(action.port)
        except OSError:
            return
        for mac, ip, source in action.probes:
            frame = tag(compose(action.mac, mac, ip, source), action.tag)
            ethertype = int.from_bytes(frame[12:14])
            try:
                self._socket.sendto(frame, (name, ethertype))
            except OSError as error:
                if error.errno not in _LOST:
                    raise

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def compose(own_mac: bytes, mac: bytes, ip: bytes, source: bytes) -> bytes:
    """Compose the frame that asks a MAC for an IP; `source` is the asker's IP."""
    ethernet = mac + own_mac
    if len(ip) == 4:
        # The target's MAC is what is asked for: zero (RFC 826).
        body = own_mac + source + bytes(6) + ip
        return ethernet + _ETH_P_ARP.to_bytes(2) + _ARP_REQUEST + body
    message = _SOLICITATION + ip + _SOURCE_ADDRESS + own_mac
    pseudo = source + ip + struct.pack("!II", len(message), _ICMPV6)
    total = checksum(pseudo + message)
    message = message[:2] + total.to_bytes(2) + message[4:]
    header = struct.pack("!IHBB", 6 << 28, len(message), _ICMPV6, _HOPS)
    return ethernet + _ETH_P_IPV6.to_bytes(2) + header + source + ip + message


def tag(frame: bytes, vlan: int) -> bytes:
    """Put a VLAN tag into a frame (IEEE 802.1Q); 0: none."""
    if not vlan:
        return frame
    return frame[:12] + _ETH_P_8021Q.to_bytes(2) + vlan.to_bytes(2) + frame[12:]


def checksum(octets: bytes) -> int:
    """Return the Internet checksum: the sum of 16-bit words (RFC 1071)."""
    octets += bytes(len(octets) % 2)
    total: int = sum(struct.unpack(f"!{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
