import errno
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evpnd.adapters.netlink.pack import Delete, Upsert, flush_vlan, pack
from evpnd.adapters.netlink.writer import read_refusal
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
from evpnd.model.events import RowFailed

DOMAIN = Domain(bridge=2, vxlan=3, svi=2)
IN_VLAN = DOMAIN._replace(vlan=10)
IN_VNI = IN_VLAN._replace(vni=10_010)
MAC = bytes.fromhex("020000000099")
VTEP = bytes([10, 0, 0, 2])
IP = bytes([192, 0, 2, 1])

HALF_MADE = bytes.fromhex(
    "5000000002000000000000008facc0d49fffffff"
    "3c0000001c0001050000000000000000070000000300000002001200"
    "0a0002000200000000020000"
    "14000100fd000000000000000000000000000002"
)
"""Captured on 6.18: EAFNOSUPPORT, NTF_MASTER gone from the request."""


def refused(action: Upsert | Delete, code: int) -> bytes:
    ((octets, _),) = pack(action)
    return struct.pack("=IHHIIi", 20 + len(octets), 2, 0, 0, 0, -code) + octets


@pytest.mark.parametrize(
    ("action", "table", "ifindex", "key", "deleting"),
    [
        (UpsertRemoteMacs(DOMAIN, VTEP, [MAC]), "fdb", 3, MAC, False),
        (DeleteVxlanRows(DOMAIN, [MAC]), "fdb", 3, MAC, True),
        (UpsertFlood(DOMAIN, [VTEP]), "flood", 3, VTEP, False),
        (DeleteFlood(DOMAIN, [VTEP]), "flood", 3, VTEP, True),
        (UpsertNeighbors(DOMAIN, [(IP, MAC, True)]), "neighbor", 2, IP, False),
        (DeleteNeighbors(DOMAIN, [IP]), "neighbor", 2, IP, True),
    ],
)
def test_the_echo_names_the_row(
    action: Upsert | Delete, table: str, ifindex: int, key: bytes, deleting: bool
) -> None:
    refusal = read_refusal(refused(action, errno.EPERM))

    assert refusal is not None
    assert refusal.failed == RowFailed(table, ifindex, key, errno.EPERM, deleting)
    assert not refusal.half_made


@pytest.mark.parametrize(
    ("action", "table", "key", "vlan"),
    [
        (UpsertRemoteMacs(IN_VNI, VTEP, [MAC]), "fdb", MAC, 10),
        (DeleteVxlanRows(IN_VNI, [MAC]), "fdb", MAC, 0),
        (UpsertFlood(IN_VNI, [VTEP]), "flood", VTEP, 0),
    ],
)
def test_the_echo_names_the_vni(
    action: Upsert | Delete, table: str, key: bytes, vlan: int
) -> None:
    refusal = read_refusal(refused(action, errno.EPERM))

    assert refusal is not None
    failed = refusal.failed
    assert (failed.table, failed.key, failed.vlan, failed.vni) == (
        *(table, key, vlan),
        IN_VNI.vni,
    )


def test_a_bridge_row_without_its_vxlan_row_is_noticed() -> None:
    refusal = read_refusal(HALF_MADE)

    assert refusal is not None
    assert refusal.half_made
    assert refusal.failed.errno == errno.EAFNOSUPPORT


def test_a_refused_vxlan_row_leaves_somebody_elses_bridge_row() -> None:
    action = UpsertVxlanRows(DOMAIN, VTEP, [MAC])
    refusal = read_refusal(refused(action, errno.EAFNOSUPPORT))

    assert refusal is not None
    assert not refusal.half_made
    assert refusal.failed == RowFailed(
        "fdb", 3, MAC, errno.EAFNOSUPPORT, deleting=False
    )


@pytest.mark.parametrize(
    ("action", "code"),
    [
        (DeleteVxlanRows(DOMAIN, [MAC]), errno.ENOENT),
        (DeleteVxlanRows(DOMAIN, [MAC]), errno.ENODEV),
        (DeleteNeighbors(DOMAIN, [IP]), errno.ENOENT),
        (DeleteFlood(DOMAIN, [VTEP]), errno.ENOENT),
        (UpsertFlood(DOMAIN, [VTEP]), errno.EEXIST),
        (UpsertFlood(DOMAIN, [VTEP]), 0),
    ],
)
def test_what_is_so_already_is_no_failure(action: Upsert | Delete, code: int) -> None:
    assert read_refusal(refused(action, code)) is None


@pytest.mark.parametrize(("vlan", "left"), [(10, True), (0, False)])
def test_a_row_of_a_vlan_that_the_port_has_left_is_told_apart(
    vlan: int, left: bool
) -> None:
    ((octets, _),) = pack(DeleteRemoteMacs(DOMAIN._replace(vlan=vlan), [MAC]))
    answer = struct.pack("=IHHIIi", 20 + len(octets), 2, 0, 0, 0, -errno.EINVAL)

    refusal = read_refusal(answer + octets)
    assert refusal is not None
    assert refusal.vlan_left is left
    assert not refusal.half_made


@pytest.mark.parametrize("code", [errno.EINVAL, errno.EOPNOTSUPP])
def test_a_flush_that_is_refused_is_no_row_that_failed(code: int) -> None:
    octets = flush_vlan(IN_VLAN)
    answer = struct.pack("=IHHIIi", 20 + len(octets), 2, 0, 0, 0, -code)

    assert read_refusal(answer + octets) is None


def test_a_half_made_row_names_its_vlan() -> None:
    action = UpsertRemoteMacs(IN_VLAN, VTEP, [MAC])
    refusal = read_refusal(refused(action, errno.EAFNOSUPPORT))

    assert refusal is not None
    assert refusal.failed.vlan == 10


@pytest.mark.parametrize("size", range(len(HALF_MADE)))
def test_a_cut_answer_does_not_raise(size: int) -> None:
    read_refusal(HALF_MADE[:size])


@given(st.binary(max_size=120))
def test_no_answer_raises(octets: bytes) -> None:
    read_refusal(octets)
