"""Several EVIs on one VLAN-aware bridge, with a VXLAN device for each VNI."""

import time

import pytest

from integration.frames import Kind
from integration.lab import Lab, MakeLab
from integration.lab_evpnd import Evpnd
from integration.lab_fabric import CONVERGENCE, heard, mesh
from integration.lab_kernel import flood_list
from integration.lab_netns import ip, wait_until
from integration.lab_tenant import Tenant
from integration.lab_vlans import (
    BRIDGE,
    access,
    add_vlan,
    alike,
    bridge_rows,
    counter,
    evis,
    expect_each_other,
    expect_strangers,
    expect_vlan,
    expect_vlan_bindings,
    expect_vlan_macs,
    move,
    ports_of,
    prepare,
    svi_of,
    tagged,
    trunk,
    vlan,
    vni_of,
    vxlan_of,
)

pytestmark = [pytest.mark.root, pytest.mark.guest]
A, B = 10, 20
"""VLANs."""


def fabric(make_lab: MakeLab) -> tuple[Lab, list[Evpnd]]:
    return alike(make_lab, prepare, A, B)


def converge(lab: Lab) -> None:
    expect_each_other(lab, expect_vlan, A, B)


def test_the_same_mac_and_ip_in_two_vlans_are_strangers(make_lab: MakeLab) -> None:
    lab, (one, _) = fabric(make_lab)
    converge(lab)
    expect_strangers(lab, one, A, B)
    for number in (A, B):
        assert flood_list(lab[1].namespace, vxlan_of(number)) == {lab[2].vtep}


def test_a_mac_of_one_vlan_is_not_stolen_by_a_frame_in_another(
    make_lab: MakeLab,
) -> None:
    lab, _ = fabric(make_lab)
    converge(lab)
    a1, _, a2, b2 = lab.tenants
    stranger = access(lab[2], "s2", 33, B)
    heard([stranger])
    expect_vlan_macs(lab[1], B, {b2.mac: lab[2].vtep, stranger.mac: lab[2].vtep})
    # The tenant of VLAN 10 on host 1 is called by its MAC in VLAN 20 of host 2; b1 has
    # the same MAC in VLAN 20, and there it does move.
    stranger.speak_as(a1.mac)
    expect_vlan_macs(
        lab[1],
        B,
        dict.fromkeys((a1.mac, b2.mac, stranger.mac), lab[2].vtep),
    )

    expect_vlan_macs(lab[2], A, {a1.mac: lab[1].vtep})
    result = a2.ping(a1.ip, 4)
    assert result.received == 4


def test_a_tenant_moves_in_its_vlan_alone(make_lab: MakeLab) -> None:
    lab, (one, two) = fabric(make_lab)
    converge(lab)
    a1, b1, a2, b2 = lab.tenants
    # b1 has the same MAC, and stays.
    move(a1, lab[2], A)
    heard([a1])
    expect_vlan(lab[1], A, [a1, a2])
    expect_vlan(lab[1], B, [b2])
    expect_vlan(lab[2], A, [])
    a1.expect_ping(a2.ip)
    assert b1.ping(b2.ip, 3).received == 3
    (row,) = one.show("macs", "--vni", str(vni_of(A)), "--mac", a1.mac)
    assert (row["kind"], row["vlan"]) == ("remote", A)
    # And to another port of the same host, where its frames have a tag.
    other = trunk(lab[2], "t2", 40, A, B)
    other.send(*(tagged(frame, A) for frame in a1.announcements()))
    wait_until(
        lambda: ports_of(two, a1, A) == {other.name}, CONVERGENCE, "the MAC at t2"
    )
    assert ports_of(two, a1, B) == {vxlan_of(B)}
    assert (a1.mac, A) in bridge_rows(lab[1], A)
    assert (b1.mac, B) not in bridge_rows(lab[1], B)


def test_tagged_hosts_are_heard_asked_and_answered_for(make_lab: MakeLab) -> None:
    lab = make_lab(2)
    tenants = []
    for host in lab.hosts:
        prepare(host, A, B)
        ip([f"link set {BRIDGE} type bridge ageing_time 900"], host.namespace)
        tenants.append(trunk(host, f"t{host.number}", 10 + host.number, A, B))
    mesh(lab, {1: evis(A, B), 2: evis(A, B)})
    first, second = tenants

    for number in (A, B):
        first.expect_ping(f"192.168.{number}.12", within=CONVERGENCE)
        first.expect_ping(f"2001:db8:{number}::c", within=CONVERGENCE)
    for number in (A, B):
        expect_vlan_macs(lab[1], number, {second.mac: lab[2].vtep})
        expect_vlan_bindings(lab[1], number, _bound(second, number))
        expect_vlan_bindings(lab[2], number, _bound(first, number))
    # Longer than the bridge remembers a silent host: who is asked, with its tag, stays.
    time.sleep(14)
    for number in (A, B):
        expect_vlan_bindings(lab[1], number, _bound(second, number))
    ip(["neigh flush dev eth0.10", "neigh flush dev eth0.20"], first.namespace)
    with counter(lab) as counted:
        for number in (A, B):
            first.expect_ping(f"192.168.{number}.12")
            first.expect_ping(f"2001:db8:{number}::c")
    report = counted.report
    assert (report[Kind.RESOLUTION], report[Kind.ANSWERABLE]) == (0, 0), report


def _bound(tenant: Tenant, number: int) -> dict[str, str]:
    last = tenant.number
    return {
        f"192.168.{number}.{last}": tenant.mac,
        f"2001:db8:{number}::{last:x}": tenant.mac,
    }


def test_a_vlan_is_taken_from_a_port_and_given_back(make_lab: MakeLab) -> None:
    lab, _ = fabric(make_lab)
    converge(lab)
    a1, b1, a2, _ = lab.tenants
    vlan(lab[2], f"del dev {a2.name} vid {A}")
    expect_vlan_macs(lab[1], A, {})
    expect_vlan(lab[2], A, [a1])
    # It is a host of the other VLAN now.
    vlan(lab[2], f"add dev {a2.name} vid {B} pvid untagged")
    lab.tenants[3].unplug()
    heard([a2])
    expect_vlan(lab[1], B, [a2])
    a2.expect_ping(b1.ip)
    vlan(lab[2], f"del dev {a2.name} vid {B}")
    vlan(lab[2], f"add dev {a2.name} vid {A} pvid untagged")
    heard([a2])
    expect_vlan(lab[1], A, [a2])
    expect_vlan_macs(lab[1], B, {})
    a2.expect_ping(a1.ip)


def test_the_vlan_of_a_device_is_taken_changed_and_given_back(
    make_lab: MakeLab,
) -> None:
    lab, (_, two) = fabric(make_lab)
    converge(lab)
    a1, b1, a2, b2 = lab.tenants
    vxlan = vxlan_of(A)
    vlan(lab[2], f"del dev {vxlan} vid {A}")
    two.wait_show(
        "evis",
        lambda rows: (
            sorted(str(row["state"]) for row in rows) == ["not-ready", "ready"]
        ),
        "no VLAN for VNI 10010",
    )
    (told,) = [row["reason"] for row in two.show("evis") if row["state"] != "ready"]
    assert told == (
        f"{vxlan} has no untagged VLAN in {BRIDGE}, which filters VLANs: "
        f"`bridge vlan add dev {vxlan} vid {A} pvid untagged`"
    )
    expect_vlan_macs(lab[1], A, {})
    # The other VLAN has nothing to do with it.
    assert b2.ping(b1.ip, 3).received == 3
    vlan(lab[2], f"add dev {vxlan} vid {A} pvid untagged")
    heard([a2])
    converge(lab)
    a2.expect_ping(a1.ip)


def test_rows_left_in_a_vlan_that_the_device_had_are_removed(
    make_lab: MakeLab,
) -> None:
    lab = make_lab(2)
    for host in lab.hosts:
        prepare(host, A, B)
    far = access(lab[1], "a1", 11, A)
    plain: list[dict[str, object]] = [{"vni": vni_of(each)} for each in (A, B)]
    mesh(lab, {1: plain, 2: plain})
    heard([far])
    expect_vlan(lab[2], A, [far])
    other = 30
    # In one step, so that the port is in neither VLAN in between.
    vlan(lab[2], f"del dev {vxlan_of(A)} vid {A}")
    vlan(lab[2], f"add dev {vxlan_of(A)} vid {other} pvid untagged")
    wait_until(
        lambda: bridge_rows(lab[2], A) == {(far.mac, other)},
        CONVERGENCE,
        "a row in the new VLAN alone",
        seen=lambda: bridge_rows(lab[2], A),
    )


def test_an_agent_that_dies_costs_no_frame_of_any_vlan(make_lab: MakeLab) -> None:
    lab, (one, two) = fabric(make_lab)
    converge(lab)
    a1, b1, a2, b2 = lab.tenants
    for here, there in ((a1, a2), (b1, b2)):
        here.expect_ping(there.ip)
    with a1.pinging(a2.ip) as in_a, b1.pinging(b2.ip) as in_b:
        time.sleep(0.3)
        for daemon in (one, two):
            daemon.kill_agent()
            daemon.wait_ready(2)
        time.sleep(0.5)
    assert (in_a.result().loss, in_b.result().loss) == (0, 0)
    converge(lab)


def test_each_device_with_a_vlan_is_discovered(make_lab: MakeLab) -> None:
    lab = make_lab(2)
    for host in lab.hosts:
        prepare(host, A, B)
        for name, number in (("a", A), ("b", B)):
            access(host, f"{name}{host.number}", 10 + host.number, number)
    daemons = mesh(lab, {1: [], 2: []}, ready=False, settings={"discover": True})
    for daemon in daemons:
        daemon.wait_ready(2)
    heard(lab.tenants)
    converge(lab)
    # And one that comes later, while the others are in service.
    for host in lab.hosts:
        add_vlan(host, 30)
        access(host, f"c{host.number}", 20 + host.number, 30)
    for daemon in daemons:
        daemon.wait_ready(3)
    c1, c2 = (host.tenants[-1] for host in lab.hosts)
    heard([c1, c2])
    expect_vlan(lab[1], 30, [c2])
    c1.expect_ping(c2.ip)


def test_two_evis_on_one_vlan_and_filtering_that_is_turned_off_are_told(
    make_lab: MakeLab,
) -> None:
    lab, (one, _) = fabric(make_lab)
    converge(lab)
    vlan(lab[1], f"add dev {vxlan_of(B)} vid {A} pvid untagged")
    rows = one.wait_show(
        "evis",
        lambda rows: any(row["state"] != "ready" for row in rows),
        "an EVI in the wrong VLAN",
    )
    (told,) = [row["reason"] for row in rows if row["state"] != "ready"]
    assert told == (
        f"{vxlan_of(B)} has VLAN {A}, not {B}, in {BRIDGE}, which filters VLANs: "
        f"`bridge vlan add dev {vxlan_of(B)} vid {B} pvid untagged`"
    )
    vlan(lab[1], f"add dev {vxlan_of(B)} vid {B} pvid untagged")
    vlan(lab[1], f"del dev {vxlan_of(B)} vid {A}")
    ip([f"link set {BRIDGE} type bridge vlan_filtering 0"], lab[1].namespace)
    one.wait_show(
        "evis",
        lambda rows: all(row["state"] != "ready" for row in rows),
        "no EVI without VLANs",
    )
    ip([f"link set {BRIDGE} type bridge vlan_filtering 1"], lab[1].namespace)
    one.wait_ready(2)
    heard(lab.tenants)
    converge(lab)


def test_gateways_are_of_their_own_vlan(make_lab: MakeLab) -> None:
    lab = make_lab(2)
    gateway = "192.168.100.254"
    for host in lab.hosts:
        prepare(host, A, B)
    for number in (A, B):
        vlan(lab[2], f"add dev {BRIDGE} vid {number} self")
    ip(
        [f"link set {svi_of(A)} up", f"addr add {gateway}/24 dev {svi_of(A)}"],
        lab[2].namespace,
    )
    a1, b1 = (access(lab[1], f"{name}1", 11, n) for name, n in (("a", A), ("b", B)))
    more = {"advertise": {"default-gateway": True}}
    mesh(lab, {1: evis(A, B), 2: evis(A, B, **more)})
    heard([a1, b1])
    wait_until(
        lambda: _gateways(lab, A) == {gateway}, CONVERGENCE, "the gateway in VLAN 10"
    )
    a1.expect_ping(gateway)
    assert b1.ping(gateway, 2, patience=0.3).received == 0
    assert _gateways(lab, B) == set()


def _gateways(lab: Lab, number: int) -> set[str]:
    rows = lab.daemons[0].show("routes", "--vni", str(vni_of(number)))
    return {str(row["ip"]) for row in rows if row["default_gateway"] and row["ip"]}
