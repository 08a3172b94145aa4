"""What others change while evpnd writes, and rows that are asked for one by one."""

import asyncio
import threading
from pathlib import Path

import pytest

from evpnd.adapters.netlink.audit import audit_rows, audit_tables
from evpnd.adapters.netlink.writer import Writer
from evpnd.model.actions import (
    AuditRows,
    AuditTables,
    DeleteRemoteMacs,
    DeleteVxlanRows,
    UpsertFlood,
    UpsertLocalNeighbors,
    UpsertNeighbors,
    UpsertRemoteMacs,
)
from evpnd.model.domain import Domain, Vtep
from evpnd.model.events import RowsAudited, RowsInDoubt
from evpnd.model.ids import parse_ip
from evpnd.model.rows import NTF_SELF
from integration.drift_bench import Work, disturb
from integration.lab_netns import PATIENCE, inside, run
from integration.netlink_bench import Bench, Driver, bench, mac

__all__ = ["bench"]
pytestmark = pytest.mark.root

GONE = Domain(bridge=9998, vxlan=9999, svi=9998)
VTEP_2, VTEP_3 = (Vtep(parse_ip(f"10.0.0.{last}")) for last in (2, 3))
IP: bytes = parse_ip("192.0.2.1")
IP_6: bytes = parse_ip("2001:db8::1")


def test_a_bulk_of_ours_alone_leaves_no_doubt(bench: Bench) -> None:
    macs = [mac(number) for number in range(3000)]
    flood = [bytes((10, 1, number // 200, number % 200 + 1)) for number in range(300)]
    bindings = [(bytes((10, 2, 3, n)), mac(n), False) for n in range(200)]

    async def scenario(driver: Driver) -> None:
        await driver.do(
            UpsertRemoteMacs(bench.domain, VTEP_2, macs),
            UpsertFlood(bench.domain, flood),
            UpsertNeighbors(bench.domain, bindings),
        )
        await driver.do(UpsertRemoteMacs(bench.domain, VTEP_3, macs))
        await driver.do(DeleteRemoteMacs(bench.domain, macs))
        await driver.quiet()
        assert not driver.all(RowsInDoubt)

    bench.run(scenario)


def test_what_others_write_beside_a_bulk_is_told(bench: Bench) -> None:
    macs = [mac(number) for number in range(20_000)]
    victims = macs[:2]

    async def scenario(driver: Driver) -> None:
        stop = threading.Event()

        def disturb() -> None:
            with inside(bench.namespace):
                writer = Writer(lambda _: None)
            while not stop.is_set():
                writer.write([UpsertRemoteMacs(bench.domain, VTEP_3, victims)])
                writer.write([DeleteVxlanRows(bench.domain, victims)])
            writer.close()

        vandal = threading.Thread(target=disturb)
        vandal.start()
        try:
            await driver.do(UpsertRemoteMacs(bench.domain, VTEP_2, macs))
            told = await driver.event(RowsInDoubt)
        finally:
            stop.set()
            await asyncio.to_thread(vandal.join)
        assert told.ifindexes == {bench.vx0}

    bench.run(scenario)


def test_rows_that_were_there_before_leave_a_doubt(bench: Bench) -> None:
    macs = [mac(number) for number in range(200)]
    bench.do(UpsertRemoteMacs(bench.domain, VTEP_2, macs[:1]))

    async def scenario(driver: Driver) -> None:
        await driver.do(UpsertRemoteMacs(bench.domain, VTEP_2, macs))
        await driver.event(RowsInDoubt)

    bench.run(scenario)


def test_single_rows_are_read_and_those_missing_are_named(bench: Bench) -> None:
    macs = [mac(number) for number in range(300)]
    ips = [(IP, mac(1), False), (IP_6, mac(1), True)]
    bench.do(
        UpsertRemoteMacs(bench.domain, VTEP_2, macs),
        UpsertNeighbors(bench.domain, ips),
        UpsertLocalNeighbors(bench.domain, [(parse_ip("192.0.2.2"), mac(2), False)]),
    )
    for entry in (["1", "dev", "vx0", "self"], ["2", "dev", "vx0", "master"]):
        row = [f"02:00:00:00:00:0{entry[0]}", *entry[1:]]
        run(["bridge", "-n", bench.namespace, "fdb", "del", *row])
    taken = ["02:00:00:00:00:03", "dev", "p0", "master", "static"]
    run(["bridge", "-n", bench.namespace, "fdb", "replace", *taken])
    missing = parse_ip("2001:db8::77")
    asked: list[bytes] = [IP, IP_6, parse_ip("192.0.2.2"), missing]
    with inside(bench.namespace):
        found = audit_rows(AuditRows(bench.domain, macs, asked))

    own = {row.mac: row for row in found.fdb if row.flags & NTF_SELF}
    bridged = {row.mac: row for row in found.fdb if not row.flags & NTF_SELF}
    assert own.keys() == bridged.keys() == set(macs)
    assert [each for each, row in own.items() if not row.present] == [mac(1)]
    assert [each for each, row in bridged.items() if not row.present] == [mac(2)]
    assert {row.dst for row in own.values() if row.present} == {VTEP_2}
    elsewhere = [e for e, row in bridged.items() if row.ifindex != bench.vx0]
    assert elsewhere == [mac(3)]
    assert all(row.is_ours for row in own.values() if row.present)
    assert found.neighbors is not None
    neighbors = {row.ip: row for row in found.neighbors}
    assert [row.ip for row in found.neighbors if not row.present] == [missing]
    assert neighbors[IP_6].is_ours
    assert not neighbors[IP_6].is_note
    assert neighbors[parse_ip("192.0.2.2")].is_note


def test_a_device_that_is_gone_answers_for_nothing(bench: Bench) -> None:
    with inside(bench.namespace):
        found = audit_rows(AuditRows(GONE, [mac(1)], [IP]))
        whole = audit_tables(AuditTables(GONE))

    assert found == RowsAudited(GONE, whole=False, fdb=[], neighbors=[])
    assert whole.fdb == []


@pytest.mark.parametrize("base", [1000, 6000], ids=["whole", "row-by-row"])
def test_rows_that_others_change_beside_bulks_are_repaired(
    bench: Bench, tmp_path: Path, base: int
) -> None:
    work = Work(bulks=9, rows=4000, base=base)
    with inside(bench.namespace):
        result = asyncio.run(disturb(bench, tmp_path, work, 10.0 * PATIENCE))

    assert result.changes > 20
    assert not result.left, result
