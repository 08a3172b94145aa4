"""evpnd in the guest: Linux 6.12, Python 3.13, FRR 10.3, VLAN filtering."""

import json
import platform
import sys

import pytest

from integration import frr
from integration.lab import MakeLab, evi
from integration.lab_fabric import expect_flood, expect_macs, heard
from integration.lab_kernel import fdb
from integration.lab_netns import ip, run

pytestmark = [pytest.mark.root, pytest.mark.guest]
VNI = 10100


def test_the_guest_is_what_the_bed_says() -> None:
    assert platform.release().startswith("6.12.")
    assert sys.version_info[:2] == (3, 13)
    assert "6.15" in run(["ip", "-V"])
    assert "version 10.3" in run([str(frr.DAEMONS / "bgpd"), "--version"])


def test_a_bridge_filters_vlans() -> None:
    run(["ip", "netns", "add", "vlans"])
    ip(
        [
            "link add br0 type bridge vlan_filtering 1 vlan_default_pvid 0",
            "link add p1 type veth peer name p2",
            "link set p1 master br0",
            "link add link br0 name br0.10 type vlan id 10",
            "link add red type vrf table 100",
            "link add bond0 type bond mode 802.3ad",
        ],
        "vlans",
    )
    run(["bridge", "-n", "vlans", "vlan", "add", "dev", "p1", "vid", "10", "pvid"])

    (port,) = json.loads(run(["bridge", "-n", "vlans", "-j", "vlan", "show"]))
    assert port["ifname"] == "p1"
    assert [each["vlan"] for each in port["vlans"]] == [10]


def test_evpnd_exchanges_macs_with_evpnd_and_with_frr_10(make_lab: MakeLab) -> None:
    lab = make_lab(3)
    for host in lab.hosts:
        host.prepare(VNI)
        host.tenant(f"t{host.number}", VNI, 10 + host.number)
    one, two, three = lab.hosts
    leaf = frr.leaf(three, {one.session: 65001, two.session: 65001})
    daemons = [
        host.evpnd(host.config(other.session, three.session, evis=[evi(VNI)]))
        for host, other in ((one, two), (two, one))
    ]
    for daemon in daemons:
        daemon.wait_established(2)
        daemon.wait_ready(1)
    leaf.wait_established(2)
    heard(lab.tenants)

    for host in lab.hosts:
        others = [each for each in lab.tenants if each.host is not host]
        expect_macs(host, VNI, {each.mac: each.host.vtep for each in others})
        expect_flood(host, VNI, [each.host for each in others])
    rows = fdb(one.namespace, f"vx{VNI}")
    assert any(row.dst == two.vtep and "extern_learn" in row.flags for row in rows)
    lab.tenants[0].expect_ping(lab.tenants[1].ip)
    lab.tenants[0].expect_ping(lab.tenants[2].ip)
