"""MRT dumps (RFC 6396), both ways."""

import struct

import pytest

from evpnd.model.ids import Ip
from evpnd.recording.mrt import Entry, Moved, MrtError, Spoken, is_mrt, read, write

KEEPALIVE = b"\xff" * 16 + b"\x00\x13\x04"
FOUR, SIX = Ip(bytes([10, 0, 0, 9])), Ip(b"\x20\x01" + bytes(13) + b"\x09")
OURS = Ip(bytes([10, 0, 0, 5]))


def entries(octets: bytes) -> tuple[list[Entry], dict[str, int]]:
    skipped: dict[str, int] = {}
    return list(read(octets, skipped)), skipped


@pytest.mark.parametrize(
    "entry",
    [
        Spoken(1700000000.25, FOUR, OURS, 4200000000, 65000, True, KEEPALIVE),
        Spoken(1700000000.0, FOUR, OURS, 65001, 65000, False, KEEPALIVE),
        Spoken(1700000000.5, SIX, SIX, 65001, 65000, True, KEEPALIVE),
        Moved(1700000000.125, FOUR, OURS, 65001, 65000, 1, 6),
    ],
)
def test_what_is_written_is_read(entry: Entry) -> None:
    assert is_mrt(write(entry))
    assert entries(write(entry)) == ([entry], {})


def test_the_plain_form_of_a_route_server_is_read() -> None:
    # BGP4MP_MESSAGE with 2-octet AS numbers (RFC 6396, 4.4.2), laid out by hand.
    body = struct.pack(">HHHH", 65001, 65000, 0, 1) + FOUR + OURS + KEEPALIVE
    octets = struct.pack(">IHHI", 1700000000, 16, 1, len(body)) + body

    (entry,), _ = entries(octets)
    assert entry == Spoken(1700000000.0, FOUR, OURS, 65001, 65000, False, KEEPALIVE)


@pytest.mark.parametrize(
    ("kind", "subtype", "why"),
    [
        (13, 2, "of type 13, which is not BGP4MP"),
        (16, 7, "sent to the peer"),
        (17, 9, "with ADD-PATH"),
        (16, 3, "of BGP4MP subtype 3"),
    ],
)
def test_what_is_of_no_use_is_skipped_and_counted(
    kind: int, subtype: int, why: str
) -> None:
    octets = struct.pack(">IHHI", 0, kind, subtype, 3) + b"abc"

    assert entries(octets * 2) == ([], {why: 2})


def test_a_dump_that_is_cut_off_is_read_as_far_as_it_goes() -> None:
    one = write(Moved(1.0, FOUR, OURS, 65001, 65000, 1, 6))
    for size in range(len(one), 2 * len(one)):
        found, skipped = entries((one + one)[:size])

        assert len(found) == 1
        assert skipped == ({} if size == len(one) else {"cut off": 1})


@pytest.mark.parametrize(
    "octets",
    [
        struct.pack(">IHHI", 0, 16, 4, 8) + bytes(8),
        struct.pack(">IHHI", 0, 17, 4, 2) + bytes(2),
        struct.pack(">IHHI", 0, 16, 1, 20) + bytes(20),
        struct.pack(">IHHI", 0, 16, 1, 1 << 24),
        b"\xff" * 12,
    ],
)
def test_what_is_no_record_is_refused_with_its_place(octets: bytes) -> None:
    one = write(Moved(1.0, FOUR, OURS, 65001, 65000, 1, 6))

    with pytest.raises(MrtError, match=f"octet {len(one)}: "):
        entries(one + octets)


def test_other_files_are_no_dumps() -> None:
    for octets in (b"", b"asn: 65000\npeers:", b"\x1f\x8b\x08" + bytes(20)):
        assert not is_mrt(octets)
