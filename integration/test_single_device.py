"""Several EVIs on one VLAN-aware bridge, with one VXLAN device for all their VNIs."""

import time

import pytest

from integration import lab_vlans
from integration.lab import Lab, MakeLab
from integration.lab_evpnd import Evpnd
from integration.lab_fabric import CONVERGENCE, heard, mesh
from integration.lab_kernel import FLOOD_MAC, fdb
from integration.lab_netns import wait_until
from integration.lab_single import (
    DEVICE,
    bridge,
    expect_vni,
    flood_list,
    macs,
    own_rows,
    prepare,
)
from integration.lab_vlans import (
    access,
    alike,
    evis,
    expect_each_other,
    expect_strangers,
    expect_vlan,
    expect_vlan_bindings,
    move,
    ports_of,
    tagged,
    trunk,
    vni_of,
)

pytestmark = [pytest.mark.root, pytest.mark.guest]
A, B = 10, 20
"""VLANs."""
NOBODYS = "02:00:00:00:99:99"


def fabric(make_lab: MakeLab) -> tuple[Lab, list[Evpnd]]:
    return alike(make_lab, prepare, A, B)


def converge(lab: Lab) -> None:
    expect_each_other(lab, expect_vni, A, B)


def test_the_same_mac_and_ip_in_two_vnis_are_strangers(make_lab: MakeLab) -> None:
    lab, (one, _) = fabric(make_lab)
    converge(lab)
    expect_strangers(lab, one, A, B)
    for number in (A, B):
        assert flood_list(lab[1], number) == {lab[2].vtep}


def test_a_host_with_a_device_for_each_vni_is_a_neighbour(make_lab: MakeLab) -> None:
    lab = make_lab(2)
    prepare(lab[1], A, B)
    lab_vlans.prepare(lab[2], A, B)
    for host in lab.hosts:
        for name, number in (("a", A), ("b", B)):
            access(host, f"{name}{host.number}", 10 + host.number, number)
    mesh(lab, {1: evis(A, B), 2: evis(A, B)})
    heard(lab.tenants)
    a1, b1, a2, b2 = lab.tenants
    for number, here, there in ((A, a1, a2), (B, b1, b2)):
        expect_vni(lab[1], number, [there])
        expect_vlan(lab[2], number, [here])
        here.expect_ping(there.ip)
        there.expect_ping(here.ip6)


def test_a_tenant_moves_in_its_vni_alone(make_lab: MakeLab) -> None:
    lab, (one, two) = fabric(make_lab)
    converge(lab)
    a1, b1, a2, b2 = lab.tenants
    # b1 has the same MAC, and stays.
    move(a1, lab[2], A)
    heard([a1])
    expect_vni(lab[1], A, [a1, a2])
    expect_vni(lab[1], B, [b2])
    expect_vni(lab[2], A, [])
    a1.expect_ping(a2.ip)
    assert b1.ping(b2.ip, 3).received == 3
    # To a port of the same host where its frames have a tag, and home again.
    other = trunk(lab[2], "t2", 40, A, B)
    other.send(*(tagged(frame, A) for frame in a1.announcements()))
    wait_until(
        lambda: ports_of(two, a1, A) == {other.name}, CONVERGENCE, "the MAC at t2"
    )
    assert ports_of(two, a1, B) == {DEVICE}
    move(a1, lab[1], A)
    heard([a1])
    expect_vni(lab[2], A, [a1])
    assert ports_of(one, a1, A) == {a1.name}
    a1.expect_ping(a2.ip)


def test_a_mac_of_one_vni_is_not_stolen_by_a_frame_in_another(
    make_lab: MakeLab,
) -> None:
    lab, (one, _) = fabric(make_lab)
    converge(lab)
    a1, b1, a2, _ = lab.tenants
    owner = access(lab[2], "c2", 33, A)
    heard([owner])
    expect_vni(lab[1], A, [a2, owner])
    # A tenant of VLAN 20 on host 1 speaks as the MAC that VLAN 10 has on host 2.
    b1.speak_as(owner.mac)
    wait_until(
        lambda: macs(lab[2], B).get(owner.mac) == lab[1].vtep,
        CONVERGENCE,
        "the MAC in VLAN 20 of host 1",
    )
    assert macs(lab[1], A)[owner.mac] == lab[2].vtep
    assert ports_of(one, owner, A) == {DEVICE}
    assert a1.ping(owner.ip, 4).received == 4


def test_an_agent_that_dies_costs_no_frame_of_any_vni(make_lab: MakeLab) -> None:
    lab, daemons = fabric(make_lab)
    converge(lab)
    a1, b1, a2, b2 = lab.tenants
    for here, there in ((a1, a2), (b1, b2)):
        here.expect_ping(there.ip)
    # Of an earlier run, without a route: the new agent removes it. One of a VNI that
    # is no EVI's, and one without, stay.
    rows = f"{NOBODYS} dev {DEVICE} dst {lab[2].vtep} self static extern_learn"
    for daemon in daemons:
        daemon.kill_agent()
        daemon.wait_ready(2)
    for vni in (f"src_vni {vni_of(A)}", "src_vni 77", ""):
        bridge(lab[1], f"fdb replace {rows} {vni}")
    with a1.pinging(a2.ip) as in_a, b1.pinging(b2.ip) as in_b:
        time.sleep(0.3)
        for daemon in daemons:
            daemon.kill_agent()
            daemon.wait_ready(2)
        wait_until(
            lambda: NOBODYS not in {row.mac for row in own_rows(lab[1], A)},
            CONVERGENCE,
            "the row without a route gone",
        )
        time.sleep(0.3)
    assert (in_a.result().loss, in_b.result().loss) == (0, 0)
    converge(lab)
    left = {row.src_vni for row in fdb(lab[1].namespace, DEVICE)}
    assert {77, None} <= left


def test_what_others_change_in_one_vni_is_restored_there(make_lab: MakeLab) -> None:
    lab, (one, _) = fabric(make_lab)
    converge(lab)
    _, _, a2, _ = lab.tenants
    vtep, vni = lab[2].vtep, vni_of(A)
    bridge(lab[1], f"fdb del {a2.mac} dev {DEVICE} src_vni {vni} self")
    converge(lab)
    bridge(lab[1], f"fdb del {a2.mac} dev {DEVICE} vlan {A} master")
    converge(lab)
    zero = f"{FLOOD_MAC} dev {DEVICE} src_vni {vni} dst {vtep} self"
    bridge(lab[1], f"fdb del {zero}")
    wait_until(
        lambda: flood_list(lab[1], A) == {vtep}, CONVERGENCE, "the VTEP in the list"
    )
    repaired = [
        (row["vni"], row["table"])
        for row in one.show("events")
        if row["event"] == "drift_repaired"
    ]
    assert repaired == [(vni, "fdb"), (vni, "fdb"), (vni, "flood")]


def test_an_evi_that_is_removed_leaves_nothing_in_its_vni(make_lab: MakeLab) -> None:
    lab, (one, _) = fabric(make_lab)
    converge(lab)
    a1, _, a2, b2 = lab.tenants
    session = lab[2].session
    one.write(lab[1].config(session, evis=evis(A)))
    one.reload()
    wait_until(
        lambda: (own_rows(lab[1], B), macs(lab[1], B)) == ([], {}),
        CONVERGENCE,
        "no row of the VNI",
        seen=lambda: own_rows(lab[1], B),
    )
    expect_vlan_bindings(lab[1], B, {})
    expect_vni(lab[1], A, [a2])
    a1.expect_ping(a2.ip)
    # And all comes back.
    one.write(lab[1].config(session, evis=evis(A, B)))
    one.reload()
    expect_vni(lab[1], B, [b2])


@pytest.mark.parametrize(
    "commands",
    [
        (f"vni del vni {vni_of(B)} dev vx0", f"vni add vni {vni_of(B)} dev vx0"),
        (
            f"vlan del dev vx0 vid {B} tunnel_info id {vni_of(B)}",
            f"vlan add dev vx0 vid {B} tunnel_info id {vni_of(B)}",
        ),
        (
            f"vlan del dev vx0 vid {B}",
            f"vlan add dev vx0 vid {B}",
            f"vlan add dev vx0 vid {B} tunnel_info id {vni_of(B)}",
        ),
    ],
    ids=["filter", "map", "vlan"],
)
def test_a_vni_that_the_device_loses_leaves_no_rows(
    make_lab: MakeLab, commands: tuple[str, ...]
) -> None:
    lab, (one, _) = fabric(make_lab)
    converge(lab)
    a1, b1, a2, b2 = lab.tenants
    take, *give = commands
    bridge(lab[1], take)
    one.wait_show(
        "evis",
        lambda rows: (
            {row["vni"] for row in rows if row["state"] == "ready"} == {vni_of(A)}
        ),
        "one EVI ready",
    )
    wait_until(
        lambda: (own_rows(lab[1], B), macs(lab[1], B)) == ([], {}),
        CONVERGENCE,
        "no row of the VNI",
        seen=lambda: (own_rows(lab[1], B), macs(lab[1], B)),
    )
    expect_vlan_bindings(lab[1], B, {})
    expect_vni(lab[2], B, [])
    assert a1.ping(a2.ip, 3).received == 3
    for words in give:
        bridge(lab[1], words)
    heard([b1])
    converge(lab)
    b2.expect_ping(b1.ip)
