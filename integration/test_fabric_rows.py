"""evpnd with evpnd: the kernel's rows, and what crosses the underlay with them."""

from enum import Enum

import pytest

from integration.frames import FrameCounter, Kind, Known
from integration.lab import Host, Lab, MakeLab, evi
from integration.lab_evpnd import Evpnd
from integration.lab_fabric import converge, expect_flood, expect_silence, mesh
from integration.lab_kernel import (
    EVPND_PROTOCOL,
    FLOOD_MAC,
    fdb,
    half_rows,
    neighbors,
    port_setting,
)
from integration.lab_netns import run

pytestmark = pytest.mark.root
VNI = 10100


class Devices(Enum):
    """Who makes bridge and VXLAN device, and how evpnd comes to know of them."""

    PREPARED = "prepared"
    MANAGED = "managed"
    DISCOVERED = "discovered"


def start(lab: Lab, devices: Devices) -> list[Evpnd]:
    evis: dict[int, list[dict[str, object]]] = {}
    for host in lab.hosts:
        if devices is not Devices.MANAGED:
            host.prepare(VNI)
        attach = devices is not Devices.MANAGED
        names = [
            host.tenant(f"t{host.number}", VNI, 10 + host.number, attach=attach).name
        ]
        match devices:
            case Devices.PREPARED:
                evis[host.number] = [evi(VNI)]
            case Devices.MANAGED:
                evis[host.number] = [evi(VNI, manage=True, ports=names)]
            case Devices.DISCOVERED:
                evis[host.number] = []
    daemons = mesh(lab, evis, settings={"discover": devices is Devices.DISCOVERED})
    for daemon in daemons:
        daemon.wait_ready(1)
    return daemons


def check_rows(host: Host, others: list[Host]) -> None:
    """Hold the rows of one host to the recipe, flag by flag."""
    rows = fdb(host.namespace, f"vx{VNI}")
    for other in others:
        tenant = other.tenants[0]
        own = [row for row in rows if row.mac == tenant.mac and not row.master]
        bridge = [row for row in rows if row.mac == tenant.mac and row.master]
        assert [row.dst for row in own] == [other.vtep]
        assert own[0].flags == {"self", "extern_learn"}
        assert own[0].state == "static"
        # A bridge with VLAN filtering compiled in has a second row, in VLAN 1.
        assert {row.flags for row in bridge} == {frozenset({"extern_learn"})}
        found = neighbors(host.namespace, f"br{VNI}")
        for address in (tenant.ip, tenant.ip6):
            assert found[address].mac == tenant.mac
            assert found[address].state == {"NOARP"}
            assert found[address].flags == {"extern_learn"}
            assert found[address].protocol == str(EVPND_PROTOCOL)
    flood = [row for row in rows if row.mac == FLOOD_MAC]
    assert {row.dst for row in flood} == {other.vtep for other in others}
    assert {row.state for row in flood} == {"permanent"}
    assert half_rows(host.namespace, f"vx{VNI}") == set()


@pytest.mark.parametrize("underlay", [4, 6])
@pytest.mark.parametrize("devices", list(Devices), ids=lambda each: each.value)
def test_three_hosts_have_exactly_the_rows_that_make_it_work(
    make_lab: MakeLab, devices: Devices, underlay: int
) -> None:
    lab = make_lab(3, underlay)
    start(lab, devices)
    converge(lab)
    for host in lab.hosts:
        others = [other for other in lab.hosts if other is not host]
        expect_flood(host, VNI, others)

        check_rows(host, others)
        assert port_setting(host.namespace, f"vx{VNI}", "learning") is False
        assert port_setting(host.namespace, f"vx{VNI}", "neigh_suppress") is True
    for source in lab.tenants:
        for target in lab.tenants:
            if source is not target:
                source.expect_ping(target.ip)
                source.expect_ping(target.ip6)


@pytest.mark.parametrize("underlay", [4, 6])
def test_what_is_known_is_neither_flooded_nor_asked_for(
    make_lab: MakeLab, underlay: int
) -> None:
    lab = make_lab(3, underlay)
    start(lab, Devices.PREPARED)
    converge(lab)
    one, two, three = lab.tenants
    with FrameCounter(lab.router, Known(lab.known_macs(), lab.known_ips())) as counter:
        for tenant in lab.tenants:
            tenant.forget_neighbors()
        losses = [
            source.ping(target).loss
            for source, peer in ((one, two), (two, three), (three, one))
            for target in (peer.ip, peer.ip6)
        ]
    report = counter.report

    assert losses == [0] * 6
    assert report[Kind.FLOODED] == report[Kind.UNKNOWN] == 0, str(report)
    assert report[Kind.ANSWERABLE] == report[Kind.MULTICAST] == 0, str(report)
    assert report[Kind.KNOWN] >= 36
    assert report.dropped == 0


def test_the_counter_sees_what_a_fabric_without_evpnd_floods(
    make_lab: MakeLab,
) -> None:
    lab = make_lab(3)
    for host in lab.hosts:
        host.prepare(VNI)
        host.tenant(f"t{host.number}", VNI, 10 + host.number)
    for host in lab.hosts:
        for other in lab.hosts:
            if other is not host:
                where = ["dev", f"vx{VNI}", "dst", other.vtep, "self", "permanent"]
                run(
                    ["bridge", "-n", host.namespace, "fdb", "append", FLOOD_MAC, *where]
                )
    one, two, _ = lab.tenants
    one.expect_ping(two.ip)
    with FrameCounter(lab.router, Known(lab.known_macs(), lab.known_ips())) as counter:
        one.forget_neighbors()
        one.ping(two.ip)

    assert counter.report[Kind.FLOODED] > 0
    assert counter.report[Kind.ANSWERABLE] > 0


def test_a_question_for_a_stranger_goes_to_every_host_once(make_lab: MakeLab) -> None:
    lab = make_lab(3)
    start(lab, Devices.PREPARED)
    converge(lab)
    for host in lab.hosts:
        expect_flood(host, VNI, (other for other in lab.hosts if other is not host))
    with FrameCounter(lab.router, Known(lab.known_macs(), lab.known_ips())) as counter:
        lab.tenants[0].ping("192.168.100.77", 1, patience=0.3)
    asked = counter.report[Kind.RESOLUTION]

    # One ARP request a second, a copy to either other host.
    assert asked > 0, str(counter.report)
    assert asked % 2 == 0, str(counter.report)


def test_two_vnis_with_the_same_addresses_do_not_mix(make_lab: MakeLab) -> None:
    lab = make_lab(2)
    for host in lab.hosts:
        for vni, name in ((VNI, "a"), (10200, "b")):
            host.prepare(vni)
            host.tenant(f"{name}{host.number}", vni, 10 + host.number)
    lone = lab[2].tenant("lone", 10200, 77)
    mesh(lab, {1: [evi(VNI), evi(10200)], 2: [evi(VNI), evi(10200)]})
    converge(lab)
    red1, blue1, red2, blue2, _ = lab.tenants
    red1.expect_ping(red2.ip)
    blue1.expect_ping(lone.ip)
    before = red2.echoes_answered(), blue2.echoes_answered()
    red1.ping(red2.ip, 5)
    after = red2.echoes_answered(), blue2.echoes_answered()

    assert (after[0] - before[0], after[1] - before[1]) == (5, 0)
    expect_silence(red1, lone.ip)
