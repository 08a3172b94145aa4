"""Offloads of a device by ioctl, as the program ethtool reads them.

linux/ethtool.h; any user may ask.
"""

import array
import fcntl
import socket
import struct
from contextlib import suppress

from evpnd.doctor.facts import Feature

_SIOCETHTOOL = 0x8946
_GSTRINGS, _GSSET_INFO, _GFEATURES, _GRXFH = 0x1B, 0x37, 0x3A, 0x29
_GRXRINGS = 0x2D
_FEATURES = 4
"""ETH_SS_FEATURES."""
_NAME = 32
"""ETH_GSTRING_LEN."""
_UDP_V4_FLOW = 0x02
_LETTERS = {2: "m", 3: "v", 4: "t", 5: "s", 6: "d", 7: "f", 8: "n"}
"""Bits of RXH_* to the letters of `ethtool -N`; s and d are IP addresses, f and n the
first and second half of the ports."""
_RXNFC = 192
"""Octets, at least, of struct ethtool_rxnfc."""


def read_features(device: str) -> dict[str, Feature]:
    """Return the offloads of a device by name; empty where it does not tell."""
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        return _features(sock, device)
    return {}


def read_hashing(device: str) -> str | None:
    """Return what of received UDP over IPv4 chooses the queue, as letters.

    None: the device does not tell, or has one queue alone.
    """
    rings = struct.pack("=IIQ", _GRXRINGS, 0, 0) + bytes(_RXNFC - 16)
    question = struct.pack("=IIQ", _GRXFH, _UDP_V4_FLOW, 0) + bytes(_RXNFC - 16)
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        (count,) = struct.unpack_from("=Q", _ask(sock, device, rings), 8)
        if count < 2:
            return None
        (bits,) = struct.unpack_from("=Q", _ask(sock, device, question), 8)
        return "".join(each for bit, each in _LETTERS.items() if bits >> bit & 1)
    return None


def _features(sock: socket.socket, device: str) -> dict[str, Feature]:
    question = struct.pack("=IIQI", _GSSET_INFO, 0, 1 << _FEATURES, 0)
    (count,) = struct.unpack_from("=I", _ask(sock, device, question), 16)
    question = struct.pack("=III", _GSTRINGS, _FEATURES, count) + bytes(_NAME * count)
    texts = _ask(sock, device, question)
    names = [texts[12 + _NAME * i : 44 + _NAME * i] for i in range(count)]
    blocks = (count + 31) // 32
    question = struct.pack("=II", _GFEATURES, blocks) + bytes(16 * blocks)
    bits = _ask(sock, device, question)
    found: dict[str, Feature] = {}
    for i, name in enumerate(names):
        # ethtool_get_features_block: available, requested, active, never changed.
        available, _, active, never = struct.unpack_from(
            "=4I", bits, 8 + 16 * (i // 32)
        )
        mask = 1 << i % 32
        text = name.split(b"\0")[0].decode(errors="replace")
        changeable = bool(available & mask) and not never & mask
        found[text] = Feature(bool(active & mask), changeable)
    return found


def _ask(sock: socket.socket, device: str, question: bytes) -> bytes:
    octets = array.array("B", question)
    at, _ = octets.buffer_info()
    fcntl.ioctl(sock, _SIOCETHTOOL, struct.pack("16sP", device.encode(), at))
    return octets.tobytes()
