"""What is kept of attributes: twice their octets at most, and a constant a block."""

import gc
import struct
import tracemalloc

import pytest

from evpnd.model.routes import PathAttributes
from evpnd.wire.framing import encode_attribute
from evpnd.wire.nlri import encode_mac_ip
from evpnd.wire.update import UpdateDecoder

BLOCKS = 100
OCTETS = 3600
CONSTANT = 1600
"""Octets for the objects of one block: some 900 for PathAttributes and its fields, and
what a decoder needs in order to find it again."""
ORIGIN, PREFERENCE = bytes.fromhex("40010100"), bytes.fromhex("40050400000064")
NO_PATH = bytes.fromhex("400200")
NLRI = encode_mac_ip(bytes(8), 100, [bytes([2, 0, 0, 0, 0, 1])])[0]


def numbers(block: int) -> list[int]:
    """Return the 4-octet numbers of one long attribute, no two alike."""
    return [block << 16 | n for n in range(OCTETS // 4)]


def packed(block: int) -> bytes:
    return struct.pack(f"!{OCTETS // 4}I", *numbers(block))


def eight(head: bytes, block: int) -> bytes:
    return b"".join(
        head + (block << 16 | n).to_bytes(6, "big") for n in range(OCTETS // 8)
    )


def path(block: int) -> bytes:
    asns = numbers(block)
    return b"".join(
        bytes([2, 200]) + struct.pack("!200I", *asns[at : at + 200])
        for at in range(0, 800, 200)
    )


LONG = {
    "communities": lambda n: encode_attribute(0xC0, 8, packed(n)),
    "cluster list": lambda n: encode_attribute(0x80, 10, packed(n)),
    "route targets": lambda n: encode_attribute(0xC0, 16, eight(b"\0\2", n)),
    "encapsulations": lambda n: encode_attribute(0xC0, 16, eight(b"\3\x0c", n)),
    "unknown extended": lambda n: encode_attribute(0xC0, 16, eight(b"\x43\x55", n)),
    "large communities": lambda n: encode_attribute(0xC0, 32, packed(n)),
    "AS_PATH": lambda n: encode_attribute(0x40, 2, path(n)),
}


def body(attribute: bytes) -> bytes:
    reach = encode_attribute(
        0x80, 14, b"\x00\x19\x46\x04" + bytes([10, 0, 0, 2]) + b"\0" + NLRI
    )
    as_path = b"" if attribute[1] == 2 else NO_PATH
    attributes = reach + ORIGIN + as_path + PREFERENCE + attribute
    return struct.pack("!HH", 0, len(attributes)) + attributes


def kept(bodies: list[bytes]) -> tuple[int, list[PathAttributes]]:
    """Decode, and measure the memory that what is kept of it takes."""
    decoder = UpdateDecoder()
    decoder.decode(bodies[0])
    gc.collect()
    tracemalloc.start()
    found = []
    for each in bodies:
        update = decoder.decode(each)
        assert update.attributes is not None, update
        found.append(update.attributes)
    # The cache is bounded, and not what is kept of a route.
    decoder._cache.clear()
    gc.collect()
    octets, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return octets, found


@pytest.mark.parametrize("kind", LONG)
def test_long_attributes_cost_twice_their_octets_at_most(kind: str) -> None:
    blocks = BLOCKS // 2
    bodies = [body(LONG[kind](n)) for n in range(1, blocks + 1)]
    octets, found = kept(bodies)

    assert len(set(map(id, found))) == blocks
    assert octets < blocks * (2 * OCTETS + CONSTANT)


def test_a_block_that_comes_again_is_kept_once() -> None:
    bodies = [body(LONG["communities"](n)) for n in range(1, BLOCKS + 1)]
    decoder = UpdateDecoder()
    first = [decoder.decode(each).attributes for each in bodies]
    assert len(decoder._cache) < BLOCKS
    again = [decoder.decode(each).attributes for each in bodies]

    assert all(one is other for one, other in zip(first, again, strict=True))


def test_a_block_that_no_route_has_is_forgotten() -> None:
    decoder = UpdateDecoder()
    for n in range(1, BLOCKS + 1):
        decoder.decode(body(LONG["communities"](n)))
    decoder._cache.clear()
    gc.collect()

    assert not decoder._in_use
