"""Rows of one VXLAN device for many VNIs, on the real kernel."""

import pytest

from evpnd.adapters.netlink import dump
from evpnd.adapters.netlink.audit import audit_rows
from evpnd.adapters.netlink.dump import dump_fdb, read_fdb
from evpnd.adapters.netlink.lookup import look_up
from evpnd.model.actions import (
    AuditRows,
    DeleteFlood,
    DeleteRemoteMacs,
    DeleteVxlanRows,
    ListMacs,
    LookUpMacs,
    UpsertFlood,
    UpsertRemoteMacs,
    UpsertVxlanRows,
)
from evpnd.model.domain import Domain, Vtep
from evpnd.model.events import (
    FdbDumped,
    FdbObserved,
    FdbTooLarge,
    MacsListed,
    RowsInDoubt,
)
from evpnd.model.ids import FLOOD_MAC, parse_ip
from evpnd.model.rows import NTF_SELF, NUD_STATIC, FdbRow
from integration.lab_netns import inside, run
from integration.netlink_bench import Bench, Driver, bench, mac

__all__ = ["bench"]
pytestmark = pytest.mark.root

VTEP_2, VTEP_3 = (Vtep(parse_ip(f"10.0.0.{last}")) for last in (2, 3))
A, B = 10_010, 10_020


@pytest.fixture
def domains(bench: Bench) -> tuple[Domain, Domain]:
    """Make the device of two VNIs, in the bridge that filters no VLANs."""
    bench.ip(
        "link add vx9 type vxlan external vnifilter local 10.0.0.1 dstport 4790 "
        "nolearning",
        "link set vx9 addrgenmode none",
        "link set vx9 master br0 up",
    )
    for vni in (A, B):
        bridge(bench, f"vni add vni {vni} dev vx9")
    here = Domain(bench.br0, 0, bench.index("vx9"), A, bench.br0)
    return here, here._replace(vni=B)


def bridge(bench: Bench, words: str) -> None:
    run(["bridge", "-n", bench.namespace, *words.split()])


def rows(bench: Bench, domain: Domain) -> list[FdbRow]:
    """Return the rows of the VXLAN device itself."""
    with inside(bench.namespace):
        found = dump_fdb(bench.br0).rows
    return [r for r in found if r.ifindex == domain.vxlan and r.flags & NTF_SELF]


def test_the_same_mac_in_two_vnis_has_two_rows(
    bench: Bench, domains: tuple[Domain, Domain]
) -> None:
    a, b = domains
    bench.do(
        UpsertRemoteMacs(a, VTEP_2, [mac(1), mac(2)]),
        UpsertVxlanRows(b, VTEP_3, [mac(1)]),
        UpsertFlood(a, [VTEP_2]),
        UpsertFlood(b, [VTEP_2, VTEP_3]),
    )
    found = rows(bench, a)
    assert all(row.is_ours for row in found)
    assert {(row.mac, row.vni, row.dst) for row in found} == {
        (mac(1), A, VTEP_2),
        (mac(2), A, VTEP_2),
        (mac(1), B, VTEP_3),
        (FLOOD_MAC, A, VTEP_2),
        (FLOOD_MAC, B, VTEP_2),
        (FLOOD_MAC, B, VTEP_3),
    }
    assert {r.state for r in found if r.mac != FLOOD_MAC} == {NUD_STATIC}

    # They lead elsewhere, and go, each for itself.
    bench.do(
        UpsertRemoteMacs(a, VTEP_3, [mac(2)]),
        DeleteVxlanRows(b, [mac(1)]),
        DeleteFlood(b, [VTEP_2]),
    )
    assert {(row.mac, row.vni, row.dst) for row in rows(bench, a)} == {
        (mac(1), A, VTEP_2),
        (mac(2), A, VTEP_3),
        (FLOOD_MAC, A, VTEP_2),
        (FLOOD_MAC, B, VTEP_3),
    }
    bench.do(DeleteRemoteMacs(a, [mac(1), mac(2)]), DeleteFlood(a, [VTEP_2]))
    assert {(row.mac, row.vni) for row in rows(bench, a)} == {(FLOOD_MAC, B)}


def test_a_row_is_looked_up_by_its_vni(
    bench: Bench, domains: tuple[Domain, Domain]
) -> None:
    a, b = domains
    bench.do(
        UpsertRemoteMacs(a, VTEP_2, [mac(1)]),
        UpsertVxlanRows(b, VTEP_3, [mac(1), mac(2)]),
        UpsertFlood(b, [VTEP_3]),
    )
    asked = [mac(1), mac(2), FLOOD_MAC]
    with inside(bench.namespace):
        in_a, in_b = (look_up(LookUpMacs(domain, asked)).rows for domain in (a, b))
        audited = audit_rows(AuditRows(b, asked, [])).fdb

    def own(found: list[FdbRow]) -> list[tuple[bytes, int, bytes]]:
        return [(row.mac, row.vni, row.dst) for row in found if row.flags & NTF_SELF]

    assert sorted(own(in_a)) == sorted(
        [(mac(1), A, VTEP_2), (mac(2), A, b""), (FLOOD_MAC, A, b"")]
    )
    assert own(in_b) == own(audited)
    assert sorted(own(in_b)) == sorted(
        [(mac(1), B, VTEP_3), (mac(2), B, VTEP_3), (FLOOD_MAC, B, VTEP_3)]
    )


def test_rows_without_a_vni_and_those_of_others_are_told_apart(
    bench: Bench, domains: tuple[Domain, Domain]
) -> None:
    a, _ = domains
    bridge(bench, "vni add vni 10030 dev vx9 remote 10.0.0.7")
    bridge(bench, "fdb add 02:00:00:00:00:01 dev vx9 dst 10.0.0.7 self extern_learn")
    bridge(
        bench,
        "fdb add 02:00:00:00:00:02 dev vx9 dst 10.0.0.7 self extern_learn "
        f"src_vni {A} vni 77",
    )
    bench.do(UpsertFlood(a._replace(vni=10_030), [VTEP_2]))

    found = {(row.mac, row.dst): row for row in rows(bench, a)}
    flood: bytes = FLOOD_MAC
    seven = Vtep(parse_ip("10.0.0.7"))
    assert found[mac(1), seven].vni == 0
    downstream = found[mac(2), seven]
    assert (downstream.vni, downstream.wire_vni) == (A, 77)
    assert not downstream.is_ours
    # The kernel gives it our mark, but it names its VNI twice.
    assert not found[flood, seven].is_ours
    assert found[flood, VTEP_2].is_ours


def test_bulks_of_two_vnis_are_muted_and_single_rows_are_told(
    bench: Bench, domains: tuple[Domain, Domain]
) -> None:
    a, b = domains
    macs = [mac(number) for number in range(3000)]

    async def scenario(driver: Driver) -> None:
        await driver.do(
            UpsertRemoteMacs(a, VTEP_2, macs[500:]),
            UpsertRemoteMacs(b, VTEP_3, macs[:500]),
        )
        await driver.quiet()
        await driver.do(DeleteVxlanRows(b, macs[:500]))
        await driver.quiet()
        told = [row for each in driver.all(FdbObserved) for row in each.rows]
        assert (told, driver.all(RowsInDoubt)) == ([], [])
        await driver.do(DeleteVxlanRows(a, macs[-1:]))
        event = await driver.event(FdbObserved)
        assert [(row.mac, row.vni, row.present) for row in event.rows] == [
            (macs[-1], A, False)
        ]

    bench.run(scenario)


def test_each_vni_is_listed_for_itself(
    bench: Bench, domains: tuple[Domain, Domain]
) -> None:
    a, b = domains
    bench.do(
        UpsertVxlanRows(a, VTEP_2, [mac(1), mac(2)]),
        UpsertVxlanRows(b, VTEP_2, [mac(2), mac(3)]),
        UpsertVxlanRows(b._replace(vni=10_030), VTEP_2, [mac(4)]),
        UpsertFlood(a, [VTEP_2]),
        UpsertFlood(b, [VTEP_3]),
    )
    known = set(map(mac, range(5)))

    async def scenario(driver: Driver) -> None:
        await driver.do(ListMacs(a, 1), ListMacs(b, 2))
        await driver.event(MacsListed, lambda event: event.domain == a)
        await driver.event(MacsListed, lambda event: event.domain == b)
        in_a, in_b = driver.all(MacsListed)
        assert (in_a.reading, in_b.reading) == (1, 2)
        assert (known & set(in_a.macs), in_a.flood) == (
            {mac(1), mac(2)},
            {VTEP_2: True},
        )
        assert (known & set(in_b.macs), in_b.flood) == (
            {mac(2), mac(3)},
            {VTEP_3: True},
        )

    bench.run(scenario)


def test_many_rows_of_one_device_are_dumped_where_many_evis_have_them(
    bench: Bench, domains: tuple[Domain, Domain], monkeypatch: pytest.MonkeyPatch
) -> None:
    a, _ = domains
    bench.do(UpsertRemoteMacs(a, VTEP_2, [mac(number) for number in range(1000)]))
    monkeypatch.setattr(dump, "LARGE", 1000)
    with inside(bench.namespace):
        one, many = read_fdb(bench.br0), read_fdb(bench.br0, many=True)
        monkeypatch.setattr(dump, "LARGE_BRIDGE", 1000)
        too_many = read_fdb(bench.br0, many=True)

    assert one == too_many == FdbTooLarge(bench.br0, frozenset({a.vxlan}))
    assert isinstance(many, FdbDumped)
