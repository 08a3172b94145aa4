"""The netlink adapter against the kernel: dumps and notifications."""

import asyncio
import json
import socket
from collections.abc import Callable

import pytest

from evpnd.adapters.netlink import dump as dump_module
from evpnd.adapters.netlink.dump import dump_fdb
from evpnd.adapters.netlink.rtnl import Ending
from evpnd.adapters.netlink.writer import Writer
from evpnd.model.actions import (
    DeleteNeighbors,
    DeleteRemoteMacs,
    DumpFdb,
    DumpLinks,
    DumpNeighbors,
    UpsertFlood,
    UpsertNeighbors,
    UpsertRemoteMacs,
)
from evpnd.model.domain import NO_VTEP, Vtep
from evpnd.model.events import (
    AddressObserved,
    FdbDumped,
    FdbObserved,
    KernelOverran,
    LinkObserved,
    LinksDumped,
    LinkVanished,
    NeighborsDumped,
    NeighborsObserved,
)
from evpnd.model.ids import FLOOD_MAC, parse_ip, parse_mac
from evpnd.model.rows import (
    EVPND_PROTOCOL,
    NTF_EXT_LEARNED,
    NTF_SELF,
    NUD_FAILED,
    NUD_PERMANENT,
    NUD_STATIC,
    FdbRow,
    VxlanLink,
)
from integration.lab_netns import inside, run
from integration.netlink_bench import Bench, Driver, bench, mac

__all__ = ["bench"]
pytestmark = pytest.mark.root

VTEP_2, VTEP_3 = (Vtep(parse_ip(f"10.0.0.{last}")) for last in (2, 3))
BULK = 10_000
WHERE_ROWS_GO = (30, 22)
"""In the first reading of twice as many rows, and in the second of those that are left:
the piece behind which the kernel skips rows, each time the same ones."""


def test_a_bulk_is_not_echoed_and_the_dump_after_it_is_whole(bench: Bench) -> None:
    macs = [mac(number) for number in range(BULK)]

    async def scenario(driver: Driver) -> None:
        driver.kernel.submit(
            [UpsertRemoteMacs(bench.domain, VTEP_2, macs), DumpFdb(bench.br0)]
        )
        assert driver.kernel.backlog() > 0
        await driver.kernel.drain()
        assert driver.kernel.backlog() == 0
        await driver.quiet()
        assert not driver.all(FdbObserved), "echoes of our own bulk"

        (dump,) = driver.all(FdbDumped)
        ours = [row for row in dump.rows if row.flags & NTF_EXT_LEARNED]
        assert sorted(row.mac for row in ours if row.dst == VTEP_2) == macs
        assert sorted(row.mac for row in ours if not row.dst) == macs

        await driver.do(DeleteRemoteMacs(bench.domain, macs), DumpFdb(bench.br0))
        await driver.quiet()
        assert not driver.all(FdbObserved)
        left = driver.all(FdbDumped)[-1].rows
        assert not [row for row in left if row.flags & NTF_EXT_LEARNED]

    bench.run(scenario)


def test_who_waits_for_few_rows_is_called_before_all_are_written(bench: Bench) -> None:
    macs = [mac(number) for number in range(BULK)]
    called: list[str] = []

    async def scenario(driver: Driver) -> None:
        driver.kernel.call_when_few(BULK // 2, lambda: called.append("few"))
        driver.kernel.submit([UpsertRemoteMacs(bench.domain, VTEP_2, macs)])
        driver.kernel.call_when_done(lambda: called.append("done"))
        await driver.kernel.drain()
        await driver.do(DeleteRemoteMacs(bench.domain, macs))

    bench.run(scenario)

    assert called == ["few", "done"]


def test_a_bulk_of_neighbors_is_not_echoed(bench: Bench) -> None:
    bindings = [
        (b"\x0a\x40" + number.to_bytes(2), mac(number), False) for number in range(500)
    ]

    async def scenario(driver: Driver) -> None:
        await driver.do(
            UpsertNeighbors(bench.domain, bindings), DumpNeighbors(bench.br0)
        )
        (dump,) = driver.all(NeighborsDumped)
        ours = {row.ip for row in dump.rows if row.protocol == EVPND_PROTOCOL}
        assert ours == {ip for ip, _, _ in bindings}

        await driver.do(DeleteNeighbors(bench.domain, [ip for ip, _, _ in bindings]))
        await driver.quiet()
        echoed = {row.ip for event in driver.all(NeighborsObserved) for row in event[0]}
        assert not echoed & ours

    bench.run(scenario)


def test_what_others_do_is_heard_after_a_bulk(bench: Bench) -> None:
    async def scenario(driver: Driver) -> None:
        macs = [mac(number) for number in range(100)]
        await driver.do(UpsertRemoteMacs(bench.domain, VTEP_2, macs))
        entry = ["02:00:00:00:00:05", "dev", "vx0", "self"]
        run(["bridge", "-n", bench.namespace, "fdb", "del", *entry])
        went = await driver.event(FdbObserved)
        assert went.rows == [
            FdbRow(
                present=False,
                ifindex=bench.vx0,
                mac=mac(5),
                vlan=0,
                state=NUD_STATIC,
                flags=NTF_SELF | NTF_EXT_LEARNED,
                dst=VTEP_2,
            )
        ]

    bench.run(scenario)


def test_a_few_rows_are_echoed(bench: Bench) -> None:
    async def scenario(driver: Driver) -> None:
        await driver.do(UpsertRemoteMacs(bench.domain, VTEP_2, [mac(1)]))
        echoes = [row for event in driver.all(FdbObserved) for row in event.rows]
        await driver.event(FdbObserved, lambda event: event.rows[-1].dst == VTEP_2)
        assert all(row.mac == mac(1) for row in echoes)

    bench.run(scenario)


def test_a_tenant_that_speaks_is_heard_on_its_port(bench: Bench) -> None:
    async def scenario(driver: Driver) -> None:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as tenant:
            tenant.bind(("h0", 0))
            # A port may take a second until it forwards.
            for _ in range(30):
                tenant.send(b"\xff" * 6 + mac(7) + b"\x88\xb5" + bytes(46))
                await driver.quiet()
                if driver.all(FdbObserved):
                    break
        learned = await driver.event(
            FdbObserved, lambda event: event.rows[0].mac == mac(7)
        )
        assert learned.rows[0]._replace(state=0) == FdbRow(
            present=True,
            ifindex=bench.p0,
            mac=mac(7),
            vlan=0,
            state=0,
            flags=0,
            dst=NO_VTEP,
        )

    bench.run(scenario)


def test_neighbor_notifications_tell_what_comes_and_goes(bench: Bench) -> None:
    async def scenario(driver: Driver) -> None:
        bench.ip("neigh add 192.0.2.9 lladdr 02:00:00:00:00:09 dev br0 nud permanent")
        came = await driver.event(
            NeighborsObserved, lambda event: event.rows[-1].mac == mac(9)
        )
        assert came.rows[-1].state == NUD_PERMANENT
        assert came.rows[-1].ip == parse_ip("192.0.2.9")
        bench.ip("neigh del 192.0.2.9 dev br0")
        went = await driver.event(
            NeighborsObserved, lambda event: not event.rows[-1].present
        )
        assert went.rows[-1].state == NUD_FAILED

    bench.run(scenario)


def test_lost_notifications_are_told_and_later_ones_heard(bench: Bench) -> None:
    async def scenario(driver: Driver) -> None:
        with inside(bench.namespace):
            writer = Writer(lambda _: None)
        macs = [mac(number) for number in range(1000)]
        writer.write([UpsertRemoteMacs(bench.domain, VTEP_2, macs)])
        await driver.event(KernelOverran)
        await driver.quiet()
        driver.heard.clear()
        writer.write([UpsertRemoteMacs(bench.domain, VTEP_2, [mac(5000)])])
        writer.close()
        await driver.event(FdbObserved)

    bench.run(scenario, rows_buffer=4096)


def test_a_dump_holds_one_bridge_and_its_ports_only(bench: Bench) -> None:
    bench.ip(
        "link add br1 type bridge",
        "link add h1 type veth peer name p1",
        "link set p1 master br1 up",
        "link set br1 up",
    )
    row = ["02:00:00:00:00:01", "dev", "p0", "master", "static"]
    run(["bridge", "-n", bench.namespace, "fdb", "replace", *row])

    events = bench.do(
        UpsertFlood(bench.domain, [VTEP_2, VTEP_3]), DumpFdb(bench.br0), DumpFdb(9999)
    )
    dump, nothing = (event for event in events if isinstance(event, FdbDumped))

    assert nothing == FdbDumped(9999, [])
    assert {row.ifindex for row in dump.rows} <= {bench.br0, bench.vx0, bench.p0}
    assert [row.ifindex for row in dump.rows if row.mac == mac(1)] == [bench.p0]
    assert sorted(row.dst for row in dump.rows if row.mac == FLOOD_MAC) == [
        VTEP_2,
        VTEP_3,
    ]
    (p0,) = json.loads(run(["ip", "-n", bench.namespace, "-j", "link", "show", "p0"]))
    own = parse_mac(p0["address"])
    assert (bench.p0, own) in {(row.ifindex, row.mac) for row in dump.rows}


def test_neighbours_of_many_devices_are_those_of_each(bench: Bench) -> None:
    names = [f"br{number}" for number in range(1, 13)]
    bench.ip(*(f"link add {name} type bridge" for name in names))
    bench.ip(*(f"link set {name} up" for name in names))
    addresses = [f"192.0.2.{number}" for number in range(1, 13)]
    bench.ip(
        *(
            f"neigh add {ip} lladdr 02:00:00:00:00:01 dev {name} nud permanent"
            for ip, name in zip(addresses, names, strict=True)
        )
    )
    with inside(bench.namespace):
        indexes = [socket.if_nametoindex(name) for name in names]
    answers = bench.do(*map(DumpNeighbors, [*indexes, bench.br0]))
    found = {
        event.ifindex: [row.ip for row in event.rows if row.mac == mac(1)]
        for event in answers
        if isinstance(event, NeighborsDumped)
    }

    assert found == {
        **{at: [parse_ip(ip)] for at, ip in zip(indexes, addresses, strict=True)},
        bench.br0: [],
    }


@pytest.mark.parametrize("disturbed", [1, 2])
def test_a_large_dump_misses_no_row_when_others_go_meanwhile(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, disturbed: int
) -> None:
    kept = [mac(number) for number in range(BULK)]
    going = [mac((1 << 20) + number) for number in range(BULK)]
    mixed = [each for pair in zip(kept, going, strict=True) for each in pair]
    bench.do(UpsertRemoteMacs(bench.domain, VTEP_2, mixed))
    readings = 0
    with inside(bench.namespace):
        writer = Writer(lambda _: None)
        read = dump_module.dump

        def disturb(kind: int, body: bytes, take: Callable[[bytes], Ending]) -> bool:
            """Read the FDB; of the first readings, each loses rows half-way."""
            nonlocal readings
            readings += 1
            pieces, gone = 0, going[readings - 1 :: disturbed]

            def take_and_remove(octets: bytes) -> Ending:
                nonlocal pieces
                pieces += 1
                if readings <= disturbed and pieces == WHERE_ROWS_GO[readings - 1]:
                    writer.write([DeleteRemoteMacs(bench.domain, gone)])
                return take(octets)

            return read(kind, body, take_and_remove)

        monkeypatch.setattr(dump_module, "dump", disturb)
        found = {(row.mac, row.dst) for row in dump_fdb(bench.br0).rows}
        writer.close()

    assert readings == disturbed + 1
    assert not {(each, VTEP_2) for each in kept} - found
    assert not {(each, b"") for each in kept} - found


def test_what_happens_during_a_dump_is_told_after_it(bench: Bench) -> None:
    macs = [mac(number) for number in range(BULK)]
    bench.do(UpsertRemoteMacs(bench.domain, VTEP_2, macs))

    async def scenario(driver: Driver) -> None:
        with inside(bench.namespace):
            writer = Writer(lambda _: None)
        driver.kernel.submit([DumpFdb(bench.br0)])
        await asyncio.sleep(0.005)
        writer.write([DeleteRemoteMacs(bench.domain, [mac(1)])])
        writer.close()
        await driver.kernel.drain()
        await driver.quiet()
        last: dict[tuple[int, bytes, bytes], bool] = {}
        for event in driver.heard:
            if isinstance(event, FdbDumped):
                last = {(row.ifindex, row.mac, row.dst): True for row in event.rows}
            elif isinstance(event, FdbObserved):
                last |= {
                    (row.ifindex, row.mac, row.dst): row.present for row in event.rows
                }
        assert not last.get((bench.vx0, mac(1), VTEP_2))
        assert not last.get((bench.vx0, mac(1), b""))
        assert last[bench.vx0, mac(2), VTEP_2]

    bench.run(scenario)


def test_links_and_addresses_are_dumped(bench: Bench) -> None:
    bench.ip(
        "addr add 192.0.2.1 peer 192.0.2.2 dev h0",
        "link set h0 alias tenant",
        "link add vx6 type vxlan id 7 dstport 8472 local fd00::1",
        "link add vxe type vxlan external dstport 4790",
    )
    (dump,) = (
        event for event in bench.do(DumpLinks()) if isinstance(event, LinksDumped)
    )
    links = {link.name: link for link in dump.links}

    assert (bench.index("h0"), parse_ip("192.0.2.1")) in dump.addresses
    assert (bench.index("h0"), parse_ip("192.0.2.1"), 32) in dump.lengths
    assert (bench.index("lo"), parse_ip("10.0.0.1")) in dump.addresses
    assert (links["h0"].alias, links["h0"].kind) == ("tenant", "veth")
    assert links["br0"].mac == bytes.fromhex("02000000ff00")
    assert links["p0"].master == bench.br0
    assert links["p0"].port is not None
    assert links["p0"].port.forwarding
    vx0 = links["vx0"]
    assert (vx0.kind, vx0.up, vx0.carrier, vx0.mtu) == ("vxlan", True, True, 1500)
    assert vx0.vxlan == VxlanLink(
        100, parse_ip("10.0.0.1"), 4789, learning=False, external=False
    )
    assert links["vx6"].vxlan == VxlanLink(
        7, parse_ip("fd00::1"), 8472, learning=True, external=False
    )
    assert not links["vx6"].up
    assert links["vxe"].vxlan is not None
    assert links["vxe"].vxlan.external


def test_links_and_addresses_are_heard(bench: Bench) -> None:
    async def scenario(driver: Driver) -> None:
        bench.ip("link add d0 type veth peer name d1")
        index = bench.index("d0")
        await driver.event(LinkObserved, lambda event: event.link.name == "d0")
        bench.ip("link set d0 up", "addr add 192.0.2.7/24 dev d0")
        await driver.event(
            LinkObserved, lambda event: event.link.ifindex == index and event.link.up
        )
        address = parse_ip("192.0.2.7")
        await driver.event(
            AddressObserved,
            lambda event: (
                event == AddressObserved(index, address, present=True, length=24)
            ),
        )
        bench.ip("addr del 192.0.2.7/24 dev d0")
        await driver.event(
            AddressObserved,
            lambda event: (
                event == AddressObserved(index, address, present=False, length=24)
            ),
        )
        bench.ip("link del d0")
        await driver.event(LinkVanished, lambda event: event.ifindex == index)

    bench.run(scenario)


def test_an_operator_who_turns_learning_on_is_heard(bench: Bench) -> None:
    link = ["bridge", "-n", bench.namespace, "link", "set", "dev", "vx0"]
    run([*link, "learning", "off"])

    async def scenario(driver: Driver) -> None:
        run([*link, "learning", "on"])
        await driver.event(
            LinkObserved,
            lambda event: (
                event.link.ifindex == bench.vx0
                and event.link.port is not None
                and event.link.port.learning
            ),
        )

    bench.run(scenario)
