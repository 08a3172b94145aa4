"""Bridges that evpnd makes: devices, ports and VLANs, from `bridges` alone."""

import time

import pytest

from integration.lab import MakeLab
from integration.lab_fabric import CONVERGENCE, heard
from integration.lab_kernel import bindings, link
from integration.lab_made import (
    A,
    B,
    C,
    addresses,
    compose,
    devices,
    expect_devices,
    expect_vlans,
    fabric,
    master,
    pings,
    plugged,
    port_vlans,
)
from integration.lab_netns import ip, run, wait_until
from integration.lab_vlans import (
    BRIDGE,
    expect_vlan_bindings,
    expect_vlan_macs,
    svi_of,
    vlan,
    vxlan_of,
)

pytestmark = [pytest.mark.root, pytest.mark.guest]


def test_hosts_reach_each_other_by_bridges_alone(make_lab: MakeLab) -> None:
    lab, (one, _two) = fabric(make_lab)
    _a1, _t1, _a2, t2 = lab.tenants
    pings(lab)

    for host in lab.hosts:
        expect_devices(host, (A, B))
        expect_vlans(host, f"a{host.number}", {A: "pvid"})
        expect_vlans(host, f"t{host.number}", {A: "tagged", B: "tagged"})
        expect_vlans(host, vxlan_of(A), {A: "pvid"})
        assert port_vlans(host, BRIDGE) == {}
        made = link(host.namespace, BRIDGE)
        assert made is not None
        data = made["linkinfo"]["info_data"]  # type: ignore[index]
        assert (data["vlan_filtering"], data["vlan_default_pvid"]) == (1, 0)
        for number in (A, B):
            svi = link(host.namespace, svi_of(number))
            assert svi is not None
            assert svi["operstate"] == "DOWN"
    bound = dict.fromkeys(addresses(t2, B), t2.mac)
    expect_vlan_bindings(lab[1], B, bound)
    rows = one.show("evis")
    assert [(row["vlan"], row["notes"], row["managed"]) for row in rows] == [
        (A, [], True),
        (B, [], True),
    ]


def test_vlans_that_others_change_are_given_back(make_lab: MakeLab) -> None:
    lab, (one, _) = fabric(make_lab)
    pings(lab)
    host = lab[1]
    vlan(host, f"del dev a1 vid {A}")
    expect_vlans(host, "a1", {A: "pvid"})
    vlan(host, f"add dev a1 vid {A}")
    expect_vlans(host, "a1", {A: "pvid"})
    vlan(host, f"add dev t1 vid {C} pvid untagged")
    vlan(host, f"del dev t1 vid {A}")
    expect_vlans(host, "t1", {A: "tagged", B: "tagged"})
    vlan(host, f"del dev {vxlan_of(A)} vid {A}")
    expect_vlans(host, vxlan_of(A), {A: "pvid"})
    one.wait_ready(2)
    ip(
        [
            f"link set {BRIDGE} type bridge vlan_default_pvid 1 vlan_filtering 0",
            f"link set {vxlan_of(B)} nomaster",
            f"link set {svi_of(A)} up",
            f"link del {svi_of(B)}",
            "link set a1 nomaster",
        ],
        host.namespace,
    )
    expect_vlans(host, vxlan_of(B), {B: "pvid"})
    expect_vlans(host, "a1", {A: "pvid"})
    expect_devices(host, (A, B))
    one.wait_ready(2)
    heard(lab.tenants[:1])
    pings(lab)
    wait_until(
        lambda: "UP" not in str((link(host.namespace, svi_of(A)) or {})["flags"]),
        CONVERGENCE,
        "a VLAN device that is down",
    )


def test_ports_that_come_later_get_the_vlans_of_their_pattern(
    make_lab: MakeLab,
) -> None:
    lab, _ = fabric(make_lab, {"name": "n1", "untagged": A})
    late, far = plugged(lab[1], "later1", 31, B), plugged(lab[2], "later2", 32, B)
    assert master(lab[1], "later1") is None
    for host, name in ((lab[1], "later1"), (lab[2], "later2")):
        ip([f"link set {name} master {BRIDGE}"], host.namespace)
        expect_vlans(host, name, {B: "pvid"})
    heard([late, far])
    expect_vlan_macs(lab[1], B, {far.mac: lab[2].vtep})
    late.expect_ping(far.ip)
    # A port that nobody names is left alone.
    plugged(lab[1], "other", 33, B)
    ip([f"link set other master {BRIDGE}"], lab[1].namespace)
    vlan(lab[1], f"add dev other vid {C} untagged")
    time.sleep(1)
    assert port_vlans(lab[1], "other") == {C: "untagged"}
    # A named one that comes later is put into the bridge.
    new = plugged(lab[1], "n1", 41)
    wait_until(lambda: master(lab[1], "n1") == BRIDGE, CONVERGENCE, "n1 in the bridge")
    expect_vlans(lab[1], "n1", {A: "pvid"})
    heard([new])
    new.expect_ping(lab[2].tenants[0].ip)


def test_a_reload_adds_and_removes_evis_and_ports(make_lab: MakeLab) -> None:
    lab, (one, two) = fabric(make_lab)
    pings(lab)
    for number, daemon in enumerate((one, two), 1):
        plugged(lab[number], f"c{number}", 50 + number, C)
        more = {"name": f"c{number}", "untagged": C}
        daemon.write(compose(lab[number], (A, B, C), more))
        done = daemon.reload()
        assert done.returncode == 0, done.stderr
        daemon.wait_ready(3)
    expect_devices(lab[1], (A, B, C))
    c1, c2 = lab[1].tenants[-1], lab[2].tenants[-1]
    heard([c1, c2])
    c1.expect_ping(c2.ip)

    one.write(compose(lab[1], (A, C), {"name": "a1", "untagged": C}))
    refused = one.reload()
    assert refused.returncode == 1
    config = compose(lab[1], (A,))
    config["bridges"] = [{"name": BRIDGE, "ports": [{"name": "t1", "tagged": A}]}]
    one.write(config)
    done = one.reload()
    assert done.returncode == 0, done.stderr
    expect_devices(lab[1], (A,))
    expect_vlans(lab[1], "t1", {A: "tagged"})
    wait_until(lambda: master(lab[1], "a1") is None, CONVERGENCE, "a1 out of br0")
    assert master(lab[1], "c1") is None
    one.write(lab[1].config(lab[2].session, discover=True))
    assert one.reload().returncode == 0
    wait_until(lambda: devices(lab[1]) == set(), CONVERGENCE, "no device of evpnd")
    assert master(lab[1], "t1") is None


def test_a_new_agent_and_a_new_daemon_adopt_what_is_there(make_lab: MakeLab) -> None:
    lab, (one, two) = fabric(make_lab)
    pings(lab)
    a1, _, a2, _ = lab.tenants
    before = {
        name: (link(lab[1].namespace, name) or {})["ifindex"]
        for name in devices(lab[1])
    }
    with a1.pinging(a2.ip) as watched:
        time.sleep(0.3)
        one.kill_agent()
        one.wait_ready(2)
        two.kill_agent()
        two.wait_ready(2)
        one.restart()
        one.wait_established(1)
        one.wait_ready(2)
        time.sleep(0.5)
    assert watched.result().loss == 0
    after = {
        name: (link(lab[1].namespace, name) or {})["ifindex"]
        for name in devices(lab[1])
    }
    assert after == before


def test_a_flush_removes_all_and_a_start_removes_what_is_left(
    make_lab: MakeLab,
) -> None:
    lab, (one, two) = fabric(make_lab)
    pings(lab)
    one.restart("--flush-on-exit")
    one.wait_ready(2)
    one.stop()
    assert devices(lab[1]) == set()
    assert master(lab[1], "a1") is None
    # What a daemon left behind, and nobody asks for any more, goes with the next start.
    two.stop()
    expect_devices(lab[2], (A, B))
    two.write(compose(lab[2], (B,)))
    two.start()
    two.wait_ready(1)
    expect_devices(lab[2], (B,))


def test_devices_of_others_are_left_alone_and_told(make_lab: MakeLab) -> None:
    lab = make_lab(1)
    host = lab[1]
    plugged(host, "a1", 11)
    ip(
        [
            "link add br9 type bridge",
            "link set a1 master br9",
            f"link add {BRIDGE} type bridge",
        ],
        host.namespace,
    )
    daemon = host.evpnd(compose(host, (A,)))
    rows = daemon.wait_show(
        "evis", lambda rows: BRIDGE in str(rows[0]["reason"]), "a refusal of the bridge"
    )
    assert rows[0]["reason"] == (
        f"{BRIDGE} exists, but evpnd did not create it; remove it, or take it out of "
        "`bridges`"
    )
    assert devices(host) == set()
    ip([f"link del {BRIDGE}"], host.namespace)
    daemon.wait_ready(1)
    notes = {
        "port a1 is a port of br9; remove it from there before it can be a port of br0",
        "port t1 does not exist",
    }
    daemon.wait_show("evis", lambda rows: set(rows[0]["notes"]) == notes, str(notes))  # type: ignore[call-overload]
    ip(["link set a1 nomaster"], host.namespace)
    expect_vlans(host, "a1", {A: "pvid"})


def test_a_gateway_on_the_bridge_is_used_and_let_in(make_lab: MakeLab) -> None:
    lab, (one, _) = fabric(make_lab)
    host, gateway = lab[1], f"192.168.{C}.1"
    tenant = plugged(host, "later1", 31, B)
    ip([f"link set later1 master {BRIDGE}"], host.namespace)
    ip(
        [f"link add link {BRIDGE} name gw type vlan id {C}", "link set gw up"],
        host.namespace,
    )
    ip([f"addr add {gateway}/24 dev gw"], host.namespace)
    one.write(compose(host, (A, B, C)))
    assert one.reload().returncode == 0
    one.wait_ready(3)
    expect_vlans(host, BRIDGE, {C: "tagged"})
    assert devices(host) >= {vxlan_of(C)}
    assert svi_of(C) not in devices(host)
    assert bindings(host.namespace, "gw") == {}
    assert tenant.name == "later1"


def test_the_ports_of_a_bridge_come_to_an_end(make_lab: MakeLab) -> None:
    """At 1,023 ports the kernel says EXFULL; who is refused is told what to do."""
    lab = make_lab(1)
    host = lab[1]
    daemon = host.evpnd(compose(host, (A,)))
    daemon.wait_ready(1)
    more = [
        f"link add p{n} type dummy\nlink set p{n} master {BRIDGE}" for n in range(1022)
    ]
    run(["ip", "-n", host.namespace, "-batch", "-"], "\n".join(more))
    daemon.write(compose(host, (A, B)))
    assert daemon.reload().returncode == 0
    rows = daemon.wait_show(
        "evis",
        lambda rows: any("1,023" in str(row["reason"]) for row in rows),
        "EXFULL",
    )
    (told,) = [row["reason"] for row in rows if row["state"] != "ready"]
    assert told == (
        f"{vxlan_of(B)} finds no place in {BRIDGE}, which has as many ports as Linux "
        "allows (1,023): add `vxlan: vx0` to the bridge in `bridges`, one VXLAN device "
        "for all VNIs"
    )


def test_a_vxlan_device_with_other_settings_is_told(make_lab: MakeLab) -> None:
    lab = make_lab(1)
    host = lab[1]
    ip(
        [
            f"link add vx7 type vxlan id 7 local {host.vtep} dstport 4789 gbp",
            "link set vx7 up",
        ],
        host.namespace,
    )
    daemon = host.evpnd(compose(host, (A,)))
    rows = daemon.wait_show(
        "evis", lambda rows: "share" in str(rows[0]["reason"]), "a refusal"
    )
    assert str(rows[0]["reason"]).startswith(
        f"{vxlan_of(A)} cannot share UDP port 4789: another VXLAN device has it"
    )
