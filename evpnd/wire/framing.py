"""Path attributes as type, length and value (RFC 4271, section 4.3)."""

from enum import IntEnum

OPTIONAL = 0x80
TRANSITIVE = 0x40
PARTIAL = 0x20
EXTENDED_LENGTH = 0x10

EVPN = b"\x00\x19\x46"
"""AFI 25 (L2VPN), SAFI 70 (EVPN), as in the MP attributes."""


class Code(IntEnum):
    """Attribute type codes."""

    ORIGIN = 1
    AS_PATH = 2
    NEXT_HOP = 3
    MULTI_EXIT_DISC = 4
    LOCAL_PREF = 5
    ATOMIC_AGGREGATE = 6
    AGGREGATOR = 7
    COMMUNITIES = 8
    ORIGINATOR_ID = 9
    CLUSTER_LIST = 10
    MP_REACH_NLRI = 14
    MP_UNREACH_NLRI = 15
    EXTENDED_COMMUNITIES = 16
    AS4_PATH = 17
    AS4_AGGREGATOR = 18
    PMSI_TUNNEL = 22
    LARGE_COMMUNITIES = 32


Attribute = tuple[int, int, int, int, int]
"""Flags and type code; where it starts, its value starts, it stops in its block."""


def split_attributes(block: bytes) -> tuple[list[Attribute], int]:
    """Find the attributes of a block, and where whole attributes end in it.

    That is before the end of the block when the last one runs past it (RFC 7606,
    section 4).
    """
    attributes: list[Attribute] = []
    start, end = 0, len(block)
    while start + 3 <= end:
        flags = block[start]
        if flags & EXTENDED_LENGTH:
            value = start + 4
            if value > end:
                break
            stop = value + (block[start + 2] << 8 | block[start + 3])
        else:
            value = start + 3
            stop = value + block[start + 2]
        if stop > end:
            break
        attributes.append((flags, block[start + 1], start, value, stop))
        start = stop
    return attributes, start


def encode_attribute(flags: int, code: int, value: bytes) -> bytes:
    """Write one attribute, with the extended length only where it needs it."""
    size = len(value)
    if size > 255:
        return bytes([flags | EXTENDED_LENGTH, code]) + size.to_bytes(2, "big") + value
    return bytes([flags, code, size]) + value
