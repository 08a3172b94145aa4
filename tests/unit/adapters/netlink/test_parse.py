import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evpnd.adapters.netlink.parse import parse_neighbors
from evpnd.adapters.netlink.rtnl import Ending
from evpnd.model.rows import FdbRow, NeighborRow
from tests.unit.adapters.netlink.octets import (
    BRIDGE,
    BRIDGE_ROW,
    FILTER_ROW,
    MAC,
    NEIGHBOR,
    NEIGHBOR_6,
    NEIGHBOR_GOING,
    PORT,
    REMOTE_OF_A_VNI,
    VLAN_ROW,
    VNI_ROW,
    VTEP,
    VXLAN,
    VXLAN_ROW,
    notification,
)

NEW, DEL, ERROR, DONE, GET = 28, 29, 2, 3, 30
ROWS = [BRIDGE_ROW, VXLAN_ROW, VLAN_ROW, NEIGHBOR, NEIGHBOR_GOING, NEIGHBOR_6]
ALL = b"".join(notification(NEW, body) for body in ROWS)


def parse(octets: bytes) -> tuple[list[FdbRow], list[NeighborRow], Ending]:
    fdb: list[FdbRow] = []
    neighbors: list[NeighborRow] = []
    ending = parse_neighbors(octets, fdb, neighbors)
    return fdb, neighbors, ending


@pytest.mark.parametrize(
    ("body", "row"),
    [
        (BRIDGE_ROW, FdbRow(True, VXLAN, MAC, 0, 0x02, 0x10, b"")),
        (VXLAN_ROW, FdbRow(True, VXLAN, MAC, 0, 0x02, 0x12, VTEP)),
        (VLAN_ROW, FdbRow(True, PORT, MAC, 10, 0x02, 0, b"")),
        (VNI_ROW, FdbRow(True, VXLAN, MAC, 0, 0x42, 0x12, VTEP, 10_010)),
        (
            REMOTE_OF_A_VNI,
            FdbRow(True, VXLAN, bytes(6), 0, 0x82, 0x02, VTEP, 10_010, 10_010),
        ),
    ],
)
def test_an_fdb_row_is_read(body: str, row: FdbRow) -> None:
    assert parse(notification(NEW, body))[0] == [row]
    assert parse(notification(DEL, body))[0] == [row._replace(present=False)]


@pytest.mark.parametrize(
    ("body", "row"),
    [
        (
            NEIGHBOR,
            NeighborRow(True, BRIDGE, bytes([192, 0, 2, 1]), MAC, 0x40, 0x10, 0xE5),
        ),
        (
            NEIGHBOR_GOING,
            NeighborRow(True, BRIDGE, bytes([192, 0, 2, 1]), b"", 0x20, 0, 0xE5),
        ),
        (
            NEIGHBOR_6,
            NeighborRow(
                True,
                BRIDGE,
                bytes.fromhex("20010db8000000000000000000000001"),
                MAC,
                0x40,
                0x90,
                0xE5,
            ),
        ),
    ],
)
def test_a_neighbor_is_read(body: str, row: NeighborRow) -> None:
    assert parse(notification(NEW, body))[1] == [row]
    assert parse(notification(DEL, body))[1] == [row._replace(present=False)]


def test_order_is_kept_and_other_messages_are_passed_over() -> None:
    octets = b"".join(
        [
            notification(NEW, VXLAN_ROW),
            notification(GET, NEIGHBOR),
            notification(NEW, FILTER_ROW),
            notification(DEL, VXLAN_ROW),
            notification(NEW, NEIGHBOR),
        ]
    )
    fdb, neighbors, ending = parse(octets)

    assert [row.present for row in fdb] == [True, False]
    assert len(neighbors) == 1
    assert ending == Ending(done=False, interrupted=False, errno=0)


def test_a_dump_ends_with_done() -> None:
    fdb, _, ending = parse(notification(NEW, VXLAN_ROW) + notification(DONE, "00" * 4))

    assert len(fdb) == 1
    assert ending == Ending(done=True, interrupted=False, errno=0)


@pytest.mark.parametrize("marked", [0, 1])
def test_an_interrupted_dump_says_so_on_any_message(marked: int) -> None:
    octets = notification(NEW, VXLAN_ROW, flags=0x10 * (marked == 0)) + notification(
        DONE, "00" * 4, flags=0x10 * (marked == 1)
    )

    assert parse(octets)[2] == Ending(done=True, interrupted=True, errno=0)


def test_a_refused_dump_gives_its_errno() -> None:
    body = struct.pack("<i", -19).hex() + "00" * 16

    assert parse(notification(ERROR, body))[2].errno == 19


@pytest.mark.parametrize("size", range(len(ALL)))
def test_what_is_cut_off_is_left_out(size: int) -> None:
    fdb, neighbors, _ = parse(ALL)
    some_fdb, some_neighbors, ending = parse(ALL[:size])

    assert some_fdb == fdb[: len(some_fdb)]
    assert some_neighbors == neighbors[: len(some_neighbors)]
    assert len(some_fdb) + len(some_neighbors) < 6
    assert not ending.done


@given(st.binary(max_size=200))
def test_no_octets_raise(octets: bytes) -> None:
    parse(octets)


@given(st.binary(max_size=120), st.sampled_from([NEW, DEL, ERROR, DONE]))
def test_no_body_raises(body: bytes, kind: int) -> None:
    parse(notification(kind, body.hex()))


@given(st.integers(0, len(ALL) - 1), st.integers(0, 255))
def test_no_octet_that_is_wrong_raises(at: int, value: int) -> None:
    parse(ALL[:at] + bytes([value]) + ALL[at + 1 :])
