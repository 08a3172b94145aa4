"""Tenants of different subnets, routed by symmetric IRB and type 5."""

import time

import pytest

from integration.lab import Lab, MakeLab
from integration.lab_evpnd import Evpnd
from integration.lab_fabric import CONVERGENCE, heard
from integration.lab_netns import ip, run, wait_until
from integration.lab_tenant import Tenant
from integration.lab_vrf import (
    L3_VNI,
    OUTSIDE,
    TABLE,
    behind,
    evi,
    make_vrf,
    nexthops,
    route,
    settings,
    table,
    tenant,
)

pytestmark = [pytest.mark.root, pytest.mark.guest]
A, B, STRETCHED = 10100, 10200, 10300


def fabric(make_lab: MakeLab, *arguments: str) -> tuple[Lab, list[Evpnd], list[Tenant]]:
    """Have a VRF on two hosts: evpnd makes the first's, the other's is found."""
    lab = make_lab(2)
    one, two = lab.hosts
    vnis = {1: (A, STRETCHED), 2: (B, STRETCHED)}
    for host in lab.hosts:
        for vni in vnis[host.number]:
            host.prepare(vni)
    make_vrf(two, bridged=True)
    daemons = []
    for host, other, vrf in (
        (one, two, settings(manage=True)),
        (two, one, settings(advertise={"static": True})),
    ):
        evis = [evi(vni) for vni in vnis[host.number]]
        config = host.config(other.session, evis=evis, vrfs=[vrf])
        daemons.append(host.evpnd(config, *arguments))
    for host, daemon in zip(lab.hosts, daemons, strict=True):
        daemon.wait_established(1)
        daemon.wait_show(
            "vrfs", lambda rows: [r["state"] for r in rows] == ["ready"], "the VRF"
        )
        route(host, *vnis[host.number])
        daemon.wait_ready(2)
    behind(two, "x2")
    made = [
        tenant(one, "a1", A, 1),
        tenant(one, "s1", STRETCHED, 11),
        tenant(two, "b2", B, 2),
        tenant(two, "s2", STRETCHED, 12),
    ]
    heard(made)
    return lab, daemons, made


def test_every_tenant_answers(make_lab: MakeLab) -> None:
    _, _, (a1, s1, b2, s2) = fabric(make_lab)

    for here, there in ((a1, b2), (s1, s2), (a1, s2), (b2, s1), (b2, a1)):
        here.expect_ping(there.ip)
        here.expect_ping(there.ip6)
    a1.expect_ping(OUTSIDE)
    s1.expect_ping(OUTSIDE)


def expect_table(lab: Lab, wanted: list[str]) -> None:
    wait_until(
        lambda: table(lab[1]) == wanted,
        CONVERGENCE,
        f"the routes {wanted}",
        seen=lambda: table(lab[1]),
    )


def test_what_is_lost_or_flushed_comes_back(make_lab: MakeLab) -> None:
    lab, _, (a1, _, b2, _) = fabric(make_lab)
    a1.expect_ping(b2.ip)
    wanted = table(lab[1])
    metric_20 = [each for each in wanted if "metric 20 " in f"{each} "]
    assert len(metric_20) < len(wanted)
    for commands in (
        # IPv4 routes and nexthop objects of a device that goes down vanish untold.
        ["link set vx9999 down", "link set vx9999 up"],
        [f"route del {each.split()[0]} table {TABLE} metric 20" for each in metric_20],
        [f"nexthop flush dev vx{L3_VNI}"],
        [f"neigh flush dev vx{L3_VNI} nud noarp"],
    ):
        ip(commands, lab[1].namespace)
        expect_table(lab, wanted)
        a1.expect_ping(b2.ip)
    run(["bridge", "-n", lab[1].namespace, "fdb", "flush", "dev", "vx9999", "self"])
    a1.expect_ping(b2.ip)


def test_an_agent_that_dies_costs_no_packet(make_lab: MakeLab) -> None:
    lab, daemons, (a1, _, b2, _) = fabric(make_lab)
    a1.expect_ping(b2.ip)
    a1.expect_ping(OUTSIDE)
    wanted = table(lab[1])
    before = nexthops(lab[1])
    with a1.pinging(b2.ip) as to_host, a1.pinging(OUTSIDE) as to_prefix:
        for daemon in daemons:
            daemon.kill_agent()
            daemon.wait_ready(2)
            daemon.wait_show(
                "vrfs", lambda rows: [r["state"] for r in rows] == ["ready"], "the VRF"
            )
        time.sleep(0.5)
    assert (to_host.result().loss, to_prefix.result().loss) == (0, 0)
    assert table(lab[1]) == wanted
    assert nexthops(lab[1]) == before


def test_nothing_is_left_where_that_is_asked_for(make_lab: MakeLab) -> None:
    lab, daemons, (a1, _, b2, _) = fabric(make_lab, "--flush-on-exit")
    a1.expect_ping(b2.ip)
    for daemon in daemons:
        assert daemon.stop() == 0
    for host in lab.hosts:
        assert table(host) == nexthops(host) == []
        assert table(host, family=6) == []
        assert "extern_learn" not in run(["ip", "-n", host.namespace, "neigh"])
        fdb = run(["bridge", "-n", host.namespace, "fdb", "show"])
        assert "extern_learn" not in fdb
    assert "red" not in run(["ip", "-n", lab[1].namespace, "-o", "link"])


def test_a_route_that_goes_is_withdrawn_and_refused(make_lab: MakeLab) -> None:
    lab, _, (a1, _, _, _) = fabric(make_lab)
    a1.expect_ping(OUTSIDE)
    wanted = [each for each in table(lab[1]) if not each.startswith("172.16.0.0/16")]

    ip(["route del 172.16.0.0/16 vrf red"], lab[2].namespace)

    expect_table(lab, wanted)
    # The underlay has no default route, but the main table has others: 10.0.0.2.
    assert not a1.ping(OUTSIDE, 3, patience=0.2).received
    assert not a1.ping(lab[2].vtep, 3, patience=0.2).received
