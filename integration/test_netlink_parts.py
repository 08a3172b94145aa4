"""Large FDBs, read by parts: ports, single MACs, and the list of all of them."""

import asyncio
from pathlib import Path

import pytest

from evpnd.adapters.netlink import dump, listing
from evpnd.adapters.netlink.dump import dump_ports, read_fdb
from evpnd.adapters.netlink.lookup import look_up
from evpnd.model.actions import (
    DeleteRemoteMacs,
    DumpFdb,
    ListMacs,
    LookUpMacs,
    UpsertFlood,
    UpsertRemoteMacs,
)
from evpnd.model.domain import Vtep
from evpnd.model.events import FdbDumped, FdbTooLarge, MacsListed
from evpnd.model.ids import FLOOD_MAC, parse_ip, parse_mac
from evpnd.model.rows import NTF_SELF, NUD_PERMANENT
from integration.lab_netns import inside, run
from integration.netlink_bench import Bench, Driver, bench, mac
from integration.reading_bench import take_over

__all__ = ["bench"]
pytestmark = pytest.mark.root

VTEP_2, VTEP_3 = (Vtep(parse_ip(f"10.0.0.{last}")) for last in (2, 3))
MACS = [mac(number) for number in range(1000)]


def fdb(bench: Bench, *words: str) -> None:
    run(["bridge", "-n", bench.namespace, "fdb", *words])


def test_a_large_fdb_is_not_read_to_its_end(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.do(UpsertRemoteMacs(bench.domain, VTEP_2, MACS))
    monkeypatch.setattr(dump, "LARGE", 1500)
    with inside(bench.namespace):
        large = read_fdb(bench.br0)
        monkeypatch.setattr(dump, "LARGE", 3000)
        small = read_fdb(bench.br0)

    assert large == FdbTooLarge(bench.br0, frozenset({bench.vx0}))
    assert isinstance(small, FdbDumped)
    assert {row.mac for row in small.rows if row.is_ours} == set(MACS)


def test_ports_are_read_without_the_rows_of_others(bench: Bench) -> None:
    bench.do(UpsertRemoteMacs(bench.domain, VTEP_2, MACS))
    fdb(bench, "add", "02:00:00:00:77:01", "dev", "p0", "master", "dynamic")
    with inside(bench.namespace):
        found = dump_ports(bench.br0, frozenset({bench.p0, bench.br0}))
        gone = dump_ports(9998, frozenset({9999}))

    learned = [row for row in found.rows if not row.state & NUD_PERMANENT]
    assert [(row.mac, row.ifindex) for row in learned] == [(mac(0x7701), bench.p0)]
    own = {row.mac for row in found.rows if row.state & NUD_PERMANENT}
    assert bytes.fromhex("02000000ff00") in own, "the MAC of the bridge"
    assert {row.ifindex for row in found.rows} == {bench.p0, bench.br0}
    assert gone.rows == []


@pytest.mark.parametrize("whose", ["nobody's", "ours", "an operator's"])
def test_one_look_tells_whose_the_flood_list_is(bench: Bench, whose: str) -> None:
    if whose != "nobody's":
        bench.do(UpsertFlood(bench.domain, [VTEP_2, VTEP_3]))
    if whose == "an operator's":
        entry = ["00:00:00:00:00:00", "dev", "vx0", "dst", "10.0.0.9", "self"]
        fdb(bench, "append", *entry, "permanent")
    with inside(bench.namespace):
        looked = look_up(LookUpMacs(bench.domain, [FLOOD_MAC]))

    (own,) = (row for row in looked.rows if row.flags & NTF_SELF)
    assert own.present == (whose != "nobody's")
    assert own.is_ours == (whose == "ours")


def test_the_own_mac_of_the_device_is_found_by_its_key(bench: Bench) -> None:
    shown = run(["ip", "-n", bench.namespace, "-br", "link", "show", "vx0"])
    own = parse_mac(shown.split()[2])
    with inside(bench.namespace):
        found = look_up(LookUpMacs(bench.domain, [own]))

    (row,) = (row for row in found.rows if row.present)
    assert row.state & NUD_PERMANENT
    assert row.ifindex == bench.vx0


def test_a_list_has_every_mac_and_the_flood_list(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "TOLD_AT_ONCE", 400)

    async def scenario(driver: Driver) -> None:
        await driver.do(
            UpsertRemoteMacs(bench.domain, VTEP_2, MACS),
            UpsertFlood(bench.domain, [VTEP_2, VTEP_3]),
            ListMacs(bench.domain, 7),
        )
        last = await driver.event(MacsListed, lambda event: event.last)
        told = driver.all(MacsListed)
        assert [event.reading for event in told] == [7, 7, 7]
        assert {each for event in told for each in event.macs} >= set(MACS)
        assert last.flood == {VTEP_2: True, VTEP_3: True}

    bench.run(scenario)


def test_writes_do_not_wait_for_a_list_and_a_later_list_ends_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.do(UpsertRemoteMacs(bench.domain, VTEP_2, MACS))
    monkeypatch.setattr(listing, "PAUSE", 1e6)

    async def scenario(driver: Driver) -> None:
        await driver.do(ListMacs(bench.domain, 1))
        await driver.do(DeleteRemoteMacs(bench.domain, MACS[:500]))
        await driver.quiet()
        assert not driver.all(MacsListed)
        monkeypatch.setattr(listing, "PAUSE", 0)
        await driver.do(ListMacs(bench.domain, 2), DumpFdb(bench.br0))
        (dumped,) = driver.all(FdbDumped)
        assert {row.mac for row in dumped.rows if row.is_ours} == set(MACS[500:])

    bench.run(scenario)


def test_a_new_agent_takes_over_a_table_that_is_too_large_for_a_dump(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dump, "LARGE", 1500)
    with inside(bench.namespace):
        result = asyncio.run(take_over(bench, tmp_path, macs=3000, strays=100))
        left = read_fdb(bench.br0)

    assert isinstance(left, FdbTooLarge)
    assert result.ready <= result.known <= result.clean
