"""An FRR leaf with a VRF and its L3 VNI, as its manual has them, beside evpnd."""

import pytest

from integration import frr
from integration.lab import MakeLab
from integration.lab_fabric import heard
from integration.lab_netns import sysctl
from integration.lab_vrf import (
    L3_VNI,
    OUTSIDE,
    VRF,
    behind,
    evi,
    make_vrf,
    route,
    settings,
    tenant,
)

pytestmark = [pytest.mark.root, pytest.mark.guest]
A, B, STRETCHED, ASN = 10100, 10200, 10300, 65001


def test_tenants_of_both_answer_each_other(make_lab: MakeLab) -> None:
    lab = make_lab(2)
    one, two = lab.hosts
    vnis = {1: (A, STRETCHED), 2: (B, STRETCHED)}
    for host in lab.hosts:
        for vni in vnis[host.number]:
            host.prepare(vni)
    make_vrf(two, bridged=True)
    route(two, *vnis[2])
    sysctl(
        two.namespace,
        {"net/ipv4/ip_forward": 1, "net/ipv6/conf/all/forwarding": 1},
    )
    behind(two, "x2")
    leaf = frr.leaf(
        two,
        {one.session: ASN},
        asn=ASN,
        more=(
            f"router bgp {ASN} vrf {VRF}",
            f" bgp router-id {two.router_id}",
            " address-family ipv4 unicast",
            "  redistribute connected",
            "  redistribute kernel",
            " exit-address-family",
            " address-family ipv6 unicast",
            "  redistribute connected",
            " exit-address-family",
            " address-family l2vpn evpn",
            "  advertise ipv4 unicast",
            "  advertise ipv6 unicast",
            " exit-address-family",
            "exit",
        ),
    )
    # Of FRR 10 zebra alone has this, and takes it from mgmtd.
    leaf.vtysh("configure terminal", f"vrf {VRF}", f"vni {L3_VNI}")
    evis = [evi(vni) for vni in vnis[1]]
    vrfs = [settings(manage=True)]
    daemon = one.evpnd(one.config(two.session, evis=evis, vrfs=vrfs))
    daemon.wait_established(1)
    daemon.wait_show(
        "vrfs", lambda rows: [row["state"] for row in rows] == ["ready"], "the VRF"
    )
    route(one, *vnis[1])
    daemon.wait_ready(2)
    leaf.wait_established()
    a1 = tenant(one, "a1", A, 1)
    s1 = tenant(one, "s1", STRETCHED, 11)
    b2 = tenant(two, "b2", B, 2)
    s2 = tenant(two, "s2", STRETCHED, 12)
    heard([a1, s1])
    # FRR announces the IPs of tenants that its host has as neighbours.
    for each, subnet in ((b2, 20), (s2, 30)):
        each.expect_ping(f"192.168.{subnet}.254")
        each.expect_ping(f"2001:db8:{subnet}::fe")
    for here, there in ((b2, a1), (a1, b2), (s1, s2), (a1, s2), (b2, s1)):
        here.expect_ping(there.ip)
        here.expect_ping(there.ip6)
    a1.expect_ping(OUTSIDE)
