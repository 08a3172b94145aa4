"""Bridges that filter VLANs, with one EVI: the other VLANs are left alone."""

import pytest

from integration.lab import Host, Lab, MakeLab, evi
from integration.lab_evpnd import Evpnd
from integration.lab_fabric import CONVERGENCE, expect_macs, heard, mesh
from integration.lab_kernel import bindings, fdb
from integration.lab_netns import ip, run, wait_until
from integration.lab_tenant import Tenant

pytestmark = [pytest.mark.root, pytest.mark.guest]
VNI = 10100
BRIDGE, VXLAN, SVI = f"br{VNI}", f"vx{VNI}", f"br{VNI}.10"


def vlan(host: Host, words: str) -> None:
    run(["bridge", "-n", host.namespace, "vlan", *words.split()])


def filtering(host: Host) -> None:
    """Make the bridge VLAN-aware, as most do it: VLAN 1 stays on every port."""
    host.prepare(VNI)
    ip(
        [
            f"link set {BRIDGE} type bridge vlan_filtering 1",
            f"link add link {BRIDGE} name {SVI} type vlan id 10",
            f"link set {SVI} addrgenmode none up",
        ],
        host.namespace,
    )
    vlan(host, f"add dev {VXLAN} vid 10 pvid untagged")


def fabric(make_lab: MakeLab) -> tuple[Lab, list[Evpnd]]:
    """Have a tenant in VLAN 10 and one in VLAN 1 on each of two hosts."""
    lab = make_lab(2)
    for host in lab.hosts:
        filtering(host)
        inside = host.tenant(f"in{host.number}", VNI, 10 + host.number)
        host.tenant(f"out{host.number}", VNI, 20 + host.number)
        vlan(host, f"add dev {inside.name} vid 10 pvid untagged")
        # With what the bridge learned there while the port came up.
        vlan(host, f"del dev {inside.name} vid 1")
    daemons = mesh(lab, {1: [evi(VNI)], 2: [evi(VNI)]})
    heard(lab.tenants)
    return lab, daemons


def of(*tenants: Tenant) -> dict[str, str]:
    return {address: each.mac for each in tenants for address in (each.ip, each.ip6)}


def expect_bound(host: Host, ips: dict[str, str]) -> None:
    wait_until(
        lambda: bindings(host.namespace, SVI) == ips,
        CONVERGENCE,
        f"bindings {ips} on {SVI} of host {host.number}",
        seen=lambda: bindings(host.namespace, SVI),
    )


def bridge_rows(host: Host) -> set[tuple[str, int | None]]:
    """MACs and VLANs of our bridge rows."""
    rows = fdb(host.namespace, VXLAN)
    return {(r.mac, r.vlan) for r in rows if "extern_learn" in r.flags and r.master}


def test_what_is_in_the_vxlan_ports_vlan_is_the_evis(make_lab: MakeLab) -> None:
    lab, (one, _) = fabric(make_lab)
    here, other, there, stranger = lab.tenants
    for host, tenant in ((lab[1], there), (lab[2], here)):
        expect_macs(host, VNI, {tenant.mac: tenant.host.vtep})
        expect_bound(host, of(tenant))
        assert bindings(host.namespace, BRIDGE) == {}
        assert bridge_rows(host) == {(tenant.mac, 10)}
    here.expect_ping(there.ip)
    here.expect_ping(there.ip6)
    assert other.ping(stranger.ip, 2, patience=0.3).received == 0

    shown = {row["mac"] for row in one.show("macs", "--vni", str(VNI))}
    assert shown == {here.mac, there.mac}
    (row,) = one.show("evis")
    assert row["state"] == "ready"
    note = (
        f"{VXLAN} is in VLAN 1 of {BRIDGE} as well, and so sends frames of it into the "
        f"VNI of VLAN 10: `bridge vlan del dev {VXLAN} vid 1`"
    )
    assert row["notes"] == [note]
    # A station of another VLAN that has a MAC of the fabric takes nothing over.
    other.speak_as(there.mac)
    wait_until(lambda: other.is_learned(there.mac), CONVERGENCE, "the MAC in VLAN 1")
    here.expect_ping(there.ip)
    assert bridge_rows(lab[1]) == {(there.mac, 10)}


def test_another_vlan_of_the_port_is_followed(make_lab: MakeLab) -> None:
    lab, (_, two) = fabric(make_lab)
    here, _, there, stranger = lab.tenants
    expect_macs(lab[1], VNI, {there.mac: lab[2].vtep})
    vlan(lab[2], f"del dev {VXLAN} vid 10")
    two.wait_show(
        "evis", lambda rows: rows[0]["state"] == "not-ready", "no VLAN on the port"
    )
    vlan(lab[2], f"add dev {VXLAN} vid 1 pvid untagged")
    heard([stranger])
    expect_macs(lab[1], VNI, {stranger.mac: lab[2].vtep})
    wait_until(
        lambda: (here.mac, 1) in bridge_rows(lab[2]), CONVERGENCE, "its row in VLAN 1"
    )
    ip([f"link set {BRIDGE} type bridge vlan_filtering 0"], lab[2].namespace)
    heard([there, stranger])
    both = {there.mac: lab[2].vtep, stranger.mac: lab[2].vtep}
    expect_macs(lab[1], VNI, both)


def test_a_tagged_tenant_keeps_its_address_unasked(make_lab: MakeLab) -> None:
    """What it said is known by the host's own neighbours, on the VLAN device."""
    lab = make_lab(2)
    for host in lab.hosts:
        filtering(host)
        ip([f"link set {BRIDGE} type bridge ageing_time 300"], host.namespace)
    ip([f"addr add 192.168.100.254/24 dev {SVI}"], lab[2].namespace)
    vlan(lab[2], f"add dev {BRIDGE} vid 10 self")
    trunk = lab[2].tenant("trunk", VNI, 30)
    vlan(lab[2], f"add dev {trunk.name} vid 10")
    ip(
        [
            "addr flush dev eth0",
            "link add link eth0 name eth0.10 type vlan id 10",
            "link set eth0.10 addrgenmode none up",
            f"addr add {trunk.ip}/24 dev eth0.10",
        ],
        trunk.namespace,
    )
    mesh(lab, {1: [evi(VNI)], 2: [evi(VNI)]})
    wait_until(
        lambda: trunk.ping("192.168.100.254", 1).received, CONVERGENCE, "the gateway"
    )
    expect_bound(lab[1], {trunk.ip: trunk.mac})
    for _ in range(20):
        trunk.ping("192.168.100.254", 1, patience=0.3)
        assert bindings(lab[1].namespace, SVI) == {trunk.ip: trunk.mac}
