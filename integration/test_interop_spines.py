"""Fabrics in which nobody speaks to his like: through eBGP spines, over IPv6.

FRR 8.4.4 resets a session that brings a type 3 route of an IPv6 VTEP, so over IPv6
it is GoBGP that reflects.
"""

import pytest

from integration import frr
from integration.frames import FrameCounter, Kind, Known
from integration.gobgp import GoBgp
from integration.lab import ROUTER_SESSION, Lab, MakeLab, evi
from integration.lab_evpnd import Evpnd
from integration.lab_fabric import expect_flood, expect_macs, heard
from integration.lab_kernel import remote_macs
from integration.lab_netns import wait_until
from integration.lab_roots import each_root

pytestmark = pytest.mark.root
VNI = 10100
SPINE = 65100
ASNS = {1: 65001, 2: 65002, 3: 65003}


def devices(make_lab: MakeLab, hosts: int, underlay: int = 4) -> Lab:
    lab = make_lab(hosts, underlay=underlay)
    for host in lab.hosts:
        host.prepare(VNI)
        host.tenant(f"t{host.number}", VNI, 10 + host.number)
    return lab


def ready(daemons: list[Evpnd]) -> None:
    for daemon in daemons:
        daemon.wait_established(1)
        daemon.wait_ready(1)


def expect_fabric(lab: Lab) -> None:
    """Wait until all know all, and see that nothing known is flooded."""
    heard(lab.tenants)
    expect_rows(lab)
    for host in lab.hosts:
        expect_flood(host, VNI, [each for each in lab.hosts if each is not host])
    one, *others = lab.tenants
    for other in others:
        one.expect_ping(other.ip)
        one.expect_ping(other.ip6)
    with FrameCounter(lab.router, Known(lab.known_macs(), lab.known_ips())) as counter:
        losses = [one.ping(other.ip).loss for other in others]
    assert losses == [0] * len(others)
    assert counter.report[Kind.FLOODED] == 0, str(counter.report)


def expect_rows(lab: Lab) -> None:
    for host in lab.hosts:
        others = (each for each in lab.tenants if each.host is not host)
        expect_macs(host, VNI, {each.mac: each.host.vtep for each in others})


def expect_moves(lab: Lab) -> None:
    """Let a tenant move from host to host, the last time to where it was first."""
    one, *others = lab.tenants
    for to in (*range(2, len(lab.hosts) + 1), 1):
        one.move(lab[to])
        expect_rows(lab)
        others[0].expect_ping(one.ip)


@pytest.mark.gobgp
@pytest.mark.parametrize("underlay", [4, 6])
def test_gobgp_reflects_evpnd_hosts_to_each_other(
    make_lab: MakeLab, underlay: int
) -> None:
    lab = devices(make_lab, 2, underlay)
    GoBgp(lab)
    to_reflector = ROUTER_SESSION[underlay]
    daemons = [
        each.evpnd(each.config(to_reflector, evis=[evi(VNI)])) for each in lab.hosts
    ]
    ready(daemons)

    expect_fabric(lab)
    expect_moves(lab)
    expect_sticky(lab, daemons[1])


def expect_sticky(lab: Lab, there: Evpnd) -> None:
    """Pin a MAC to a port of host 1; a tenant of host 2 cannot take it."""
    mac = "02:00:00:00:ee:01"
    lab[1].static_mac("t1", mac)
    there.wait_show(
        "macs",
        lambda rows: any(row["mac"] == mac and row["sticky"] for row in rows),
        "the sticky MAC",
    )
    lab[2].tenants[0].speak_as(mac)
    there.wait_show(
        "events",
        lambda rows: any(row["event"] == "sticky_mac_seen_locally" for row in rows),
        "the refusal",
    )
    wait_until(
        lambda: remote_macs(lab[2].namespace, f"vx{VNI}").get(mac) == lab[1].vtep,
        5,
        "the row put right",
    )


@pytest.mark.frr
@each_root
def test_an_ebgp_spine_of_frr_between_evpnd_hosts_and_an_frr_leaf(
    make_lab: MakeLab,
) -> None:
    lab = devices(make_lab, 3)
    frr.spine(lab, ASNS, asn=SPINE)
    to_spine: dict[str, object] = {"address": ROUTER_SESSION[4], "asn": SPINE}
    ready(
        [
            lab[number].evpnd(
                lab[number].config(to_spine, evis=[evi(VNI)], asn=ASNS[number])
            )
            for number in (1, 2)
        ]
    )
    frr.leaf(lab[3], {ROUTER_SESSION[4]: SPINE}, asn=ASNS[3]).wait_established()

    expect_fabric(lab)
    expect_moves(lab)


@pytest.mark.frr
def test_a_spine_that_rewrites_next_hops_is_named(make_lab: MakeLab) -> None:
    lab = devices(make_lab, 2)
    frr.spine(lab, {1: 65001, 2: 65002}, asn=SPINE, family=["next-hop-self force"])
    to_spine: dict[str, object] = {"address": ROUTER_SESSION[4], "asn": SPINE}
    daemons = [
        host.evpnd(host.config(to_spine, evis=[evi(VNI)], asn=ASNS[host.number]))
        for host in lab.hosts
    ]
    ready(daemons)
    heard(lab.tenants)

    for daemon in daemons:
        rows = daemon.wait_show(
            "events",
            lambda rows: any(row["event"] == "next_hop_rewritten" for row in rows),
            "the spine's rewriting told",
        )
        told = [row for row in rows if row["event"] == "next_hop_rewritten"]
        assert [row["peer"] for row in told] == [ROUTER_SESSION[4]]
