"""The netlink adapter against the kernel: the rows that it writes."""

import errno

import pytest

from evpnd.model.actions import (
    DeleteFlood,
    DeleteNeighbors,
    DeleteRemoteMacs,
    DeleteVxlanRows,
    UpsertFlood,
    UpsertLocalNeighbors,
    UpsertNeighbors,
    UpsertRemoteMacs,
)
from evpnd.model.domain import Domain, Vtep
from evpnd.model.events import (
    RowFailed,
)
from evpnd.model.ids import parse_ip
from evpnd.model.rows import (
    EVPND_PROTOCOL,
)
from integration.lab_kernel import fdb, neighbors
from integration.lab_netns import run
from integration.netlink_bench import Bench, bench, mac

__all__ = ["bench"]
pytestmark = pytest.mark.root

VTEP_2, VTEP_3 = (Vtep(parse_ip(f"10.0.0.{last}")) for last in (2, 3))
VTEP_6 = Vtep(parse_ip("fd00::2"))


def rows_of(bench: Bench, address: str) -> dict[tuple[str, bool], str]:
    """Map (device, is a bridge row) to the destination, for one MAC."""
    return {
        (row.device, bool(row.master)): row.dst
        for row in fdb(bench.namespace)
        if row.mac == address
    }


def flood(bench: Bench) -> dict[str, bool]:
    """Map the VTEPs of the flood list to whether extern_learn shows."""
    return {
        row.dst: "extern_learn" in row.flags
        for row in fdb(bench.namespace, "vx0")
        if row.mac == "00:00:00:00:00:00"
    }


def test_a_remote_mac_is_a_vxlan_row_and_a_bridge_row(bench: Bench) -> None:
    failures = bench.failures(UpsertRemoteMacs(bench.domain, VTEP_2, [mac(1)]))

    assert not failures
    assert rows_of(bench, "02:00:00:00:00:01") == {
        ("vx0", False): "10.0.0.2",
        ("vx0", True): "",
    }


def test_a_remote_mac_that_moves_leaves_its_old_vtep(bench: Bench) -> None:
    bench.do(
        UpsertRemoteMacs(bench.domain, VTEP_2, [mac(1)]),
        UpsertRemoteMacs(bench.domain, VTEP_3, [mac(1)]),
    )

    assert rows_of(bench, "02:00:00:00:00:01")["vx0", False] == "10.0.0.3"


def test_deleting_a_remote_mac_removes_both_rows(bench: Bench) -> None:
    failures = bench.failures(
        UpsertRemoteMacs(bench.domain, VTEP_2, [mac(1)]),
        DeleteRemoteMacs(bench.domain, [mac(1), mac(2)]),
    )

    assert not failures, "a row that is absent is what a deletion wants"
    assert not rows_of(bench, "02:00:00:00:00:01")


def test_the_vxlan_row_goes_though_the_bridge_row_became_local(bench: Bench) -> None:
    bench.do(UpsertRemoteMacs(bench.domain, VTEP_2, [mac(1)]))
    local = ["02:00:00:00:00:01", "dev", "p0", "master", "dynamic"]
    run(["bridge", "-n", bench.namespace, "fdb", "replace", *local])

    assert not bench.failures(DeleteRemoteMacs(bench.domain, [mac(1)]))
    assert rows_of(bench, "02:00:00:00:00:01") == {("p0", True): ""}


def test_a_vxlan_row_can_go_alone(bench: Bench) -> None:
    bench.do(
        UpsertRemoteMacs(bench.domain, VTEP_2, [mac(1)]),
        DeleteVxlanRows(bench.domain, [mac(1)]),
    )

    assert rows_of(bench, "02:00:00:00:00:01") == {("vx0", True): ""}


def test_a_flood_list_grows_and_shrinks_by_vtep(bench: Bench) -> None:
    failures = bench.failures(
        UpsertFlood(bench.domain, [VTEP_2, VTEP_3, VTEP_2]),
        UpsertFlood(bench.domain, [parse_ip("10.0.0.4")]),
        DeleteFlood(bench.domain, [VTEP_2, VTEP_2]),
    )

    assert not failures
    assert flood(bench) == {"10.0.0.3": True, "10.0.0.4": True}


def test_the_last_vtep_of_a_flood_list_can_go_twice(bench: Bench) -> None:
    assert not bench.failures(
        UpsertFlood(bench.domain, [VTEP_2]),
        DeleteFlood(bench.domain, [VTEP_2]),
        DeleteFlood(bench.domain, [VTEP_2]),
    )
    assert not flood(bench)


def test_one_foreign_vtep_takes_the_mark_from_the_whole_flood_list(
    bench: Bench,
) -> None:
    """Flags belong to the zero MAC, not to its destinations, and the user's win."""
    bench.do(UpsertFlood(bench.domain, [VTEP_2]))
    entry = ["00:00:00:00:00:00", "dev", "vx0", "dst", "10.0.0.9", "self", "permanent"]
    run(["bridge", "-n", bench.namespace, "fdb", "append", *entry])
    bench.do(UpsertFlood(bench.domain, [VTEP_3]))

    assert flood(bench) == {"10.0.0.2": False, "10.0.0.9": False, "10.0.0.3": False}


def test_neighbors_are_marked_as_ours(bench: Bench) -> None:
    failures = bench.failures(
        UpsertNeighbors(
            bench.domain,
            [
                (parse_ip("192.0.2.1"), mac(1), False),
                (parse_ip("2001:db8::1"), mac(1), True),
            ],
        )
    )
    found = neighbors(bench.namespace, "br0")

    assert not failures
    for address, flags in (
        ("192.0.2.1", {"extern_learn"}),
        ("2001:db8::1", {"extern_learn", "router"}),
    ):
        row = found[address]
        assert row.mac == "02:00:00:00:00:01"
        assert row.state == {"NOARP"}
        assert row.flags == flags
        assert int(row.protocol) == EVPND_PROTOCOL


def test_the_kernel_does_not_collect_our_neighbors(bench: Bench) -> None:
    """Above gc_thresh3, 1,024 rows by default, new ones push out old ones."""
    ips = [parse_ip(f"192.0.{n // 250}.{n % 250 + 1}") for n in range(2500)]
    rows: list[tuple[bytes, bytes, bool]] = [(ip, mac(1), False) for ip in ips]
    bench.do(UpsertLocalNeighbors(bench.domain, rows[:2000]))
    bench.do(UpsertNeighbors(bench.domain, rows[2000:]))

    assert len(neighbors(bench.namespace, "br0")) == 2500


def test_neighbors_go_and_others_stay(bench: Bench) -> None:
    bench.ip("neigh add 192.0.2.9 lladdr 02:00:00:00:00:09 dev br0 nud permanent")
    failures = bench.failures(
        UpsertNeighbors(bench.domain, [(parse_ip("192.0.2.1"), mac(1), False)]),
        DeleteNeighbors(
            bench.domain, [parse_ip("192.0.2.1"), parse_ip("2001:db8::77")]
        ),
    )

    assert not failures
    left = neighbors(bench.namespace, "br0")
    assert left["192.0.2.9"].state == {"PERMANENT"}
    assert "192.0.2.1" not in left


def test_a_refused_row_is_named_and_leaves_no_half(bench: Bench) -> None:
    failures = bench.failures(
        UpsertRemoteMacs(bench.domain, VTEP_2, [mac(1)]),
        UpsertRemoteMacs(bench.domain, VTEP_6, [mac(2), mac(3)]),
        UpsertRemoteMacs(bench.domain, VTEP_2, [mac(4)]),
    )

    assert failures == [
        RowFailed("fdb", bench.vx0, mac(number), errno.EAFNOSUPPORT, deleting=False)
        for number in (2, 3)
    ]
    assert not rows_of(bench, "02:00:00:00:00:02")
    assert rows_of(bench, "02:00:00:00:00:01")
    assert rows_of(bench, "02:00:00:00:00:04")


def test_rows_of_a_device_that_is_gone_fail_to_come_and_succeed_to_go(
    bench: Bench,
) -> None:
    gone = 9999
    nowhere = Domain(gone, vxlan=gone, svi=gone)
    address = parse_ip("192.0.2.1")
    failures = bench.failures(
        UpsertRemoteMacs(nowhere, VTEP_2, [mac(1)]),
        UpsertFlood(nowhere, [VTEP_2]),
        UpsertNeighbors(nowhere, [(address, mac(1), False)]),
        DeleteRemoteMacs(nowhere, [mac(1)]),
        DeleteFlood(nowhere, [VTEP_2]),
        DeleteNeighbors(nowhere, [address]),
    )

    assert failures == [
        RowFailed("fdb", gone, mac(1), errno.ENODEV, deleting=False),
        RowFailed("flood", gone, VTEP_2, errno.ENODEV, deleting=False),
        RowFailed("neighbor", gone, address, errno.ENODEV, deleting=False),
    ]


def test_a_refused_deletion_is_named(bench: Bench) -> None:
    failures = bench.failures(DeleteVxlanRows(Domain(vxlan=bench.p0), [mac(1)]))

    assert [(row.key, row.deleting) for row in failures] == [(mac(1), True)]
