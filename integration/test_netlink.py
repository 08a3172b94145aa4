"""The netlink adapter against the kernel: rows, dumps, notifications."""

import asyncio
import errno
import json
import socket
import threading
import time

import pytest

from evpnd.adapters.netlink.dump import dump_fdb
from evpnd.adapters.netlink.writer import Writer
from evpnd.model.actions import (
    DeleteFlood,
    DeleteNeighbors,
    DeleteRemoteMacs,
    DeleteVxlanRows,
    DumpFdb,
    DumpLinks,
    DumpNeighbors,
    UpsertFlood,
    UpsertLocalNeighbors,
    UpsertNeighbors,
    UpsertRemoteMacs,
)
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
    RowFailed,
)
from evpnd.model.ids import FLOOD_MAC, parse_ip, parse_mac
from evpnd.model.rows import (
    EVPND_PROTOCOL,
    NTF_EXT_LEARNED,
    NTF_SELF,
    NUD_FAILED,
    NUD_PERMANENT,
    NUD_REACHABLE,
    FdbRow,
    VxlanLink,
)
from integration.lab_kernel import fdb, neighbors
from integration.lab_netns import inside, run
from integration.netlink_bench import Bench, Driver, bench, mac

__all__ = ["bench"]
pytestmark = pytest.mark.root

VTEP_2, VTEP_3 = parse_ip("10.0.0.2"), parse_ip("10.0.0.3")
VTEP_6 = parse_ip("fd00::2")
BULK = 10_000


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
    failures = bench.failures(UpsertRemoteMacs(bench.vx0, VTEP_2, [mac(1)]))

    assert not failures
    assert rows_of(bench, "02:00:00:00:00:01") == {
        ("vx0", False): "10.0.0.2",
        ("vx0", True): "",
    }


def test_a_remote_mac_that_moves_leaves_its_old_vtep(bench: Bench) -> None:
    bench.do(
        UpsertRemoteMacs(bench.vx0, VTEP_2, [mac(1)]),
        UpsertRemoteMacs(bench.vx0, VTEP_3, [mac(1)]),
    )

    assert rows_of(bench, "02:00:00:00:00:01")["vx0", False] == "10.0.0.3"


def test_deleting_a_remote_mac_removes_both_rows(bench: Bench) -> None:
    failures = bench.failures(
        UpsertRemoteMacs(bench.vx0, VTEP_2, [mac(1)]),
        DeleteRemoteMacs(bench.vx0, [mac(1), mac(2)]),
    )

    assert not failures, "a row that is absent is what a deletion wants"
    assert not rows_of(bench, "02:00:00:00:00:01")


def test_the_vxlan_row_goes_though_the_bridge_row_became_local(bench: Bench) -> None:
    bench.do(UpsertRemoteMacs(bench.vx0, VTEP_2, [mac(1)]))
    local = ["02:00:00:00:00:01", "dev", "p0", "master", "dynamic"]
    run(["bridge", "-n", bench.namespace, "fdb", "replace", *local])

    assert not bench.failures(DeleteRemoteMacs(bench.vx0, [mac(1)]))
    assert rows_of(bench, "02:00:00:00:00:01") == {("p0", True): ""}


def test_a_vxlan_row_can_go_alone(bench: Bench) -> None:
    bench.do(
        UpsertRemoteMacs(bench.vx0, VTEP_2, [mac(1)]),
        DeleteVxlanRows(bench.vx0, [mac(1)]),
    )

    assert rows_of(bench, "02:00:00:00:00:01") == {("vx0", True): ""}


def test_a_flood_list_grows_and_shrinks_by_vtep(bench: Bench) -> None:
    failures = bench.failures(
        UpsertFlood(bench.vx0, [VTEP_2, VTEP_3, VTEP_2]),
        UpsertFlood(bench.vx0, [parse_ip("10.0.0.4")]),
        DeleteFlood(bench.vx0, [VTEP_2, VTEP_2]),
    )

    assert not failures
    assert flood(bench) == {"10.0.0.3": True, "10.0.0.4": True}


def test_the_last_vtep_of_a_flood_list_can_go_twice(bench: Bench) -> None:
    assert not bench.failures(
        UpsertFlood(bench.vx0, [VTEP_2]),
        DeleteFlood(bench.vx0, [VTEP_2]),
        DeleteFlood(bench.vx0, [VTEP_2]),
    )
    assert not flood(bench)


def test_one_foreign_vtep_takes_the_mark_from_the_whole_flood_list(
    bench: Bench,
) -> None:
    """Flags belong to the zero MAC, not to its destinations, and the user's win."""
    bench.do(UpsertFlood(bench.vx0, [VTEP_2]))
    entry = ["00:00:00:00:00:00", "dev", "vx0", "dst", "10.0.0.9", "self", "permanent"]
    run(["bridge", "-n", bench.namespace, "fdb", "append", *entry])
    bench.do(UpsertFlood(bench.vx0, [VTEP_3]))

    assert flood(bench) == {"10.0.0.2": False, "10.0.0.9": False, "10.0.0.3": False}


def test_neighbors_are_marked_as_ours(bench: Bench) -> None:
    failures = bench.failures(
        UpsertNeighbors(
            bench.br0,
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
    bench.do(UpsertLocalNeighbors(bench.br0, rows[:2000]))
    bench.do(UpsertNeighbors(bench.br0, rows[2000:]))

    assert len(neighbors(bench.namespace, "br0")) == 2500


def test_neighbors_go_and_others_stay(bench: Bench) -> None:
    bench.ip("neigh add 192.0.2.9 lladdr 02:00:00:00:00:09 dev br0 nud permanent")
    failures = bench.failures(
        UpsertNeighbors(bench.br0, [(parse_ip("192.0.2.1"), mac(1), False)]),
        DeleteNeighbors(bench.br0, [parse_ip("192.0.2.1"), parse_ip("2001:db8::77")]),
    )

    assert not failures
    left = neighbors(bench.namespace, "br0")
    assert left["192.0.2.9"].state == {"PERMANENT"}
    assert "192.0.2.1" not in left


def test_a_refused_row_is_named_and_leaves_no_half(bench: Bench) -> None:
    failures = bench.failures(
        UpsertRemoteMacs(bench.vx0, VTEP_2, [mac(1)]),
        UpsertRemoteMacs(bench.vx0, VTEP_6, [mac(2), mac(3)]),
        UpsertRemoteMacs(bench.vx0, VTEP_2, [mac(4)]),
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
    address = parse_ip("192.0.2.1")
    failures = bench.failures(
        UpsertRemoteMacs(gone, VTEP_2, [mac(1)]),
        UpsertFlood(gone, [VTEP_2]),
        UpsertNeighbors(gone, [(address, mac(1), False)]),
        DeleteRemoteMacs(gone, [mac(1)]),
        DeleteFlood(gone, [VTEP_2]),
        DeleteNeighbors(gone, [address]),
    )

    assert failures == [
        RowFailed("fdb", gone, mac(1), errno.ENODEV, deleting=False),
        RowFailed("flood", gone, VTEP_2, errno.ENODEV, deleting=False),
        RowFailed("neighbor", gone, address, errno.ENODEV, deleting=False),
    ]


def test_a_refused_deletion_is_named(bench: Bench) -> None:
    failures = bench.failures(DeleteVxlanRows(bench.p0, [mac(1)]))

    assert [(row.key, row.deleting) for row in failures] == [(mac(1), True)]


def test_a_bulk_is_not_echoed_and_the_dump_after_it_is_whole(bench: Bench) -> None:
    macs = [mac(number) for number in range(BULK)]

    async def scenario(driver: Driver) -> None:
        driver.kernel.submit(
            [UpsertRemoteMacs(bench.vx0, VTEP_2, macs), DumpFdb(bench.br0)]
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

        await driver.do(DeleteRemoteMacs(bench.vx0, macs), DumpFdb(bench.br0))
        await driver.quiet()
        assert not driver.all(FdbObserved)
        left = driver.all(FdbDumped)[-1].rows
        assert not [row for row in left if row.flags & NTF_EXT_LEARNED]

    bench.run(scenario)


def test_a_bulk_of_neighbors_is_not_echoed(bench: Bench) -> None:
    bindings = [
        (b"\x0a\x40" + number.to_bytes(2), mac(number), False) for number in range(500)
    ]

    async def scenario(driver: Driver) -> None:
        await driver.do(UpsertNeighbors(bench.br0, bindings), DumpNeighbors(bench.br0))
        (dump,) = driver.all(NeighborsDumped)
        ours = {row.ip for row in dump.rows if row.protocol == EVPND_PROTOCOL}
        assert ours == {ip for ip, _, _ in bindings}

        await driver.do(DeleteNeighbors(bench.br0, [ip for ip, _, _ in bindings]))
        await driver.quiet()
        echoed = {row.ip for event in driver.all(NeighborsObserved) for row in event[0]}
        assert not echoed & ours

    bench.run(scenario)


def test_what_others_do_is_heard_after_a_bulk(bench: Bench) -> None:
    async def scenario(driver: Driver) -> None:
        macs = [mac(number) for number in range(100)]
        await driver.do(UpsertRemoteMacs(bench.vx0, VTEP_2, macs))
        entry = ["02:00:00:00:00:05", "dev", "vx0", "self"]
        run(["bridge", "-n", bench.namespace, "fdb", "del", *entry])
        went = await driver.event(FdbObserved)
        assert went.rows == [
            FdbRow(
                present=False,
                ifindex=bench.vx0,
                mac=mac(5),
                vlan=0,
                state=NUD_REACHABLE,
                flags=NTF_SELF | NTF_EXT_LEARNED,
                dst=VTEP_2,
            )
        ]

    bench.run(scenario)


def test_a_few_rows_are_echoed(bench: Bench) -> None:
    async def scenario(driver: Driver) -> None:
        await driver.do(UpsertRemoteMacs(bench.vx0, VTEP_2, [mac(1)]))
        echoes = [row for event in driver.all(FdbObserved) for row in event.rows]
        await driver.event(FdbObserved, lambda event: event.rows[-1].dst == VTEP_2)
        assert all(row.mac == mac(1) for row in echoes)

    bench.run(scenario)


def test_a_tenant_that_speaks_is_heard_on_its_port(bench: Bench) -> None:
    async def scenario(driver: Driver) -> None:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as tenant:
            tenant.bind(("h0", 0))
            tenant.send(b"\xff" * 6 + mac(7) + b"\x88\xb5" + bytes(46))
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
            dst=b"",
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
        writer.write([UpsertRemoteMacs(bench.vx0, VTEP_2, macs)])
        await driver.event(KernelOverran)
        await driver.quiet()
        driver.heard.clear()
        writer.write([UpsertRemoteMacs(bench.vx0, VTEP_2, [mac(5000)])])
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
        UpsertFlood(bench.vx0, [VTEP_2, VTEP_3]), DumpFdb(bench.br0), DumpFdb(9999)
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


def test_a_large_dump_misses_no_row_when_others_go_meanwhile(bench: Bench) -> None:
    kept = [mac(number) for number in range(BULK)]
    going = [mac((1 << 20) + number) for number in range(BULK)]
    mixed = [each for pair in zip(kept, going, strict=True) for each in pair]
    bench.do(UpsertRemoteMacs(bench.vx0, VTEP_2, mixed))
    with inside(bench.namespace):
        writer = Writer(lambda _: None)
        started = time.monotonic()
        dump_fdb(bench.br0)
        moment = (time.monotonic() - started) / 4
        burst = [DeleteRemoteMacs(bench.vx0, going[BULK // 2 :])]
        remover = threading.Timer(moment, writer.write, [burst])
        remover.start()
        found = {(row.mac, row.dst) for row in dump_fdb(bench.br0).rows}
        remover.join()
        writer.close()

    assert not {(each, VTEP_2) for each in kept} - found
    assert not {(each, b"") for each in kept} - found


def test_what_happens_during_a_dump_is_told_after_it(bench: Bench) -> None:
    macs = [mac(number) for number in range(BULK)]
    bench.do(UpsertRemoteMacs(bench.vx0, VTEP_2, macs))

    async def scenario(driver: Driver) -> None:
        with inside(bench.namespace):
            writer = Writer(lambda _: None)
        driver.kernel.submit([DumpFdb(bench.br0)])
        await asyncio.sleep(0.005)
        writer.write([DeleteRemoteMacs(bench.vx0, [mac(1)])])
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
            lambda event: event == AddressObserved(index, address, present=True),
        )
        bench.ip("addr del 192.0.2.7/24 dev d0")
        await driver.event(
            AddressObserved,
            lambda event: event == AddressObserved(index, address, present=False),
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
