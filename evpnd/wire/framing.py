"""Path attributes as type, length and value (RFC 4271, section 4.3)."""

from evpnd.model.numbers import EXTENDED_LENGTH

Attribute = tuple[int, int, int, int, int]
"""Flags and type code; where it starts, its value starts, it stops in its block."""


def split_attributes(block: bytes) -> tuple[list[Attribute], int]:
    """Return the attributes of a block, and where whole attributes end in it.

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
