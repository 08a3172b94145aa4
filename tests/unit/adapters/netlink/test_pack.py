from collections.abc import Iterator

import pytest

from evpnd.adapters.netlink.pack import (
    ROWS,
    Delete,
    Upsert,
    delete_both,
    flush_vlan,
    pack,
    row_count,
)
from evpnd.adapters.netlink.rtnl import messages
from evpnd.model.actions import (
    DeleteFlood,
    DeleteNeighbors,
    DeleteRemoteMacs,
    DeleteVxlanRows,
    UpsertFlood,
    UpsertNeighbors,
    UpsertRemoteMacs,
    UpsertVxlanRows,
)
from evpnd.model.domain import Domain

DOMAIN = Domain(bridge=2, vxlan=3, svi=2)
IN_VLAN = DOMAIN._replace(vlan=10)
IN_VNI = IN_VLAN._replace(vni=10_010)
MAC = bytes.fromhex("020000000099")
OTHER = bytes.fromhex("02000000009a")
VTEP = bytes([10, 0, 0, 2])
VTEP_6 = bytes.fromhex("fd000000000000000000000000000002")
IP = bytes([192, 0, 2, 1])
IP_6 = bytes.fromhex("20010db8000000000000000000000001")

VECTORS: list[tuple[Upsert | Delete, str]] = [
    (
        UpsertRemoteMacs(IN_VNI, VTEP, [MAC]),
        (
            "400000001c0001050000000000000000"
            "070000000300000042001600"
            "0a0002000200000000990000"
            "080001000a000002"
            "060005000a000000"
            "08000b001a270000"
        ),
    ),
    (
        UpsertVxlanRows(IN_VNI, VTEP, [MAC]),
        (
            "380000001c0001050100000000000000"
            "070000000300000042001200"
            "0a0002000200000000990000"
            "080001000a000002"
            "08000b001a270000"
        ),
    ),
    (
        DeleteRemoteMacs(IN_VNI, [MAC]),
        (
            "300000001d0001000000000000000000"
            "070000000300000000000400"
            "0a0002000200000000990000"
            "060005000a000000"
            "300000001d0001000000000000000000"
            "070000000300000000000200"
            "0a0002000200000000990000"
            "08000b001a270000"
        ),
    ),
    (
        DeleteVxlanRows(IN_VNI, [MAC]),
        (
            "300000001d0001000000000000000000"
            "070000000300000000000200"
            "0a0002000200000000990000"
            "08000b001a270000"
        ),
    ),
    (
        UpsertFlood(IN_VNI, [VTEP]),
        (
            "380000001c00010c0000000000000000"
            "0700000003000000c0001200"
            "0a0002000000000000000000"
            "08000b001a270000"
            "080001000a000002"
        ),
    ),
    (
        DeleteFlood(IN_VNI, [VTEP_6]),
        (
            "440000001d0001000000000000000000"
            "070000000300000000000200"
            "0a0002000000000000000000"
            "08000b001a270000"
            "14000100fd000000000000000000000000000002"
        ),
    ),
    (
        UpsertRemoteMacs(IN_VLAN, VTEP, [MAC]),
        (
            "380000001c0001050000000000000000"
            "070000000300000042001600"
            "0a0002000200000000990000"
            "080001000a000002"
            "060005000a000000"
        ),
    ),
    (
        DeleteRemoteMacs(IN_VLAN, [MAC]),
        (
            "300000001d0001000000000000000000"
            "070000000300000000000400"
            "0a0002000200000000990000"
            "060005000a000000"
            "280000001d0001000000000000000000"
            "070000000300000000000200"
            "0a0002000200000000990000"
        ),
    ),
    (
        UpsertRemoteMacs(DOMAIN, VTEP, [MAC]),
        (
            "300000001c0001050000000000000000"
            "070000000300000042001600"
            "0a0002000200000000990000"
            "080001000a000002"
        ),
    ),
    (
        UpsertRemoteMacs(DOMAIN, VTEP_6, [MAC]),
        (
            "3c0000001c0001050000000000000000"
            "070000000300000042001600"
            "0a0002000200000000990000"
            "14000100fd000000000000000000000000000002"
        ),
    ),
    (
        UpsertVxlanRows(DOMAIN, VTEP, [MAC]),
        (
            "300000001c0001050100000000000000"
            "070000000300000042001200"
            "0a0002000200000000990000"
            "080001000a000002"
        ),
    ),
    (
        DeleteRemoteMacs(DOMAIN, [MAC]),
        (
            "280000001d0001000000000000000000"
            "070000000300000000000400"
            "0a0002000200000000990000"
            "280000001d0001000000000000000000"
            "070000000300000000000200"
            "0a0002000200000000990000"
        ),
    ),
    (
        DeleteVxlanRows(DOMAIN, [MAC]),
        (
            "280000001d0001000000000000000000"
            "070000000300000000000200"
            "0a0002000200000000990000"
        ),
    ),
    (
        UpsertFlood(DOMAIN, [VTEP]),
        (
            "300000001c00010c0000000000000000"
            "0700000003000000c0001200"
            "0a0002000000000000000000"
            "080001000a000002"
        ),
    ),
    (
        DeleteFlood(DOMAIN, [VTEP_6]),
        (
            "3c0000001d0001000000000000000000"
            "070000000300000000000200"
            "0a0002000000000000000000"
            "14000100fd000000000000000000000000000002"
        ),
    ),
    (
        UpsertNeighbors(DOMAIN, [(IP, MAC, False)]),
        (
            "380000001c0001050000000000000000"
            "020000000200000040001000"
            "08000100c0000201"
            "0a0002000200000000990000"
            "05000c00e5000000"
        ),
    ),
    (
        UpsertNeighbors(DOMAIN, [(IP_6, MAC, True)]),
        (
            "440000001c0001050000000000000000"
            "0a0000000200000040009000"
            "1400010020010db8000000000000000000000001"
            "0a0002000200000000990000"
            "05000c00e5000000"
        ),
    ),
    (
        DeleteNeighbors(DOMAIN, [IP]),
        "240000001d000100000000000000000002000000020000000000000008000100c0000201",
    ),
]


@pytest.mark.parametrize(("action", "octets"), VECTORS)
def test_a_row_is_packed_as_the_kernel_takes_it(
    action: Upsert | Delete, octets: str
) -> None:
    assert list(pack(action)) == [(bytes.fromhex(octets), 1)]


def many(count: int) -> list[bytes]:
    return [b"\x02\x00" + number.to_bytes(4) for number in range(count)]


def ips(count: int) -> list[bytes]:
    return [number.to_bytes(4 if number % 2 else 16) for number in range(count)]


def batches(count: int) -> Iterator[Upsert | Delete]:
    yield UpsertRemoteMacs(DOMAIN, VTEP, many(count))
    yield UpsertRemoteMacs(IN_VLAN, VTEP, many(count))
    yield DeleteRemoteMacs(DOMAIN, many(count))
    yield DeleteRemoteMacs(IN_VLAN, many(count))
    yield UpsertRemoteMacs(IN_VNI, VTEP, many(count))
    yield DeleteRemoteMacs(IN_VNI, many(count))
    yield UpsertFlood(IN_VNI, ips(count))
    yield DeleteVxlanRows(DOMAIN, many(count))
    yield UpsertFlood(DOMAIN, ips(count))
    yield DeleteFlood(DOMAIN, ips(count))
    yield UpsertNeighbors(DOMAIN, [(ip, MAC, ip[-1] % 3 == 0) for ip in ips(count)])
    yield DeleteNeighbors(DOMAIN, ips(count))


@pytest.mark.parametrize("action", list(batches(1300)))
def test_pieces_are_whole_messages_within_the_bound(action: Upsert | Delete) -> None:
    rows = total = 0
    for octets, count in pack(action):
        ends = [end for *_, end in messages(octets)]
        assert ends[-1] == len(octets)
        assert count <= ROWS
        rows += count
        total += len(ends)

    assert rows == row_count(action) == 1300
    assert total == rows * (2 if isinstance(action, DeleteRemoteMacs) else 1)


@pytest.mark.parametrize("action", list(batches(0)))
def test_nothing_to_do_is_nothing_to_send(action: Upsert | Delete) -> None:
    assert list(pack(action)) == []


def test_both_rows_of_a_mac_go_by_two_messages() -> None:
    (expected,) = pack(DeleteRemoteMacs(DOMAIN, [OTHER]))

    assert (delete_both(DOMAIN, OTHER), 1) == expected
    (expected,) = pack(DeleteRemoteMacs(IN_VLAN, [OTHER]))
    assert (delete_both(IN_VLAN, OTHER), 1) == expected


def test_a_flush_names_port_vlan_and_mark() -> None:
    assert flush_vlan(IN_VLAN) == bytes.fromhex(
        "2c0000001d0001020000000000000000070000000300000000001400060005000a000000"
        "0500110010000000"
    )
